"""Which key a secret made elsewhere is, told without a custodian."""

from uuid import uuid4

import pytest

from domain.identifiers import INSTALLATION, AccountId
from domain.signing import SECP256K1_ORDER, Curve, KeyUse

USES = {Curve.ED25519: KeyUse.ALGORAND_ACCOUNT, Curve.SECP256K1: KeyUse.EVM_ACCOUNT}


def test_it_is_the_key_that_a_custodian_has_who_takes_the_secret_in(custodian, public_keys):
    secret = bytearray(range(32))
    for curve in custodian.capabilities().imports:
        account, given = AccountId(uuid4()), bytearray(secret)
        taken = custodian.import_key(INSTALLATION, account, curve, USES[curve], given)
        assert public_keys(curve, secret) == taken.public_key
        assert public_keys(curve, bytearray(reversed(secret))) != taken.public_key
    assert secret == bytes(range(32))


@pytest.mark.parametrize(
    ("curve", "secret"),
    [
        (Curve.ED25519, bytearray(31)),
        (Curve.SECP256K1, bytearray(32)),
        (Curve.SECP256K1, bytearray(SECP256K1_ORDER.to_bytes(32))),
    ],
    ids=["short", "nought", "order"],
)
def test_what_is_no_secret_has_none(public_keys, curve, secret):
    with pytest.raises(ValueError) as raised:
        public_keys(curve, secret)
    assert secret.hex() not in str(raised.value)
