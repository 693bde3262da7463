"""Bytes and addresses, derived a second time from the EIPs, and pinned.

The literals are the promise: a change of one of them moves the address of tokens that were planned
before it.
"""

import json
from pathlib import Path
from uuid import UUID

import pytest
from attrs import evolve
from coincurve import PrivateKey
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from adapters.evm import factory, transactions
from adapters.evm.factory import FactoryKind
from adapters.evm.fees import Offer
from adapters.evm.standards import kinds
from domain.identifiers import InstallationId, OperationId, OrganisationId
from domain.operation import Intent
from domain.signing import Curve, PublicKey, Purpose, Signature
from domain.token import TokenKind

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

KEY = PrivateKey(bytes.fromhex("07" * 32))
OTHER_KEY = PrivateKey(bytes.fromhex("08" * 32))

INSTALLATION = InstallationId(UUID("01930000-0000-7000-8000-00000000000a"))
ORGANISATION = OrganisationId(UUID("01930000-0000-7000-8000-00000000000b"))
OPERATION = OperationId(UUID("01930000-0000-7000-8000-00000000000c"))
OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
HOLDER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"

ASKED = {
    "erc20_mintable": {"name": "Hazel", "symbol": "HZL", "initial_supply": "400", "cap": "1000"},
    "erc20_preminted": {
        "name": "Willow",
        "symbol": "WLW",
        "decimals": 6,
        "supply": "1000",
        "initial_holder": HOLDER,
    },
}
PREDICTED = {
    "erc20_mintable": "0xb017335B0046927327C4c6fCe7b4C2ee64779cf7",
    "erc20_preminted": "0xAe6d92F33059E8471Bf5F80286DE97eA9B4FAb02",
}
CALL_HASH = {
    "erc20_mintable": "ede6a85e98bb8a4cb78b7640563c525f18d32ac449456264d059e3aff272e9ce",
    "erc20_preminted": "18acf05a263422d86c724983983a561d0ef67d8303df908cf271926700bfd081",
}
RAW = (
    "02f870827a690984773594008506fc23ac00830186a09470997970c51812dc3a010c7d01b50e0d17"
    "dc79c880820102c080a012bf7c24c5b2ba680b3a5c77491aebd4215a31024c88c6eacf5acd580cf7"
    "fe69a0091f8d1fd4d70e9fdc0bd265df452f584eeae3ea8e8f2982a81550d9fa170cfb"
)


def public(key):
    return PublicKey(Curve.SECP256K1, key.public_key.format(compressed=False)[1:])


def address(key):
    return to_checksum_address(keccak(public(key).raw)[12:])


SENDER = address(KEY)


