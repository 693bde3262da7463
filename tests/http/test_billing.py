"""Paying over HTTP: pages, invoices, and what the provider tells."""

import pytest
from litestar.testing import TestClient

from adapters.memory.payments import MemoryPayments
from application.billing.publish import PublishCatalogue
from entrypoints.http.app import create_app
from entrypoints.http.billing import WEBHOOK_BYTES
from tests.http.site import Site, billing_of, services_of

CHECKOUT, PORTAL = "/v1/billing/checkout", "/v1/billing/portal"
INVOICES, WEBHOOK = "/v1/billing/invoices", "/v1/billing/stripe/webhook"


@pytest.fixture
def payments(house):
    made = MemoryPayments(house.clock.now)
    PublishCatalogue(payments=made, catalogue=house.catalogue)()
    return made


@pytest.fixture
def till(house, payments):
    """A site that takes money."""
    services = services_of(house, **billing_of(house, payments))
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        yield Site(house, services, client)


@pytest.fixture
def eve(till):
    return till.register("eve@example.org")


def open_page(person, key="key", **item):
    return person.post(CHECKOUT, item or {"pack": "small"}, headers={"Idempotency-Key": key})


def tell(site, payments, event, **headers):
    body, signature = payments.signed(event)
    return site.call(
        "POST", WEBHOOK, content=body, headers={"Stripe-Signature": signature} | headers
    )


def code(answered):
    return answered.status_code, answered.json()["code"]


def test_without_a_provider_everything_says_so(ada):
    assert code(open_page(ada)) == (503, "billing_not_configured")
    assert code(ada.post(PORTAL)) == (503, "billing_not_configured")
    assert code(ada.get(INVOICES)) == (503, "billing_not_configured")
    assert code(ada.site.call("POST", WEBHOOK, content=b"{}")) == (503, "billing_not_configured")


def test_a_pack_is_paid_for_and_there(till, eve, payments):
    opened = open_page(eve)
    assert opened.status_code == 201
    again = open_page(eve)
    assert again.json() == opened.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    (session,) = payments._sessions
    before, _ = eve.balance
    event = payments.pay(session)
    assert tell(till, payments, event).json() == {"outcome": "done"}
    assert tell(till, payments, event).json() == {"outcome": "known"}
    assert eve.balance == (before + 500, 0)


def test_what_is_owed_is_part_of_the_balance(till, eve, payments):
    free, _ = eve.balance
    open_page(eve)
    (session,) = payments._sessions
    tell(till, payments, payments.pay(session))
    spent = 0
    while spent <= free:
        asked, key = {"operation": "report", "units": 2}, {"Idempotency-Key": f"{spent}"}
        held = eve.post("/v1/usage/holds", asked, headers=key).json()
        eve.post(f"/v1/usage/holds/{held['id']}/capture", {})
        spent += held["credits"]
    assert eve.get("/v1/credits/balance").json()["debt"] == 0
    tell(till, payments, payments.refund(payments.payment_of(session), 2_900))
    assert eve.balance == (0, 0)
    assert eve.get("/v1/credits/balance").json()["debt"] == spent - free > 0


def test_what_is_forged_is_refused_and_gives_nothing(till, eve, payments):
    open_page(eve)
    (session,) = payments._sessions
    event = payments.pay(session)
    before = eve.balance
    forged = tell(till, payments, event, **{"Stripe-Signature": "t=1,v1=00"})
    assert code(forged) == (400, "signature_invalid")
    assert code(till.call("POST", WEBHOOK, content=b"{}")) == (400, "signature_invalid")
    assert eve.balance == before


def test_events_of_the_other_mode_are_refused(till, eve, payments):
    open_page(eve)
    (session,) = payments._sessions
    event = payments.pay(session)
    payments.live = True
    assert code(tell(till, payments, event)) == (400, "event_of_other_mode")


def test_an_event_may_be_long_but_not_endless(till):
    assert code(till.call("POST", WEBHOOK, content=b"x" * (100 * 1024)))[0] == 400
    assert code(till.call("POST", WEBHOOK, content=b"x" * (WEBHOOK_BYTES + 1)))[0] == 413


def test_one_thing_is_named_and_it_is_sold(eve):
    assert code(open_page(eve, pack="small", tariff="starter"))[0] == 400
    nothing = eve.post(CHECKOUT, {}, headers={"Idempotency-Key": "nothing"})
    assert code(nothing) == (400, "validation_failed")
    for number, item in enumerate(
        ({"pack": "huge"}, {"tariff": "free"}, {"tariff": "enterprise"}, {"tariff": "gold"})
    ):
        assert code(open_page(eve, f"key {number}", **item)) == (422, "item_not_sold")
    assert code(eve.post(CHECKOUT, {"pack": "small"})) == (400, "idempotency_key_missing")


def test_a_second_subscription_is_not_sold(till, eve, payments):
    open_page(eve, tariff="starter")
    (session,) = payments._sessions
    tell(till, payments, payments.pay(session))
    assert code(open_page(eve, "other", tariff="professional")) == (409, "subscription_exists")


def test_what_is_not_published_is_told_to_the_operator(house, eve, payments):
    payments.prices.clear()
    assert code(open_page(eve)) == (409, "item_not_published")
    assert [code for code, _, _ in house.alarms.sounded] == ["payments_refused"]


def test_a_customer_whom_the_provider_does_not_know_any_more_is_told_apart(house, eve, payments):
    """Deleted there by hand: nothing is wrong with what is for sale."""
    assert open_page(eve).status_code == 201
    payments._customers.clear()
    refused = open_page(eve, "later")
    assert code(refused) == (409, "payments_refused")
    assert refused.headers["Retry-After"] == "300"
    assert [code for code, _, _ in house.alarms.sounded] == ["payments_refused"]
    (bound,) = {session.order.customer for session in payments._sessions.values()}
    payments._customers.add(bound)
    assert open_page(eve, "later").status_code == 201


def test_the_portal_and_the_invoices_are_the_payers_own(till, eve, payments):
    assert code(eve.post(PORTAL)) == (409, "nothing_paid_yet")
    assert eve.get(INVOICES).json() == {"data": [], "has_more": False, "next_cursor": None}
    open_page(eve, tariff="starter")
    (session,) = payments._sessions
    tell(till, payments, payments.pay(session))
    assert eve.post(PORTAL).json()["url"].startswith("https://pay.invalid/portal/")
    (invoice,) = eve.get(INVOICES).json()["data"]
    assert (invoice["total_minor"], invoice["currency"], invoice["state"]) == (
        9_900,
        "USD",
        "paid",
    )
    mallory = till.register("mallory@example.org")
    assert mallory.get(INVOICES).json()["data"] == []


def test_who_may_not_spend_money_opens_no_page(eve):
    key = eve.key(scopes=["credits:read"])
    assert code(open_page(key)) == (403, "forbidden")
    assert code(key.post(PORTAL)) == (403, "forbidden")
    assert code(key.get(INVOICES)) == (403, "forbidden")


def test_an_event_that_cannot_be_recorded_is_answered_with_503_and_told_again(
    till, eve, payments, monkeypatch
):
    open_page(eve)
    (session,) = payments._sessions
    before, _ = eve.balance
    event = payments.pay(session)

    def strange(_):
        raise KeyError("a status of next year")

    with monkeypatch.context() as broken:
        broken.setattr(payments, "state_of", strange)
        assert code(tell(till, payments, event)) == (503, "payment_event_not_recorded")
    assert tell(till, payments, event).json() == {"outcome": "done"}
    assert eve.balance == (before + 500, 0)
