"""What the house writes is what the verifier reads: transactions, notes, anchors, plans."""

from uuid import UUID

import pytest
from algosdk import transaction
from eth_keys.datatypes import PrivateKey

from adapters.algorand import group as algorand_group
from adapters.evm import transactions as evm_transactions
from adapters.evm.fees import Offer
from domain.anchor import Anchor
from domain.audit import LEAF_DOMAIN, canonical
from domain.checkpoint import Checkpoint, Note
from domain.identifiers import NetworkId, OperationId
from domain.plan import Plan, SignerPlan, StepPlan
from domain.signing import Curve, PublicKey, Signature, digest_of
from domain.token import Token, TokenKind
from tallystick_verifier import algorand, evm, note
from tallystick_verifier.canonical import write
from tallystick_verifier.one_log import _note_of
from tests.verifier.packs import GENESIS, KEY, ORIGIN, algorand_key, public, sha


def test_an_evm_transaction_is_what_was_signed():
    key = PrivateKey(bytes([5]) * 32)
    public_key = PublicKey(Curve.SECP256K1, key.public_key.to_bytes())
    address = evm_transactions.address_of(public_key)
    draft = evm_transactions.draft(
        chain_id=8453,
        sender=address,
        nonce=17,
        gas=90_000,
        offered=Offer(max_fee=10**9, priority_fee=10**6),
        to="0x52908400098527886E0F7030069857D2E4169EE7",
        data=b"\x01" * 300,
    )
    (signable,) = draft.signables
    signature = Signature(Curve.SECP256K1, key.sign_msg_hash(signable.message).to_bytes()[:64])
    made = evm_transactions.assemble(draft, [(public_key, signature)])
    found = evm.read(made.raw)
    assert (found.id, found.chain_id, found.nonce) == (made.id, 8453, 17)
    assert found.digest == digest_of(Curve.SECP256K1, signable.message)
    assert evm.address_of(public_key.raw) == address
    assert evm.is_signed_by(public_key.raw, found)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_algorand_group_is_what_was_signed(number):
    (payer, payer_address), (issuer, issuer_address) = algorand_key(1), algorand_key(2)
    header = transaction.SuggestedParams(1000, 5, 155, GENESIS, flat_fee=True)
    made = transaction.AssetCreateTxn(
        issuer_address, header, 10**15, 6, False, asset_name="Gold", unit_name="GLD",
        url="https://example.com/a", note=b"\x00" * 60, lease=b"\x07" * 32,
    )  # fmt: skip
    payments = [
        transaction.PaymentTxn(payer_address, header, issuer_address, amount)
        for amount in range(1, number)
    ]
    together = [*payments, made]
    if payments:
        transaction.assign_group_id(together)
    signers = (*(payer_address for _ in payments), issuer_address)
    draft = algorand_group.Group(
        transactions=tuple(together), signers=signers, fee=1000, deposit=0, locked=0, cost=0
    ).draft()
    keys = [*(payer for _ in payments), issuer]
    signatures = [
        (
            PublicKey(Curve.ED25519, public(key)),
            Signature(Curve.ED25519, key.sign(signable.message)),
        )
        for key, signable in zip(keys, draft.signables, strict=True)
    ]
    signed = algorand_group.assemble(draft, signatures)
    found = algorand.read(signed.raw)
    assert found[-1].id == signed.id
    assert all(algorand.is_signed(each) for each in found)
    assert [sha(each.message) for each in found] == [
        digest_of(Curve.ED25519, signable.message) for signable in draft.signables
    ]
    assert tuple(algorand.address_of(each.signer) for each in found) == signers


def test_a_signed_checkpoint_is_read():
    checkpoint = Checkpoint(origin=ORIGIN, size=17, root=bytes(range(32)))
    key = PublicKey(Curve.ED25519, public(KEY))
    signature = Signature(Curve.ED25519, KEY.sign(checkpoint.text.encode()))
    written = str(Note.signed(checkpoint.text, ORIGIN, key, signature))
    found = note.read(written, key.raw, "here")
    assert (found.origin, found.size, found.root) == (ORIGIN, 17, bytes(range(32)))


def test_an_anchor_is_read():
    checkpoint = Checkpoint(origin=ORIGIN, size=2**40, root=bytes(range(32)))
    assert Anchor(checkpoint).content == _note_of(ORIGIN, 2**40, bytes(range(32)))


def test_a_plan_has_the_hash_that_the_page_says():
    plan = Plan(
        deployment=OperationId(UUID(int=5)),
        network=NetworkId("eip155:1"),
        token=Token(
            kind=TokenKind("erc20"), name="x", symbol="y", decimals=0, supply=1,
            parameters={"name": "größe", "supply": "1"},
        ),
        owner="0x1",
        sender="0x2",
        predicted=None,
        steps=(StepPlan(name="create", signers=(SignerPlan(address="0x2", custodian="x"),)),),
        fee_ceiling=10**20,
        credits=5,
    )  # fmt: skip
    content = dict(plan.content)
    assert set(content) == {
        "address", "credits", "fee_ceiling", "kind", "network",
        "owner", "sender", "steps", "token",
    }  # fmt: skip
    assert sha(b"tallystick.plan.v2\0", canonical(content)) == plan.hash
    assert write(content) == canonical(content)


def test_a_leaf_begins_alike():
    assert LEAF_DOMAIN == b"tallystick.audit.v1\0"
