"""What an organisation may begin, as a pure function of what is known about its payments.

::

    state            premium   core   reports, exports, reads
    active, trial       on      on       on
    payment_failed      off     on       on      15 × 24 h from the first failure
    suspended           off     off      on      from then on
    cancelled           off     off      on      cancelled, and the last paid period is over

*Off* means that nothing new of the class begins: what is signed is finished.  There is no flag
that somebody could forget to clear; a state ends as soon as the facts that made it are gone, and
whatever order they arrived in, the same facts make the same state (spec/credits.md, "Licence").
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from attrs import field, frozen

from domain.catalogue import KindClass
from domain.errors import Refusal

#: From the first failure until nothing new begins any more: 15 × 24 h, whatever the clocks show.
GRACE = timedelta(hours=15 * 24)


class LicenceState(StrEnum):
    ACTIVE = "active"
    TRIAL = "trial"
    PAYMENT_FAILED = "payment_failed"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"

    @property
    def premium(self) -> bool:
        """Whether what is not core begins: premium and compliance."""
        return self in {LicenceState.ACTIVE, LicenceState.TRIAL}

    @property
    def core(self) -> bool:
        return self.premium or self is LicenceState.PAYMENT_FAILED

    @property
    def reports(self) -> bool:
        """Reports, exports and reads: never withheld."""
        return True

    def allows(self, kind_class: KindClass) -> bool:
        return self.core if kind_class is KindClass.CORE else self.premium


@frozen(kw_only=True)
class SubscriptionFacts:
    """What was last heard of one subscription."""

    #: The provider's name of it; only tells them apart.
    id: str
    #: The last period that was paid.
    period_start: datetime
    period_end: datetime
    #: False: it is tried, or what was paid for it went back.
    is_paid: bool = True
    #: The first failed payment since the last good one; None: nothing is owed.
    first_failure_at: datetime | None = None
    cancelled_at: datetime | None = None
    #: When the provider ends it, or ended it.
    ends_at: datetime | None = None

    @property
    def over_at(self) -> datetime | None:
        """When a cancelled one is over: what is paid for is given; None: it goes on."""
        if self.cancelled_at is None and self.ends_at is None:
            return None
        return max(self.period_end, self.ends_at or self.period_end)


@frozen(kw_only=True)
class DisputeFacts:
    """A payment that its payer calls unjust."""

    opened_at: datetime
    closed_at: datetime | None = None
    #: False: lost, the money is gone; None: closed in another way, such as by paying.
    is_won: bool | None = None

    @property
    def is_lost(self) -> bool:
        return self.closed_at is not None and self.is_won is False

    @property
    def is_settled(self) -> bool:
        return self.closed_at is not None and self.is_won is not False


@frozen(kw_only=True)
class LicenceFacts:
    #: The tariff costs nothing.
    is_free: bool
    #: Until when a paid tariff may be tried.
    trial_until: datetime | None = None
    #: When the operator last gave a tariff by hand: whatever was owed before that is settled.
    arranged_at: datetime | None = None
    #: The newest payment that was for no subscription.
    purchased_at: datetime | None = None
    subscriptions: tuple[SubscriptionFacts, ...] = ()
    disputes: tuple[DisputeFacts, ...] = ()


@frozen(kw_only=True)
class Licence:
    state: LicenceState
    #: Whether what is not core may begin.
    premium: bool
    #: Whether anything that costs credits may begin.
    core: bool
    #: When the state began; None: nothing ever stood against it.
    since: datetime | None = field(default=None)
    #: When time alone changes the state; None: it takes a new fact.
    until: datetime | None = None

    def refusal(self, kind_class: KindClass) -> Refusal | None:
        """Why nothing of that class begins now; None: it may."""
        if self.state.allows(kind_class):
            return None
        since = f" since {self.since.isoformat()}" if self.since is not None else ""
        if kind_class is KindClass.CORE:
            return Refusal(
                code="licence_core_off",
                detail=f"the licence is {self.state}{since}: nothing new begins",
            )
        return Refusal(
            code="licence_premium_off",
            detail=f"the licence is {self.state}{since}: nothing of class {kind_class} begins",
        )


def licence(facts: LicenceFacts, now: datetime) -> Licence:
    """What the organisation may begin at *now*.

    A failure or dispute counts from the moment it is known, also where its instant is ahead of
    our clock.  Silence is no failure: a period that ended without news changes nothing.
    """
    if not facts.subscriptions and not facts.disputes and facts.trial_until is None:
        # Nothing that could fail, be contested or end: most calls are of such organisations.
        return _UNTROUBLED
    state, since = _judged(facts, now)
    return Licence(
        state=state,
        premium=state.premium,
        core=state.core,
        since=since,
        until=next_change(facts, now),
    )


_UNTROUBLED = Licence(
    state=LicenceState.ACTIVE, premium=LicenceState.ACTIVE.premium, core=LicenceState.ACTIVE.core
)


def next_change(facts: LicenceFacts, now: datetime) -> datetime | None:
    """The first instant after *now* at which time alone makes another state of the same facts."""
    state, _ = _judged(facts, now)
    turns = {subscription.over_at for subscription in facts.subscriptions}
    turns |= {facts.trial_until}
    turns |= {start + GRACE for start in _troubles(facts)}
    coming = sorted(turn for turn in turns if turn is not None and turn > now)
    return next((turn for turn in coming if _judged(facts, turn)[0] is not state), None)


def _judged(facts: LicenceFacts, now: datetime) -> tuple[LicenceState, datetime | None]:
    """The state and when it began."""
    over = _over_since(facts, now)
    if over is not None:
        return LicenceState.CANCELLED, over
    troubles = _troubles(facts)
    if troubles:
        first = min(troubles)
        if now < first + GRACE:
            return LicenceState.PAYMENT_FAILED, first
        return LicenceState.SUSPENDED, first + GRACE
    if facts.trial_until is not None and now < facts.trial_until:
        return LicenceState.TRIAL, None
    return LicenceState.ACTIVE, None


def _over_since(facts: LicenceFacts, now: datetime) -> datetime | None:
    """When the last thing that was paid for, or tried, came to its end; None: one goes on."""
    kept = [each for each in facts.subscriptions if not _is_replaced(facts, each)]
    # Two that failed in turns replace each other.
    ends = [each.over_at for each in kept or facts.subscriptions]
    if not ends and facts.trial_until is not None and not facts.is_free:
        ends = [facts.trial_until]
    known = [end for end in ends if end is not None and end <= now]
    if not known or len(known) < len(ends):
        return None
    over = max(known)
    has_bought = facts.purchased_at is not None and facts.purchased_at >= over
    return None if has_bought or _is_settled_since(facts, over) else over


def _troubles(facts: LicenceFacts) -> list[datetime]:
    """When each failure and dispute began that nothing has cleared."""
    failures = [
        each.first_failure_at
        for each in facts.subscriptions
        if each.first_failure_at is not None
        and not _is_settled_since(facts, each.first_failure_at)
        and not _is_replaced(facts, each)
    ]
    return failures + [each.opened_at for each in facts.disputes if not _is_cleared(facts, each)]


def _is_cleared(facts: LicenceFacts, dispute: DisputeFacts) -> bool:
    """Won, closed by paying, settled by hand; one that was lost, by any payment after it."""
    if dispute.is_settled or _is_settled_since(facts, dispute.opened_at):
        return True
    if not dispute.is_lost or dispute.closed_at is None:
        return False
    paid = [each.period_start for each in facts.subscriptions if each.is_paid]
    if facts.purchased_at is not None:
        paid.append(facts.purchased_at)
    return any(at >= dispute.closed_at for at in paid)


def _is_replaced(facts: LicenceFacts, subscription: SubscriptionFacts) -> bool:
    """Whether it failed, and a period of another one has been paid for since.

    For good: what fails of the other one later is that one's failure.
    """
    failed_at = subscription.first_failure_at
    return failed_at is not None and any(
        other.id != subscription.id and other.is_paid and other.period_start >= failed_at
        for other in facts.subscriptions
    )


def _is_settled_since(facts: LicenceFacts, instant: datetime) -> bool:
    return facts.arranged_at is not None and facts.arranged_at >= instant
