"""How invoices are paid: finalized after an hour as a draft, tried, and tried again.

What a payment, or a failure, means for the invoice's subscription is told in `standing`.
"""

from entrypoints.devnet.stripe import forms, invoice_lines, payments, standing
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.customers import living, new_card
from entrypoints.devnet.stripe.errors import invalid
from entrypoints.devnet.stripe.invoices import (
    intent_of,
    new_invoice,
    new_payment,
    payment_of,
    put_item_on,
    put_waiting_on,
    void,
    write_off,
)
from entrypoints.devnet.stripe.listing import PAGE, page
from entrypoints.devnet.stripe.records import Record
from entrypoints.devnet.stripe.routing import Route, getter

#: A cycle's invoice stays a draft for an hour.
DRAFT_SECONDS = 3_600


def tell_of_draft(account: Account, invoice: Record) -> None:
    """Announce it; one that advances by itself is finalized and tried within the hour."""
    clock = invoice["test_clock"]
    if invoice["auto_advance"]:
        account.change(invoice, automatically_finalizes_at=account.time_of(clock) + DRAFT_SECONDS)
        account.after(
            clock, invoice["automatically_finalizes_at"], finalize_when_due, invoice["id"]
        )
    account.emit("invoice.created", invoice, clock=clock)


def finalize_when_due(account: Account, id: str) -> None:
    invoice = account.find("invoice", id)
    if invoice is not None and invoice["status"] == "draft" and invoice["auto_advance"]:
        finalize(account, invoice)
        if invoice["status"] == "open":
            attempt(account, invoice)


def finalize(account: Account, invoice: Record) -> Record:
    """Nothing on it changes any more.  What the customer's balance pays for is paid for."""
    if invoice["status"] != "draft":
        raise invalid(
            f"This invoice is already finalized, you can't re-finalize a {invoice['status']} "
            "invoice.",
            code="invoice_not_editable",
        )
    customer = account.get("customer", invoice["customer"])
    clock = invoice["test_clock"]
    now = account.time_of(clock)
    balance = customer["balance"]
    due, ending = _settled(invoice["total"], balance)
    number = customer["next_invoice_sequence"]
    account.change(customer, next_invoice_sequence=number + 1)
    if ending != balance or customer["currency"] is None:
        account.update(
            "customer.updated",
            customer,
            clock=clock,
            balance=ending,
            currency=customer["currency"] or invoice["currency"],
        )
    account.change(
        invoice,
        status="open",
        amount_due=due,
        amount_remaining=due,
        starting_balance=balance,
        ending_balance=ending,
        automatically_finalizes_at=None,
        effective_at=now,
        hosted_invoice_url=f"{account.pages_url}/i/{invoice['id']}",
        invoice_pdf=f"{account.pages_url}/i/{invoice['id']}/pdf",
        number=f"{customer['invoice_prefix']}-{number:04}",
        status_transitions={**invoice["status_transitions"], "finalized_at": now},
    )
    if due:
        new_payment(account, invoice)
    account.emit("invoice.finalized", invoice, clock=clock)
    if not due:
        _paid(account, invoice)
    return invoice


def _settled(total: int, balance: int) -> tuple[int, int]:
    """What is due of a total, and the balance after it; a negative balance is money to use up."""
    if total + balance <= 0:
        return 0, total + balance
    return total + balance, 0


def attempt(account: Account, invoice: Record, *, by_hand: bool = False) -> bool:
    """Try to have it paid.  A try by hand does not count among those that go by themselves."""
    clock = invoice["test_clock"]
    customer = account.get("customer", invoice["customer"])
    counts = not by_hand or not invoice["attempted"]
    if counts:
        account.change(
            invoice,
            attempted=True,
            attempt_count=invoice["attempt_count"] + 1,
            next_payment_attempt=None,
        )
    if payments.take(account, intent_of(account, invoice), _card_for(account, customer)):
        settle(account, invoice)
        return True
    if counts:
        _plan_next_attempt(account, invoice)
    account.emit("invoice.payment_failed", invoice, clock=clock)
    account.emit("invoice.updated", invoice, clock=clock)
    if counts:
        standing.failed(account, invoice)
    return False


