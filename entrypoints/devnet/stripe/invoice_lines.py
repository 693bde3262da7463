"""What an invoice charges for: periods of a subscription, and items that wait for an invoice."""

from decimal import Decimal

from entrypoints.devnet.stripe import forms
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.customers import clock_of, living
from entrypoints.devnet.stripe.errors import invalid
from entrypoints.devnet.stripe.listing import PAGE, page
from entrypoints.devnet.stripe.records import Record
from entrypoints.devnet.stripe.routing import Route, getter


def new_item(
    account: Account,
    *,
    customer: str,
    amount: int,
    currency: str,
    description: str | None,
    period: Record | None = None,
    subscription: str | None = None,
    subscription_item: str | None = None,
    price: Record | None = None,
    proration: bool = False,
    metadata: dict[str, str] | None = None,
    invoice: str | None = None,
    quantity: int = 1,
) -> Record:
    """An amount that waits for the customer's next invoice, or belongs to a draft."""
    clock = clock_of(account, customer)
    now = account.time_of(clock)
    parent = None
    if subscription is not None:
        parent = {
            "subscription_details": {
                "subscription": subscription,
                "subscription_item": subscription_item,
            },
            "type": "subscription_details",
        }
    item = account.create(
        {
            "id": account.ids.next("invoiceitem"),
            "object": "invoiceitem",
            "customer_account": None,
            "amount": amount,
            "currency": currency,
            "customer": customer,
            "date": now,
            "description": description,
            "discountable": not proration,
            "discounts": [],
            "invoice": invoice,
            "livemode": account.livemode,
            "metadata": metadata or {},
            "net_amount": amount,
            "parent": parent,
            "period": period or {"end": now, "start": now},
            "pricing": _pricing(price, amount, quantity),
            "proration": proration,
            "quantity": quantity,
            "quantity_decimal": str(quantity),
            "tax_rates": [],
            "test_clock": clock,
        }
    )
    account.file(item, customer)
    account.emit("invoiceitem.created", item, clock=clock)
    return item


def _pricing(price: Record | None, amount: int, quantity: int) -> Record:
    if price is None:
        unit = str(Decimal(amount) / quantity)
        return {"type": "price_details", "unit_amount_decimal": unit}
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": str(price["unit_amount"]),
    }


def line_of_item(account: Account, item: Record, invoice: str) -> Record:
    details: Record = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "proration_details": None,
        "subscription": None,
    }
    kind = "invoice_item_details"
    if item["parent"] is not None:
        details.update(item["parent"]["subscription_details"])
        if details.get("subscription_item"):
            kind = "subscription_item_details"
        else:
            details.pop("subscription_item")
    parent: Record = {
        "invoice_item_details": None,
        "subscription_item_details": None,
        "type": kind,
    }
    parent[kind] = details
    return _line(
        account,
        item["amount"],
        item["currency"],
        item["description"],
        invoice=invoice,
        metadata=item["metadata"],
        parent=parent,
        period=item["period"],
        pricing=item["pricing"],
        quantity=item["quantity"],
        subscription=details["subscription"],
    )


def line_of_period(
    account: Account,
    subscription: Record,
    item: Record,
    invoice: str,
    *,
    amount: int | None = None,
) -> Record:
    """The item's running period, at its price unless another amount is named (a trial's zero)."""
    price, quantity = item["price"], item["quantity"]
    charged = price["unit_amount"] * quantity if amount is None else amount
    product = account.get("product", price["product"])
    return _line(
        account,
        charged,
        price["currency"],
        f"{quantity} × {product['name']}",
        invoice=invoice,
        metadata=subscription["metadata"],
        parent={
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        period={"end": item["current_period_end"], "start": item["current_period_start"]},
        pricing=_pricing(price, charged, quantity),
        quantity=quantity,
        subscription=subscription["id"],
    )


def _line(
    account: Account,
    amount: int,
    currency: str,
    description: str | None,
    *,
    invoice: str,
    metadata: dict[str, str],
    parent: Record,
    period: Record,
    pricing: Record,
    quantity: int,
    subscription: str | None,
) -> Record:
    return {
        "id": account.ids.next("line_item"),
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice,
        "livemode": account.livemode,
        "metadata": dict(metadata),
        "parent": parent,
        "period": dict(period),
        "pretax_credit_amounts": [],
        "pricing": dict(pricing),
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription,
        "subtotal": amount,
        "taxes": [],
    }


def waiting(account: Account, customer: str, subscription: str | None) -> list[Record]:
    """The customer's items that no invoice has yet, and that this one may have."""
    return [
        item
        for item in account.of("invoiceitem", customer)
        if item["invoice"] is None
        and (
            item["parent"] is None
            or item["parent"]["subscription_details"]["subscription"] == subscription
        )
    ]


def _create(account: Account, form: Record) -> Record:
    customer = living(account, form["customer"])
    price = None
    quantity = form.get("quantity") or 1
    pricing = form.get("pricing")
    if pricing:
        price = account.get("price", pricing["price"], "pricing[price]")
        amount, currency = price["unit_amount"] * quantity, price["currency"]
    else:
        if form.get("amount") is None or not form.get("currency"):
            raise invalid("Missing required param: amount.", "amount", "parameter_missing")
        amount, currency = form["amount"], form["currency"].lower()
    if form.get("subscription"):
        account.get("subscription", form["subscription"], "subscription")
    return new_item(
        account,
        customer=customer["id"],
        amount=amount,
        currency=currency,
        description=form.get("description"),
        period=form.get("period"),
        subscription=form.get("subscription"),
        price=price,
        metadata=forms.merged({}, form.get("metadata")),
        quantity=quantity,
    )


def _change(account: Account, form: Record, id: str) -> Record:
    item = account.get("invoiceitem", id)
    if item["invoice"] is not None:
        raise invalid("This invoice item is on an invoice and can no longer be changed")
    if "metadata" in form:
        form["metadata"] = forms.merged(item["metadata"], form["metadata"])
    if form.get("amount") is not None:
        form["net_amount"] = form["amount"]
    account.change(item, **form)
    return item


def _delete(account: Account, form: Record, id: str) -> Record:
    del form
    item = account.get("invoiceitem", id)
    if item["invoice"] is not None:
        raise invalid("This invoice item is on an invoice and can no longer be deleted")
    account.remove(item)
    account.emit("invoiceitem.deleted", item, clock=item["test_clock"])
    return {"id": id, "object": "invoiceitem", "deleted": True}


def _list(account: Account, form: Record) -> Record:
    pending = form.pop("pending", None)
    return page(
        "/v1/invoiceitems",
        (
            item
            for item in account.all("invoiceitem")
            if pending is None or (item["invoice"] is None) == pending
        ),
        form,
    )


CREATE_PARAMETERS = {
    "customer!": forms.text,
    "amount": forms.integer,
    "currency": forms.text,
    "description": forms.text,
    "invoice": forms.text,
    "metadata": forms.metadata,
    "period": {"start!": forms.integer, "end!": forms.integer},
    "pricing": {"price!": forms.text},
    "quantity": forms.integer,
    "subscription": forms.text,
}
create = _create
ROUTES = [
    Route(
        "GET",
        "/v1/invoiceitems",
        _list,
        {**PAGE, "customer": forms.text, "invoice": forms.text, "pending": forms.boolean},
    ),
    Route("GET", "/v1/invoiceitems/:id", getter("invoiceitem")),
    Route(
        "POST",
        "/v1/invoiceitems/:id",
        _change,
        {"amount": forms.integer, "description": forms.text, "metadata": forms.metadata},
    ),
    Route("DELETE", "/v1/invoiceitems/:id", _delete),
]
