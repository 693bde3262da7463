"""What people, banks and tests do, asked for over HTTP; and the pages for a browser."""

import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest
import stripe

from entrypoints.devnet.processes import spawn
from entrypoints.devnet.stripe import TEST_KEY
from entrypoints.devnet.stripe.api import Request
from entrypoints.devnet.stripe.control import NAMES, Control
from tests.devnet.stripe.shop import Shop


def control(running, name, **arguments):
    request = urllib.request.Request(  # noqa: S310 - our own port
        f"{running.url}/_control/{name}", json.dumps(arguments).encode(), method="POST"
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_every_control_can_be_asked_for():
    own = {name for name in vars(Control) if not name.startswith("_")}
    assert own - {"call", "add_receiver"} == set(NAMES)


def test_a_story_is_told_over_http(running, shop):
    now = shop.account.now
    session = shop.checkout()
    status, paid = control(running, "pay_checkout", session=session.id)
    assert (status, paid["payment_status"]) == (200, "paid")
    assert control(running, "refund", payment_intent=paid["payment_intent"], amount=5)[0] == 200
    status, dispute = control(running, "dispute", payment_intent=paid["payment_intent"])
    assert control(running, "close_dispute", dispute=dispute["id"], won=False)[1]["status"] == (
        "lost"
    )
    assert control(running, "advance", seconds=60) == (200, now + 60)
    assert control(running, "now") == (200, now + 60)
    assert control(running, "counts")[1]["duplicate"] == 0
    sent = control(running, "requests")[1]
    assert {"method": "POST", "path": "/v1/customers", "form": "email=ann%40example.com"} in sent
    assert control(running, "live/requests")[1] == []


def test_what_was_asked_can_be_looked_at_while_more_is_asked(shop):
    asked, done = Request(method="GET", path="/v1/customers"), threading.Event()
    kept = shop.control.api.requests
    kept.extend([asked] * 5_000)

    def ask():
        while not done.is_set():
            with shop.account.lock:
                kept.append(asked)

    asking, interval = threading.Thread(target=ask), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        asking.start()
        for _ in range(100):
            assert len(shop.control.requests()) >= 5_000
    finally:
        done.set()
        sys.setswitchinterval(interval)
        asking.join()


@pytest.mark.parametrize(
    ("name", "arguments", "status"),
    [
        ("rain", {}, 400),
        ("_get", {"kind": "customer", "id": "cus_1"}, 400),
        ("pay_checkout", {}, 400),
        ("pay_checkout", {"session": "cs_none"}, 404),
        ("decline_payments", {"customer": "cus_none"}, 404),
        ("decline_payments", {"customer": "cus_none", "code": "bored"}, 400),
        ("script", {"type": "charge.failed", "kinds": ["rain"]}, 400),
        ("break_requests", {"kind": "rain"}, 400),
    ],
)
def test_a_control_that_makes_no_sense_says_so(running, name, arguments, status):
    if name == "script":
        running.test.control.add_receiver(lambda body, headers: 200, ["whsec_1"])
    told = control(running, name, **arguments)
    assert told[0] == status
    assert told[1]["error"]["message"]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


def browse(url, **form):
    """Status, text and where the browser is sent."""
    data = urllib.parse.urlencode(form).encode() if form else None
    try:
        with urllib.request.build_opener(NoRedirect).open(url, data) as answer:
            return answer.status, answer.read().decode(), None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers.get("Location")


def test_a_browser_pays(shop):
    session = shop.checkout(success_url="https://shop.example/{CHECKOUT_SESSION_ID}")
    status, page, _ = browse(session.url)
    assert (status, "29.00 USD" in page, "1 × Pack" in page) == (200, True, True)
    status, page, _ = browse(session.url, do="decline")
    assert (status, "declined" in page) == (402, True)
    assert browse(session.url, do="pay")[::2] == (303, f"https://shop.example/{session.id}")
    assert shop.api.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert browse(session.url, do="pay")[0] == 400
    other = shop.checkout(cancel_url="https://shop.example/back")
    assert browse(other.url, do="leave")[2] == "https://shop.example/back"
    assert browse(other.url, do="later")[0] == 303
    assert shop.api.checkout.sessions.retrieve(other.id).status == "complete"


def test_a_browser_cancels_a_plan(shop):
    subscription = shop.subscribe()
    portal = shop.api.billing_portal.sessions.create(
        {"customer": shop.customer.id, "return_url": "https://shop.example"}
    )
    assert subscription.id in browse(portal.url)[1]
    told = browse(portal.url, do="cancel", subscription=subscription.id)
    assert told[::2] == (303, "https://shop.example")
    assert shop.api.subscriptions.retrieve(subscription.id).cancel_at_period_end is True
    browse(portal.url, do="resume", subscription=subscription.id)
    assert shop.api.subscriptions.retrieve(subscription.id).cancel_at_period_end is False
    assert browse(portal.url.replace("bps_", "bps_x"))[0] == 404


def test_it_runs_as_a_process_on_the_wall_clock():
    process = spawn(
        [sys.executable, "-m", "entrypoints.devnet", "stripe"],
        dies_by=signal.SIGTERM,
        stdout=subprocess.PIPE,
    )
    try:
        url = process.stdout.readline().decode().strip()
        client = stripe.StripeClient(TEST_KEY, base_addresses={"api": url})

        class Running:
            pass

        Running.url = url
        before = control(Running, "now")[1]
        product = client.v1.products.create({"name": "Pack"})
        assert before <= product.created <= control(Running, "now")[1]
        later = control(Running, "advance", seconds=3_600)[1]
        assert later >= before + 3_600
        assert client.v1.products.create({"name": "Pack"}).created >= later
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0
        process.stdout.close()


def test_webhooks_are_sent_by_themselves_on_the_wall_clock():
    import threading

    from entrypoints.devnet.stripe import stripe_loopback

    came = threading.Event()
    with stripe_loopback(uses_wall_clock=True) as running:
        client = stripe.StripeClient(TEST_KEY, base_addresses={"api": running.url})
        running.test.control.add_receiver(lambda body, headers: came.set() or 200, ["whsec_1"])
        Shop(client, running.test)
        assert came.wait(timeout=20)
