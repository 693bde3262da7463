"""`tallystick treasury list` and `notify`: what treasuries hold, what to send, who is told."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.application.house import House
from tests.application.test_watching_treasuries import EMPTY, LOW, holds, operators, watching

URL = "https://ops.example/hook"


@pytest.fixture
def house():
    return House(funds=10 * LOW)


@pytest.fixture
def run(house, monkeypatch):
    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(
            store=lambda: house.store,
            chains=lambda: house.chains,
            watch_treasuries=lambda: watching(house),
            operators_endpoints=lambda: operators(house),
        )

    monkeypatch.setattr(setting_up, "container", container)
    return lambda *words: CliRunner().invoke(main, ["treasury", *words])


def listed(run) -> dict:
    (only,) = json.loads(run("list", "--json").output)["treasuries"]
    return only


def test_it_says_what_is_there_and_what_to_send(house, run):
    assert (listed(run)["level"], listed(run)["send_at_least"]) == ("enough", "0")
    holds(house, EMPTY - 1)
    told = listed(run)
    assert (told["level"], told["balance"], told["unit"]) == ("empty", str(EMPTY - 1), "wei")
    assert told["address"] == house.signer.address
    holds(house, EMPTY - 1 + int(told["send_at_least"]))
    assert listed(run)["level"] == "enough"
    assert house.signer.address in run("list").output


def test_a_balance_that_no_node_tells_is_told_as_it_was(house, run):
    before = listed(run)
    house.chain.is_down = True
    assert listed(run) == before


def test_whoever_is_to_be_told_is_added_listed_and_removed(run):
    added = json.loads(run("notify", "add", URL, "--json").output)
    assert added["secret"].startswith("whsec_")
    (known,) = json.loads(run("notify", "list", "--json").output)["endpoints"]
    assert (known["id"], known["url"]) == (added["id"], URL)
    assert URL in run("notify", "list").output
    assert run("notify", "remove", added["id"]).exit_code == 0
    assert json.loads(run("notify", "list", "--json").output) == {"endpoints": []}
    assert run("notify", "remove", added["id"]).exit_code == 1
    assert run("notify", "remove", "nonsense").exit_code == 2
    assert run("notify", "add", "http://ops.example/").exit_code == 1
