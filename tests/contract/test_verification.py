"""Whether a signature is one, told without a secret."""

from uuid import uuid4

import pytest

from domain.identifiers import INSTALLATION, AccountId
from domain.signing import Curve, KeyUse, PublicKey, Purpose, Signature
from tests.contract.custody import ORIGIN

MESSAGE = f"{ORIGIN}\n3\nAAAA\n".encode()


@pytest.fixture
def signed(custodian):
    account = AccountId(uuid4())
    key = custodian.create_key(INSTALLATION, account, Curve.ED25519, KeyUse.CHECKPOINT)
    signing = custodian.sign(key.key, MESSAGE, Purpose.CHECKPOINT)
    return key.public_key, signing.signature


def test_what_a_custodian_signed_is_told_from_what_it_did_not(signed, verification):
    key, signature = signed
    assert verification(key, MESSAGE, signature)
    assert not verification(key, MESSAGE + b"\n", signature)
    assert not verification(PublicKey(Curve.ED25519, bytes(32)), MESSAGE, signature)
    for place in (0, 31, 32, 63):
        raw = bytearray(signature.raw)
        raw[place] ^= 1
        assert not verification(key, MESSAGE, Signature(Curve.ED25519, bytes(raw)))


def test_a_signature_on_another_curve_is_none(signed, verification):
    key, signature = signed
    assert not verification(key, MESSAGE, Signature(Curve.SECP256K1, signature.raw))
