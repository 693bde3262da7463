"""One clock for all processes: somebody else's, carried on between two questions (ADR 51)."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

from attrs import define, field

from application.ports.clock import Clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: In a microsecond.
_NANOSECONDS = 1_000
#: Nanoseconds that a first answer may take: it leaves the clock wrong by half of that.
_LONG = 1_000_000_000
#: How many are asked for, at most, until one took no longer.
_FIRST_ANSWERS = 3
#: Goes on while the machine sleeps, on a system that has one that does: clock_gettime(2).
_SINCE_BOOT: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _passed() -> int:
    return time.clock_gettime_ns(_SINCE_BOOT)


@define(eq=False)
class AnchoredClock(Clock):
    """What *ask* said, and what has passed since on a clock that nobody sets.

    What was said was so at some moment between question and answer: an interval, in which the
    true distance of the two clocks lies.  The estimate stays while it lies there too, and else
    moves to the nearer end (Marzullo).  So no answer makes it worse, however late it came, and
    each leaves it wrong by no more than it took.  A first one that came late is asked for again.
    """

    #: The other clock; it may ask over a network.
    _ask: Callable[[], datetime]
    #: Nanoseconds since whenever, only forward.
    _monotonic: Callable[[], int] = _passed
    #: From there to 1970, in nanoseconds; None: nobody was asked.
    _distance: int | None = None
    _lock: Lock = field(factory=Lock)

    def now(self) -> datetime:
        """Asks nobody, but where nobody was asked yet: that is not for within a transaction.

        Raises: what *ask* does, there.
        """
        while (distance := self._distance) is None:
            self.follow()
        passed = self._monotonic() + distance
        return _EPOCH + timedelta(microseconds=passed // _NANOSECONDS)

    def follow(self) -> timedelta:
        """Ask again.  How far that moved the estimate; the first time it is none that moves.

        Raises: what *ask* does; the estimate stays.
        """
        least, most = self._between() if self._distance is not None else self._first()
        # Not held while it asks: nobody waits here for whoever waits for a connection.
        with self._lock:
            was = self._distance
            if was is None:
                was = (least + most) // 2
            self._distance = max(least, min(was, most))
            return timedelta(microseconds=(self._distance - was) // _NANOSECONDS)

    def _first(self) -> tuple[int, int]:
        """By a quick answer, or the quickest of some.

        The process may have been stopped meanwhile, or the database.
        """
        late = []
        for _ in range(_FIRST_ANSWERS):
            least, most = self._between()
            if most - least <= _LONG:
                return least, most
            late.append((least, most))
        return min(late, key=lambda each: each[1] - each[0])

    def _between(self) -> tuple[int, int]:
        """The least and the most that the distance may be, by one answer."""
        before = self._monotonic()
        theirs = (self._ask() - _EPOCH) // _MICROSECOND * _NANOSECONDS
        return theirs - self._monotonic(), theirs - before
