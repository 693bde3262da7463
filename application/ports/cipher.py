from typing import Protocol

#: AES-256.
KEY_BYTES = 32


class NotOursError(Exception):
    """Other key, other place, or other bytes than were sealed."""


class Cipher(Protocol):
    """Authenticated encryption with a key that the caller has."""

    def seal(self, key: bytes, plain: bytes, place: bytes) -> bytes:
        """Ciphertext that opens at *place* only; twice the same is two different ones."""
        ...

    def open(self, key: bytes, sealed: bytes, place: bytes) -> bytes:
        """Raises: NotOursError."""
        ...