def finish(account: Account, invoice: Record, *, succeeded: bool) -> None:
    """A payment that was on its way has come, or has not."""
    if succeeded:
        settle(account, invoice)
        return
    _plan_next_attempt(account, invoice)
    account.emit("invoice.payment_failed", invoice, clock=invoice["test_clock"])
    account.emit("invoice.updated", invoice, clock=invoice["test_clock"])
    standing.failed(account, invoice)


def _plan_next_attempt(account: Account, invoice: Record) -> None:
    waits = account.dunning.retries_after
    count = invoice["attempt_count"]
    if (
        not invoice["auto_advance"]
        or count > len(waits)
        or not standing.is_dunned(account, invoice)
    ):
        return
    due = account.time_of(invoice["test_clock"]) + waits[count - 1]
    account.change(invoice, next_payment_attempt=due)
    account.after(invoice["test_clock"], due, retry_when_due, invoice["id"])


def _card_for(account: Account, customer: Record) -> Record:
    id = customer["invoice_settings"]["default_payment_method"]
    card = account.find("payment_method", id) if id else None
    card = card or next(iter(account.of("payment_method", customer["id"])), None)
    return card or new_card(account, customer, customer["email"])


def settle(account: Account, invoice: Record) -> None:
    """Its payment has come."""
    clock = invoice["test_clock"]
    now = account.time_of(clock)
    payment = payment_of(account, invoice)
    assert payment is not None  # noqa: S101 - what is not zero has one
    account.change(
        payment,
        status="paid",
        amount_paid=invoice["amount_due"],
        status_transitions={**payment["status_transitions"], "paid_at": now},
    )
    account.emit("invoice_payment.paid", payment, clock=clock)
    _paid(account, invoice, amount=invoice["amount_due"])


def _paid(account: Account, invoice: Record, *, amount: int = 0) -> None:
    clock = invoice["test_clock"]
    now = account.time_of(clock)
    previous = account.change(
        invoice,
        status="paid",
        attempted=True,
        amount_paid=amount,
        amount_remaining=0,
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions={**invoice["status_transitions"], "paid_at": now},
    )
    account.emit("invoice.updated", invoice, previous, clock)
    account.emit("invoice.paid", invoice, clock=clock)
    account.emit("invoice.payment_succeeded", invoice, clock=clock)
    standing.paid(account, invoice)


def retry_when_due(account: Account, id: str) -> None:
    invoice = account.get("invoice", id)
    if invoice["status"] == "open" and invoice["next_payment_attempt"] is not None:
        attempt(account, invoice)


def new_manual_invoice(account: Account, form: Record) -> Record:
    customer = living(account, form["customer"])
    subscription = None
    if form.get("subscription"):
        subscription = account.get("subscription", form["subscription"], "subscription")
    invoice = new_invoice(
        account,
        customer,
        reason="manual",
        currency=form.get("currency") or customer["currency"] or "usd",
        subscription=subscription,
        auto_advance=form.get("auto_advance", False),
        metadata=forms.merged({}, form.get("metadata")),
        description=form.get("description"),
    )
    if form.get("pending_invoice_items_behavior") == "include":
        put_waiting_on(account, invoice)
    tell_of_draft(account, invoice)
    return invoice


def _new_item(account: Account, form: Record) -> Record:
    """An invoice item; with an invoice named, it goes on that draft at once."""
    invoice = None
    if form.get("invoice"):
        invoice = account.get("invoice", form["invoice"], "invoice")
        if invoice["status"] != "draft":
            raise invalid("The invoice is no longer editable", "invoice", "invoice_not_editable")
    item = invoice_lines.create(account, form)
    if invoice is not None:
        previous = {"lines": invoice["lines"]}
        put_item_on(account, invoice, item)
        account.emit("invoice.updated", invoice, previous, invoice["test_clock"])
    return item


def _finalize(account: Account, form: Record, id: str) -> Record:
    invoice = account.get("invoice", id)
    if "auto_advance" in form:
        account.change(invoice, auto_advance=form["auto_advance"])
    return finalize(account, invoice)


