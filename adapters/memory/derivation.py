import hashlib

from attrs import frozen

from application.ports.derivation import Derivation


@frozen
class MemoryDerivation(Derivation):
    """Fast, and therefore no protection at all; what it derives is no account of ARC-76."""

    def __call__(self, email: str, passphrase: str, slot: int) -> bytearray:
        return bytearray(hashlib.sha256(repr((email, passphrase, slot)).encode()).digest())
