"""Faults that `make test` tries as well, and the page about all of them."""

import json

import attrs
import pytest
from attrs import asdict

from tests.faults.__main__ import OUTCOME, Outcome, try_out
from tests.faults.catalogue import FAULTS
from tests.faults.house import wired_house
from tests.faults.table import TABLE, table
from tests.faults.wire import Mode

#: One of each sort: a line, what only the line's other end can do, a machine; below, a process.
TRIED = (
    "PostgreSQL: does what it is asked, and one answer in five is lost",
    "EVM node: its certificate has expired",
)
#: Not everywhere is there what sets a process's clock.
CLOCK = "API process: its clock is an hour ahead"


def test_what_was_asked_for_is_done_once_all_the_same(monkeypatch):
    with wired_house() as wired:
        lacking = _called(CLOCK).lacks(wired)
        for name in TRIED if lacking else (*TRIED, CLOCK):
            outcome = try_out(wired, _called(name))
            assert (name, outcome.deployments, outcome.wrong) == (name, 8, [])
        # A table of faults that held says nothing, unless one that does not is told.
        monkeypatch.setattr("tests.faults.__main__.PATIENCE_SECONDS", 3.0)
        short = attrs.evolve(_called("worker: kill -9"), seconds=0.5)
        with wired.evm.broken(Mode(is_silent=True)):
            outcome = try_out(wired, short)
        assert any(" is Queued" in each for each in outcome.wrong)
    if lacking:
        pytest.skip(f"{CLOCK}: {lacking}")


def test_the_page_is_made_of_the_data_and_both_are_of_all_faults():
    """Whoever adds a fault tries it, or has neither."""
    assert TABLE.exists() == OUTCOME.exists()
    names = [f"{each.part}: {each.name}" for each in FAULTS]
    assert len(set(names)) == len(names)
    if OUTCOME.exists():
        told = json.loads(OUTCOME.read_text())
        assert TABLE.read_text() == table(told)
        assert [f"{each['part']}: {each['name']}" for each in told["faults"]] == names


def test_the_page_tells_what_held_what_did_not_and_what_was_not_tried():
    told = {
        "commit": "c" * 40,
        "processors": 2,
        "faults": [
            asdict(Outcome("disk", "is full", skipped="no disk")),
            asdict(Outcome("clock", "is ahead", seconds_to_the_end=3.5)),
            asdict(Outcome("node", "lies", clients_heard={"no answer": 2}, wrong=["a is Queued"])),
        ],
    }
    page = table(told)
    assert "1 of 2 held, 1 were not tried" in page.replace("\n", " ")
    assert "| disk | is full | not tried: no disk |  | nothing |" in page
    assert "| clock | is ahead | held | 3.5 s | nothing |" in page
    assert "| node | lies | **did not hold**: a is Queued |  | no answer (2) |" in page


def _called(name):
    (fault,) = (each for each in FAULTS if f"{each.part}: {each.name}" == name)
    return fault
