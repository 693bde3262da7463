"""Refunds and disputes: how money goes back.  Never more is refunded than was charged."""

from entrypoints.devnet.stripe import forms
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.customers import clock_of
from entrypoints.devnet.stripe.errors import invalid
from entrypoints.devnet.stripe.listing import PAGE, page
from entrypoints.devnet.stripe.payments import new_movement
from entrypoints.devnet.stripe.records import Record, list_object, nulls
from entrypoints.devnet.stripe.routing import Route, getter

#: What a bank takes for a dispute, in minor units; it is kept even when the dispute is won.
DISPUTE_FEE = 1_500
#: How long there is to answer a dispute.
_EVIDENCE_SECONDS = 7 * 86_400


def new_refund(account: Account, form: Record) -> Record:
    if form.get("charge"):
        charge = account.get("charge", form["charge"], "charge")
    elif form.get("payment_intent"):
        intent = account.get("payment_intent", form["payment_intent"], "payment_intent")
        if intent["latest_charge"] is None:
            raise invalid(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge.",
                "payment_intent",
            )
        charge = account.get("charge", intent["latest_charge"])
    else:
        raise invalid("One of the following params should be provided: payment_intent or charge.")
    return refund(
        account,
        charge,
        form.get("amount"),
        reason=form.get("reason"),
        metadata=forms.merged({}, form.get("metadata")),
    )


def refund(
    account: Account,
    charge: Record,
    amount: int | None,
    *,
    reason: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Record:
    """Give money back, all that is left unless an amount is named.  Raises: RefusedError."""
    _must_be_refundable(charge)
    left = charge["amount"] - charge["amount_refunded"]
    if amount is None:
        amount = left
    if amount < 1:
        raise invalid("Invalid positive integer", "amount", "parameter_invalid_integer")
    if amount > left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            "amount",
            "charge_already_refunded" if not left else None,
        )
    clock = clock_of(account, charge["customer"])
    refund = account.create(
        {
            "id": account.ids.next("refund"),
            "object": "refund",
            **nulls("customer_account receipt_number source_transfer_reversal transfer_reversal"),
            "amount": amount,
            "charge": charge["id"],
            "created": account.time_of(clock),
            "currency": charge["currency"],
            "customer": charge["customer"],
            "destination_details": {"card": {"type": "refund"}, "type": "card"},
            "metadata": metadata or {},
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": reason,
            "status": "succeeded",
        }
    )
    account.file(refund, charge["id"])
    movement = new_movement(account, refund, clock, amount=-amount)
    account.change(refund, balance_transaction=movement["id"])
    refunded = charge["amount_refunded"] + amount
    previous = account.change(
        charge, amount_refunded=refunded, refunded=refunded == charge["amount"]
    )
    account.emit("refund.created", refund, clock=clock)
    account.emit("charge.refunded", charge, previous, clock)
    return refund


def _must_be_refundable(charge: Record) -> None:
    if charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} was not successful.", "charge")
    if charge["refunded"]:
        raise invalid(
            f"Charge {charge['id']} has already been refunded.",
            "charge",
            "charge_already_refunded",
        )
    if charge["disputed"]:
        raise invalid(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            "charge",
            "charge_disputed",
        )


def fail_refund(account: Account, refund: Record) -> Record:
    """The money came back to us: the card was closed.  The charge counts as unrefunded again."""
    if refund["status"] != "succeeded":
        raise invalid(f"Refund {refund['id']} is {refund['status']}")
    charge = account.get("charge", refund["charge"])
    clock = clock_of(account, charge["customer"])
    movement = new_movement(account, refund, clock, amount=refund["amount"])
    previous = account.change(
        refund,
        status="failed",
        failure_reason="lost_or_stolen_card",
        failure_balance_transaction=movement["id"],
    )
    left = charge["amount_refunded"] - refund["amount"]
    before = account.change(charge, amount_refunded=left, refunded=False)
    account.emit("refund.updated", refund, previous, clock)
    account.emit("refund.failed", refund, clock=clock)
    account.emit("charge.refund.updated", refund, previous, clock)
    account.emit("charge.updated", charge, before, clock)
    return refund


