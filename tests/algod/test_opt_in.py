"""The suite for a node of one's own is itself run: a part of it, on ours as if it were another's.

The node is a process that is told nothing but by the three variables.
"""

import base64
import os
import re
import subprocess
import sys
from functools import partial

import pytest
from algosdk import account, mnemonic

from entrypoints.devnet.algod import TOKEN, AlgodProcess
from tests.own_node import ROOT, VARIABLES, private_key

PART = (
    "end_to_end or single_death or later_one or same_bytes or forgotten_keeps or passes_unused"
    " or attempt_lands or paid_by_the_treasury or two_steps"
)


@pytest.fixture(scope="module")
def variables():
    with AlgodProcess(mode="instant") as process:
        key, address = account.generate_account()
        process.control("fund", address=address, amount=20_000_000)
        yield {
            "ALGOD_URL": process.url,
            "ALGOD_TOKEN": TOKEN,
            "ALGOD_KEY": mnemonic.from_private_key(key),
        }


def run(*arguments, **variables):
    ours = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**ours, "PYTHONUTF8": "1", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_part_of_the_suite_passes_on_a_node_that_is_named_by_variables(variables):
    status, said = run("tests.own_node", "-k", f"own_node and ({PART})", **variables)
    assert status == 0, said
    counted = dict(re.findall(r"(\d+) (\w+)", said.splitlines()[-1]))
    assert {name: int(number) for number, name in counted.items()}["passed"] >= 9, said
    assert "skipped" not in said.splitlines()[-1]


def test_all_tests_that_need_no_fault_are_offered_to_it(variables):
    status, said = run("tests.own_node", "--collect-only", "-q", **variables)
    assert status == 0, said
    chosen = [line for line in said.splitlines() if "::" in line]
    assert all("own_node" in line for line in chosen)
    for file in ("test_chain", "test_windowed_chain", "test_main_job"):
        assert any(f"/{file}.py::" in line for line in chosen), said
    assert len(chosen) > 30


def test_without_the_variables_nothing_of_it_is_collected():
    arguments = ("--without-servers", "--collect-only", "-q", "-k", "own_node")
    status, said = run("pytest", *arguments, "tests/contract", "tests/algod")
    assert status == pytest.ExitCode.NO_TESTS_COLLECTED, said


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_is_missing_is_named_and_explained(variables, name):
    given = {each: value for each, value in variables.items() if each != name}
    status, said = run("tests.own_node", **given)
    assert status == 2
    assert [line.split()[0] for line in said.splitlines()[1:]] == [name]


def test_make_has_a_command_for_it():
    make = partial(subprocess.run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(name in make(["make", "help"]).stdout for name in ("make test-algod", *VARIABLES))
    assert "-m tests.own_node" in make(["make", "--dry-run", "test-algod"]).stdout


def test_a_key_that_is_none_is_told_without_repeating_it(variables):
    status, said = run("tests.own_node", **{**variables, "ALGOD_KEY": "s3cret"})
    assert status == 2
    assert "ALGOD_KEY" in said
    assert "s3cret" not in said


def test_a_key_is_25_words_or_bytes_in_base64_or_hexadecimal():
    key, _ = account.generate_account()
    raw = base64.b64decode(key)
    spellings = [mnemonic.from_private_key(key), key, raw.hex(), raw[:32].hex()]
    assert {bytes(private_key(each)) for each in spellings} == {raw[:32]}


@pytest.mark.parametrize("text", ["", "word " * 25, "abandon " * 25, "ab" * 31, "====", "é" * 64])
def test_anything_else_is_no_key(text):
    with pytest.raises(ValueError, match="ALGOD_KEY"):
        private_key(text)
