"""Stripe's objects in our words."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from application.ports.payments import Invoice
from domain.payment import CustomerId, DisputeId, PaymentId, SubscriptionId
from domain.settlement import (
    DisputeState,
    InvoiceState,
    ItemPrice,
    Line,
    Money,
    PackState,
    Standing,
    SubscriptionState,
)

Object = Mapping[str, Any]

#: What the products we publish are called begins with this.
OURS = "tallystick_"
#: What a price's metadata says where `publish` made it, with the key it was made under: whoever
#: subscribed at it or has its page open goes on after the catalogue asks for more.
MARK = "tallystick"

# https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
_STANDING = {
    "incomplete": Standing.INCOMPLETE,
    "incomplete_expired": Standing.INCOMPLETE,
    "trialing": Standing.TRIAL,
    "active": Standing.ACTIVE,
    "past_due": Standing.OWED,
    "unpaid": Standing.OWED,
    "paused": Standing.OWED,
    "canceled": Standing.ENDED,
}
_OWED = frozenset({"open", "uncollectible"})


def item_price(price: Object) -> ItemPrice:
    """By its product where that is ours: a lookup key goes over to a newer price."""
    product = _id(price["product"]) or ""
    return ItemPrice(
        key=product if product.startswith(OURS) else price["lookup_key"] or "",
        is_published=product.startswith(OURS) and price["metadata"].get(MARK) == product,
        amount_minor=price["unit_amount"] or 0,
        currency=price["currency"].upper(),
    )


def pack_state(session: Object, money: Money | None) -> PackState | None:
    """Of a Checkout session for one payment."""
    lines = session["line_items"]["data"]
    if not lines:
        return None
    first = lines[0]
    customer = _id(session["customer"])
    return PackState(
        customer=CustomerId(customer) if customer else None,
        price=item_price(first["price"]),
        quantity=sum(line["quantity"] for line in lines),
        asked_minor=session["amount_total"] - session["total_details"]["amount_tax"],
        money=money if session["payment_status"] == "paid" else None,
    )


def money(intent: Object, disputes: Iterable[Object]) -> Money | None:
    """Of a payment intent with its charge; None: nothing was paid."""
    charge = intent["latest_charge"]
    if intent["status"] != "succeeded" or charge is None:
        return None
    movement = charge["balance_transaction"]
    return Money(
        payment=PaymentId(intent["id"]),
        amount_minor=intent["amount_received"],
        currency=intent["currency"].upper(),
        # A bank's transfer begins days before it has come.
        paid_at=_instant((movement if isinstance(movement, Mapping) else charge)["created"]),
        refunded_minor=charge["amount_refunded"],
        disputes=tuple(state for each in disputes if (state := _dispute(each)) is not None),
    )


def _dispute(dispute: Object) -> DisputeState | None:
    """An inquiry takes no money, and one that was prevented never did."""
    status = dispute["status"]
    if status.startswith("warning_") or status == "prevented":
        return None
    return DisputeState(
        id=DisputeId(dispute["id"]),
        opened_at=_instant(dispute["created"]),
        is_won={"won": True, "lost": False}.get(status),
    )


def subscription_state(
    subscription: Object, invoices: Iterable[InvoiceState]
) -> SubscriptionState:
    customer = _id(subscription["customer"])
    ends_at = subscription["ended_at"] or subscription["cancel_at"]
    return SubscriptionState(
        id=SubscriptionId(subscription["id"]),
        customer=CustomerId(customer) if customer else None,
        standing=_STANDING[subscription["status"]],
        price=item_price(subscription["items"]["data"][0]["price"]),
        cancelled_at=_maybe_instant(subscription["canceled_at"]),
        ends_at=_maybe_instant(ends_at),
        trial_start=_maybe_instant(subscription["trial_start"]),
        trial_end=_maybe_instant(subscription["trial_end"]),
        invoices=tuple(invoices),
    )


def invoice_state(
    invoice: Object,
    lines: Iterable[Object],
    price_of: Callable[[str], ItemPrice],
    money: Money | None,
) -> InvoiceState:
    moments = invoice["status_transitions"]
    is_owed = invoice["status"] in _OWED and invoice["attempted"]
    return InvoiceState(
        id=invoice["id"],
        lines=tuple(_lines(lines, price_of)),
        paid_at=_maybe_instant(moments["paid_at"]) if invoice["status"] == "paid" else None,
        # It was tried for the first time when it was finalized.
        failed_at=_maybe_instant(moments["finalized_at"]) if is_owed else None,
        payment=PaymentId(paid_with) if (paid_with := payment_of_invoice(invoice)) else None,
        money=money,
    )


def payment_of_invoice(invoice: Object) -> str | None:
    """What it was paid with; one that failed or was replaced is told as well, and is none.

    https://docs.stripe.com/api/invoice-payment/object#invoice_payment_object-status
    """
    payments = [each for each in invoice["payments"]["data"] if each["status"] == "paid"]
    return next((id for each in payments if (id := payment_of(each))), None)


def payment_of(invoice_payment: Object) -> str | None:
    return _id(invoice_payment["payment"].get("payment_intent"))


def subscription_of(invoice: Object) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details")
    return _id(details["subscription"]) if details else None


def _lines(lines: Iterable[Object], price_of: Callable[[str], ItemPrice]) -> Iterable[Line]:
    """What is charged for a subscription's time; fees are other lines."""
    for line in lines:
        details = (line["parent"] or {}).get("subscription_item_details")
        priced = (line["pricing"] or {}).get("price_details")
        if not details or not priced:
            continue
        price = price_of(_id(priced["price"]) or "")
        if not price.key:
            continue
        yield Line(
            price=price,
            start=_instant(line["period"]["start"]),
            end=_instant(line["period"]["end"]),
            amount_minor=line["amount"],
            is_proration=bool(details["proration"]),
        )


def shown(invoice: Object) -> Invoice:
    return Invoice(
        id=invoice["id"],
        number=invoice["number"],
        state=invoice["status"],
        total_minor=invoice["total"],
        currency=invoice["currency"].upper(),
        created_at=_instant(invoice["created"]),
        period_start=_instant(invoice["period_start"]),
        period_end=_instant(invoice["period_end"]),
        url=invoice.get("hosted_invoice_url"),
    )


def _id(value: Any) -> str | None:
    """Of an object that may be expanded."""
    if isinstance(value, Mapping):
        return str(value["id"])
    return str(value) if value else None


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _maybe_instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else _instant(seconds)
