import hashlib
import hmac
import os
from collections.abc import Callable

from attrs import define, field

from application.ports.custody import (
    CustodyRefusedError,
    CustodyUnavailableError,
    KeyWrapping,
    Wrapped,
)

_NAME = "memory:master/1"


@define(eq=False)
class MemoryKeyWrapping(KeyWrapping):
    """Keeps the secrets to itself: what it hands out is a keyed mark, and worth nothing alone."""

    is_down: bool = False
    #: So many bytes that nobody knows; a simulation knows them.
    chance: Callable[[int], bytes] = field(default=os.urandom, repr=False)
    _master: bytes = field(init=False, repr=False)
    _kept: dict[bytes, bytes] = field(factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        self._master = self.chance(32)

    def current(self) -> str:
        self._answer()
        return _NAME

    def wrap(self, secret: bytes, context: bytes) -> Wrapped:
        self._answer()
        serial = self.chance(16)
        ciphertext = serial + self._mark(serial, context)
        self._kept[ciphertext] = secret
        return Wrapped(wrapping=_NAME, ciphertext=ciphertext)

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        self._answer()
        if wrapped.wrapping != _NAME:
            raise CustodyRefusedError("unknown_key", f"{wrapped.wrapping} is not {_NAME}")
        secret = self._kept.get(wrapped.ciphertext)
        mark = self._mark(wrapped.ciphertext[:16], context)
        if secret is None or not hmac.compare_digest(wrapped.ciphertext[16:], mark):
            raise CustodyRefusedError("wrong_context", "it was not wrapped here, for this place")
        return secret

    def _mark(self, serial: bytes, context: bytes) -> bytes:
        return hmac.digest(self._master, serial + context, hashlib.sha256)

    def _answer(self) -> None:
        if self.is_down:
            raise CustodyUnavailableError("the wrapping does not answer")
