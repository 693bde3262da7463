"""Signatures without cryptography: marks that only a seed makes, and nobody can verify."""

import hashlib
import hmac

from application.ports.seeds import SeedSigning


class MemorySeedSigning(SeedSigning):
    def public_key(self, seed: bytes) -> bytes:
        return hashlib.sha256(b"public" + seed).digest()

    def sign(self, seed: bytes, message: bytes) -> bytes:
        return hmac.digest(seed, message, hashlib.sha512)
