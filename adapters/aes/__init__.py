"""Authenticated encryption with AES-256 in Galois/Counter mode."""

import os

from attrs import frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.ports.cipher import Cipher, NotOursError

#: NIST SP 800-38D, 8.2.2: a random nonce; good for 2^32 messages per key.
NONCE_BYTES = 12


@frozen
class AesGcm(Cipher):
    def seal(self, key: bytes, plain: bytes, place: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, plain, place)

    def open(self, key: bytes, sealed: bytes, place: bytes) -> bytes:
        try:
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
        except (InvalidTag, ValueError):
            raise NotOursError("this was not sealed with that key for that place") from None
