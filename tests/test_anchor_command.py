"""`tallystick anchor`: the newest checkpoint is put on chain, and where it is, is told."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from entrypoints.commands import anchor, setting_up
from entrypoints.main import main
from tests.application.anchoring import ORIGIN, Anchoring


@pytest.fixture
def house():
    return Anchoring()


@pytest.fixture
def run(house, monkeypatch):
    """The command on the house, in which a worker is at work while somebody waits."""
    anchor_networks = []

    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(request_anchor=house.request_anchor, store=lambda: house.store)

    monkeypatch.setattr(setting_up, "container", container)
    monkeypatch.setattr(
        setting_up, "settings", lambda _: SimpleNamespace(anchor_networks=tuple(anchor_networks))
    )
    monkeypatch.setattr(anchor.time, "sleep", lambda _: house.work())

    def running(*options, configured=()):
        anchor_networks[:] = configured
        return CliRunner().invoke(main, ["anchor", *options])

    return running


def test_it_is_asked_for_and_told_once_it_is_final(house, run):
    house.checkpoint(77)
    done = run("--network", house.network, "--wait", "--json")
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.output)
    (operation,) = house.anchors()
    house.is_anchored_once(operation.id)
    inclusion = operation.step.inclusion
    assert told == {
        "network": house.network,
        "operation": operation.named,
        "origin": ORIGIN,
        "size": 77,
        "root": operation.token.parameters["root"],
        "state": "Completed",
        "waiting_for": None,
        "transaction": inclusion.transaction_id,
        "block": inclusion.block.number,
        "failure": None,
    }


def test_the_configured_networks_are_meant_where_none_is_named(house, run):
    house.checkpoint()
    done = run(configured=[house.network])
    assert done.exit_code == 0, done.output
    assert "Queued" in done.output
    assert len(house.anchors()) == 1
    assert run(configured=[house.network]).exit_code == 0
    assert len(house.anchors()) == 1, "the same size"


def test_what_cannot_be_done_is_refused_by_name(house, run):
    for options, configured, code in (
        ((), (), "nowhere_to_anchor"),
        ((), (house.network,), "nothing_to_anchor"),
        (("--network", "eip155:1"), (), "unknown_network"),
    ):
        done = run(*options, "--json", configured=configured)
        assert done.exit_code == 1
        assert json.loads(done.output)["code"] == code


def test_an_anchor_that_came_to_nothing_is_told_and_is_no_success(house, run):
    house.checkpoint()
    house.chain.refuses = "not today"
    done = run("--network", house.network, "--wait")
    assert done.exit_code == 1
    for word in ("Failed", "not today"):
        assert word in done.output
