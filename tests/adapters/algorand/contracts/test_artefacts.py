"""The committed artefacts belong to the committed sources; no compiler is needed to see it."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from algosdk.abi import Method
from algosdk.encoding import encode_address, msgpack_encode
from algosdk.transaction import ApplicationCreateTxn, OnComplete, StateSchema, SuggestedParams

ROOT = Path(__file__).parents[4]
STANDARDS = Path("adapters/algorand/standards")
CONTRACTS = [
    ("arc1400", "TallystickSecurity"),
    ("arc200", "TallystickMintable"),
    ("arc200", "TallystickPreminted"),
]
FOLDERS = ["arc1400", "arc200"]
ARC200 = {
    "arc200_name()byte[32]": "657d13ec",
    "arc200_symbol()byte[8]": "b6ae1a25",
    "arc200_decimals()uint8": "84ec13d5",
    "arc200_totalSupply()uint256": "ec996041",
    "arc200_balanceOf(address)uint256": "82e573c4",
    "arc200_allowance(address,address)uint256": "bbb319f3",
    "arc200_transfer(address,uint256)bool": "da7025b9",
    "arc200_transferFrom(address,address,uint256)bool": "4a968f8f",
    "arc200_approve(address,uint256)bool": "b5422125",
}
ARC1400 = {
    "arc1410_balance_of_partition(address,address)uint256": "35f8135f",
    "arc1410_partitions_of(address,uint64)address[]": "95b4f9e3",
    "arc1410_transfer_by_partition(address,address,uint256,byte[])address": "3f256713",
    "arc1410_operator_transfer_by_partition"
    "(address,address,address,uint256,byte[])address": "fd9480d7",
    "arc1410_can_transfer_by_partition"
    "(address,address,address,uint256,byte[])(byte,string,address)": "b1b1d69a",
    "arc1410_is_operator(address,address,address)bool": "80cc49ab",
    "arc1410_authorize_operator(address,address,address)void": "07962165",
    "arc1410_revoke_operator(address,address,address)void": "e78961da",
    "arc1410_authorize_operator_by_portion(address,address,address,uint256)void": "c1bed789",
    "arc1410_is_operator_by_portion(address,address,address)bool": "3bfe1833",
    "arc1410_issue_by_partition(address,address,uint256,byte[])void": "599cd1a5",
    "arc1410_redeem_by_partition(address,uint256,byte[])void": "6de94166",
    "arc1410_operator_redeem_by_partition(address,address,uint256,byte[])void": "28f023d7",
    "arc1594_set_issuable(bool)void": "65b1682a",
    "arc1594_is_issuable()bool": "266597c0",
    "arc1594_issue(address,uint256,byte[])void": "0130599b",
    "arc1594_redeem(uint256,byte[])void": "f8838eb9",
    "arc1594_redeemFrom(address,uint256,byte[])void": "142b5fcb",
    "arc1594_transfer_with_data(address,uint256,byte[])bool": "31882bfa",
    "arc1594_transfer_from_with_data(address,address,uint256,byte[])bool": "a9cca16f",
    "arc1643_set_document(byte[],string,byte[])void": "11cb36f5",
    "arc1643_get_document(byte[])(string,byte[],uint64)": "b16d7a8c",
    "arc1643_remove_document(byte[])void": "a7cb3482",
    "arc1643_get_all_documents()byte[][]": "ecb636c8",
    "arc1644_controller_transfer(address,address,uint256,byte[],byte[])uint64": "1d5c7a17",
    "arc1644_controller_redeem(address,uint256,byte[])uint64": "e57a6e18",
    "arc1644_set_controller(address)void": "045472d0",
    "arc1644_set_controllable(bool)void": "7d7904a4",
    "arc1644_is_controllable()uint64": "ee6f2d0e",
    "arc1644_set_require_justification(bool)void": "e6f4f861",
    "arc1644_set_min_action_interval(uint64)void": "2ebd2d34",
    "arc88_owner()address": "0702654e",
    "arc88_is_owner(address)bool": "d015724e",
    "arc88_initialize_owner(address)void": "029fecc0",
    "arc88_renounce_ownership()void": "db7c82ef",
    "arc88_transfer_ownership(address)void": "7349334e",
    "arc88_transfer_ownership_request(address)void": "fd2c2c6e",
    "arc88_accept_ownership()void": "42a5f065",
    "arc88_cancel_ownership_request()void": "ad4f68ea",
}
#: AWS KMS signs no longer message with an Ed25519 key.
LARGEST_FOR_KMS = 4096


def artefact(folder: str) -> dict:
    return json.loads((ROOT / STANDARDS / folder / "artefact.json").read_text(encoding="utf-8"))


def contract(folder: str, name: str) -> dict:
    return artefact(folder)["contracts"][name]


def program(folder: str, name: str, kind: str) -> bytes:
    return base64.b64decode(contract(folder, name)[kind]["program"], validate=True)


def test_every_contract_of_an_artefact_is_judged_here() -> None:
    found = [(folder, name) for folder in FOLDERS for name in artefact(folder)["contracts"]]
    assert found == CONTRACTS
    assert (
        sorted(file.parent.name for file in (ROOT / STANDARDS).glob("*/artefact.json")) == FOLDERS
    )


@pytest.mark.parametrize(("folder", "name"), CONTRACTS)
@pytest.mark.parametrize("kind", ["approval", "clear"])
def test_a_program_is_what_its_hash_and_size_say(folder: str, name: str, kind: str) -> None:
    described = contract(folder, name)[kind]
    code = program(folder, name, kind)
    assert described["sha256"] == hashlib.sha256(code).hexdigest()
    assert described["bytes"] == len(code)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_source_changed_without_compiling_again_is_seen(folder: str) -> None:
    sources = artefact(folder)["sources"]
    own = {
        str(file.relative_to(ROOT)) for file in (ROOT / STANDARDS / folder).glob("contract*.py")
    }
    assert own <= set(sources)
    for file, committed in sources.items():
        assert hashlib.sha256((ROOT / file).read_bytes()).hexdigest() == committed, file


@pytest.mark.parametrize(("folder", "name"), CONTRACTS)
def test_the_oldest_network_we_ship_runs_the_programs(folder: str, name: str) -> None:
    assert contract(folder, name)["avmVersion"] == 10
    for kind in ("approval", "clear"):
        assert program(folder, name, kind)[0] == 10


@pytest.mark.parametrize(("folder", "name"), CONTRACTS)
def test_an_aws_kms_key_can_create_the_contract_in_one_message(folder: str, name: str) -> None:
    """With everything a creation of ours carries: lease, group, note, its arguments."""
    described = contract(folder, name)
    (create,) = (
        Method.from_signature(signature)
        for signature in described["methods"]
        if signature.startswith("create(")
    )
    sizes = {"byte[8]": 8, "uint8": 1, "bool": 1, "uint64": 8}
    arguments = [bytes(sizes.get(str(argument.type), 32)) for argument in create.args]
    window = SuggestedParams(
        fee=10**6,
        flat_fee=True,
        first=2**40,
        last=2**40 + 150,
        gh=base64.b64encode(bytes(32)).decode(),
        gen="aramidmain-v1.0",
    )
    creation = ApplicationCreateTxn(
        encode_address(b"\xff" * 32),
        window,
        OnComplete.NoOpOC,
        program(folder, name, "approval"),
        program(folder, name, "clear"),
        schema(described["globalSchema"]),
        schema(described["localSchema"]),
        app_args=[create.get_selector(), *arguments],
        extra_pages=described["extraPages"],
        lease=b"\xff" * 32,
        note=bytes(120),
    )
    creation.group = b"\xff" * 32
    assert len(b"TX" + base64.b64decode(msgpack_encode(creation))) <= LARGEST_FOR_KMS


def schema(described: dict) -> StateSchema:
    return StateSchema(described["uints"], described["byteSlices"])


@pytest.mark.parametrize(("folder", "name"), CONTRACTS)
def test_the_pages_hold_both_programs_and_not_one_byte_of_another_page(
    folder: str, name: str
) -> None:
    size = len(program(folder, name, "approval")) + len(program(folder, name, "clear"))
    pages = 1 + contract(folder, name)["extraPages"]
    assert 2048 * (pages - 1) < size <= 2048 * pages


@pytest.mark.parametrize(("folder", "name"), CONTRACTS)
def test_the_clear_program_always_approves(folder: str, name: str) -> None:
    """int 1, return: nobody is kept from leaving, and there is no local state to clear."""
    assert program(folder, name, "clear") == bytes.fromhex("0a810143")
    assert contract(folder, name)["localSchema"] == {"uints": 0, "byteSlices": 0}


@pytest.mark.parametrize(("folder", "name"), CONTRACTS)
def test_the_standard_selectors_are_in_the_program(folder: str, name: str) -> None:
    methods = contract(folder, name)["methods"]
    code = program(folder, name, "approval")
    standard = ARC200 | ARC1400 if folder == "arc1400" else ARC200
    for signature, selector in standard.items():
        assert signature in methods
        assert bytes.fromhex(selector) in code
    for signature in methods:
        assert Method.from_signature(signature).get_selector() in code, signature


@pytest.mark.parametrize(("folder", "name"), CONTRACTS)
def test_the_programs_emit_the_standard_events(folder: str, name: str) -> None:
    assert "arc200_Transfer(address,address,uint256)" in contract(folder, name)["events"]
    assert "arc200_Approval(address,address,uint256)" in contract(folder, name)["events"]
    for selector in ("7983c35c", "1969f865"):
        assert bytes.fromhex(selector) in program(folder, name, "approval")


def test_the_security_token_emits_the_events_of_its_drafts() -> None:
    assert contract("arc1400", "TallystickSecurity")["events"] == [
        "ControllerChanged((address,address))",
        "ControllerRedeem((address,address,uint256,byte,byte[]))",
        "ControllerTransfer((address,address,address,uint256,byte,byte[],byte[]))",
        "DocumentRemoved((byte[],string,byte[]))",
        "DocumentUpdated((byte[],string,byte[]))",
        "Issue((address,address,uint256,byte[]))",
        "Issue((address,uint256,byte[]))",
        "Redeem((address,address,uint256,byte[]))",
        "Redeem((address,uint256,byte[]))",
        "Transfer((address,address,address,uint256,byte[]))",
        "arc200_Approval(address,address,uint256)",
        "arc200_Transfer(address,address,uint256)",
        "arc88_OwnershipRenounced(address)",
        "arc88_OwnershipTransferred(address,address)",
    ]


@pytest.mark.parametrize(("folder", "name"), CONTRACTS)
def test_a_consumed_operation_fails_in_one_place_that_has_a_name(folder: str, name: str) -> None:
    errors = contract(folder, name)["errors"]
    assert list(errors.values()).count("operation consumed") == 1
    size = len(program(folder, name, "approval"))
    assert all(re.fullmatch(r"[1-9]\d*", place) and int(place) < size for place in errors)


@pytest.mark.parametrize(
    ("folder", "name", "uints", "byte_slices"),
    [
        ("arc1400", "TallystickSecurity", 8, 6),
        ("arc200", "TallystickMintable", 3, 5),
        ("arc200", "TallystickPreminted", 2, 4),
    ],
)
def test_the_schema_is_what_creating_pays_for(
    folder: str, name: str, uints: int, byte_slices: int
) -> None:
    assert contract(folder, name)["globalSchema"] == {"uints": uints, "byteSlices": byte_slices}
