"""Payment intents, refunds and disputes."""

import pytest
import stripe

from entrypoints.devnet.stripe import RefusedError
from tests.devnet.stripe.shop import refusal


@pytest.fixture
def paid(shop):
    """The payment intent of a pack that was sold for 2,900."""
    return shop.sell().payment_intent


def charge_of(shop, intent):
    return shop.api.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).latest_charge


def test_a_card_is_charged_off_session(shop):
    intent = shop.api.payment_intents.create(
        {
            "amount": 1_234,
            "currency": "usd",
            "customer": shop.customer.id,
            "payment_method": "pm_card_visa",
            "confirm": True,
            "off_session": True,
        }
    )
    assert (intent.status, intent.amount_received) == ("succeeded", 1_234)


def test_a_declined_card_is_a_card_error(shop):
    shop.control.decline_payments(shop.customer.id, 1)
    intent = shop.api.payment_intents.create(
        {
            "amount": 1_234,
            "currency": "usd",
            "customer": shop.customer.id,
            "payment_method": "pm_card_visa",
        }
    )
    error = refusal(shop.api.payment_intents.confirm, intent.id)
    assert isinstance(error, stripe.CardError)
    assert (error.http_status, error.code) == (402, "card_declined")
    assert error.error.payment_intent.id == intent.id
    paid = shop.api.payment_intents.confirm(intent.id)
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)
    assert refusal(shop.api.payment_intents.cancel, intent.id).code == (
        "payment_intent_unexpected_state"
    )
    assert refusal(shop.api.payment_intents.confirm, intent.id).code == (
        "payment_intent_unexpected_state"
    )


def test_an_intent_is_canceled(shop):
    intent = shop.api.payment_intents.create({"amount": 1, "currency": "usd"})
    canceled = shop.api.payment_intents.cancel(intent.id)
    assert (canceled.status, canceled.canceled_at) == ("canceled", shop.account.now)
    assert refusal(shop.api.payment_intents.cancel, intent.id).http_status == 400


def test_intents_are_listed_by_customer_and_time(shop, paid):
    now = shop.account.now
    shop.control.advance(100)
    later = shop.sell().payment_intent
    listed = shop.api.payment_intents.list({"customer": shop.customer.id}).data
    assert [each.id for each in listed] == [later, paid]
    new = shop.api.payment_intents.list({"created": {"gt": now}}).data
    assert [each.id for each in new] == [later]
    assert not shop.api.payment_intents.list({"customer": "cus_none"}).data


def test_a_refund_gives_everything_back(shop, paid):
    refund = shop.api.refunds.create({"payment_intent": paid, "metadata": {"why": "a"}})
    assert (refund.amount, refund.status, refund.payment_intent) == (2_900, "succeeded", paid)
    charge = charge_of(shop, paid)
    assert (charge.amount_refunded, charge.refunded) == (2_900, True)
    assert shop.told()[-2:] == ["refund.created", "charge.refunded"]
    error = refusal(shop.api.refunds.create, {"payment_intent": paid})
    assert (error.http_status, error.code) == (400, "charge_already_refunded")


def test_a_charge_is_refunded_in_parts_and_never_more_than_it_was(shop, paid):
    for amount in (1_000, 900):
        shop.api.refunds.create({"payment_intent": paid, "amount": amount})
    charge = charge_of(shop, paid)
    assert (charge.amount_refunded, charge.refunded) == (1_900, False)
    error = refusal(shop.api.refunds.create, {"charge": charge.id, "amount": 1_001})
    assert (error.http_status, error.param) == (400, "amount")
    shop.api.refunds.create({"charge": charge.id, "amount": 1_000})
    assert charge_of(shop, paid).refunded is True
    listed = shop.api.refunds.list({"payment_intent": paid}).data
    assert [each.amount for each in listed] == [1_000, 900, 1_000]
    expanded = shop.api.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert [each.amount for each in expanded.refunds.data] == [1_000, 900, 1_000]


@pytest.mark.parametrize("amount", [0, -1])
def test_a_refund_is_of_something(shop, paid, amount):
    error = refusal(shop.api.refunds.create, {"payment_intent": paid, "amount": amount})
    assert error.param == "amount"


def test_a_refund_can_fail_weeks_later(shop, paid):
    refund = shop.api.refunds.create({"payment_intent": paid, "amount": 1_000})
    shop.control.advance(20 * 86_400)
    shop.control.fail_refund(refund.id)
    assert shop.api.refunds.retrieve(refund.id).status == "failed"
    assert charge_of(shop, paid).amount_refunded == 0
    assert shop.told()[-4:] == [
        "refund.updated", "refund.failed", "charge.refund.updated", "charge.updated",
    ]  # fmt: skip
    with pytest.raises(RefusedError):
        shop.control.fail_refund(refund.id)


def test_what_was_not_paid_is_not_refunded(shop):
    intent = shop.api.payment_intents.create({"amount": 1, "currency": "usd"})
    assert refusal(shop.api.refunds.create, {"payment_intent": intent.id}).http_status == 400
    assert refusal(shop.api.refunds.create, {"payment_intent": "pi_none"}).http_status == 404
    assert refusal(shop.api.refunds.create, {"amount": 1}).http_status == 400


def test_a_dispute_takes_the_money_at_once(shop, paid):
    dispute = shop.control.dispute(paid)
    served = shop.api.disputes.retrieve(dispute["id"])
    assert (served.status, served.amount, served.payment_intent) == (
        "needs_response", 2_900, paid,
    )  # fmt: skip
    assert [each.net for each in served.balance_transactions] == [-4_400]
    assert charge_of(shop, paid).disputed is True
    assert shop.told()[-3:] == [
        "charge.dispute.created", "charge.updated", "charge.dispute.funds_withdrawn",
    ]  # fmt: skip
    assert refusal(shop.api.refunds.create, {"payment_intent": paid}).code == "charge_disputed"


@pytest.mark.parametrize("won", [True, False], ids=["won", "lost"])
def test_a_dispute_ends(shop, paid, won):
    dispute = shop.control.dispute(paid, 1_000, "product_not_received")
    shop.control.close_dispute(dispute["id"], won=won)
    served = shop.api.disputes.retrieve(dispute["id"])
    assert (served.status, served.reason) == ("won" if won else "lost", "product_not_received")
    assert sum(each.amount for each in served.balance_transactions) == (0 if won else -1_000)
    closed = ["charge.dispute.closed", *(["charge.dispute.funds_reinstated"] if won else [])]
    assert shop.told()[-len(closed) :] == closed
    with pytest.raises(RefusedError):
        shop.control.close_dispute(dispute["id"], won=True)


def test_a_dispute_is_given_up_by_its_owner(shop, paid):
    dispute = shop.control.dispute(paid)
    assert shop.api.disputes.close(dispute["id"]).status == "lost"
    assert [each.id for each in shop.api.disputes.list({"payment_intent": paid}).data] == [
        dispute["id"]
    ]


def test_what_was_refunded_cannot_be_disputed_too(shop, paid):
    shop.control.refund(paid, 2_000)
    with pytest.raises(RefusedError):
        shop.control.dispute(paid, 901)
    assert shop.control.dispute(paid)["amount"] == 900


def test_a_charge_has_a_movement_of_money(shop, paid):
    movement = shop.api.balance_transactions.retrieve(charge_of(shop, paid).balance_transaction)
    assert (movement.amount, movement.fee, movement.net) == (2_900, 114, 2_786)
