"""How a checkout session ends: by a card, by a bank transfer that takes days, or not at all."""

from entrypoints.devnet.stripe import collection, forms, invoices, payments, subscriptions
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.checkout import must_be_open
from entrypoints.devnet.stripe.customers import clock_of, new_card, new_customer
from entrypoints.devnet.stripe.errors import invalid
from entrypoints.devnet.stripe.records import Record, nulls


def pay(account: Account, session: Record, *, later: bool = False) -> bool:
    """The customer enters a card, or a bank account; tells whether the session is complete now.

    Raises: RefusedError, where the session is not open.
    """
    must_be_open(session)
    customer = _customer_of(account, session)
    if session["mode"] == "payment":
        return _pay_once(account, session, customer, later=later)
    assert customer is not None  # noqa: S101 - a subscription makes one
    return _subscribe(account, session, customer, later=later)


def _customer_of(account: Account, session: Record) -> Record | None:
    if session["customer"]:
        return account.get("customer", session["customer"])
    if session["mode"] == "payment" and session["customer_creation"] != "always":
        return None
    customer = new_customer(account, {"email": session["customer_email"] or "buyer@example.com"})
    account.change(session, customer=customer["id"])
    return customer


def _pay_once(account: Account, session: Record, customer: Record | None, *, later: bool) -> bool:
    if not session["amount_total"]:
        _complete(account, session, "no_payment_required", customer)
        return True
    plan = account.plans[session["id"]]["payment_intent"]
    card = new_card(account, customer, session["customer_email"])
    if session["payment_intent"]:
        intent = account.get("payment_intent", session["payment_intent"])
    else:
        intent = payments.new_intent(
            account,
            amount=session["amount_total"],
            currency=session["currency"],
            customer=session["customer"],
            metadata=forms.merged({}, plan.get("metadata")),
            description=plan.get("description"),
        )
        account.change(session, payment_intent=intent["id"])
        account.file(session, intent["id"])
    if later:
        payments.begin(account, intent, card)
        _complete(account, session, "unpaid", customer)
        return True
    if payments.take(account, intent, card):
        _complete(account, session, "paid", customer)
        return True
    return False


def _subscribe(account: Account, session: Record, customer: Record, *, later: bool) -> bool:
    plan = account.plans[session["id"]]["subscription"]
    if session["subscription"]:
        begun = account.get("subscription", session["subscription"])
        if begun["ended_at"] is not None:
            raise invalid(f"The subscription {begun['id']} has ended")
    card = new_card(account, customer, customer["email"])
    if session["subscription"]:
        subscription = account.get("subscription", session["subscription"])
    else:
        subscription = subscriptions.open_subscription(
            account,
            customer,
            [
                (account.get("price", line["price"]["id"]), line["quantity"])
                for line in account.of("item", session["id"])
            ],
            metadata=forms.merged({}, plan.get("metadata")),
            trial_days=plan.get("trial_period_days") or 0,
            description=plan.get("description"),
            payment_method=card["id"],
        )
        account.change(
            session, subscription=subscription["id"], invoice=subscription["latest_invoice"]
        )
    invoice = account.get("invoice", session["invoice"])
    if invoice["status"] == "paid":
        is_free = not invoice["amount_paid"]
        _complete(account, session, "no_payment_required" if is_free else "paid", customer)
        return True
    if later:
        account.change(invoice, attempted=True, attempt_count=1)
        payments.begin(account, invoices.intent_of(account, invoice), card)
        account.emit("invoice.updated", invoice, clock=invoice["test_clock"])
        account.update(
            "customer.subscription.updated",
            subscription,
            clock=subscription["test_clock"],
            status="active",
        )
        _complete(account, session, "unpaid", customer)
        return True
    if collection.attempt(account, invoice, by_hand=True):
        _complete(account, session, "paid", customer)
        return True
    return False


def finish(account: Account, session: Record, *, succeeded: bool) -> None:
    """The bank transfer has arrived, or never will.  Raises: RefusedError."""
    if session["status"] != "complete" or session["payment_status"] != "unpaid":
        raise invalid(f"Checkout Session {session['id']} waits for no payment")
    clock = clock_of(account, session["customer"])
    invoice = account.get("invoice", session["invoice"]) if session["invoice"] else None
    if invoice is None:
        intent = account.get("payment_intent", session["payment_intent"])
    else:
        intent = invoices.intent_of(account, invoice)
    if intent["status"] != "processing":
        raise invalid(f"Checkout Session {session['id']} waits for no payment")
    payments.finish(account, intent, succeeded=succeeded)
    if invoice is not None:
        collection.finish(account, invoice, succeeded=succeeded)
    if succeeded:
        account.change(session, payment_status="paid")
        account.emit("checkout.session.async_payment_succeeded", session, clock=clock)
    else:
        account.emit("checkout.session.async_payment_failed", session, clock=clock)


def _complete(
    account: Account, session: Record, payment_status: str, customer: Record | None
) -> None:
    email = customer["email"] if customer else session["customer_email"]
    account.change(
        session,
        status="complete",
        payment_status=payment_status,
        url=None,
        customer_details={
            **nulls("address business_name individual_name name phone tax_ids"),
            "email": email or "buyer@example.com",
            "tax_exempt": "none",
        },
    )
    clock = clock_of(account, session["customer"])
    account.emit("checkout.session.completed", session, clock=clock)
