"""secp256k1 in this process: transit has no such curve."""

import os

from coincurve import PrivateKey

from application.ports.custody import CustodyRefusedError
from domain.signing import SECP256K1_ORDER, Curve, PublicKey, Signature

_SECRET_BYTES = 32


def new_secret() -> bytearray:
    while True:
        secret = bytearray(os.urandom(_SECRET_BYTES))
        if 0 < int.from_bytes(secret) < SECP256K1_ORDER:
            return secret


def public_key_of(secret: bytearray) -> PublicKey:
    """Raises: CustodyRefusedError: this is no secret of the curve."""
    if len(secret) != _SECRET_BYTES or not 0 < int.from_bytes(secret) < SECP256K1_ORDER:
        raise CustodyRefusedError("wrong_length", "this is no secret of secp256k1")
    uncompressed = PrivateKey(bytes(secret)).public_key.format(compressed=False)
    return PublicKey(Curve.SECP256K1, uncompressed[1:])


def sign(secret: bytearray, digest: bytes) -> Signature:
    """Deterministic (RFC 6979), S low."""
    recoverable = PrivateKey(bytes(secret)).sign_recoverable(digest, hasher=None)
    return Signature(Curve.SECP256K1, recoverable[:64])


def overwrite(secret: bytearray) -> None:
    """As far as Python lets us: copies that libraries made are theirs to forget."""
    secret[:] = bytes(len(secret))
