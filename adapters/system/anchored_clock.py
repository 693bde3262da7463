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


@define(eq=False)
class AnchoredClock(Clock):
    """What *ask* said, and what has passed since on a clock that nobody sets.

    What was said was so at some moment between question and answer: an interval, in which the
    true distance of the two clocks lies.  The estimate stays while it lies there too, and else
    moves to the nearer end (Marzullo).  So no answer makes it worse, however late it came, and
    each leaves it wrong by no more than it took.
    """

    #: The other clock; it may ask over a network.
    _ask: Callable[[], datetime]
    #: Nanoseconds since whenever, only forward.
    _monotonic: Callable[[], int] = time.monotonic_ns
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
        before = self._monotonic()
        theirs = (self._ask() - _EPOCH) // _MICROSECOND * _NANOSECONDS
        after = self._monotonic()
        # Not held while it asks: nobody waits here for whoever waits for a connection.
        with self._lock:
            least, most = theirs - after, theirs - before
            was = self._distance
            if was is None:
                was = (least + most) // 2
            self._distance = max(least, min(was, most))
            return timedelta(microseconds=(self._distance - was) // _NANOSECONDS)
