"""Faults that `make test` tries as well, and the page about all of them."""

import json

import attrs

from tests.faults.__main__ import OUTCOME, try_out
from tests.faults.catalogue import FAULTS
from tests.faults.house import wired_house
from tests.faults.table import TABLE, table
from tests.faults.wire import Mode

#: One of each sort: a line, a process, what only the line's other end can do.
TRIED = (
    "PostgreSQL: does what it is asked, and one answer in five is lost",
    "EVM node: its certificate has expired",
)


def test_what_was_asked_for_is_done_once_all_the_same(monkeypatch):
    with wired_house() as wired:
        for name in TRIED:
            outcome = try_out(wired, _called(name))
            assert (name, outcome.deployments, outcome.wrong) == (name, 8, [])
        # A table of faults that held says nothing, unless one that does not is told.
        monkeypatch.setattr("tests.faults.__main__.PATIENCE_SECONDS", 3.0)
        short = attrs.evolve(_called("worker: kill -9"), seconds=0.5)
        with wired.evm.broken(Mode(is_silent=True)):
            outcome = try_out(wired, short)
        assert any(" is Queued" in each for each in outcome.wrong)


def test_the_page_is_made_of_the_data():
    told = json.loads(OUTCOME.read_text())
    assert TABLE.read_text() == table(told)


def test_the_data_are_of_all_faults():
    told = json.loads(OUTCOME.read_text())
    names = [f"{each['part']}: {each['name']}" for each in told["faults"]]
    assert names == [f"{each.part}: {each.name}" for each in FAULTS]
    assert len(set(names)) == len(names)


def _called(name):
    (fault,) = (each for each in FAULTS if f"{each.part}: {each.name}" == name)
    return fault
