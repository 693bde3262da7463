"""The committed artefacts belong to the committed sources; no compiler is needed to see it."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from algosdk.abi import Method

ROOT = Path(__file__).parents[4]
STANDARDS = Path("adapters/algorand/standards")
CONTRACTS = [
    ("arc200", "TallystickMintable"),
    ("arc200", "TallystickPreminted"),
]
FOLDERS = ["arc200"]
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
#: Largest approval program that an AWS KMS key can create in one message of 4,096 bytes.
LARGEST_FOR_KMS = 3800


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
def test_an_aws_kms_key_can_create_the_contract(folder: str, name: str) -> None:
    assert len(program(folder, name, "approval")) < LARGEST_FOR_KMS


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
    for signature, selector in ARC200.items():
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


@pytest.mark.parametrize(("folder", "name"), CONTRACTS)
def test_a_consumed_operation_fails_in_one_place_that_has_a_name(folder: str, name: str) -> None:
    errors = contract(folder, name)["errors"]
    assert list(errors.values()).count("operation consumed") == 1
    size = len(program(folder, name, "approval"))
    assert all(re.fullmatch(r"[1-9]\d*", place) and int(place) < size for place in errors)


@pytest.mark.parametrize(
    ("folder", "name", "uints", "byte_slices"),
    [
        ("arc200", "TallystickMintable", 3, 5),
        ("arc200", "TallystickPreminted", 2, 4),
    ],
)
def test_the_schema_is_what_creating_pays_for(
    folder: str, name: str, uints: int, byte_slices: int
) -> None:
    assert contract(folder, name)["globalSchema"] == {"uints": uints, "byteSlices": byte_slices}
