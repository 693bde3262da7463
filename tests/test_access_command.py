"""`tallystick access`: what an operator ends, and what is told."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from application.operator.end_access import EndAllAccess
from application.ports.storage.work import Scope
from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.application.house import House


@pytest.fixture
def house(monkeypatch):
    house = House()
    parts = {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}

    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(
            end_all_access=lambda: EndAllAccess(**parts),
        )

    monkeypatch.setattr(setting_up, "container", container)
    return house


@pytest.fixture
def run(house):
    def run(*arguments, **options):
        done = CliRunner().invoke(main, ["access", *arguments], **options)
        assert "Traceback" not in done.output
        return done

    return run


def epoch(house):
    with house.store.begin(Scope()) as work:
        return work.access_epoch.current()


def test_all_access_is_ended_and_the_answer_is_for_programs(house, run):
    done = run("end-all", "--yes", "--reason", "restored", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"auth_epoch": 1}
    assert epoch(house) == 1


def test_it_asks_first(house, run):
    for answer, status, after in (("n\n", 1, 0), ("", 1, 0), ("y\n", 0, 1)):
        done = run("end-all", "--reason", "restored", "--json", input=answer)
        assert (done.exit_code, epoch(house)) == (status, after)
        assert "cannot be undone" in done.stderr
        if not status:
            assert json.loads(done.stdout) == {"auth_epoch": 1}


def test_without_a_reason_nothing_ends(house, run):
    done = run("end-all", "--yes", "--reason", " ", "--json")
    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, "reason_missing")
    assert run("end-all", "--yes").exit_code == 2
    assert epoch(house) == 0
