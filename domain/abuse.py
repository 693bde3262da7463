"""Which log-ins are refused for now: a pure rule over a counter.

Counted per (address, source prefix), whether or not anybody has that address, so that the answer
tells nothing about who is registered.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve, frozen

from domain.errors import Refusal

FAILURES_BEFORE_LOCK = 5
FIRST_LOCK = timedelta(minutes=15)
LONGEST_LOCK = timedelta(hours=24)
#: Failures older than this are forgotten.
MEMORY = timedelta(hours=24)


@frozen(kw_only=True)
class LoginFailures:
    """What is remembered of one (address, source prefix)."""

    count: int = 0
    last_at: datetime | None = None
    locked_until: datetime | None = None

    def verdict(self, now: datetime) -> Refusal | None:
        """Why a log-in is refused unseen, or None."""
        if self.locked_until is None or self.locked_until <= now:
            return None
        return Refusal(
            code="account_locked",
            detail="too many failed log-ins for this address from this network",
            retry_after=self.locked_until - now,
        )

    def failed(self, now: datetime) -> LoginFailures:
        """After one more failure.  Every fifth locks, each time for twice as long."""
        is_fresh = self.last_at is not None and now - self.last_at < MEMORY
        count = self.count + 1 if is_fresh else 1
        locks, rest = divmod(count, FAILURES_BEFORE_LOCK)
        if rest:
            return evolve(self, count=count, last_at=now)
        lock = min(FIRST_LOCK * 2 ** (locks - 1), LONGEST_LOCK)
        return LoginFailures(count=count, last_at=now, locked_until=now + lock)
