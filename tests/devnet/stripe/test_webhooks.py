"""How events are brought to an endpoint: as they should be, and in every way they should not."""

import itertools
import json
import threading

import pytest
import stripe
from stripe import SignatureVerificationError, WebhookSignature

from entrypoints.devnet.stripe import KINDS, TEST_KEY, Plan, loopback, signed
from entrypoints.devnet.stripe.deliverer import RETRIES, TOLERANCE
from tests.devnet.stripe.in_process import client_of
from tests.devnet.stripe.shop import Shop

DAY = 86_400
SECRET = "whsec_1"


class Endpoint:
    """Looks at signatures with the SDK, by the account's clock; remembers what was brought."""

    def __init__(self, secrets=(SECRET,)):
        self.secrets = secrets
        self.account = None
        self.status = 200
        #: Every delivery: the event's id, or what was wrong with it.
        self.seen = []
        self.bodies = []
        self.lock = threading.Lock()

    def __call__(self, body, headers):
        with self.lock:
            verdict = self.judge(body, headers["Stripe-Signature"])
            self.seen.append(verdict)
            self.bodies.append(body)
            return self.status if verdict.startswith("evt_") else 400

    def judge(self, body, header):
        moment = int(dict(part.split("=") for part in header.split(","))["t"])
        if abs(self.account.now - moment) > 300:
            return "late"
        for secret in self.secrets:
            try:
                WebhookSignature.verify_header(body.decode(errors="replace"), header, secret, None)
            except SignatureVerificationError:
                continue
            return json.loads(body)["id"]
        return "forged"

    @property
    def events(self):
        return [each for each in self.seen if each.startswith("evt_")]


@pytest.fixture
def world():
    return loopback(seed=1)


@pytest.fixture
def shop(world):
    return Shop(client_of(world), world)


@pytest.fixture
def endpoint(world, shop):
    endpoint = Endpoint()
    endpoint.account = world.account
    return endpoint


@pytest.fixture
def deliverer(world, endpoint):
    return world.control.add_receiver(endpoint, [SECRET], types=["checkout.*", "charge.*"])


def test_a_delivery_may_be_signed_by_a_clock_that_does_not_follow_the_accounts(world, shop):
    stamps = []

    def receiver(_body, headers):
        stamps.append(headers["Stripe-Signature"].partition(",")[0])
        return 200

    world.control.add_receiver(receiver, [SECRET], signing_clock=lambda: 1_000_000_000.9)
    shop.sell()
    world.control.advance(40 * DAY)
    assert set(stamps) == {"t=1000000000"}


def last_event(shop, kind="checkout.session.completed"):
    return next(event for event in reversed(shop.account.events) if event["type"] == kind)


def test_an_event_is_brought_as_it_is_listed(shop, endpoint, deliverer):
    shop.sell()
    assert endpoint.seen == []
    shop.control.deliver()
    event = last_event(shop)
    assert endpoint.events == [shop.account.events[-3]["id"], event["id"]]
    assert json.loads(endpoint.bodies[-1]) == event
    built = stripe.Webhook.construct_event(
        endpoint.bodies[-1], signed(endpoint.bodies[-1], [SECRET], shop.account.now), SECRET, None
    )
    assert built.data.object.payment_status == "paid"
    assert deliverer.counts == {}
    shop.control.finish()
    assert len(endpoint.seen) == 2


def test_an_endpoint_is_told_what_it_asked_for(shop, endpoint, deliverer):
    shop.subscribe()
    shop.control.deliver()
    kinds = {json.loads(body)["type"] for body in endpoint.bodies}
    assert kinds == {"charge.succeeded", "checkout.session.completed"}
    missed = shop.api.events.list({"delivery_success": False}).data
    assert missed == []


@pytest.mark.parametrize("known", ["whsec_1", "whsec_2"])
def test_two_secrets_sign_during_a_rotation(shop, endpoint, deliverer, known):
    shop.control.set_secrets(["whsec_1", "whsec_2"])
    endpoint.secrets = (known,)
    shop.sell()
    shop.control.deliver()
    assert len(endpoint.events) == 2


@pytest.mark.parametrize("livemode", [False, True], ids=["test", "live"])
def test_what_is_refused_is_brought_again_and_given_up_in_the_end(livemode):
    world = loopback(seed=1, livemode=livemode)
    shop = Shop(client_of(world), world)
    moments = []

    def refuse(body, headers):
        moments.append(world.account.now)
        return 500

    deliverer = world.control.add_receiver(refuse, [SECRET], types=["checkout.session.completed"])
    shop.sell()
    shop.control.finish()
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert gaps == [*RETRIES[livemode]]
    assert moments[-1] - moments[0] <= 3 * DAY
    assert deliverer.given_up == [last_event(shop)["id"]]
    assert len(shop.api.events.list({"delivery_success": False}).data) == 1


