"""A run of everything that has not seen every code fails; a run of less says nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFTEST = """
from tests import seen_codes

pytest_plugins = ["tests.seen_codes"]
seen_codes.expected = lambda: frozenset({"not_found", "busy", "too_short"})


def pytest_addoption(parser):
    parser.addoption("--without-servers", action="store_true")
    parser.addoption("--leave-out", default=None)


def pytest_collection_modifyitems(config, items):
    left = [item for item in items if item.name == config.getoption("leave_out")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
"""
TESTS = """
from tests import seen_codes


def test_one():
    seen_codes.note({"code": "not_found", "errors": []})


def test_other():
    seen_codes.note({"code": "validation_failed", "errors": [{"code": "too_short"}]})
"""
LAST = """

def test_last():
    seen_codes.note({"code": "busy", "errors": []})
"""
SAYS = "error codes that no answer had: busy"


@pytest.fixture
def place(tmp_path):
    """Tests in whose answers all codes are but one."""
    # Whatever is a package here would be looked for in place of ours.
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_some.py").write_text(TESTS)
    ini = f"[pytest]\ntestpaths = some\npythonpath = {ROOT}\n"
    (tmp_path / "pytest.ini").write_text(
        ini + "addopts = -p no:schemathesis --import-mode=importlib\n"
    )
    return tmp_path


def run(place, *arguments):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, cwd=place, env=env, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout


@pytest.mark.parametrize("spread", [(), ("-n", "2")], ids=["alone", "on workers"])
def test_a_code_that_no_answer_had_fails_a_run_of_everything(place, spread):
    status, said = run(place, *spread)
    assert (status, "2 passed" in said, SAYS in said) == (1, True, True), said


@pytest.mark.parametrize("spread", [(), ("-n", "2")], ids=["alone", "on workers"])
def test_what_workers_have_seen_counts_together(place, spread):
    (place / "some" / "test_some.py").write_text(TESTS + LAST)
    status, said = run(place, *spread)
    assert (status, "error codes" in said) == (0, False), said


@pytest.mark.parametrize(
    "less",
    [
        ("-k", "one"),
        ("some/test_some.py",),
        ("--deselect", "some/test_some.py::test_one"),
        ("--without-servers",),
        ("--leave-out=test_one",),
        ("--leave-out=test_one", "-n", "2"),
    ],
    ids=" ".join,
)
def test_a_run_of_less_fails_for_no_code(place, less):
    status, said = run(place, *less)
    assert (status, "error codes" in said) == (0, False), said


def test_codes_are_told_beside_tests_that_failed(place):
    """A run that broke off has seen little, and what it has not seen says nothing."""
    (place / "some" / "test_more.py").write_text("def test_it():\n    assert False\n")
    assert (run(place)[0], SAYS in run(place)[1]) == (1, True)
    (place / "some" / "test_more.py").write_text("raise KeyboardInterrupt\n")
    status, said = run(place)
    assert (status, "error codes" in said) == (2, False), said
