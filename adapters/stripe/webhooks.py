"""Webhook bodies: whose word they are, and what they are about.

A body may have the shape of an older API version, so that only what all versions have in common
is read: id, type, created, livemode, and the object's id.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from application.ports.payments import PaymentForgedError
from domain.payment import About, PaymentEvent, Subject

#: https://docs.stripe.com/webhooks#replay-attacks
TOLERANCE = timedelta(seconds=300)

#: The events that concern us, and the object each of them is about.
KINDS = {
    "checkout.session.completed": About.CHECKOUT,
    "checkout.session.async_payment_succeeded": About.CHECKOUT,
    "customer.subscription.created": About.SUBSCRIPTION,
    "customer.subscription.updated": About.SUBSCRIPTION,
    "customer.subscription.deleted": About.SUBSCRIPTION,
    "customer.subscription.paused": About.SUBSCRIPTION,
    "customer.subscription.resumed": About.SUBSCRIPTION,
    "invoice.paid": About.INVOICE,
    "invoice.payment_failed": About.INVOICE,
    "invoice.voided": About.INVOICE,
    "invoice.marked_uncollectible": About.INVOICE,
    "charge.refunded": About.CHARGE,
    "charge.updated": About.CHARGE,
    "refund.updated": About.PAYMENT,
    "refund.failed": About.PAYMENT,
    "charge.dispute.created": About.DISPUTE,
    "charge.dispute.updated": About.DISPUTE,
    "charge.dispute.closed": About.DISPUTE,
    "charge.dispute.funds_reinstated": About.DISPUTE,
}


def verified(body: bytes, signature: str, secrets: Sequence[str], now: datetime) -> PaymentEvent:
    """Raises: PaymentForgedError."""
    _must_be_signed(body, signature, secrets)
    _must_be_in_time(signature, now)
    try:
        return event_of(json.loads(body))
    except (ValueError, KeyError, TypeError) as error:
        raise PaymentForgedError("signed, and no event") from error


def event_of(told: dict[str, Any]) -> PaymentEvent:
    kind = str(told["type"])
    return PaymentEvent(
        id=str(told["id"]),
        kind=kind,
        created_at=datetime.fromtimestamp(int(told["created"]), UTC),
        live=told["livemode"] is True,
        subject=_subject(kind, told["data"]["object"]),
    )


def _subject(kind: str, about: dict[str, Any]) -> Subject | None:
    what = KINDS.get(kind)
    if what is None:
        return None
    # A refund has no life of its own here: its payment is looked at.
    id = about.get("payment_intent") if kind.startswith("refund.") else about["id"]
    return Subject(what, id) if isinstance(id, str) else None


def _must_be_signed(body: bytes, signature: str, secrets: Sequence[str]) -> None:
    """One of the secrets will do: during a rotation there are two."""
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(body, signature, secret)
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            continue
        return
    raise PaymentForgedError("none of the webhook secrets signs this")


def _must_be_in_time(signature: str, now: datetime) -> None:
    """By our own clock; the SDK would ask the machine's."""
    stamps = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    signed_at = datetime.fromtimestamp(int(stamps[0]), UTC)
    if abs(now - signed_at) > TOLERANCE:
        raise PaymentForgedError("signed more than 300 s ago, or by another clock")