def _pay(account: Account, form: Record, id: str) -> Record:
    del form
    invoice = account.get("invoice", id)
    if invoice["status"] == "draft":
        finalize(account, invoice)
    elif invoice["status"] != "open":
        raise invalid(f"Invoice is already {invoice['status']}", code="invoice_already_paid")
    if invoice["status"] == "open" and not attempt(account, invoice, by_hand=True):
        raise payments.declined(intent_of(account, invoice))
    return invoice


def _change(account: Account, form: Record, id: str) -> Record:
    invoice = account.get("invoice", id)
    if "metadata" in form:
        form["metadata"] = forms.merged(invoice["metadata"], form["metadata"])
    return account.update("invoice.updated", invoice, clock=invoice["test_clock"], **form)


def _delete(account: Account, form: Record, id: str) -> Record:
    del form
    invoice = account.get("invoice", id)
    if invoice["status"] != "draft" or invoice["parent"] is not None:
        raise invalid("You can only delete draft invoices that no subscription has made")
    account.remove(invoice)
    for item in account.of("invoiceitem", invoice["customer"]):
        if item["invoice"] == id:
            account.change(item, invoice=None)
    account.emit("invoice.deleted", invoice, clock=invoice["test_clock"])
    return {"id": id, "object": "invoice", "deleted": True}


def _list(account: Account, form: Record) -> Record:
    wanted = form.pop("subscription", None)
    found = account.of("invoice", wanted) if wanted else account.all("invoice")
    return page("/v1/invoices", found, form)


def _lines(account: Account, form: Record, id: str) -> Record:
    lines = account.get("invoice", id)["lines"]["data"]
    return page(f"/v1/invoices/{id}/lines", [*reversed(lines)], form)


def _payments(account: Account, form: Record) -> Record:
    intent = (form.pop("payment", None) or {}).get("payment_intent")
    found = account.of("invoice_payment", intent) if intent else account.all("invoice_payment")
    return page("/v1/invoice_payments", found, form)


def _void(account: Account, form: Record, id: str) -> Record:
    del form
    return void(account, account.get("invoice", id))


def _write_off(account: Account, form: Record, id: str) -> Record:
    del form
    return write_off(account, account.get("invoice", id))


ROUTES = [
    Route("POST", "/v1/invoiceitems", _new_item, invoice_lines.CREATE_PARAMETERS),
    Route(
        "POST",
        "/v1/invoices",
        new_manual_invoice,
        {
            "customer!": forms.text,
            "auto_advance": forms.boolean,
            "collection_method": forms.one_of("charge_automatically"),
            "currency": forms.text,
            "description": forms.text,
            "metadata": forms.metadata,
            "pending_invoice_items_behavior": forms.one_of("include", "exclude"),
            "subscription": forms.text,
        },
    ),
    Route(
        "GET",
        "/v1/invoices",
        _list,
        {
            **PAGE,
            "customer": forms.text,
            "status": forms.one_of("draft", "open", "paid", "uncollectible", "void"),
            "subscription": forms.text,
        },
    ),
    Route("GET", "/v1/invoices/:id", getter("invoice")),
    Route(
        "POST",
        "/v1/invoices/:id",
        _change,
        {"auto_advance": forms.boolean, "description": forms.text, "metadata": forms.metadata},
    ),
    Route("DELETE", "/v1/invoices/:id", _delete),
    Route("GET", "/v1/invoices/:id/lines", _lines, PAGE),
    Route("POST", "/v1/invoices/:id/finalize", _finalize, {"auto_advance": forms.boolean}),
    Route("POST", "/v1/invoices/:id/pay", _pay, {"off_session": forms.boolean}),
    Route("POST", "/v1/invoices/:id/void", _void),
    Route("POST", "/v1/invoices/:id/mark_uncollectible", _write_off),
    Route(
        "GET",
        "/v1/invoice_payments",
        _payments,
        {
            **PAGE,
            "invoice": forms.text,
            "payment": {"payment_intent": forms.text, "type!": forms.one_of("payment_intent")},
            "status": forms.text,
        },
    ),
    Route("GET", "/v1/invoice_payments/:id", getter("invoice_payment")),
]
