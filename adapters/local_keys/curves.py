"""Keys and signatures of both curves, from raw secrets of 32 bytes."""

import os

from attrs import frozen
from coincurve import PrivateKey as Secp256k1PrivateKey
from coincurve import PublicKey as Secp256k1PublicKey
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from application.ports.custody import Verifies
from application.ports.derivation import PublicKeys
from application.ports.seeds import SeedSigning as Signs
from domain.signing import SECP256K1_ORDER, Curve, PublicKey, Signature

_SECRET_BYTES = 32


def new_secret(curve: Curve) -> bytearray:
    while True:
        secret = bytearray(os.urandom(_SECRET_BYTES))
        if is_secret(curve, secret):
            return secret


def is_secret(curve: Curve, secret: bytearray) -> bool:
    if len(secret) != _SECRET_BYTES:
        return False
    return curve is Curve.ED25519 or 0 < int.from_bytes(secret) < SECP256K1_ORDER


def public_key_of(curve: Curve, secret: bytearray) -> PublicKey:
    if curve is Curve.ED25519:
        key = Ed25519PrivateKey.from_private_bytes(secret)
        return PublicKey(curve, key.public_key().public_bytes_raw())
    uncompressed = Secp256k1PrivateKey(bytes(secret)).public_key.format(compressed=False)
    return PublicKey(curve, uncompressed[1:])


def sign(curve: Curve, secret: bytearray, message: bytes) -> Signature:
    """ed25519: of the message.  secp256k1: of the digest, deterministic (RFC 6979), S low."""
    if curve is Curve.ED25519:
        return Signature(curve, Ed25519PrivateKey.from_private_bytes(secret).sign(message))
    recoverable = Secp256k1PrivateKey(bytes(secret)).sign_recoverable(message, hasher=None)
    return Signature(curve, recoverable[:64])


def verifies(key: PublicKey, message: bytes, signature: Signature) -> bool:
    """Whether *signature* is by *key*, and has its S in the lower half (EIP-2)."""
    if key.curve is Curve.ED25519:
        try:
            Ed25519PublicKey.from_public_bytes(key.raw).verify(signature.raw, message)
        except InvalidSignature:
            return False
        return True
    if int.from_bytes(signature.raw[32:]) > SECP256K1_ORDER // 2:
        return False
    der = _der(signature.raw)
    return Secp256k1PublicKey(b"\x04" + key.raw).verify(der, message, hasher=None)


@frozen
class Verification(Verifies):
    """`verifies`, as the application asks for it."""

    def __call__(self, key: PublicKey, message: bytes, signature: Signature) -> bool:
        return key.curve is signature.curve and verifies(key, message, signature)


@frozen
class PublicKeysOfSecrets(PublicKeys):
    """`public_key_of`, as the application asks for it."""

    def __call__(self, curve: Curve, secret: bytearray) -> PublicKey:
        return public_key_of(curve, secret)


@frozen
class SeedSigning(Signs):
    """Ed25519, as the application asks for it."""

    def public_key(self, seed: bytes) -> bytes:
        return public_key_of(Curve.ED25519, bytearray(seed)).raw

    def sign(self, seed: bytes, message: bytes) -> bytes:
        return sign(Curve.ED25519, bytearray(seed), message).raw


def _der(raw: bytes) -> bytes:
    """The SEQUENCE of two INTEGERs that libsecp256k1's verification reads."""
    numbers = b"".join(_integer(part) for part in (raw[:32], raw[32:]))
    return b"\x30" + bytes([len(numbers)]) + numbers


def _integer(part: bytes) -> bytes:
    stripped = part.lstrip(b"\0") or b"\0"
    padded = b"\0" + stripped if stripped[0] & 0x80 else stripped
    return b"\x02" + bytes([len(padded)]) + padded