def signed(draft, key=KEY, *, high_s=False):
    raw = key.sign_recoverable(draft.signables[0].message, hasher=None)[:64]
    r, s = raw[:32], int.from_bytes(raw[32:])
    s = ORDER - s if (s <= ORDER // 2) == high_s else s
    return [(public(key), Signature(Curve.SECP256K1, r + s.to_bytes(32)))]


def intent_for(kind):
    token = kinds()[TokenKind(kind)].token(ASKED[kind])
    return Intent(
        organisation=ORGANISATION,
        operation=OPERATION,
        step=1,
        token=token,
        owner=OWNER,
        sender=SENDER,
    )


def creation_for(kind):
    return kinds()[TokenKind(kind)].creation(intent_for(kind), INSTALLATION)


def committed(folder, contract):
    path = Path(factory.__file__).parents[1] / folder / "artefact.json"
    return json.loads(path.read_text())["contracts"][contract]


def init_code(kind):
    if kind == "erc20_mintable":
        contract, types, arguments = (
            "TallystickMintable",
            ["string", "string", "uint8", "uint256", "uint256", "address", "address"],
            ["Hazel", "HZL", 18, 1000, 400, OWNER, OWNER],
        )
    else:
        contract, types, arguments = (
            "TallystickPreminted",
            ["string", "string", "uint8", "uint256", "address"],
            ["Willow", "WLW", 6, 1000, HOLDER],
        )
    code = committed("standards/erc20", contract)["creationCode"]
    return bytes.fromhex(code[2:]) + encode(types, arguments)


def rlp(item):
    """Ethereum's yellow paper, appendix B."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8)
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        payload, short = item, 0x80
    else:
        payload, short = b"".join(map(rlp, item)), 0xC0
    if len(payload) < 56:
        return bytes([short + len(payload)]) + payload
    length = len(payload).to_bytes((len(payload).bit_length() + 7) // 8)
    return bytes([short + 55 + len(length)]) + length + payload


def a_draft(**changes):
    asked = {
        "chain_id": 31337,
        "sender": SENDER,
        "nonce": 9,
        "gas": 100_000,
        "offered": Offer(max_fee=30 * 10**9, priority_fee=2 * 10**9),
        "to": OWNER,
        "data": b"\x01\x02",
    }
    return transactions.draft(**asked | changes)


# Addresses


@pytest.mark.parametrize("kind", ASKED)
def test_the_salt_is_the_operation_and_nothing_else(kind):
    words = INSTALLATION.bytes + ORGANISATION.bytes + OPERATION.bytes
    assert factory.salt_of(intent_for(kind), INSTALLATION) == keccak(b"tallystick.v1" + words)


@pytest.mark.parametrize("kind", ASKED)
def test_the_predicted_address_follows_from_eip_1014(kind):
    salt = keccak(b"tallystick.v1" + INSTALLATION.bytes + ORGANISATION.bytes + OPERATION.bytes)
    mixed = keccak(bytes(12) + bytes.fromhex(SENDER[2:]) + salt)
    deployer = bytes.fromhex(
        committed("factory", "TallystickFactory")["deployment"]["address"][2:]
    )
    digest = keccak(b"\xff" + deployer + mixed + keccak(init_code(kind)))
    assert creation_for(kind).place == to_checksum_address(digest[12:]) == PREDICTED[kind]


@pytest.mark.parametrize("kind", ASKED)
def test_the_call_is_the_factorys_deploy_with_salt_and_init_code(kind):
    creation = creation_for(kind)
    salt = factory.salt_of(intent_for(kind), INSTALLATION)
    arguments = encode(["bytes32", "bytes"], [salt, init_code(kind)])
    assert creation.data == keccak(b"deploy(bytes32,bytes)")[:4] + arguments
    assert keccak(creation.data).hex() == CALL_HASH[kind]
    assert creation.through == committed("factory", "TallystickFactory")["deployment"]["address"]


@given(st.uuids(), st.uuids(), st.uuids())
def test_other_ids_are_other_addresses(installation, organisation, operation):
    intent = evolve(intent_for("erc20_preminted"), organisation=organisation, operation=operation)
    creation = kinds()[intent.token.kind].creation(intent, installation)
    assert creation.place != PREDICTED["erc20_preminted"]


def test_another_sender_lands_elsewhere():
    intent = evolve(intent_for("erc20_preminted"), sender=address(OTHER_KEY))
    creation = kinds()[intent.token.kind].creation(intent, INSTALLATION)
    assert creation.place != PREDICTED["erc20_preminted"]


def test_the_factory_goes_where_its_artefact_says():
    kind = FactoryKind()
    intent = evolve(intent_for("erc20_preminted"), token=kind.stored_token({}))
    creation = kind.creation(intent, INSTALLATION)
    deployment = committed("factory", "TallystickFactory")["deployment"]
    code = committed("factory", "TallystickFactory")["creationCode"]
    assert creation.place == factory.ADDRESS == deployment["address"]
    assert creation.through == "0x4e59b44847b379578588920cA78FbF26c0B4956C"
    assert creation.data.hex() == deployment["salt"][2:] + code[2:]


# Transactions


def test_a_draft_is_signed_over_the_digest_of_eip_1559():
    draft = a_draft()
    fields = [31337, 9, 2 * 10**9, 30 * 10**9, 100_000, bytes.fromhex(OWNER[2:]), 0, b"\1\2", []]
    (signable,) = draft.signables
    assert signable.message == keccak(b"\x02" + rlp(fields))
    assert signable.signer == SENDER
    assert signable.purpose is Purpose.EVM_TRANSACTION
    assert draft.fee_cap == 30 * 10**9


def test_the_signed_bytes_are_those_of_eip_1559_and_their_hash_is_the_id():
    draft = a_draft()
    made = transactions.assemble(draft, signed(draft))
    signature = KEY.sign_recoverable(draft.signables[0].message, hasher=None)
    r, s, parity = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]), signature[64]
    fields = [31337, 9, 2 * 10**9, 30 * 10**9, 100_000, bytes.fromhex(OWNER[2:]), 0, b"\1\2", []]
    assert made.raw == b"\x02" + rlp([*fields, parity, r, s])
    assert made.raw.hex() == RAW
    assert made.id == "0x" + keccak(made.raw).hex()


def test_a_body_can_be_read_by_a_person():
    assert json.loads(a_draft().body) == {
        "chainId": "0x7a69",
        "data": "0x0102",
        "gas": "0x186a0",
        "maxFeePerGas": "0x6fc23ac00",
        "maxPriorityFeePerGas": "0x77359400",
        "nonce": "0x9",
        "to": OWNER,
        "type": "0x2",
        "value": "0x0",
    }


@given(
    st.integers(1, ORDER - 1),
    st.integers(0, 2**64 - 2),
    st.binary(max_size=100),
    st.integers(0, 10**18),
)
def test_a_high_s_becomes_its_low_twin(secret, nonce, data, fee):
    """Both twins are by the same key over the same digest; only the low one is ever sent."""
    key = PrivateKey.from_int(secret)
    offered = Offer(max_fee=fee, priority_fee=fee // 2)
    draft = a_draft(sender=address(key), nonce=nonce, data=data, offered=offered)
    low = transactions.assemble(draft, signed(draft, key))
    assert transactions.assemble(draft, signed(draft, key, high_s=True)) == low


def test_a_signature_by_another_key_is_refused():
    draft = a_draft()
    with pytest.raises(ValueError, match="must sign"):
        transactions.assemble(draft, signed(draft, OTHER_KEY))


def test_a_signature_over_something_else_is_refused():
    draft = a_draft()
    with pytest.raises(ValueError, match="another key, or over another message"):
        transactions.assemble(draft, signed(a_draft(nonce=10)))


def test_a_signature_that_is_none_is_refused():
    draft = a_draft()
    for raw in (bytes(64), b"\xff" * 64):
        with pytest.raises(ValueError):
            transactions.assemble(draft, [(public(KEY), Signature(Curve.SECP256K1, raw))])


def test_a_draft_whose_digest_is_not_its_bodys_is_refused():
    draft = a_draft()
    swapped = evolve(draft, body=a_draft(nonce=10).body)
    with pytest.raises(ValueError, match="digest"):
        transactions.assemble(swapped, signed(swapped))


@pytest.mark.parametrize("count", [0, 2])
def test_one_signable_takes_one_signature(count):
    draft = a_draft()
    with pytest.raises(ValueError):
        transactions.assemble(draft, signed(draft) * count)


def test_a_key_of_another_curve_has_no_address():
    with pytest.raises(ValueError):
        transactions.address_of(PublicKey(Curve.ED25519, bytes(32)))


def test_an_address_is_in_its_eip_55_spelling():
    first = PrivateKey.from_hex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
    expected = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert transactions.address_of(public(first)) == expected