def test_a_late_success_ends_the_repetitions(shop, endpoint, deliverer):
    endpoint.status = 503
    shop.sell()
    shop.control.deliver()
    shop.control.advance(600)
    assert len(endpoint.seen) == 4
    endpoint.status = 200
    shop.control.finish()
    assert len(endpoint.seen) == 6
    assert shop.api.events.list({"delivery_success": False}).data == []


class TestFaults:
    """Each is scripted for the one event, strikes, is counted, and is survived."""

    def sell_with(self, shop, *kinds):
        shop.control.script("checkout.session.completed", kinds)
        shop.sell()
        shop.control.deliver()
        return last_event(shop)["id"]

    @pytest.mark.parametrize(
        ("kind", "seen"), [("wrong_secret", "forged"), ("corrupted", "forged"), ("late", "late")]
    )
    def test_a_forged_or_stale_delivery_comes_before_the_true_one(
        self, shop, endpoint, deliverer, kind, seen
    ):
        id = self.sell_with(shop, kind)
        assert endpoint.seen[1:] == [seen]
        assert deliverer.counts == {kind: 1}
        shop.control.finish()
        assert endpoint.seen[1:] == [seen, id]
        assert deliverer.counts == {kind: 1}
        assert deliverer.forgeries_accepted == []

    @pytest.mark.parametrize("kind", ["wrong_secret", "corrupted", "late"])
    def test_an_endpoint_that_believes_everything_is_told_on(self, world, shop, kind):
        deliverer = world.control.add_receiver(lambda body, headers: 200, [SECRET])
        self.sell_with(shop, kind)
        assert deliverer.forgeries_accepted == [kind]
        assert last_event(shop)["id"] in world.account.undelivered

    def test_a_late_signature_is_older_than_the_tolerance(self, world, shop):
        ages = []

        def receiver(body, headers):
            header = headers["Stripe-Signature"]
            ages.append(world.account.now - int(header.split(",")[0].removeprefix("t=")))
            return 400

        world.control.add_receiver(
            receiver, [SECRET], types=["charge.succeeded"], plan=Plan(likelihood=1, kinds=["late"])
        )
        for _ in range(20):
            shop.sell()
        shop.control.deliver()
        assert len(ages) == 20
        assert min(ages) > TOLERANCE

    def test_a_lost_answer_is_a_delivery_that_is_repeated(self, shop, endpoint, deliverer):
        id = self.sell_with(shop, "answer_lost")
        assert endpoint.events.count(id) == 1
        assert id in shop.account.undelivered
        shop.control.finish()
        assert endpoint.events.count(id) == 2
        assert id not in shop.account.undelivered
        assert deliverer.counts == {"answer_lost": 1}

    def test_a_drop_is_found_in_the_list_only(self, shop, endpoint, deliverer):
        id = self.sell_with(shop, "drop")
        shop.control.finish()
        assert id not in endpoint.seen
        missed = shop.api.events.list({"delivery_success": False}).data
        assert [event.id for event in missed] == [id]
        assert (deliverer.counts, deliverer.given_up) == ({"drop": 1}, [id])

    def test_a_duplicate_comes_after_the_event_was_taken(self, shop, endpoint, deliverer):
        id = self.sell_with(shop, "duplicate")
        shop.control.finish()
        copies = endpoint.events.count(id) - 1
        assert copies in {1, 2}
        assert deliverer.counts == {"duplicate": copies}

    def test_a_refused_duplicate_is_not_repeated(self, world, shop):
        seen = []

        def once(body, headers):
            seen.append(json.loads(body)["id"])
            return 200 if seen.count(seen[-1]) == 1 else 500

        deliverer = world.control.add_receiver(once, [SECRET])
        id = self.sell_with(shop, "duplicate")
        shop.control.finish()
        assert seen.count(id) in {2, 3}
        assert deliverer.counts == {}
        assert not world.account.undelivered

    def test_two_deliveries_come_at_once(self, world, shop):
        met = threading.Barrier(2, timeout=10)

        def receiver(body, headers):
            if json.loads(body)["type"] == "checkout.session.completed":
                # Neither goes on before the other is here.
                met.wait()
            return 200

        deliverer = world.control.add_receiver(receiver, [SECRET])
        self.sell_with(shop, "concurrent")
        assert deliverer.counts == {"concurrent": 1}
        assert not world.account.undelivered

    def test_an_error_in_either_thread_is_raised(self, world, shop):
        def receiver(body, headers):
            raise ZeroDivisionError

        world.control.add_receiver(receiver, [SECRET], types=["checkout.session.completed"])
        with pytest.raises(ZeroDivisionError):
            self.sell_with(shop, "concurrent")

    def test_a_reordered_event_comes_after_later_ones(self, world, shop, endpoint):
        deliverer = world.control.add_receiver(endpoint, [SECRET])
        for _ in range(30):
            shop.control.script("payment_intent.created", ["reorder"])
            shop.sell()
            shop.control.deliver()
            shop.control.advance(1_000)
        shop.control.finish()
        order = [event["id"] for event in shop.account.events if event["id"] in endpoint.events]
        overtaken = [
            id
            for place, id in enumerate(endpoint.events)
            if any(order.index(other) > order.index(id) for other in endpoint.events[:place])
        ]
        moved = {event["id"] for event in shop.account.events} & set(deliverer.struck)
        assert 20 <= deliverer.counts["reorder"] == len(moved)
        assert moved <= set(overtaken)
        assert sorted(endpoint.events) == sorted(order)

    def test_an_old_version_has_the_old_places(self, world, shop, endpoint):
        deliverer = world.control.add_receiver(
            endpoint, [SECRET], plan=Plan(likelihood=1, kinds=["old_version"])
        )
        shop.subscribe()
        shop.control.deliver()
        told = {}
        for body in endpoint.bodies:
            event = json.loads(body)
            assert event["api_version"] == "2024-06-20"
            told[event["type"]] = event["data"]["object"]
        assert deliverer.counts["old_version"] == len(endpoint.bodies)
        subscription = told["customer.subscription.updated"]
        assert subscription["current_period_end"] > subscription["current_period_start"]
        assert "current_period_end" not in subscription["items"]["data"][0]
        invoice = told["invoice.paid"]
        assert (invoice["subscription"], invoice["paid"]) == (subscription["id"], True)
        assert "parent" not in invoice
        assert "parent" not in invoice["lines"]["data"][0]
        assert told["charge.succeeded"]["invoice"] == invoice["id"]
        assert told["payment_intent.succeeded"]["id"] == invoice["payment_intent"]
        listed = shop.api.events.list({"type": "invoice.paid"}).data[0]
        assert listed.api_version == world.account.api_version
        assert listed.data.object.parent.subscription_details.subscription == subscription["id"]

    def test_faults_come_together(self, shop, endpoint, deliverer):
        id = self.sell_with(shop, "wrong_secret", "late", "duplicate", "concurrent")
        shop.control.finish()
        assert endpoint.seen[1:3] == ["forged", "late"]
        assert endpoint.events.count(id) >= 3
        assert deliverer.struck[id] == {"wrong_secret", "late", "duplicate", "concurrent"}

    def test_an_unknown_fault_is_no_fault(self, shop, deliverer):
        with pytest.raises(ValueError, match="no such faults: rain"):
            shop.control.script("charge.succeeded", ["rain"])
        with pytest.raises(ValueError, match="no such faults: rain"):
            Plan(kinds=["rain"])


