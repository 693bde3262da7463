"""Subscriptions that change: another price, prorated by the second, or an announced end."""

from entrypoints.devnet.stripe import collection, forms, invoice_lines, invoices
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.catalogue import plan_of
from entrypoints.devnet.stripe.errors import NotBuiltError, invalid
from entrypoints.devnet.stripe.records import Record, copied
from entrypoints.devnet.stripe.routing import Route
from entrypoints.devnet.stripe.subscriptions import period_of, with_items


def change(account: Account, form: Record, id: str) -> Record:
    """An update; another price at an item is billed as `proration_behavior` says."""
    subscription = account.get("subscription", id)
    if subscription["ended_at"] is not None:
        raise invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
            code="subscription_canceled",
        )
    clock = subscription["test_clock"]
    fields: Record = {
        name: form[name] for name in ("description", "default_payment_method") if name in form
    }
    if "metadata" in form:
        fields["metadata"] = forms.merged(subscription["metadata"], form["metadata"])
    if "cancel_at_period_end" in form:
        ends = form["cancel_at_period_end"]
        fields["cancel_at_period_end"] = ends
        fields["cancel_at"] = period_of(subscription)[1] if ends else None
        fields["canceled_at"] = account.time_of(clock) if ends else None
        fields["cancellation_details"] = {
            **subscription["cancellation_details"],
            "reason": "cancellation_requested" if ends else None,
        }
    old = [dict(item) for item in subscription["items"]["data"]]
    if form.get("items"):
        fields["items"] = with_items(subscription, _changed(account, old, form["items"]))
    behaviour = form.get("proration_behavior") or "create_prorations"
    if subscription["status"] == "trialing":
        # What has cost nothing yet is not given back.
        behaviour = "none"
    previous = account.change(subscription, **fields)
    if "items" in previous and behaviour != "none":
        _prorate(account, subscription, old)
    if "items" in previous and behaviour == "always_invoice":
        _bill_now(account, subscription, previous)
    elif previous:
        account.emit("customer.subscription.updated", subscription, previous, clock)
    return subscription


def _changed(account: Account, old: list[Record], wanted: list[Record]) -> list[Record]:
    by_id = {item["id"]: item for item in old}
    for each in wanted:
        if each.get("id") not in by_id:
            raise NotBuiltError("adding items to a subscription")
        item = by_id[each["id"]]
        price = item["price"]
        if each.get("price"):
            price = account.get("price", each["price"], "items[0][price]")
        if price["currency"] != item["price"]["currency"]:
            raise invalid("The price must have the subscription's currency", "items[0][price]")
        if price["recurring"] is None:
            raise invalid("The price specified is set to `type=one_time`", "items[0][price]")
        recurring = ("interval", "interval_count")
        if any(price["recurring"][each] != item["price"]["recurring"][each] for each in recurring):
            raise NotBuiltError("a change to a price with another interval")
        by_id[item["id"]] = {
            **item,
            "price": copied(price),
            "plan": plan_of(price),
            "quantity": each.get("quantity") or item["quantity"],
        }
    return [by_id[item["id"]] for item in old]


def _prorate(account: Account, subscription: Record, old: list[Record]) -> None:
    """The unused time at the old price is given back, and charged at the new one."""
    now = account.time_of(subscription["test_clock"])
    for before, after in zip(old, subscription["items"]["data"], strict=True):
        if before["price"]["id"] == after["price"]["id"] and (
            before["quantity"] == after["quantity"]
        ):
            continue
        start, end = before["current_period_start"], before["current_period_end"]
        for item, sign, word in ((before, -1, "Unused"), (after, 1, "Remaining")):
            whole = item["price"]["unit_amount"] * item["quantity"]
            product = account.get("product", item["price"]["product"])
            invoice_lines.new_item(
                account,
                customer=subscription["customer"],
                # Half up, in minor units: by the second.
                amount=sign * ((2 * whole * (end - now) + end - start) // (2 * (end - start))),
                currency=subscription["currency"],
                description=f"{word} time on {product['name']}",
                period={"end": end, "start": now},
                subscription=subscription["id"],
                subscription_item=item["id"],
                price=item["price"],
                proration=True,
                quantity=item["quantity"],
            )


def _bill_now(account: Account, subscription: Record, previous: Record) -> None:
    clock = subscription["test_clock"]
    customer = account.get("customer", subscription["customer"])
    invoice = invoices.new_invoice(
        account,
        customer,
        reason="subscription_update",
        currency=subscription["currency"],
        subscription=subscription,
    )
    invoices.put_waiting_on(account, invoice)
    previous.update(account.change(subscription, latest_invoice=invoice["id"]))
    account.emit("customer.subscription.updated", subscription, previous, clock)
    account.emit("invoice.created", invoice, clock=clock)
    collection.finalize(account, invoice)
    if invoice["status"] == "open":
        collection.attempt(account, invoice)


_PRORATION = forms.one_of("create_prorations", "always_invoice", "none")
ROUTES = [
    Route(
        "POST",
        "/v1/subscriptions/:id",
        change,
        {
            "cancel_at_period_end": forms.boolean,
            "default_payment_method": forms.text,
            "description": forms.text,
            "items": [{"id!": forms.text, "price": forms.text, "quantity": forms.integer}],
            "metadata": forms.metadata,
            "off_session": forms.boolean,
            "payment_behavior": forms.one_of("allow_incomplete"),
            "proration_behavior": _PRORATION,
        },
    ),
]
