import secrets
from datetime import UTC, datetime, timedelta
from threading import Lock
from uuid import UUID

from attrs import define, field

from application.ports.clock import Clock
from application.ports.identifiers import Identifiers

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_CHANCE_BITS = 74
_STEP_BITS = 38
_CHANCE_BYTES = (_CHANCE_BITS + _STEP_BITS) // 8


@define(eq=False)
class SystemIdentifiers(Identifiers):
    """UUIDv7 that grow within a process, whatever the clock does (RFC 9562, 6.2, method 2)."""

    _clock: Clock
    _last: int = 0
    _lock: Lock = field(factory=Lock)

    def next(self) -> UUID:
        milliseconds = (self._clock.now() - _EPOCH) // _MILLISECOND
        chance = int.from_bytes(secrets.token_bytes(_CHANCE_BYTES))
        fresh = milliseconds << _CHANCE_BITS | chance >> _STEP_BITS
        # A random step on, so that an id tells nothing about the next one.
        step = 1 + (chance & (1 << _STEP_BITS) - 1)
        with self._lock:
            last = self._last = max(fresh, self._last + step)
        return _uuid7(last)

    def secret(self, length: int) -> bytes:
        return secrets.token_bytes(length)


def _uuid7(value: int) -> UUID:
    """RFC 9562, 5.7: 48 bits of time, then 12 and 62 of chance behind version and variant."""
    time, chance = value >> _CHANCE_BITS, value & (1 << _CHANCE_BITS) - 1
    high, low = chance >> 62, chance & (1 << 62) - 1
    return UUID(int=time << 80 | 7 << 76 | high << 64 | 2 << 62 | low)
