"""The little DER that KMS speaks: public keys (RFC 5480, RFC 8410) and ECDSA signatures."""

from collections.abc import Mapping

from domain.signing import SECP256K1_ORDER, Curve, PublicKey, Signature

#: Everything before the key itself: sequence, algorithm, curve, bit string.
_BEFORE: Mapping[Curve, bytes] = {
    Curve.SECP256K1: bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200" + "04"),
    Curve.ED25519: bytes.fromhex("302a300506032b6570032100"),
}
_SEQUENCE, _INTEGER = 0x30, 0x02


def public_key_of(curve: Curve, spki: bytes) -> PublicKey:
    """Raises: ValueError: it is no public key of that curve."""
    before = _BEFORE[curve]
    if not spki.startswith(before):
        raise ValueError(f"this is no public key of {curve.value}")
    return PublicKey(curve, spki[len(before) :])


def signature_of(der: bytes) -> Signature:
    """R‖S of ``SEQUENCE { r INTEGER, s INTEGER }``; S as it comes.

    Raises: ValueError: it is none of secp256k1.
    """
    if len(der) < 2 or der[0] != _SEQUENCE or der[1] != len(der) - 2:
        raise ValueError("a signature is a sequence")
    r, rest = _number(der[2:])
    s, rest = _number(rest)
    if rest or not (0 < r < SECP256K1_ORDER and 0 < s < SECP256K1_ORDER):
        raise ValueError("a signature is two numbers below the order")
    return Signature(Curve.SECP256K1, r.to_bytes(32) + s.to_bytes(32))


def _number(der: bytes) -> tuple[int, bytes]:
    """Raises: ValueError."""
    if len(der) < 2 or der[0] != _INTEGER or not 0 < der[1] <= len(der) - 2:
        raise ValueError("an integer is expected")
    raw, rest = der[2 : 2 + der[1]], der[2 + der[1] :]
    is_padded = len(raw) > 1 and raw[0] == 0 and raw[1] < 0x80
    if raw[0] >= 0x80 or is_padded:
        raise ValueError("an integer is positive, and as short as can be")
    return int.from_bytes(raw), rest
