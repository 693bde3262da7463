"""Invoices, and the items that wait for one."""

import pytest

from tests.devnet.stripe.shop import refusal

DAY = 86_400


def item(shop, amount=250, **more):
    return shop.api.invoice_items.create(
        {
            "customer": shop.customer.id,
            "amount": amount,
            "currency": "usd",
            "description": "Network cost",
            **more,
        }
    )


def test_an_item_waits_for_the_subscriptions_next_invoice(shop):
    subscription = shop.subscribe()
    fee = item(shop, metadata={"deployment": "dep_1"})
    assert fee.invoice is None
    shop.control.advance(32 * DAY)
    invoice = shop.api.subscriptions.retrieve(
        subscription.id, {"expand": ["latest_invoice"]}
    ).latest_invoice
    assert [line.amount for line in invoice.lines.data] == [9_900, 250]
    assert invoice.lines.data[1].metadata["deployment"] == "dep_1"
    assert invoice.amount_paid == 10_150
    assert shop.api.invoice_items.retrieve(fee.id).invoice == invoice.id
    shop.control.advance(31 * DAY)
    following = shop.api.subscriptions.retrieve(
        subscription.id, {"expand": ["latest_invoice"]}
    ).latest_invoice
    assert following.total == 9_900


def test_an_item_can_be_put_on_a_draft_while_it_is_one(shop):
    subscription = shop.subscribe()
    shop.control.advance(31 * DAY)
    draft = shop.api.subscriptions.retrieve(subscription.id).latest_invoice
    item(shop, invoice=draft)
    assert shop.told()[-2:] == ["invoiceitem.created", "invoice.updated"]
    shop.control.advance(3_600)
    assert shop.api.invoices.retrieve(draft).amount_paid == 10_150
    error = refusal(item, shop, invoice=draft)
    assert (error.code, error.param) == ("invoice_not_editable", "invoice")


def test_an_item_is_changed_and_taken_away_before_it_is_invoiced(shop):
    fee = item(shop)
    changed = shop.api.invoice_items.update(fee.id, {"amount": 300, "metadata": {"a": "b"}})
    assert (changed.amount, changed.metadata["a"]) == (300, "b")
    assert shop.api.invoice_items.delete(fee.id).deleted is True
    assert refusal(shop.api.invoice_items.retrieve, fee.id).http_status == 404
    assert shop.told()[-1] == "invoiceitem.deleted"


def test_an_item_may_be_told_by_its_price(shop):
    fee = shop.api.invoice_items.create(
        {"customer": shop.customer.id, "pricing": {"price": shop.pack.id}, "quantity": 2}
    )
    assert (fee.amount, fee.pricing.price_details.product) == (5_800, shop.pack.product)


def test_an_invoice_is_made_by_hand(shop):
    item(shop)
    invoice = shop.api.invoices.create(
        {"customer": shop.customer.id, "pending_invoice_items_behavior": "include"}
    )
    assert (invoice.status, invoice.total, invoice.auto_advance) == ("draft", 250, False)
    shop.control.advance(DAY)
    assert shop.api.invoices.retrieve(invoice.id).status == "draft"
    final = shop.api.invoices.finalize_invoice(invoice.id)
    assert (final.status, final.amount_due) == ("open", 250)
    assert final.number.endswith("-0001")
    assert refusal(shop.api.invoices.finalize_invoice, invoice.id).code == "invoice_not_editable"
    paid = shop.api.invoices.pay(invoice.id)
    assert (paid.status, paid.amount_remaining) == ("paid", 0)


def test_a_draft_of_ones_own_is_deleted_and_its_items_wait_again(shop):
    fee = item(shop)
    invoice = shop.api.invoices.create(
        {"customer": shop.customer.id, "pending_invoice_items_behavior": "include"}
    )
    shop.api.invoices.delete(invoice.id)
    assert shop.api.invoice_items.retrieve(fee.id).invoice is None
    assert refusal(shop.api.invoices.retrieve, invoice.id).http_status == 404


@pytest.mark.parametrize(
    ("way", "status", "event"),
    [
        ("void_invoice", "void", "invoice.voided"),
        ("mark_uncollectible", "uncollectible", "invoice.marked_uncollectible"),
    ],
    ids=["void", "uncollectible"],
)
def test_an_open_invoice_is_given_up(shop, way, status, event):
    item(shop)
    invoice = shop.api.invoices.create(
        {"customer": shop.customer.id, "pending_invoice_items_behavior": "include"}
    )
    assert refusal(getattr(shop.api.invoices, way), invoice.id).http_status == 400
    shop.api.invoices.finalize_invoice(invoice.id)
    assert getattr(shop.api.invoices, way)(invoice.id).status == status
    assert event in shop.told()
    canceled = shop.told().count("payment_intent.canceled")
    assert canceled == (1 if status == "void" else 0)
    assert refusal(shop.api.invoices.pay, invoice.id).http_status == 400


def test_a_payment_is_traced_to_its_invoice(shop):
    session = shop.sell(shop.starter)
    invoice = shop.api.invoices.retrieve(session.invoice, {"expand": ["payments"]})
    intent = invoice.payments.data[0].payment.payment_intent
    found = shop.api.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": intent}}
    ).data
    assert [each.invoice for each in found] == [session.invoice]
    assert found[0].amount_paid == 9_900


def test_lines_are_listed_in_their_order(shop):
    subscription = shop.subscribe()
    for amount in (1, 2, 3):
        item(shop, amount)
    shop.control.advance(32 * DAY)
    invoice = shop.api.subscriptions.retrieve(subscription.id).latest_invoice
    first = shop.api.invoices.line_items.list(invoice, {"limit": 2})
    assert ([line.amount for line in first.data], first.has_more) == ([9_900, 1], True)
    rest = shop.api.invoices.line_items.list(invoice, {"starting_after": first.data[-1].id})
    assert ([line.amount for line in rest.data], rest.has_more) == ([2, 3], False)


def test_invoices_are_listed_by_what_they_are(shop):
    subscription = shop.subscribe()
    shop.api.invoices.create({"customer": shop.customer.id})
    of_plan = shop.api.invoices.list({"subscription": subscription.id}).data
    assert [each.status for each in of_plan] == ["paid"]
    drafts = shop.api.invoices.list({"status": "draft", "customer": shop.customer.id}).data
    assert [each.billing_reason for each in drafts] == ["manual"]
