"""The licence of the scope's organisation: what may begin, and what follows when that changes.

The wallet's lock is where everybody meets.  Whoever changes a fact that the licence follows from
writes it, then takes that lock and calls `follow_licence`; whoever begins something that costs
credits asks `licence_refusal` under the same lock, in the transaction that holds them; and whoever
signs first asks `why_not_begin` in the transaction that records the signature.  So one of two sees
what the other did, and after a failed payment was recorded nothing unsigned of what is off is
held, nor ever signed (I16 of facts/ledger.md).
"""

from datetime import datetime

from attrs import evolve

from application.audit.trail import Trail
from application.credits.post import Order, post_all
from application.ports.storage.work import Work
from domain.catalogue import KindClass
from domain.deployment import Deployment, State
from domain.errors import Refusal
from domain.identifiers import OperationId, Prefix, public_id
from domain.ledger import Hold, Release
from domain.licence import (
    DisputeFacts,
    Licence,
    LicenceFacts,
    LicenceState,
    SubscriptionFacts,
    licence,
)
from domain.payment import BillingFacts


def licence_of(work: Work, now: datetime) -> Licence:
    """As the facts say at *now*."""
    return licence(facts_of(work.billing.facts(), work.licences.get().arranged_at, now), now)


def licence_refusal(work: Work, kind_class: KindClass, now: datetime) -> Refusal | None:
    """Why nothing of that class begins now; None: it may.  Ask under the wallet's lock."""
    return licence_of(work, now).refusal(kind_class)


def why_not_begin(work: Work, operation: Deployment, now: datetime) -> Refusal | None:
    """Why *operation* must not be signed for the first time; None: it may, or it was.

    Before the first signature is recorded, ask under the wallet's lock.  What was given back
    never begins, also where the licence is good again: a retry takes a new hold.
    """
    if operation.state is not State.QUEUED or operation.hold is None:
        return None
    hold = work.ledger.hold(operation.hold)
    if hold is None or not hold.is_open:
        detail = "a payment failed or the subscription ended, and its credits were given back"
        return Refusal(code="hold_closed", detail=detail)
    return licence_refusal(work, hold.kind_class, now)


def follow_licence(work: Work, trail: Trail, now: datetime) -> Licence:
    """Take the wallet's lock, tell a state that is another than was told, give back what is off.

    Called with every fact that may change it, in the transaction of that fact, and when time
    does.  Calling it once too often does nothing.
    """
    work.ledger.stand_in_line()
    found, record = licence_of(work, now), work.licences.get()
    if found.state is not record.told:
        trail.add(
            "licence.changed",
            public_id(Prefix.ORGANISATION, trail.organisation),
            now,
            details={
                "state_before": record.told.value,
                "state": found.state.value,
                "since": _text(found.since),
                "until": _text(found.until),
            },
        )
    followed = evolve(record, told=found.state, due_at=found.until)
    if followed != record:
        work.licences.put(followed)
    release_unsigned(work, trail, found.state, now)
    return found


def release_unsigned(work: Work, trail: Trail, state: LicenceState, now: datetime) -> int:
    """Give back what is held for what may not begin in *state*; tell how many holds.

    Metered holds, and those of operations of which nothing has been signed.  A worker ends these
    when it next looks at them, with proof that there is no effect; what was signed settles by
    proof, and keeps its hold.
    """
    if state.premium:
        return 0
    # Listed under the lock: whoever holds or signs does so under it, too.
    work.ledger.stand_in_line()
    unsigned = [
        hold
        for hold in work.ledger.held()
        if not state.allows(hold.kind_class) and _is_unsigned(work, hold)
    ]
    orders = [
        Order(
            trail=trail,
            command=Release(id=hold.id),
            subject=hold.subject,
            correlation=_name(work, hold),
        )
        for hold in unsigned
    ]
    return sum(outcome.refusal is None for outcome in post_all(work, orders, now))


def facts_of(billing: BillingFacts, arranged_at: datetime | None, now: datetime) -> LicenceFacts:
    """What the licence follows from, out of what is known of payments."""
    trials = [
        each.trial_ends_at
        for each in billing.subscriptions
        if each.trial_ends_at is not None and not each.is_over(now)
    ]
    return LicenceFacts(
        is_free=not billing.subscriptions,
        trial_until=max(trials, default=None),
        arranged_at=arranged_at,
        purchased_at=billing.purchased_at,
        subscriptions=tuple(
            SubscriptionFacts(
                id=each.id,
                period_start=each.period_start,
                period_end=each.period_end,
                is_paid=each.is_paid,
                first_failure_at=each.first_failure_at,
                cancelled_at=each.cancelled_at,
                ends_at=each.ends_at,
            )
            for each in billing.subscriptions
        ),
        disputes=tuple(
            DisputeFacts(opened_at=each.opened_at, closed_at=each.closed_at, is_won=each.is_won)
            for each in billing.disputes
        ),
    )


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _is_unsigned(work: Work, hold: Hold) -> bool:
    if hold.lease_until is not None:
        return True
    operation = work.deployments.get(OperationId(hold.subject))
    return operation is not None and operation.state is State.QUEUED


def _name(work: Work, hold: Hold) -> str | None:
    operation = work.deployments.get(OperationId(hold.subject))
    return operation.named if operation is not None else public_id(Prefix.HOLD, hold.id)
