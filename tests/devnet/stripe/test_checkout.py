"""Checkout sessions: what a customer may do with one, and what is told of it."""

import pytest
import stripe

from entrypoints.devnet.stripe import RefusedError
from tests.devnet.stripe.shop import refusal


def session_of(shop, session):
    return shop.api.checkout.sessions.retrieve(session.id)


def test_a_session_is_open_until_somebody_pays(shop):
    session = shop.checkout(client_reference_id="org_1", metadata={"pack": "small"})
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert session.payment_intent is None
    assert session.url.endswith(session.id)
    assert (session.amount_total, session.currency) == (2_900, "usd")
    assert session.expires_at == session.created + 86_400


def test_a_paid_session_has_a_payment_of_its_amount(shop):
    session = shop.sell(
        client_reference_id="org_1",
        metadata={"pack": "small"},
        payment_intent_data={"metadata": {"org": "org_1"}, "description": "Pack"},
    )
    assert (session.status, session.payment_status) == ("complete", "paid")
    assert (session.client_reference_id, session.metadata["pack"]) == ("org_1", "small")
    intent = shop.api.payment_intents.retrieve(
        session.payment_intent, {"expand": ["latest_charge"]}
    )
    assert (intent.status, intent.amount, intent.amount_received) == ("succeeded", 2_900, 2_900)
    assert intent.metadata.to_dict() == {"org": "org_1"}
    assert intent.customer == shop.customer.id
    assert intent.latest_charge.paid is True
    assert shop.told()[-5:] == [
        "payment_method.attached",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


def test_the_quantity_multiplies_the_price(shop):
    session = shop.sell(line_items=[{"price": shop.pack.id, "quantity": 3}])
    assert session.amount_total == 8_700
    lines = shop.api.checkout.sessions.line_items.list(session.id).data
    assert [(line.quantity, line.amount_total, line.price.id) for line in lines] == [
        (3, 8_700, shop.pack.id)
    ]


def test_a_price_may_be_described_in_the_request(shop):
    data = {"currency": "usd", "unit_amount": 555, "product_data": {"name": "Odd"}}
    session = shop.sell(line_items=[{"price_data": data, "quantity": 2}])
    assert session.amount_total == 1_110


def test_a_declined_customer_may_try_again(shop):
    shop.control.decline_payments(shop.customer.id, 1, "insufficient_funds")
    session = shop.checkout()
    shop.control.pay_checkout(session.id)
    failed = session_of(shop, session)
    assert (failed.status, failed.payment_status) == ("open", "unpaid")
    intent = shop.api.payment_intents.retrieve(failed.payment_intent)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.decline_code == "insufficient_funds"
    assert shop.told()[-2:] == ["charge.failed", "payment_intent.payment_failed"]
    shop.control.pay_checkout(session.id)
    paid = session_of(shop, session)
    assert (paid.payment_status, paid.payment_intent) == ("paid", intent.id)
    charges = shop.api.charges.list({"payment_intent": intent.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


@pytest.mark.parametrize(
    ("succeeded", "status", "event"),
    [(True, "paid", "async_payment_succeeded"), (False, "unpaid", "async_payment_failed")],
    ids=["succeeded", "failed"],
)
def test_a_bank_transfer_ends_days_after_the_session_is_complete(shop, succeeded, status, event):
    session = shop.checkout()
    shop.control.pay_checkout(session.id, later=True)
    waiting = session_of(shop, session)
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    assert shop.api.payment_intents.retrieve(waiting.payment_intent).status == "processing"
    assert shop.told()[-1] == "checkout.session.completed"
    shop.control.advance(3 * 86_400)
    shop.control.settle_checkout(session.id, succeeded=succeeded)
    assert session_of(shop, session).payment_status == status
    assert shop.told()[-1] == f"checkout.session.{event}"
    intent = shop.api.payment_intents.retrieve(waiting.payment_intent)
    assert intent.amount_received == (2_900 if succeeded else 0)
    with pytest.raises(RefusedError):
        shop.control.settle_checkout(session.id, succeeded=True)


def test_a_session_expires_after_a_day(shop):
    session = shop.checkout()
    shop.control.advance(86_399)
    assert session_of(shop, session).status == "open"
    shop.control.advance(1)
    expired = session_of(shop, session)
    assert (expired.status, expired.url) == ("expired", None)
    assert shop.told()[-1] == "checkout.session.expired"
    with pytest.raises(RefusedError):
        shop.control.pay_checkout(session.id)


def test_a_session_can_be_expired_by_its_owner(shop):
    session = shop.checkout()
    assert shop.api.checkout.sessions.expire(session.id).status == "expired"
    assert refusal(shop.api.checkout.sessions.expire, session.id).http_status == 400


def test_a_complete_session_does_not_expire(shop):
    session = shop.sell()
    shop.control.advance(2 * 86_400)
    assert session_of(shop, session).status == "complete"
    with pytest.raises(RefusedError):
        shop.control.pay_checkout(session.id)


def test_a_subscription_begins_with_its_first_invoice_paid(shop):
    before = len(shop.account.events)
    session = shop.sell(shop.starter, subscription_data={"metadata": {"org": "org_1"}})
    assert (session.payment_status, session.payment_intent) == ("paid", None)
    subscription = shop.api.subscriptions.retrieve(
        session.subscription, {"expand": ["latest_invoice.payments"]}
    )
    assert (subscription.status, subscription.metadata["org"]) == ("active", "org_1")
    invoice = subscription.latest_invoice
    assert (invoice.id, invoice.billing_reason) == (session.invoice, "subscription_create")
    assert (invoice.status, invoice.amount_paid) == ("paid", 9_900)
    assert invoice.parent.subscription_details.metadata["org"] == "org_1"
    assert invoice.payments.data[0].payment.payment_intent.startswith("pi_")
    # The subscription is told of before the session that made it.
    assert shop.told(after=before) == [
        "payment_method.attached",
        "customer.subscription.created",
        "invoice.created",
        "customer.updated",
        "payment_intent.created",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
        "checkout.session.completed",
    ]


def test_a_subscription_whose_first_payment_is_declined_waits_and_expires(shop):
    shop.control.decline_payments(shop.customer.id)
    session = shop.checkout(shop.starter)
    shop.control.pay_checkout(session.id)
    id = session_of(shop, session).subscription
    waiting = shop.api.subscriptions.retrieve(id, {"expand": ["latest_invoice"]})
    assert waiting.status == "incomplete"
    # Nobody tries again but the customer.
    assert waiting.latest_invoice.next_payment_attempt is None
    assert "invoice.payment_failed" in shop.told()
    shop.control.advance(24 * 3_600)
    subscription = shop.api.subscriptions.retrieve(id, {"expand": ["latest_invoice"]})
    assert subscription.status == "incomplete_expired"
    assert subscription.latest_invoice.status == "void"


def test_a_second_card_completes_the_subscription(shop):
    shop.control.decline_payments(shop.customer.id, 1)
    session = shop.checkout(shop.starter)
    shop.control.pay_checkout(session.id)
    shop.control.pay_checkout(session.id)
    complete = session_of(shop, session)
    assert complete.payment_status == "paid"
    assert shop.api.subscriptions.retrieve(complete.subscription).status == "active"
    assert len(shop.api.subscriptions.list({"customer": shop.customer.id}).data) == 1


@pytest.mark.parametrize("succeeded", [True, False], ids=["succeeded", "failed"])
def test_a_subscription_by_bank_transfer_is_active_before_the_money_comes(shop, succeeded):
    session = shop.checkout(shop.starter)
    shop.control.pay_checkout(session.id, later=True)
    waiting = session_of(shop, session)
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    assert shop.api.subscriptions.retrieve(waiting.subscription).status == "active"
    shop.control.settle_checkout(session.id, succeeded=succeeded)
    subscription = shop.api.subscriptions.retrieve(
        waiting.subscription, {"expand": ["latest_invoice"]}
    )
    assert subscription.status == ("active" if succeeded else "past_due")
    assert subscription.latest_invoice.status == ("paid" if succeeded else "open")


def test_a_trial_needs_no_payment(shop):
    session = shop.sell(shop.starter, subscription_data={"trial_period_days": 14})
    assert session.payment_status == "no_payment_required"
    subscription = shop.api.subscriptions.retrieve(session.subscription)
    assert subscription.status == "trialing"
    assert subscription.trial_end == subscription.created + 14 * 86_400
    shop.control.advance(15 * 86_400)
    subscription = shop.api.subscriptions.retrieve(
        session.subscription, {"expand": ["latest_invoice"]}
    )
    assert (subscription.status, subscription.latest_invoice.amount_paid) == ("active", 9_900)


def test_somebody_who_is_no_customer_yet_becomes_one_where_it_is_needed(shop, client):
    form = {
        "line_items": [{"price": shop.pack.id, "quantity": 1}],
        "mode": "payment",
        "success_url": "https://shop.example",
        "customer_email": "bob@example.com",
    }
    once = client.v1.checkout.sessions.create(form)
    assert shop.control.pay_checkout(once.id)["customer"] is None
    always = client.v1.checkout.sessions.create({**form, "customer_creation": "always"})
    customer = shop.control.pay_checkout(always.id)["customer"]
    assert client.v1.customers.retrieve(customer).email == "bob@example.com"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"mode": "subscription"}, "mode"),
        ({"mode": "gift"}, "mode"),
        ({"line_items": []}, "line_items"),
        ({"line_items": [{"price": "price_none", "quantity": 1}]}, "line_items[0][price]"),
        ({"line_items": [{"quantity": 1}]}, "line_items[0]"),
        ({"customer": "cus_none"}, "customer"),
        ({"success_url": ""}, "success_url"),
        ({"expires_at": 1}, "expires_at"),
        ({"customer_email": "a@b.example"}, None),
    ],
    ids=str,
)
def test_a_session_that_makes_no_sense_is_refused(shop, change, param):
    error = refusal(shop.checkout, **change)
    assert isinstance(error, stripe.InvalidRequestError)
    assert error.param == param


def test_a_plan_is_not_sold_once(shop):
    assert refusal(shop.checkout, shop.starter, mode="payment").param == "mode"


def test_sessions_are_found_by_their_payment(shop):
    session = shop.sell()
    shop.sell()
    found = shop.api.checkout.sessions.list({"payment_intent": session.payment_intent}).data
    assert [each.id for each in found] == [session.id]


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(1_799, False), (1_800, True), (86_400, True), (86_401, False)]
)
def test_a_session_is_open_for_half_an_hour_to_a_day(shop, seconds, accepted):
    moment = shop.account.now + seconds
    if accepted:
        assert shop.checkout(expires_at=moment).expires_at == moment
    else:
        assert refusal(shop.checkout, expires_at=moment).param == "expires_at"


def test_a_subscription_that_has_ended_is_not_paid_for(shop):
    shop.control.decline_payments(shop.customer.id, 1)
    session = shop.checkout(shop.starter)
    shop.control.pay_checkout(session.id)
    shop.control.cancel_subscription(session_of(shop, session).subscription)
    before = shop.told()
    with pytest.raises(RefusedError):
        shop.control.pay_checkout(session.id)
    assert shop.told() == before
