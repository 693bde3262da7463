"""Wrapping by a master key that the process was given."""

import base64
import os
import re
from collections.abc import Mapping

from attrs import field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.ports.custody import CustodyRefusedError, KeyWrapping, Wrapped

KEY_BYTES = 32
#: NIST SP 800-38D, 8.2.2: a random nonce; good for 2^32 wrappings per version of the master key.
NONCE_BYTES = 12

_NAME = re.compile(r"local-keys:master/([1-9][0-9]*)")


def read_master_keys(text: str) -> dict[int, bytes]:
    """Master keys by version.

    One key per line, ``<version>:<base64 of 32 bytes>``; a line without a version is version 1.
    Keep the old ones until nothing is wrapped by them any more.

    Raises:
        ValueError: names the line; never shows what is in it.
    """
    keys: dict[int, bytes] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        version, _, encoded = line.strip().rpartition(":")
        try:
            name, key = int(version or "1"), base64.b64decode(encoded, validate=True)
        except ValueError:
            raise ValueError(f"line {number} of the master keys is malformed") from None
        if name in keys:
            raise ValueError(f"line {number} names version {name} again")
        keys[name] = key
    return _sound(keys)


def _sound(keys: Mapping[int, bytes]) -> dict[int, bytes]:
    if not keys or min(keys) < 1:
        raise ValueError("there must be a master key, and versions count from 1")
    if any(len(key) != KEY_BYTES for key in keys.values()):
        raise ValueError(f"a master key has {KEY_BYTES} bytes")
    return dict(keys)


@frozen
class LocalKeyWrapping(KeyWrapping):
    #: By version; every one unwraps.
    _keys: Mapping[int, bytes] = field(converter=_sound, repr=False)
    #: The version that wraps; None: the highest one.
    _wraps: int | None = None

    def __attrs_post_init__(self) -> None:
        if self._version not in self._keys:
            raise ValueError(f"there is no master key of version {self._version}")

    def current(self) -> str:
        return f"local-keys:master/{self._version}"

    def wrap(self, secret: bytes, context: bytes) -> Wrapped:
        version, name = self._version, self.current()
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = AESGCM(self._keys[version]).encrypt(nonce, secret, _bound(name, context))
        return Wrapped(wrapping=name, ciphertext=nonce + ciphertext)

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        match = _NAME.fullmatch(wrapped.wrapping)
        key = self._keys.get(int(match[1])) if match else None
        if key is None:
            raise CustodyRefusedError("unknown_key", f"{wrapped.wrapping} is not one of our keys")
        nonce, ciphertext = wrapped.ciphertext[:NONCE_BYTES], wrapped.ciphertext[NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, ciphertext, _bound(wrapped.wrapping, context))
        except (InvalidTag, ValueError):
            raise CustodyRefusedError(
                "wrong_context", f"{wrapped.wrapping} did not wrap this for this place"
            ) from None

    @property
    def _version(self) -> int:
        return max(self._keys) if self._wraps is None else self._wraps


def _bound(name: str, context: bytes) -> bytes:
    return name.encode() + b"\0" + context
