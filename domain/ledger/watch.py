"""When an organisation is told that its credits run low: at 20 %, at 5 %, and when none are left.

Of what the current period granted: a period begins with a grant of the tariff, or a month after
the one before where there is none.  Each threshold is told once; a grant that lifts the balance
above it arms it again, a release does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum

from attrs import evolve

from domain.ledger.accounts import LedgerAccount
from domain.ledger.events import ClawedBack, Event, Granted
from domain.ledger.fold import fold
from domain.ledger.wallet import CreditWatch, Source, Wallet

#: No period of a tariff is longer.
LONGEST_PERIOD = timedelta(days=31)


class Threshold(IntEnum):
    """In percent of what was granted."""

    LOW = 20
    VERY_LOW = 5
    EXHAUSTED = 0

    @property
    def action(self) -> str:
        """The audit event that tells of it.  ``credits.*`` are postings, and this is none."""
        return "balance.exhausted" if self is Threshold.EXHAUSTED else "balance.low"


def watched(
    before: Wallet, events: Iterable[Event], now: datetime
) -> tuple[CreditWatch, Threshold | None]:
    """What is watched after *events*, and the threshold to be told of, the lowest if several."""
    wallet = before
    watch = before.watch or CreditWatch(granted=before.available, since=now)
    if now - watch.since >= LONGEST_PERIOD:
        watch = CreditWatch(granted=before.available, since=now)
    for event in events:
        wallet = fold(wallet, event)
        match event:
            case Granted(lot=lot) if lot.source is Source.PLAN:
                watch = CreditWatch(granted=wallet.available, since=now)
            case Granted(lot=lot):
                watch = evolve(watch, granted=watch.granted + lot.amount)
                watch = evolve(watch, told=_still_told(watch, wallet.available))
            case ClawedBack(origin=LedgerAccount.AVAILABLE, amount=amount):
                watch = evolve(watch, granted=max(0, watch.granted - amount))
            case _:
                pass
    reached = _reached(watch.granted, wallet.available)
    if reached is None or (watch.told is not None and watch.told <= reached):
        return watch, None
    return evolve(watch, told=int(reached)), reached


def _reached(granted: int, available: int) -> Threshold | None:
    """The lowest threshold that the balance is at or below."""
    if granted == 0:
        return None
    return min((each for each in Threshold if available * 100 <= granted * each), default=None)


def _still_told(watch: CreditWatch, available: int) -> int | None:
    """What was told before a grant and holds after it."""
    reached = _reached(watch.granted, available)
    if reached is None or watch.told is None:
        return None
    return max(watch.told, int(reached))
