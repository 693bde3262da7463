"""The committed programs are compiled again, and the contracts' own tests run where they can."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
STANDARDS = Path("adapters/algorand/standards")
ARTEFACT = STANDARDS / "arc200/artefact.json"
NOT_TO_BE_HAD = 3


def run(*arguments: str, seconds: int = 240) -> subprocess.CompletedProcess[str]:
    """The tool's answer; the test is skipped where its compiler is not to be had."""
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tools/compile_algorand.py"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    if ran.returncode == NOT_TO_BE_HAD:
        pytest.skip(f"no compiler for Algorand contracts: {ran.stderr.strip()}")
    return ran


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A root with the ARC-200 contracts alone, to be tampered with."""
    shutil.copytree(ROOT / STANDARDS / "arc200", tmp_path / STANDARDS / "arc200")
    return tmp_path


def test_every_artefact_is_what_its_sources_compile_to() -> None:
    checked = run("--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for folder in ("arc200", "arc1400"):
        assert str(STANDARDS / folder / "artefact.json") in checked.stdout


def test_the_contracts_keep_their_promises(proving: bool) -> None:
    tested = run("--test", seconds=3600 if proving else 540)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " passed" in tested.stdout


def test_compiling_again_gives_the_same_bytes(copy: Path) -> None:
    committed = (copy / ARTEFACT).read_bytes()
    (copy / ARTEFACT).unlink()
    missing = run("--check", "--root", str(copy))
    assert missing.returncode == 1
    assert f"{ARTEFACT}: missing" in missing.stderr
    assert run("--root", str(copy)).returncode == 0
    assert (copy / ARTEFACT).read_bytes() == committed


def test_every_changed_byte_is_named(copy: Path) -> None:
    source = copy / STANDARDS / "arc200/contract_mintable.py"
    source.write_text(source.read_text(encoding="utf-8").replace("total <= self", "total < self"))
    tampered = json.loads((copy / ARTEFACT).read_text(encoding="utf-8"))
    tampered["contracts"]["TallystickPreminted"]["clear"]["program"] = "CoEBQg=="
    (copy / ARTEFACT).write_text(json.dumps(tampered, indent=2) + "\n")
    checked = run("--check", "--root", str(copy))
    assert checked.returncode == 1
    for changed in (
        "sources > adapters/algorand/standards/arc200/contract_mintable.py:",
        "contracts > TallystickMintable > approval > program:",
        "contracts > TallystickMintable > approval > sha256:",
        "contracts > TallystickPreminted > clear > program:",
    ):
        assert f"{ARTEFACT}: {changed}" in checked.stderr
    assert "TallystickPreminted > approval" not in checked.stderr


def test_a_corrected_comment_changes_no_program(copy: Path) -> None:
    source = copy / STANDARDS / "arc200/contract_base.py"
    source.write_text(source.read_text(encoding="utf-8").replace("Invariants,", "Promises,"))
    checked = run("--check", "--root", str(copy))
    assert checked.returncode == 1
    assert "sources > adapters/algorand/standards/arc200/contract_base.py" in checked.stderr
    assert "contracts >" not in checked.stderr


def test_a_source_that_does_not_compile_leaves_the_artefact_alone(copy: Path) -> None:
    committed = (copy / ARTEFACT).read_bytes()
    source = copy / STANDARDS / "arc200/contract_mintable.py"
    source.write_text(source.read_text(encoding="utf-8").replace("-> None:", "-> float:"))
    broken = run("--root", str(copy))
    assert broken.returncode == 1
    assert "puyapy failed" in broken.stderr
    assert (copy / ARTEFACT).read_bytes() == committed


def test_a_missing_interpreter_is_told_with_what_to_do(tmp_path: Path) -> None:
    """In a house without the compiler's environment, whose named Python does not run."""
    tools = tmp_path / "tools"
    shutil.copytree(ROOT / "tools", tools, ignore=shutil.ignore_patterns("node_modules"))
    missing = subprocess.run(
        [sys.executable, str(tools / "compile_algorand.py"), "--check"],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHON312": str(tmp_path / "python3.12")},
    )
    assert missing.returncode == NOT_TO_BE_HAD
    assert "which is no Python 3.12 or later that runs" in missing.stderr
