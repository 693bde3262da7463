"""Signatures of Ed25519, by keys that can be somebody's."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_P = 2**255 - 19
#: Two of the points of order 8 have this y, the other two its negative.
_Y8 = 0x7A03AC92_77FDC74E_C6CC392C_FA53202A_0F67100D_760B3CBA_4FD84D3D_706A17C7
#: Of the eight points of small order, under which a signature can be made without a secret.
_SMALL_ORDER = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


def is_key(key: bytes) -> bool:
    """Whether *key* is the one way to write a point, and not one of small order."""
    y = int.from_bytes(key, "little") & (2**255 - 1)
    return len(key) == 32 and y < _P and y not in _SMALL_ORDER


def is_signed(key: bytes, signature: bytes, message: bytes) -> bool:
    if not is_key(key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
