"""The programs that tokens are made of, pinned.

A token is found, read back and ordered about by the program that made it: whoever changes one of
these forgets every token that was made before.  So a changed contract is a new contract: its
artefact goes beside the old one, which stays, and operations name theirs.  Before the first
release there is nothing to forget, and the pin is moved with the contract.
"""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

ROOT = Path(__file__).parents[2]
#: Folder, contract, and the beginning of keccak-256 of its creation code.
EVM = """
    factory          TallystickFactory    da8fad4ea438ad774a801cf25804c34c
    standards/erc20  TallystickMintable   d25b8ce488c5357ea8823e397a24c7b7
    standards/erc20  TallystickPreminted  10d88141c93bfb13cb3a0457a33333fd
"""
#: Folder, contract, and the beginning of SHA-256 of its approval program.
ALGORAND = """
    arc200   TallystickMintable   08ca20c22257977cf7e84d72c3a62023
    arc200   TallystickPreminted  49eaa3204600ab4c2927fb02b7f66240
    arc1400  TallystickSecurity   fd93a724f28792361db814abca34f1d0
"""


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def artefacts(folder: str) -> dict[tuple[str, str], dict]:
    top = ROOT / "adapters" / folder
    return {
        (str(file.parent.relative_to(top)), name): contract
        for file in sorted(top.rglob("artefact.json"))
        for name, contract in json.loads(file.read_text("utf-8"))["contracts"].items()
    }


def test_every_contract_is_pinned():
    for folder, table in (("evm", EVM), ("algorand/standards", ALGORAND)):
        assert set(artefacts(folder)) == {(place, name) for place, name, _ in rows(table)}


@pytest.mark.parametrize(("place", "name", "pinned"), rows(EVM))
def test_creation_code_is_what_it_was(place, name, pinned):
    code = bytes.fromhex(artefacts("evm")[place, name]["creationCode"][2:])
    assert keccak(code).hex().startswith(pinned)


@pytest.mark.parametrize(("place", "name", "pinned"), rows(ALGORAND))
def test_an_approval_program_is_what_it_was(place, name, pinned):
    program = artefacts("algorand/standards")[place, name]["approval"]["program"]
    assert hashlib.sha256(base64.b64decode(program)).hexdigest().startswith(pinned)
