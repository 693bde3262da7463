from datetime import UTC, datetime, timedelta
from random import Random
from threading import Lock
from uuid import UUID

from attrs import define, field

from application.ports.clock import Clock
from application.ports.identifiers import Identifiers

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@define(eq=False)
class MemoryIdentifiers(Identifiers):
    """The same ids in every run with the same seed and the same clock; nobody's secret."""

    _clock: Clock
    _seed: int = 0
    _last: int = 0
    _lock: Lock = field(factory=Lock)
    _random: Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._random = Random(self._seed)

    def next(self) -> UUID:
        with self._lock:
            milliseconds = (self._clock.now() - _EPOCH) // timedelta(milliseconds=1)
            # RFC 9562, 6.2, method 2: within a millisecond the random part counts on.
            fresh = milliseconds << 74 | self._random.getrandbits(73)
            self._last = max(fresh, self._last + 1)
            return _uuid7(self._last)

    def secret(self, length: int) -> bytes:
        with self._lock:
            return self._random.randbytes(length)


def _uuid7(value: int) -> UUID:
    """RFC 9562, 5.7: 48 bits of time and 74 of the rest, around version and variant."""
    time, rest = value >> 74, value & (1 << 74) - 1
    high, low = rest >> 62, rest & (1 << 62) - 1
    return UUID(int=time << 80 | 7 << 76 | high << 64 | 2 << 62 | low)
