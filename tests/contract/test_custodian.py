"""What every custodian promises, whoever holds the keys."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from coincurve import PublicKey as Secp256k1PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from application.ports.custody import Custodian, CustodyRefusedError, KeyDescription
from domain.identifiers import INSTALLATION, AccountId, KeyRef, OrganisationId
from domain.signing import CURVES, Curve, KeyUse, Purpose
from tests.contract.custody import ORIGIN
from tests.contract.subjects import documented

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
TX = b"TX" + b"pay" * 5
#: Approves the transaction whose id is all zeroes.
PROGRAM = b"Program" + bytes.fromhex("0631178020" + "00" * 32 + "12")
CHECKPOINT = f"{ORIGIN}\n7\n{'A' * 43}=\n".encode()


def a_key(custodian: Custodian, use: KeyUse, account: AccountId | None = None) -> KeyDescription:
    curve = CURVES[use]
    if curve not in custodian.capabilities().curves:
        pytest.skip(f"{curve.value} is not offered")
    return custodian.create_key(INSTALLATION, account or AccountId(uuid4()), curve, use)


def refused(code: str) -> "pytest.RaisesExc[CustodyRefusedError]":
    return pytest.raises(CustodyRefusedError, check=lambda error: error.code == code)


def test_a_secp256k1_signature_is_by_the_published_key_and_has_a_low_s(custodian: Custodian):
    key = a_key(custodian, KeyUse.EVM_ACCOUNT)
    for number in range(20):
        digest = hashlib.sha256(bytes([number])).digest()
        raw = custodian.sign(key.key, digest, Purpose.EVM_TRANSACTION).signature.raw
        assert int.from_bytes(raw[32:]) <= ORDER // 2
        recovered = {
            Secp256k1PublicKey.from_signature_and_message(
                raw + bytes([parity]), digest, hasher=None
            ).format(compressed=False)[1:]
            for parity in (0, 1)
        }
        assert key.public_key.raw in recovered


def test_an_ed25519_signature_is_by_the_published_key(custodian: Custodian):
    key = a_key(custodian, KeyUse.ALGORAND_ACCOUNT)
    signing = custodian.sign(key.key, TX, Purpose.ALGORAND_TRANSACTION)
    Ed25519PublicKey.from_public_bytes(key.public_key.raw).verify(signing.signature.raw, TX)
    assert signing.key_version


@pytest.mark.parametrize("use", [KeyUse.EVM_ACCOUNT, KeyUse.ALGORAND_ACCOUNT])
def test_asking_twice_for_an_accounts_key_gives_one_key(custodian: Custodian, use: KeyUse):
    account = AccountId(uuid4())
    with ThreadPoolExecutor(4) as callers:
        keys = set(callers.map(lambda _: a_key(custodian, use, account), range(8)))
    assert len(keys) == 1
    assert custodian.describe(keys.pop().key) == a_key(custodian, use, account)


def test_two_accounts_and_two_organisations_have_keys_of_their_own(custodian: Custodian):
    account = AccountId(uuid4())
    curve = next(iter(custodian.capabilities().curves))
    use = KeyUse.EVM_ACCOUNT if curve is Curve.SECP256K1 else KeyUse.ALGORAND_ACCOUNT
    keys = [
        custodian.create_key(INSTALLATION, account, curve, use),
        custodian.create_key(INSTALLATION, AccountId(uuid4()), curve, use),
        custodian.create_key(OrganisationId(uuid4()), account, curve, use),
    ]
    assert len({key.key for key in keys}) == len({key.public_key for key in keys}) == 3


def test_a_key_reference_names_its_custodian(custodian: Custodian):
    scheme, _, rest = a_key(custodian, KeyUse.EVM_ACCOUNT).key.partition(":")
    assert scheme
    assert rest


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_digest_of_another_length_is_refused(custodian: Custodian, length: int):
    key = a_key(custodian, KeyUse.EVM_ACCOUNT)
    with refused("wrong_length"):
        custodian.sign(key.key, bytes(length), Purpose.EVM_TRANSACTION)


@pytest.mark.parametrize(
    ("use", "purpose"),
    [
        (KeyUse.EVM_ACCOUNT, Purpose.ALGORAND_TRANSACTION),
        (KeyUse.EVM_ACCOUNT, Purpose.ALGORAND_PROGRAM),
        (KeyUse.EVM_ACCOUNT, Purpose.CHECKPOINT),
        (KeyUse.ALGORAND_ACCOUNT, Purpose.EVM_TRANSACTION),
        (KeyUse.ALGORAND_ACCOUNT, Purpose.CHECKPOINT),
        (KeyUse.CHECKPOINT, Purpose.EVM_TRANSACTION),
        (KeyUse.CHECKPOINT, Purpose.ALGORAND_TRANSACTION),
        (KeyUse.CHECKPOINT, Purpose.ALGORAND_PROGRAM),
    ],
)
def test_a_purpose_outside_the_keys_use_is_refused(
    custodian: Custodian, use: KeyUse, purpose: Purpose
):
    key = a_key(custodian, use)
    with refused("wrong_purpose"):
        custodian.sign(key.key, TX[:2].ljust(32, b"x"), purpose)


@pytest.mark.parametrize("message", [b"", b"T", b"xTX", b"MX" + bytes(30), b"Program" + bytes(38)])
def test_an_algorand_transaction_begins_with_tx(custodian: Custodian, message: bytes):
    key = a_key(custodian, KeyUse.ALGORAND_ACCOUNT)
    with refused("wrong_purpose"):
        custodian.sign(key.key, message, Purpose.ALGORAND_TRANSACTION)


@pytest.mark.parametrize(
    "message",
    [
        b"Program",
        b"Program" + bytes(38),
        PROGRAM + b"\n",
        b"\n" + PROGRAM,
        PROGRAM[:-1] + b"\x13",
        PROGRAM.replace(b"Program\x06", b"Program\x07"),
        TX,
    ],
)
def test_a_program_is_of_the_template(custodian: Custodian, message: bytes):
    key = a_key(custodian, KeyUse.ALGORAND_ACCOUNT)
    with refused("wrong_purpose"):
        custodian.sign(key.key, message, Purpose.ALGORAND_PROGRAM)


@pytest.mark.parametrize("id", [bytes(32), b"\n" * 32, b"\xff" * 32])
def test_the_template_is_signed_whatever_the_transaction(custodian: Custodian, id: bytes):
    key = a_key(custodian, KeyUse.ALGORAND_ACCOUNT)
    message = PROGRAM.replace(bytes(32), id)
    signing = custodian.sign(key.key, message, Purpose.ALGORAND_PROGRAM)
    Ed25519PublicKey.from_public_bytes(key.public_key.raw).verify(signing.signature.raw, message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        TX,
        b"\n" + CHECKPOINT,
        CHECKPOINT.partition(b"\n")[0],
        CHECKPOINT.replace(b"/1\n", b"/0\n"),
        CHECKPOINT.replace(b"/1\n", b"/1/x\n"),
        CHECKPOINT.replace(b"/audit/ins_0", b"/audit/ins_1"),
        b"ours.example\n" + CHECKPOINT,
    ],
)
def test_a_checkpoint_begins_with_our_origin(custodian: Custodian, message: bytes):
    key = a_key(custodian, KeyUse.CHECKPOINT)
    custodian.sign(key.key, CHECKPOINT, Purpose.CHECKPOINT)
    with refused("wrong_purpose"):
        custodian.sign(key.key, message, Purpose.CHECKPOINT)


def test_a_message_is_signed_up_to_the_length_that_is_told(custodian: Custodian):
    key = a_key(custodian, KeyUse.ALGORAND_ACCOUNT)
    longest = custodian.capabilities().max_message_bytes or 64 * 1024
    message = TX.ljust(longest, b"x")
    signing = custodian.sign(key.key, message, Purpose.ALGORAND_TRANSACTION)
    Ed25519PublicKey.from_public_bytes(key.public_key.raw).verify(signing.signature.raw, message)
    if custodian.capabilities().max_message_bytes is not None:
        with refused("message_too_long"):
            custodian.sign(key.key, message + b"x", Purpose.ALGORAND_TRANSACTION)


def test_a_curve_that_does_not_fit_the_use_is_refused(custodian: Custodian):
    with refused("curve_not_offered"):
        custodian.create_key(INSTALLATION, AccountId(uuid4()), Curve.ED25519, KeyUse.EVM_ACCOUNT)


def test_an_unknown_key_is_refused(custodian: Custodian):
    known = a_key(custodian, KeyUse.EVM_ACCOUNT).key
    other = a_key(custodian, KeyUse.EVM_ACCOUNT).key
    mixed = KeyRef(known[: known.rindex("/acct_")] + "/acct_01h2xcejqtf2nbrexx3vqjhp41/1")
    for stranger in (mixed, KeyRef(""), KeyRef("elsewhere:1"), KeyRef(other + "0")):
        for ask in (
            custodian.describe,
            custodian.disable,
            lambda key: custodian.sign(key, bytes(32), Purpose.EVM_TRANSACTION),
        ):
            with refused("unknown_key"):
                ask(stranger)


def test_a_disabled_key_signs_nothing_any_more(custodian: Custodian):
    key = a_key(custodian, KeyUse.EVM_ACCOUNT)
    for _ in range(2):
        custodian.disable(key.key)
        with refused("key_disabled"):
            custodian.sign(key.key, bytes(32), Purpose.EVM_TRANSACTION)
    described = custodian.describe(key.key)
    assert not described.enabled
    assert described.public_key == key.public_key
    account = AccountId(uuid4())
    disabled = a_key(custodian, KeyUse.EVM_ACCOUNT, account)
    custodian.disable(disabled.key)
    assert not a_key(custodian, KeyUse.EVM_ACCOUNT, account).enabled


@pytest.mark.parametrize("use", [KeyUse.EVM_ACCOUNT, KeyUse.ALGORAND_ACCOUNT])
def test_a_rotated_key_has_a_successor_and_signs_until_it_is_disabled(
    custodian: Custodian, use: KeyUse
):
    first = a_key(custodian, use)
    with ThreadPoolExecutor(4) as callers:
        later = set(callers.map(lambda _: custodian.rotate(first.key), range(4)))
    assert len(later) == 1
    second = later.pop()
    assert second.public_key != first.public_key
    assert (second.use, second.enabled) == (first.use, True)
    assert custodian.describe(second.key) == second
    assert custodian.rotate(second.key).key not in {first.key, second.key}
    versions = {signed(custodian, key, use) for key in (first, second)}
    assert len(versions) == 2
    custodian.disable(first.key)
    with refused("key_disabled"):
        signed(custodian, first, use)
    assert signed(custodian, second, use) in versions


def signed(custodian: Custodian, key: KeyDescription, use: KeyUse) -> str:
    """The version that signed, as the receipt will have it."""
    if use is KeyUse.EVM_ACCOUNT:
        return custodian.sign(key.key, bytes(range(32)), Purpose.EVM_TRANSACTION).key_version
    signing = custodian.sign(key.key, TX, Purpose.ALGORAND_TRANSACTION)
    Ed25519PublicKey.from_public_bytes(key.public_key.raw).verify(signing.signature.raw, TX)
    return signing.key_version


SECRETS = {
    KeyUse.EVM_ACCOUNT: (
        bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
        # anvil's first account
        bytes.fromhex(
            "8318535b54105d4a7aae60c08fc45f9687181b4fdfc625bd1a753fa7397fed75"
            "3547f11ca8696646f2f3acb08e31016afac23e630c5d11f59f61fef57b0d2aa5"
        ),
    ),
    KeyUse.ALGORAND_ACCOUNT: (
        # RFC 8032, 7.1, test 1
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
        bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
    ),
}


@pytest.mark.parametrize("use", SECRETS)
def test_a_secret_made_elsewhere_is_taken_in_or_refused(custodian: Custodian, use: KeyUse):
    secret, public = SECRETS[use]
    curve, account = CURVES[use], AccountId(uuid4())

    def take(secret: bytes, account: AccountId = account) -> KeyDescription:
        return custodian.import_key(INSTALLATION, account, curve, use, bytearray(secret))

    if curve not in custodian.capabilities().imports:
        with refused("import_not_offered"):
            take(secret)
        return
    taken = take(secret)
    assert taken.public_key.raw == public
    assert taken == take(secret) == custodian.describe(taken.key) == a_key(custodian, use, account)
    assert signed(custodian, taken, use)
    with refused("key_exists"):
        take(bytes(31) + b"\1")
    with refused("wrong_length"):
        take(secret[1:], AccountId(uuid4()))
    assert secret.hex() not in repr((taken, custodian))
    # Whoever knows the secret does not know what comes after it.
    following = custodian.rotate(taken.key)
    assert following == custodian.rotate(taken.key)
    assert following.public_key.raw != public
    assert signed(custodian, following, use)
    with refused("key_exists"):
        take(bytes(31) + b"\1")
    assert custodian.describe(following.key) == following


def test_the_documented_example_is_as_short_as_it_says():
    assert documented.text().count("\n") < 150


def test_nothing_is_lacking(custodian: Custodian):
    assert not custodian.lacks()


def test_many_may_sign_at_once(custodian: Custodian):
    key = a_key(custodian, KeyUse.ALGORAND_ACCOUNT)
    public = Ed25519PublicKey.from_public_bytes(key.public_key.raw)

    def sign(number: int) -> None:
        message = TX + bytes([number])
        signing = custodian.sign(key.key, message, Purpose.ALGORAND_TRANSACTION)
        public.verify(signing.signature.raw, message)

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(sign, range(40)))
