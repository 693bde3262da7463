from typing import Protocol


class SeedSigning(Protocol):
    """Signs with keys that we hold ourselves: Ed25519 (RFC 8032), from a seed of 32 bytes."""

    def public_key(self, seed: bytes) -> bytes:
        """32 bytes."""
        ...

    def sign(self, seed: bytes, message: bytes) -> bytes:
        """64 bytes; the same for the same."""
        ...
