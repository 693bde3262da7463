"""When an organisation is told that its credits run low: at 20 %, at 5 %, and when none are left.

Of what the current period granted: a period begins with a grant of the tariff, or a month after
the one before where there is none.  Each threshold is told once; a grant that lifts the balance
above it arms it again, a release does not.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import IntEnum
from functools import reduce

from attrs import evolve

from domain.ledger.accounts import LedgerAccount
from domain.ledger.events import ClawedBack, Event, Granted
from domain.ledger.fold import fold
from domain.ledger.wallet import CreditWatch, Source, Wallet

#: What changes how much of it there is to watch.
_MOVES = frozenset({Granted, ClawedBack})
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


_HIGHEST = max(Threshold)


def watched(
    before: Wallet, events: Collection[Event], now: datetime, *, after: Wallet | None = None
) -> tuple[CreditWatch, Threshold | None]:
    """What is watched once *events* have led from *before* to *after*; and the threshold to tell.

    The lowest, where several were crossed.
    """
    watch = before.watch or CreditWatch(granted=before.available, since=now)
    if now - watch.since >= LONGEST_PERIOD:
        watch = CreditWatch(granted=before.available, since=now)
    # On the way from one to the other only what is given or taken back is looked at.
    wallet = before
    is_looked_at = not _MOVES.isdisjoint(map(type, events))
    for event in events if is_looked_at else ():
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
    available = (after or reduce(fold, events, before)).available
    reached = _reached(watch.granted, available)
    if reached is None or (watch.told is not None and watch.told <= reached):
        return watch, None
    return evolve(watch, told=int(reached)), reached


def _reached(granted: int, available: int) -> Threshold | None:
    """The lowest threshold that the balance is at or below."""
    if granted == 0 or available * 100 > granted * _HIGHEST:
        return None
    return min((each for each in Threshold if available * 100 <= granted * each), default=None)


def _still_told(watch: CreditWatch, available: int) -> int | None:
    """What was told before a grant and holds after it."""
    reached = _reached(watch.granted, available)
    if reached is None or watch.told is None:
        return None
    return max(watch.told, int(reached))
