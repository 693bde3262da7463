"""Every object the loopback serves, or tells of, is what the SDK's annotations say it is."""

import copy

import pytest

from tests.devnet.stripe.shapes import complaints


def everything_that_can_happen(shop):
    control = shop.control
    session = shop.sell()
    refund = control.refund(session.payment_intent, 100)
    control.fail_refund(refund["id"])
    dispute = control.dispute(session.payment_intent)
    control.close_dispute(dispute["id"], won=True)
    control.expire_checkout(shop.checkout().id)
    late = shop.checkout()
    control.pay_checkout(late.id, later=True)
    control.settle_checkout(late.id, succeeded=False)
    shop.subscribe(subscription_data={"trial_period_days": 3})
    subscription = shop.subscribe()
    shop.api.invoice_items.create(
        {"customer": shop.customer.id, "amount": 77, "currency": "usd", "description": "Fee"}
    )
    control.decline_payments(shop.customer.id, 1)
    control.advance(40 * 86_400)
    control.change_price(subscription.id, shop.professional.id)
    control.cancel_subscription(subscription.id)
    shop.api.billing_portal.sessions.create({"customer": shop.customer.id})
    clock = shop.api.test_helpers.test_clocks.create({"frozen_time": shop.account.now})
    control.advance_test_clock(clock.id, 60)


def test_objects_and_events_have_the_shapes_of_the_sdk(shop):
    told = []

    class Listener:
        def wants(self, name):
            return True

        def offer(self, event):
            told.append(event)

    shop.account.listeners.append(Listener())
    everything_that_can_happen(shop)
    kept = [record for kind in KINDS for record in shop.account.all(kind)]
    assert {record["object"] for record in kept} == set(KINDS)
    assert sorted({each for record in (*kept, *told) for each in complaints(record)}) == []


KINDS = [
    "balance_transaction", "billing_portal.session", "charge", "checkout.session", "customer",
    "dispute", "invoice", "invoice_payment", "invoiceitem", "item", "payment_intent",
    "payment_method", "price", "product", "refund", "subscription", "test_helpers.test_clock",
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoilt", "complaint"),
    [
        (lambda invoice: invoice.pop("total"), "invoice.total is missing"),
        (lambda invoice: invoice.update(total=None), "invoice.total is null"),
        (lambda invoice: invoice.update(total="1"), "invoice.total is '1'"),
        (lambda invoice: invoice.update(paid=True), "invoice.paid is not in the annotations"),
        (lambda invoice: invoice.update(status="payed"), "invoice.status is 'payed'"),
        (
            lambda invoice: invoice["lines"]["data"][0].pop("amount"),
            "invoice.lines.data.amount is missing",
        ),
        (
            lambda invoice: invoice["parent"]["subscription_details"].pop("subscription"),
            "invoice.parent.subscription_details.subscription is missing",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_comparison_sees_what_is_wrong(shop, spoilt, complaint):
    shop.subscribe()
    invoice = copy.deepcopy(next(shop.account.all("invoice")))
    assert not list(complaints(invoice))
    spoilt(invoice)
    assert any(each.startswith(complaint) for each in complaints(invoice)), [*complaints(invoice)]