def open_dispute(
    account: Account, charge: Record, amount: int | None = None, reason: str = "fraudulent"
) -> Record:
    """The cardholder's bank takes the money back at once.  Raises: RefusedError."""
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise invalid(f"Charge {charge['id']} cannot be disputed", "charge")
    left = charge["amount"] - charge["amount_refunded"]
    amount = left if amount is None else amount
    if not 0 < amount <= left:
        raise invalid("A dispute is about what is left of the charge", "amount")
    clock = clock_of(account, charge["customer"])
    now = account.time_of(clock)
    dispute = account.create(
        {
            "id": account.ids.next("dispute"),
            "object": "dispute",
            "amount": amount,
            "balance_transactions": [],
            "charge": charge["id"],
            "created": now,
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": nulls(_EVIDENCE),
            "evidence_details": {
                "due_by": now + _EVIDENCE_SECONDS,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "is_charge_refundable": False,
            "livemode": account.livemode,
            "metadata": {},
            "network_reason_code": "10.4",
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "card": {
                    "brand": "visa",
                    "case_type": "chargeback",
                    "network": "visa",
                    "network_reason_code": "10.4",
                },
                "type": "card",
            },
            "reason": reason,
            "status": "needs_response",
        }
    )
    dispute["evidence"]["enhanced_evidence"] = {}
    before = account.change(charge, disputed=True)
    account.emit("charge.dispute.created", dispute, clock=clock)
    account.emit("charge.updated", charge, before, clock)
    movement = new_movement(account, dispute, clock, amount=-amount, fee=DISPUTE_FEE)
    previous = account.change(dispute, balance_transactions=[movement])
    account.emit("charge.dispute.funds_withdrawn", dispute, previous, clock)
    return dispute


_EVIDENCE = """
    access_activity_log billing_address cancellation_policy cancellation_policy_disclosure
    cancellation_rebuttal customer_communication customer_email_address customer_name
    customer_purchase_ip customer_signature duplicate_charge_documentation
    duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy
    refund_policy_disclosure refund_refusal_explanation service_date service_documentation
    shipping_address shipping_carrier shipping_date shipping_documentation
    shipping_tracking_number uncategorized_file uncategorized_text
"""


def close_dispute(account: Account, dispute: Record, *, won: bool) -> Record:
    """The bank has decided.  Won: the money comes back."""
    if dispute["status"] in {"won", "lost"}:
        raise invalid(f"Dispute {dispute['id']} is already {dispute['status']}")
    charge = account.get("charge", dispute["charge"])
    clock = clock_of(account, charge["customer"])
    previous = account.change(dispute, status="won" if won else "lost")
    if won:
        movement = new_movement(account, dispute, clock, amount=dispute["amount"])
        moved = [*dispute["balance_transactions"], movement]
        account.change(dispute, balance_transactions=moved)
    account.emit("charge.dispute.closed", dispute, previous, clock)
    if won:
        account.emit("charge.dispute.funds_reinstated", dispute, clock=clock)
    return dispute


def _accept(account: Account, form: Record, id: str) -> Record:
    del form
    return close_dispute(account, account.get("dispute", id), won=False)


def _change_refund(account: Account, form: Record, id: str) -> Record:
    refund = account.get("refund", id)
    fields = {"metadata": forms.merged(refund["metadata"], form.get("metadata"))}
    return account.update(
        "refund.updated", refund, clock=clock_of(account, refund["customer"]), **fields
    )


def refunds_of(account: Account, charge: Record) -> Record:
    """What `expand[]=refunds` shows: newest first."""
    found = reversed(account.of("refund", charge["id"]))
    return list_object(f"/v1/charges/{charge['id']}/refunds", found)


_OF = {**PAGE, "charge": forms.text, "payment_intent": forms.text}
ROUTES = [
    Route(
        "POST",
        "/v1/refunds",
        new_refund,
        {
            "amount": forms.integer,
            "charge": forms.text,
            "metadata": forms.metadata,
            "payment_intent": forms.text,
            "reason": forms.one_of("duplicate", "fraudulent", "requested_by_customer"),
        },
    ),
    Route(
        "GET",
        "/v1/refunds",
        lambda account, form: page("/v1/refunds", account.all("refund"), form),
        _OF,
    ),
    Route("GET", "/v1/refunds/:id", getter("refund")),
    Route("POST", "/v1/refunds/:id", _change_refund, {"metadata": forms.metadata}),
    Route(
        "GET",
        "/v1/disputes",
        lambda account, form: page("/v1/disputes", account.all("dispute"), form),
        _OF,
    ),
    Route("GET", "/v1/disputes/:id", getter("dispute")),
    Route("POST", "/v1/disputes/:id/close", _accept),
]
