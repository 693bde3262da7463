"""What a worker process is made of."""

import threading
from datetime import timedelta

import pytest

from application.operator.dispatch import Dispatch
from application.tokens.watch import WatchForgotten, WatchTokens
from domain.identifiers import NetworkId
from entrypoints.container import build_container
from entrypoints.settings import load
from entrypoints.worker.process import periodics

NETWORK = """
[worker]
drift_check_minutes = 7

[networks."eip155:31337"]
name = "anvil"
family = "evm"
class = "development"
nodes = ["http://127.0.0.1:9"]
finality_tag = "finalized"
fee_ceiling = 1
native_currency = "ETH"
"""
ENVIRONMENT = {
    "TALLYSTICK_INSTALLATION_ID": "ins_01k9zvkx9te1mt5qg4s7z9ht6e",
    "TALLYSTICK_INSTALLATION_ENVIRONMENT": "development",
    "TALLYSTICK_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
    "TALLYSTICK_LOCAL_KEYS_MASTER_KEY": "A" * 43 + "=",
}


@pytest.fixture
def container(tmp_path):
    (tmp_path / "tallystick.toml").write_text(NETWORK)
    return build_container(load(tmp_path / "tallystick.toml", ENVIRONMENT))


def test_a_worker_does_all_that_is_periodic(container):
    acts = {each.name: each.act for each in periodics(container, threading.Event())}
    assert set(acts) == {
        "watch eip155:31337", "dispatch", "sweep", "tasks", "tokens", "forgotten tokens",
        "allowances", "licences", "ended subscriptions", "treasuries", "key changes",
        "fees", "seals watched", "old deliveries",
    }  # fmt: skip
    assert isinstance(acts["dispatch"], Dispatch)
    assert isinstance(acts["tokens"], WatchTokens)
    assert isinstance(acts["forgotten tokens"], WatchForgotten)


def test_nobody_waits_for_another_look_at_a_token(container):
    nice = {each.name for each in periodics(container, threading.Event()) if each.niceness}
    assert nice == {"tokens", "forgotten tokens"}
    assert container.settings().worker_niceness == 10


def test_checkpoints_are_put_on_chain_where_the_configuration_says_so(tmp_path):
    text = '[audit]\nanchor_networks = ["eip155:31337"]\nanchor_every_minutes = 5\n'
    (tmp_path / "tallystick.toml").write_text(NETWORK + text)
    container = build_container(load(tmp_path / "tallystick.toml", ENVIRONMENT))
    (anchors,) = (
        each for each in periodics(container, threading.Event()) if each.name == "anchors"
    )
    due = container.anchor_when_due()
    assert anchors.interval < due.every == timedelta(minutes=5)
    assert due.networks == ("eip155:31337",)
    assert due.request is container.request_anchor()


def test_a_worker_seals_in_development_and_nowhere_else(tmp_path):
    (tmp_path / "tallystick.toml").write_text(NETWORK)
    sealer = {
        "TALLYSTICK_SEAL_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
        "TALLYSTICK_SEAL_STATE_FILE": str(tmp_path / "sealer.json"),
    }
    seals = {}
    for environment in ("development", "test"):
        named = {"TALLYSTICK_INSTALLATION_ENVIRONMENT": environment}
        settings = load(tmp_path / "tallystick.toml", ENVIRONMENT | sealer | named)
        acts = periodics(build_container(settings), threading.Event())
        seals[environment] = [each for each in acts if each.name == "sealing"]
    assert seals["test"] == []
    (sealing,) = seals["development"]
    # Never at once: what is sealed comes in batches.
    assert sealing.soon == sealing.interval > timedelta(0)
    assert sealing.quiet >= sealing.interval
    assert sealing.niceness == settings.worker_niceness > 0


def test_tokens_are_looked_at_as_often_as_is_configured_on_all_networks(container):
    watcher = container.watch_tokens()
    assert watcher.every.total_seconds() == 7 * 60
    assert set(watcher.inspect.chains) == {NetworkId("eip155:31337")}
    assert watcher.store is container.store()
