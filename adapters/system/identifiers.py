import os
import secrets
from datetime import UTC, datetime, timedelta
from threading import Lock
from uuid import UUID
from weakref import WeakSet

from attrs import define, field

from application.ports.clock import Clock
from application.ports.identifiers import Identifiers

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_CHANCE_BITS = 74
_STEP_BITS = 38
_CHANCE_BYTES = (_CHANCE_BITS + _STEP_BITS) // 8
#: What is longer than a salt is a key or a token, and nobody keeps it beforehand.
_SALT_BYTES = 16
#: How much chance is asked for at a time.
_BLOCK_BYTES = 4_096


@define(eq=False)
class _Chance:
    """The system's randomness, a block at a time.

    To ask the system lets go of the interpreter for a moment, and whoever waits for it takes over
    in the middle of a turn of the ledger.
    """

    _block: bytes = field(default=b"", repr=False)
    _used: int = 0
    _lock: Lock = field(factory=Lock)

    def __attrs_post_init__(self) -> None:
        _KEPT.add(self)

    def take(self, length: int) -> bytes:
        """Never told before, nor in a process that this one was forked from."""
        with self._lock:
            begin, end = self._used, self._used + length
            if end > len(self._block):
                self._block = secrets.token_bytes(_BLOCK_BYTES)
                begin, end = 0, length
            self._used = end
            return self._block[begin:end]

    def forget(self) -> None:
        self._block = b""


_KEPT: WeakSet[_Chance] = WeakSet()


def _forget_all() -> None:
    for each in _KEPT:
        each.forget()


os.register_at_fork(after_in_child=_forget_all)


@define(eq=False)
class SystemIdentifiers(Identifiers):
    """UUIDv7 that grow within a process, whatever the clock does (RFC 9562, 6.2, method 2)."""

    _clock: Clock
    _last: int = 0
    _chance: _Chance = field(factory=_Chance)
    _lock: Lock = field(factory=Lock)

    def next(self) -> UUID:
        milliseconds = (self._clock.now() - _EPOCH) // _MILLISECOND
        chance = int.from_bytes(self._chance.take(_CHANCE_BYTES))
        fresh = milliseconds << _CHANCE_BITS | chance >> _STEP_BITS
        # A random step on, so that an id tells nothing about the next one.
        step = 1 + (chance & (1 << _STEP_BITS) - 1)
        with self._lock:
            last = self._last = max(fresh, self._last + step)
        return _uuid7(last)

    def secret(self, length: int) -> bytes:
        if length > _SALT_BYTES:
            return secrets.token_bytes(length)
        return self._chance.take(length)


def _uuid7(value: int) -> UUID:
    """RFC 9562, 5.7: 48 bits of time, then 12 and 62 of chance behind version and variant."""
    time, chance = value >> _CHANCE_BITS, value & (1 << _CHANCE_BITS) - 1
    high, low = chance >> 62, chance & (1 << 62) - 1
    return UUID(int=time << 80 | 7 << 76 | high << 64 | 2 << 62 | low)
