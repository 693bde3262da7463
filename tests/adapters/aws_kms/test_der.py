"""The bytes that KMS speaks, against the library that everybody else uses."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.aws_kms.der import public_key_of, signature_of
from domain.signing import Curve

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
numbers = st.integers(1, ORDER - 1)


def spki(key: ec.EllipticCurvePublicKey | object) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@given(r=numbers, s=numbers)
@example(r=1, s=ORDER - 1)
@example(r=0x7F, s=0x80)
@example(r=2**248 - 1, s=2**255)
def test_a_signature_is_its_two_numbers(r: int, s: int):
    raw = signature_of(encode_dss_signature(r, s)).raw
    assert (int.from_bytes(raw[:32]), int.from_bytes(raw[32:])) == (r, s)


@given(r=numbers, s=numbers, data=st.data())
def test_what_is_no_signature_is_not_read(r: int, s: int, data: st.DataObject):
    der = encode_dss_signature(r, s)
    cut = data.draw(st.integers(0, len(der) - 1))
    for broken in (der[:cut], der + b"\0", b"\x31" + der[1:]):
        with pytest.raises(ValueError):
            signature_of(broken)


@pytest.mark.parametrize(
    "der",
    [
        encode_dss_signature(0, 1),
        encode_dss_signature(1, 0),
        encode_dss_signature(ORDER, 1),
        encode_dss_signature(1, ORDER),
        encode_dss_signature(2**300, 1),
        bytes.fromhex("3006020181020101"),  # negative
        bytes.fromhex("300702020001020101"),  # padded
        bytes.fromhex("30050200020101"),  # without a number
    ],
)
def test_numbers_of_no_signature_are_not_read(der: bytes):
    with pytest.raises(ValueError):
        signature_of(der)


def test_public_keys_are_read_and_curves_are_told_apart():
    secp = ec.generate_private_key(ec.SECP256K1()).public_key()
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    edwards = Ed25519PrivateKey.generate().public_key()
    point = secp.public_numbers()
    assert public_key_of(Curve.SECP256K1, spki(secp)).raw == (
        point.x.to_bytes(32) + point.y.to_bytes(32)
    )
    assert public_key_of(Curve.ED25519, spki(edwards)).raw == edwards.public_bytes_raw()
    for curve, key in (
        (Curve.SECP256K1, other),
        (Curve.SECP256K1, edwards),
        (Curve.ED25519, secp),
    ):
        with pytest.raises(ValueError):
            public_key_of(curve, spki(key))
    with pytest.raises(ValueError):
        public_key_of(Curve.ED25519, spki(edwards)[:-1])