def test_chance_is_a_seed():
    def history(seed):
        world = loopback(seed=1)
        shop = Shop(client_of(world), world)
        kinds = [kind for kind in KINDS if kind != "concurrent"]
        seen = []
        world.control.add_receiver(
            lambda body, headers: seen.append((body, headers["Stripe-Signature"])) or 200,
            [SECRET],
            plan=Plan(seed=seed, likelihood=0.7, kinds=kinds, most=3),
        )
        for _ in range(3):
            shop.sell()
            shop.control.deliver()
        shop.control.finish()
        return seen

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_every_kind_strikes_by_chance_and_nothing_honest_is_lost():
    world = loopback(seed=1)
    shop = Shop(client_of(world), world)
    endpoint = Endpoint()
    endpoint.account = world.account
    deliverer = world.control.add_receiver(
        endpoint, [SECRET], plan=Plan(seed=3, likelihood=0.6, most=3)
    )
    for _ in range(60):
        shop.sell()
        shop.control.advance(120)
    shop.control.finish()
    assert all(deliverer.counts[kind] >= 5 for kind in KINDS), deliverer.counts
    told = [event["id"] for event in world.account.events][7:]
    dropped = [id for id, kinds in deliverer.struck.items() if "drop" in kinds]
    assert set(deliverer.given_up) >= set(dropped)
    honest = set(told) - set(deliverer.given_up)
    assert honest <= set(endpoint.events)
    assert set(world.account.undelivered) == set(deliverer.given_up)
    assert deliverer.forgeries_accepted == []


def test_a_webhook_comes_over_http(running, shop, endpoint):
    from http.server import BaseHTTPRequestHandler, HTTPServer

    endpoint.account = running.test.account

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(endpoint(body, dict(self.headers)))
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/stripe"
        client = stripe.StripeClient(TEST_KEY, base_addresses={"api": running.url})
        running.test.control.add_endpoint(url, [SECRET], types=["customer.created"])
        client.v1.customers.create({"name": "Ann"})
        running.test.control.deliver()
        server.shutdown()
    assert len(endpoint.events) == 1
    client.v1.customers.create({"name": "Bob"})
    running.test.control.deliver()
    assert len(running.test.account.undelivered) == 1
