"""Which signature is by which key: both curves, for the chain and the custodian in memory."""

from attrs import frozen
from coincurve import PublicKey as Secp256k1PublicKey
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from application.ports.custody import Verifies
from domain.signing import Curve, PublicKey, Signature

#: Order of secp256k1 (SEC 2, 2.4.1).
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def is_by(key: PublicKey, message: bytes, signature: Signature) -> bool:
    """Whether *signature* is a good one of *message* by *key*; a high S is not (EIP-2)."""
    if key.curve is not signature.curve:
        return False
    if key.curve is Curve.ED25519:
        try:
            Ed25519PublicKey.from_public_bytes(key.raw).verify(signature.raw, message)
        except InvalidSignature:
            return False
        return True
    if int.from_bytes(signature.raw[32:]) > _ORDER // 2:
        return False
    return any(_recovered(signature.raw, parity, message) == key.raw for parity in (0, 1))


@frozen
class MemoryVerification(Verifies):
    def __call__(self, key: PublicKey, message: bytes, signature: Signature) -> bool:
        return is_by(key, message, signature)


def _recovered(signature: bytes, parity: int, digest: bytes) -> bytes | None:
    """The 64 bytes of the public key that made *signature*, if it has this parity."""
    try:
        key = Secp256k1PublicKey.from_signature_and_message(
            signature + bytes([parity]), digest, hasher=None
        )
    except ValueError:
        return None
    except Exception as error:
        # coincurve raises a bare Exception where no key fits.
        if type(error) is not Exception:
            raise
        return None
    return key.format(compressed=False)[1:]
