"""A cipher without cryptography: keeps what it sealed to itself, and hands out marks."""

import hashlib
import hmac
from itertools import count

from attrs import define, field

from application.ports.cipher import Cipher, NotOursError


@define(eq=False)
class MemoryCipher(Cipher):
    _kept: dict[bytes, bytes] = field(factory=dict, repr=False)
    _serials: "count[int]" = field(factory=count)

    def seal(self, key: bytes, plain: bytes, place: bytes) -> bytes:
        serial = next(self._serials).to_bytes(16, "big")
        sealed = serial + hmac.digest(key, serial + place, hashlib.sha256)
        self._kept[sealed] = plain
        return sealed

    def open(self, key: bytes, sealed: bytes, place: bytes) -> bytes:
        mark = hmac.digest(key, sealed[:16] + place, hashlib.sha256)
        if sealed not in self._kept or not hmac.compare_digest(mark, sealed[16:]):
            raise NotOursError("this was not sealed here, with that key for that place")
        return self._kept[sealed]
