"""Payment intents and their charges: how money is taken, and how that fails.

A customer pays as long as nothing else was said; `Account.refusals` says which of the next
payments the bank refuses, and with what code.
"""

from entrypoints.devnet.stripe import forms
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.customers import attach, clock_of, living
from entrypoints.devnet.stripe.errors import RefusedError, invalid
from entrypoints.devnet.stripe.listing import PAGE, page
from entrypoints.devnet.stripe.records import Record, nulls
from entrypoints.devnet.stripe.routing import Route, getter

#: What the bank says, by code.  https://docs.stripe.com/declines/codes
DECLINES = {
    "card_declined": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "insufficient_funds": "Your card has insufficient funds.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}

_SHOWN_OF_CARD = (
    "brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4",
    "regulated_status", "wallet",
)  # fmt: skip


def new_intent(
    account: Account,
    *,
    amount: int,
    currency: str,
    customer: str | None,
    metadata: dict[str, str],
    description: str | None = None,
    payment_method: str | None = None,
) -> Record:
    id = account.ids.next("payment_intent")
    clock = clock_of(account, customer)
    intent = account.create(
        {
            "id": id,
            "object": "payment_intent",
            **nulls("application application_fee_amount canceled_at"),
            **nulls("cancellation_reason customer_account excluded_payment_method_types"),
            **nulls("last_payment_error latest_charge next_action on_behalf_of processing"),
            **nulls("payment_method_configuration_details receipt_email review"),
            **nulls("setup_future_usage shipping statement_descriptor"),
            **nulls("statement_descriptor_suffix transfer_data transfer_group"),
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "automatic_payment_methods": None,
            "capture_method": "automatic_async",
            "client_secret": f"{id}_secret_{account.ids.letters(24)}",
            "confirmation_method": "automatic",
            "created": account.time_of(clock),
            "currency": currency,
            "customer": customer,
            "description": description,
            "livemode": account.livemode,
            "metadata": dict(metadata),
            "payment_method": payment_method,
            "payment_method_options": {
                "card": {
                    **nulls("installments mandate_options network"),
                    "request_three_d_secure": "automatic",
                }
            },
            "payment_method_types": ["card"],
            "status": "requires_confirmation" if payment_method else "requires_payment_method",
        }
    )
    account.emit("payment_intent.created", intent, clock=clock)
    return intent


def take(account: Account, intent: Record, card: Record) -> bool:
    """Ask the bank for the intent's money; tells whether it came."""
    clock = clock_of(account, intent["customer"])
    code = _refusal(account, intent["customer"])
    charge = _charge(account, intent, card, code)
    account.change(intent, payment_method=card["id"], latest_charge=charge["id"])
    if code is None:
        _succeed(account, intent, charge, clock)
        return True
    error = {
        "charge": charge["id"],
        "code": "card_declined" if code == "insufficient_funds" else code,
        "decline_code": code if code != "card_declined" else "generic_decline",
        "message": DECLINES[code],
        "type": "card_error",
    }
    account.change(intent, status="requires_payment_method", last_payment_error=error)
    account.emit("charge.failed", charge, clock=clock)
    account.emit("payment_intent.payment_failed", intent, clock=clock)
    return False


def _refusal(account: Account, customer: str | None) -> str | None:
    planned = account.refusals.get(customer or "")
    if planned is None:
        return None
    if planned.times is not None:
        planned.times -= 1
        if planned.times <= 0:
            del account.refusals[customer or ""]
    return planned.code


def begin(account: Account, intent: Record, card: Record) -> None:
    """The payment is on its way, as a bank transfer is for days; `finish` says how it ended."""
    clock = clock_of(account, intent["customer"])
    charge = _charge(account, intent, card, None, status="pending")
    account.change(
        intent, payment_method=card["id"], latest_charge=charge["id"], status="processing"
    )
    account.emit("charge.pending", charge, clock=clock)
    account.emit("payment_intent.processing", intent, clock=clock)


def finish(account: Account, intent: Record, *, succeeded: bool) -> None:
    clock = clock_of(account, intent["customer"])
    charge = account.get("charge", intent["latest_charge"])
    if succeeded:
        account.change(charge, status="succeeded", paid=True, amount_captured=charge["amount"])
        _succeed(account, intent, charge, clock)
        return
    message = "The bank transfer was not completed."
    account.change(
        charge,
        status="failed",
        paid=False,
        captured=False,
        failure_code="payment_intent_payment_attempt_failed",
        failure_message=message,
    )
    error = {
        "charge": charge["id"],
        "code": "payment_intent_payment_attempt_failed",
        "message": message,
        "type": "invalid_request_error",
    }
    account.change(intent, status="requires_payment_method", last_payment_error=error)
    account.emit("charge.failed", charge, clock=clock)
    account.emit("payment_intent.payment_failed", intent, clock=clock)


def _succeed(account: Account, intent: Record, charge: Record, clock: str | None) -> None:
    account.change(charge, balance_transaction=new_movement(account, charge, clock)["id"])
    account.change(
        intent,
        status="succeeded",
        amount_received=intent["amount"],
        last_payment_error=None,
        latest_charge=charge["id"],
    )
    account.emit("charge.succeeded", charge, clock=clock)
    account.emit("payment_intent.succeeded", intent, clock=clock)


def _charge(
    account: Account, intent: Record, card: Record, code: str | None, status: str | None = None
) -> Record:
    succeeded = code is None and status is None
    return account.create(
        {
            "id": account.ids.next("charge"),
            "object": "charge",
            **nulls("application application_fee application_fee_amount balance_transaction"),
            **nulls("failure_balance_transaction on_behalf_of receipt_email receipt_number"),
            **nulls("review shipping source_transfer statement_descriptor"),
            **nulls("statement_descriptor_suffix transfer_data transfer_group"),
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if succeeded else 0,
            "amount_refunded": 0,
            "billing_details": dict(card["billing_details"]),
            "calculated_statement_descriptor": "TALLYSTICK",
            "captured": code is None,
            "created": account.time_of(clock_of(account, intent["customer"])),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_code": code,
            "failure_message": code and DECLINES[code],
            "fraud_details": {},
            "livemode": account.livemode,
            "metadata": dict(intent["metadata"]),
            "outcome": {
                **nulls("advice_code network_advice_code network_decline_code"),
                "network_status": "declined_by_network" if code else "approved_by_network",
                "reason": code,
                "risk_level": "normal",
                "risk_score": 20,
                "seller_message": "Payment failed." if code else "Payment complete.",
                "type": "issuer_declined" if code else "authorized",
            },
            "paid": succeeded,
            "payment_intent": intent["id"],
            "payment_method": card["id"],
            "payment_method_details": {
                "card": {
                    **{name: card["card"][name] for name in _SHOWN_OF_CARD},
                    **nulls("installments mandate network_token network_transaction_id"),
                    **nulls("authorization_code three_d_secure"),
                    "amount_authorized": intent["amount"],
                    "network": "visa",
                },
                "type": "card",
            },
            "radar_options": {},
            "receipt_url": None,
            "refunded": False,
            "status": status or ("succeeded" if succeeded else "failed"),
        }
    )


def new_movement(
    account: Account, source: Record, clock: str | None, *, amount: int | None = None, fee: int = 0
) -> Record:
    """What an object does to the account's balance, in minor units; money that leaves is negative.

    Cards cost 2.9 % and 30 minor units.
    """
    if amount is None:
        amount = source["amount"]
        fee = amount * 29 // 1000 + 30
    kind = {"charge": "charge", "refund": "refund", "dispute": "adjustment"}[source["object"]]
    now = account.time_of(clock)
    return account.create(
        {
            "id": account.ids.next("balance_transaction"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": now + 2 * 86_400,
            "balance_type": "payments",
            "created": now,
            "currency": source["currency"],
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [],
            "net": amount - fee,
            "reporting_category": "dispute" if kind == "adjustment" else kind,
            "source": source["id"],
            "status": "pending",
            "type": kind,
        }
    )


def _create(account: Account, form: Record) -> Record:
    customer = living(account, form["customer"]) if form.get("customer") else None
    if form["amount"] < 1:
        raise invalid("This value must be greater than or equal to 1.", "amount")
    card = None
    if form.get("payment_method"):
        card = _card(account, customer, form["payment_method"])
    intent = new_intent(
        account,
        amount=form["amount"],
        currency=form["currency"].lower(),
        customer=form.get("customer"),
        metadata=forms.merged({}, form.get("metadata")),
        description=form.get("description"),
        payment_method=card["id"] if card else None,
    )
    return _confirm(account, {}, intent["id"]) if form.get("confirm") else intent


def _card(account: Account, customer: Record | None, id: str) -> Record:
    if customer is not None and id == "pm_card_visa":
        return attach(account, customer, id)
    return account.get("payment_method", id, "payment_method")


def _confirm(account: Account, form: Record, id: str) -> Record:
    intent = account.get("payment_intent", id, "intent")
    if intent["status"] not in {"requires_confirmation", "requires_payment_method"}:
        raise _unexpected(intent, "confirm")
    method = form.get("payment_method") or intent["payment_method"]
    if method is None:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method"
        )
    customer = account.get("customer", intent["customer"]) if intent["customer"] else None
    if not take(account, intent, _card(account, customer, method)):
        raise declined(intent)
    return intent


def declined(intent: Record) -> RefusedError:
    error = intent["last_payment_error"]
    return RefusedError(
        402,
        error["message"],
        type="card_error",
        code=error["code"],
        decline_code=error.get("decline_code"),
        charge=error["charge"],
        payment_intent=intent,
    )


def _unexpected(intent: Record, what: str) -> RefusedError:
    return invalid(
        f"You cannot {what} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
    )


def _cancel(account: Account, form: Record, id: str) -> Record:
    intent = account.get("payment_intent", id, "intent")
    if intent["status"] in {"succeeded", "canceled", "processing"}:
        raise _unexpected(intent, "cancel")
    return cancel(account, intent, form.get("cancellation_reason"))


def cancel(account: Account, intent: Record, reason: str | None) -> Record:
    clock = clock_of(account, intent["customer"])
    account.change(
        intent,
        status="canceled",
        canceled_at=account.time_of(clock),
        cancellation_reason=reason,
    )
    account.emit("payment_intent.canceled", intent, clock=clock)
    return intent


def _change(account: Account, form: Record, id: str) -> Record:
    intent = account.get("payment_intent", id, "intent")
    if "metadata" in form:
        form["metadata"] = forms.merged(intent["metadata"], form["metadata"])
    account.change(intent, **form)
    return intent


_SEARCHED = {**PAGE, "customer": forms.text}
ROUTES = [
    Route(
        "POST",
        "/v1/payment_intents",
        _create,
        {
            "amount!": forms.integer,
            "currency!": forms.text,
            "confirm": forms.boolean,
            "customer": forms.text,
            "description": forms.text,
            "metadata": forms.metadata,
            "off_session": forms.boolean,
            "payment_method": forms.text,
            "payment_method_types": [forms.text],
        },
    ),
    Route(
        "GET",
        "/v1/payment_intents",
        lambda account, form: page("/v1/payment_intents", account.all("payment_intent"), form),
        _SEARCHED,
    ),
    Route("GET", "/v1/payment_intents/:id", getter("payment_intent")),
    Route(
        "POST",
        "/v1/payment_intents/:id",
        _change,
        {"metadata": forms.metadata, "description": forms.text},
    ),
    Route("POST", "/v1/payment_intents/:id/confirm", _confirm, {"payment_method": forms.text}),
    Route("POST", "/v1/payment_intents/:id/cancel", _cancel, {"cancellation_reason": forms.text}),
    Route(
        "GET",
        "/v1/charges",
        lambda account, form: page("/v1/charges", account.all("charge"), form),
        {**_SEARCHED, "payment_intent": forms.text},
    ),
    Route("GET", "/v1/charges/:id", getter("charge")),
    Route("GET", "/v1/balance_transactions/:id", getter("balance_transaction")),
]
