"""Invoices: draft, open, then paid, void or uncollectible.  Every one that is not zero has one
payment intent, made when it is finalized, and tried again until it is paid or given up.

How that goes is told in `collection`.
"""

from entrypoints.devnet.stripe import invoice_lines, payments
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.errors import invalid
from entrypoints.devnet.stripe.records import Record, list_object, nulls


def new_invoice(
    account: Account,
    customer: Record,
    *,
    reason: str,
    currency: str,
    period: tuple[int, int] | None = None,
    subscription: Record | None = None,
    auto_advance: bool = True,
    metadata: dict[str, str] | None = None,
    description: str | None = None,
    collection_method: str = "charge_automatically",
) -> Record:
    """An empty draft, of which nothing is told yet."""
    clock = customer["test_clock"]
    now = account.time_of(clock)
    id = account.ids.next("invoice")
    start, end = period or (now, now)
    parent = None
    if subscription is not None:
        parent = {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        }
    invoice = account.create(
        {
            "id": id,
            "object": "invoice",
            **nulls("account_tax_ids application automatically_finalizes_at custom_fields"),
            **nulls("customer_account customer_address customer_phone customer_shipping"),
            **nulls("default_payment_method default_source due_date effective_at"),
            **nulls("ending_balance footer from_invoice hosted_invoice_url invoice_pdf"),
            **nulls("last_finalization_error latest_revision next_payment_attempt number"),
            **nulls("on_behalf_of receipt_number rendering shipping_cost shipping_details"),
            **nulls("statement_descriptor webhooks_delivered_at"),
            "account_country": "US",
            "account_name": "Loopback",
            "amount_due": 0,
            "amount_overpaid": 0,
            "amount_paid": 0,
            "amount_paid_off_stripe": 0,
            "amount_remaining": 0,
            "amount_shipping": 0,
            "attempt_count": 0,
            "attempted": False,
            "auto_advance": auto_advance,
            "automatic_tax": {
                **nulls("disabled_reason liability provider status"),
                "enabled": False,
            },
            "billing_reason": reason,
            "collection_method": collection_method,
            "created": now,
            "currency": currency,
            "customer": customer["id"],
            "customer_email": customer["email"],
            "customer_name": customer["name"],
            "customer_tax_exempt": "none",
            "customer_tax_ids": [],
            "default_tax_rates": [],
            "description": description,
            "discounts": [],
            "issuer": {"type": "self"},
            "lines": list_object(f"/v1/invoices/{id}/lines", []),
            "livemode": account.livemode,
            "metadata": metadata or {},
            "parent": parent,
            "payment_settings": nulls(
                "default_mandate payment_method_options payment_method_types"
            ),
            "period_end": end,
            "period_start": start,
            "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0,
            "starting_balance": customer["balance"],
            "status": "draft",
            "status_transitions": nulls("finalized_at marked_uncollectible_at paid_at voided_at"),
            "subtotal": 0,
            "subtotal_excluding_tax": 0,
            "test_clock": clock,
            "total": 0,
            "total_discount_amounts": [],
            "total_excluding_tax": 0,
            "total_pretax_credit_amounts": [],
            "total_taxes": [],
        }
    )
    account.file(invoice, customer["id"] if subscription is None else subscription["id"])
    return invoice


def put_on(account: Account, invoice: Record, lines: list[Record]) -> None:
    data = [*invoice["lines"]["data"], *lines]
    total = sum(line["amount"] for line in data)
    due = max(0, total + invoice["starting_balance"])
    account.change(
        invoice,
        lines={**invoice["lines"], "data": data},
        **dict.fromkeys(("subtotal", "subtotal_excluding_tax", "total"), total),
        total_excluding_tax=total,
        amount_due=due,
        amount_remaining=due,
    )


def put_waiting_on(account: Account, invoice: Record) -> None:
    """Take up what waits for an invoice of this customer."""
    subscription = subscription_of(invoice)
    for item in invoice_lines.waiting(account, invoice["customer"], subscription):
        put_item_on(account, invoice, item)


def put_item_on(account: Account, invoice: Record, item: Record) -> None:
    account.change(item, invoice=invoice["id"])
    put_on(account, invoice, [invoice_lines.line_of_item(account, item, invoice["id"])])


def subscription_of(invoice: Record) -> str | None:
    if invoice["parent"] is None:
        return None
    id: str = invoice["parent"]["subscription_details"]["subscription"]
    return id


def new_payment(account: Account, invoice: Record) -> Record:
    intent = payments.new_intent(
        account,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        metadata={},
        description="Subscription update" if invoice["parent"] else None,
    )
    payment = account.create(
        {
            "id": account.ids.next("invoice_payment"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": account.time_of(invoice["test_clock"]),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": account.livemode,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": nulls("canceled_at paid_at"),
        }
    )
    account.file(payment, invoice["id"])
    account.file(payment, intent["id"])
    return payment


def payment_of(account: Account, invoice: Record) -> Record | None:
    return next(iter(account.of("invoice_payment", invoice["id"])), None)


def intent_of(account: Account, invoice: Record) -> Record:
    payment = payment_of(account, invoice)
    assert payment is not None  # noqa: S101 - an open invoice has one
    return account.get("payment_intent", payment["payment"]["payment_intent"])


def void(account: Account, invoice: Record) -> Record:
    return _given_up(account, invoice, "void", "voided_at", "invoice.voided")


def write_off(account: Account, invoice: Record) -> Record:
    return _given_up(
        account,
        invoice,
        "uncollectible",
        "marked_uncollectible_at",
        "invoice.marked_uncollectible",
    )


def _given_up(account: Account, invoice: Record, status: str, stamp: str, event: str) -> Record:
    if invoice["status"] not in {"open", "uncollectible"}:
        raise invalid(f"You can only pass in open invoices. This one is {invoice['status']}.")
    clock = invoice["test_clock"]
    now = account.time_of(clock)
    account.change(
        invoice,
        status=status,
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions={**invoice["status_transitions"], stamp: now},
    )
    intent = intent_of(account, invoice)
    if status == "void" and intent["status"] not in {"succeeded", "processing", "canceled"}:
        payments.cancel(account, intent, "void_invoice")
    account.emit(event, invoice, clock=clock)
    account.emit("invoice.updated", invoice, clock=clock)
    return invoice


def stop(account: Account, subscription: str) -> None:
    """The subscription has ended: its invoices no longer advance by themselves."""
    for invoice in account.of("invoice", subscription):
        if invoice["status"] in {"draft", "open"}:
            account.update(
                "invoice.updated",
                invoice,
                clock=invoice["test_clock"],
                auto_advance=False,
                next_payment_attempt=None,
                automatically_finalizes_at=None,
            )


def payments_of(account: Account, invoice: Record) -> Record:
    """What `expand[]=payments` shows."""
    payment = payment_of(account, invoice)
    return list_object(f"/v1/invoices/{invoice['id']}/payments", [payment] if payment else [])
