"""The operator takes credits away or gives some, or undoes a capture, and says why.

A reference names what it is for: the same one does nothing a second time, and is refused for
anything else.
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from attrs import frozen

from application.audit.trail import Trail
from application.credits.post import Order, post_all
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import (
    IdempotencyKey,
    Remembered,
    RequestInFlightError,
)
from application.ports.storage.work import Scope, Store, Work
from domain.audit import OPERATOR, JsonValue
from domain.errors import Refusal
from domain.identifiers import HoldId, LotId, OrganisationId, Prefix, public_id
from domain.ledger import (
    PRIORITIES,
    Adjust,
    Command,
    Correct,
    Event,
    Grant,
    LedgerAccount,
    Lot,
    Source,
    postings,
)

#: As long as the audit trail is kept.
_REMEMBERED = timedelta(days=7 * 366)


@frozen(kw_only=True)
class Adjusted:
    """What came of it."""

    #: Added to what is available; below 0 where it was taken away.
    amount: int
    available: int
    held: int
    debt: int


@frozen(kw_only=True)
class AdjustCredits:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, organisation: OrganisationId, amount: int, reason: str, reference: str | None
    ) -> Adjusted | Refusal:
        """Below 0: from available credits in burn order, never more than there are.  Above 0: a
        grant that does not expire, and was not paid for.
        """
        if amount == 0:
            return Refusal(code="invalid_amount", detail="adjust by a number other than 0")

        def command(now: datetime) -> Command:
            return self._grant(amount, reference, now) if amount > 0 else Adjust(amount=-amount)

        return _Act(
            store=self.store,
            clock=self.clock,
            identifiers=self.identifiers,
            organisation=organisation,
            reason=reason,
            reference=reference,
            action="operator.adjusted_credits",
            details={"amount": amount},
        )(command)

    def _grant(self, amount: int, reference: str | None, now: datetime) -> Command:
        id = LotId(self.identifiers.next())
        lot = Lot(
            id=id,
            source=Source.PROMO,
            priority=PRIORITIES[Source.PROMO],
            amount=amount,
            remaining=amount,
            effective_at=now,
            fact=_fact(reference) if reference else f"operator:{public_id(Prefix.GRANT, id)}",
        )
        return Grant(lot=lot, is_granted_before=False)


@frozen(kw_only=True)
class CorrectCapture:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self,
        organisation: OrganisationId,
        hold: HoldId,
        amount: int | None,
        reason: str,
        reference: str | None,
    ) -> Adjusted | Refusal:
        """Give back what *hold* captured (None: all that is left of it), to the lots it came from.

        What expired meanwhile lives on for a day.
        """
        if amount is not None and amount <= 0:
            return Refusal(code="invalid_amount", detail="correct by a positive number")
        return _Act(
            store=self.store,
            clock=self.clock,
            identifiers=self.identifiers,
            organisation=organisation,
            reason=reason,
            reference=reference,
            action="operator.corrected_capture",
            details={"amount": amount, "hold": public_id(Prefix.HOLD, hold)},
        )(lambda _: Correct(id=hold, amount=amount))


@frozen(kw_only=True)
class _Act:
    """One command of the operator's, told in the trail, once for each reference."""

    store: Store
    clock: Clock
    identifiers: Identifiers
    organisation: OrganisationId
    reason: str
    reference: str | None
    action: str
    details: dict[str, JsonValue]

    def __call__(self, command: Callable[[datetime], Command]) -> Adjusted | Refusal:
        if not self.reason.strip():
            return Refusal(code="reason_missing", detail="say why: it is kept for seven years")
        with self.store.begin(Scope(organisation=self.organisation)) as work:
            if work.organisations.get() is None:
                name = public_id(Prefix.ORGANISATION, self.organisation)
                return Refusal(code="not_found", detail=f"there is no organisation {name}")
            refusal = self._refuse_a_repetition(work)
            if refusal is not None:
                return refusal
            work.ledger.stand_in_line()
            now = self.clock.now()
            if self.reference and work.ledger.is_granted(_fact(self.reference)):
                return self._used(self.reference)
            trail = Trail(
                identifiers=self.identifiers, organisation=self.organisation, actor=OPERATOR
            )
            order = Order(trail=trail, command=command(now))
            (outcome,) = post_all(work, [order], now)
            if outcome.refusal is None:
                name = public_id(Prefix.ORGANISATION, self.organisation)
                details: dict[str, JsonValue] = {
                    "reason": self.reason,
                    "reference": self.reference,
                    **self.details,
                }
                trail.add(self.action, name, now, details=details)
                self._remember(work, now)
            trail.write(work)
            after = work.ledger.balance()
        if outcome.refusal is not None:
            return outcome.refusal
        return Adjusted(
            amount=_moved(outcome.events),
            available=after.available,
            held=after.held,
            debt=after.debt,
        )

    def _refuse_a_repetition(self, work: Work) -> Refusal | None:
        if self.reference is None:
            return None
        try:
            known = work.idempotency.take(_key(self.reference), self.clock.now())
        except RequestInFlightError:
            detail = f"{self.reference} is being worked on at this moment"
            return Refusal(code="request_in_flight", detail=detail)
        return None if known is None else self._used(self.reference)

    def _remember(self, work: Work, now: datetime) -> None:
        if self.reference is not None:
            asked = f"{self.action}\0{sorted(self.details.items())}".encode()
            remembered = Remembered(
                fingerprint=hashlib.sha256(asked).digest(),
                operation=None,
                refusal=None,
                expires_at=now + _REMEMBERED,
            )
            work.idempotency.remember(_key(self.reference), remembered)

    def _used(self, reference: str) -> Refusal:
        return Refusal(code="reference_used", detail=f"{reference} was used before")


def _moved(events: Iterable[Event]) -> int:
    """What came to `available`, whether or not it paid a debt at once."""
    lines = [line for event in events for line in postings(event)]
    came = sum(line.amount for line in lines if line.credit is LedgerAccount.AVAILABLE)
    left = sum(line.amount for line in lines if line.credit is LedgerAccount.ADJUST)
    return came - left


def _key(reference: str) -> IdempotencyKey:
    return IdempotencyKey(live=False, route="tallystick credits", key=reference)


def _fact(reference: str) -> str:
    return f"operator:{reference}"
