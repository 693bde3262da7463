"""Who lives long asks the database what time it is, and what is recorded goes by that."""

import signal
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import click
import pytest
from dependency_injector import providers

from adapters.postgres import connect
from adapters.system import AnchoredClock
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.identifiers import Prefix, instant_of, public_id
from entrypoints import readiness
from entrypoints.commands import seal, serve
from entrypoints.container import build_container
from entrypoints.main import main
from entrypoints.settings import load
from entrypoints.worker import process
from entrypoints.worker.clock import Follower, followed
from entrypoints.worker.loop import DeploymentLoop
from entrypoints.worker.sealing import SealLoop
from entrypoints.worker.webhooks import WebhookLoop
from tests.contract.subjects.postgres import (
    INSTALLATION,
    application_url,
    database,
    sealer_url,
)
from tests.worker.test_process import NETWORK

LONG_AGO = datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


@pytest.fixture(scope="module")
def url(server_url):
    with database() as url:
        yield url


@pytest.fixture
def container(tmp_path, url):
    (tmp_path / "tallystick.toml").write_text(NETWORK)
    environment = {
        "TALLYSTICK_INSTALLATION_ID": public_id(Prefix.INSTALLATION, INSTALLATION),
        "TALLYSTICK_INSTALLATION_ENVIRONMENT": "test",
        "TALLYSTICK_DATABASE_URL": application_url(url),
        "TALLYSTICK_DATABASE_CONNECTIONS": "2",
        "TALLYSTICK_LOCAL_KEYS_MASTER_KEY": "A" * 43 + "=",
        "TALLYSTICK_SEAL_DATABASE_URL": sealer_url(url),
        "TALLYSTICK_SEAL_STATE_FILE": str(tmp_path / "sealer.json"),
    }
    return build_container(load(tmp_path / "tallystick.toml", environment))


def test_a_process_has_the_databases_time_and_knows_its_machines(container):
    database = SimpleNamespace(instant=lambda: LONG_AGO)
    container.store.override(providers.Object(database))
    told = container.clock().now(), instant_of(container.identifiers().next())
    assert all(timedelta(0) <= each - LONG_AGO < timedelta(minutes=1) for each in told)
    assert abs(container.machine_clock().now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert "behind" not in readiness.clock_problem(container)


def test_the_time_is_known_before_a_transaction_has_the_only_connection(container, url):
    store = connect(application_url(url), min_size=1, max_size=1)
    container.store.override(providers.Object(store))
    store.open()
    try:
        assert readiness.database_problem(container) is None
        with store.begin(Scope()):
            assert abs(container.clock().now() - datetime.now(UTC)) < timedelta(minutes=1)
    finally:
        store.close()


def test_a_database_that_does_not_say_the_time_is_waited_for(container, monkeypatch):
    store, asked = container.store(), []
    real = store.instant

    def instant():
        asked.append(None)
        if len(asked) < 2:
            raise StoreUnavailableError("gone")
        return real()

    monkeypatch.setattr(type(store), "instant", lambda _: instant())
    monkeypatch.setattr(readiness, "_AGAIN_SECONDS", 0.01)
    store.open()
    try:
        assert readiness.await_database(container, threading.Event()) is None
    finally:
        store.close()
    assert len(asked) == 2


def serving(container):
    serve._serve(click.Context(main), container)


def working(container):
    process.run(container)


def sealing(container):
    seal._seal_on(click.Context(main), container, threading.Event(), as_json=False)


@pytest.mark.parametrize("live", [serving, working, sealing])
def test_a_process_asks_what_time_it_is_before_its_work_and_while_it_lasts(
    container, monkeypatch, live
):
    asked, asked_meanwhile, at_work = [], threading.Event(), []
    follow = AnchoredClock.follow

    def following(clock):
        asked.append(None)
        if threading.current_thread().name == "clock":
            asked_meanwhile.set()
        return follow(clock)

    def work(*_):
        assert asked
        at_work.append(asked_meanwhile.wait(10))

    monkeypatch.setattr(AnchoredClock, "follow", following)
    for busy in (serve.Server, DeploymentLoop, SealLoop):
        monkeypatch.setattr(busy, "run", work)
    # What a worker does beside it would do until it is told to stop, which nobody does.
    monkeypatch.setattr(process, "periodics", lambda *_: [])
    monkeypatch.setattr(WebhookLoop, "run", lambda *_: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    live(container)
    assert at_work == [True]


def test_it_is_followed_until_the_end_and_no_longer():
    times, third = [], threading.Event()

    def follow():
        times.append(None)
        if len(times) == 3:
            third.set()
        return timedelta(0)

    with followed(follow, every=timedelta(milliseconds=1)):
        assert third.wait(10)
    so_far = len(times)
    assert not [each for each in threading.enumerate() if each.name == "clock"]
    assert len(times) == so_far


def test_that_the_database_is_silent_is_said_once(caplog):
    answers = iter([None, None, timedelta(0), None])

    def follow():
        if (moved := next(answers)) is None:
            raise StoreUnavailableError("gone")
        return moved

    follower = Follower(follow)
    told = []
    for _ in range(4):
        caplog.clear()
        follower()
        told.append([record.levelname for record in caplog.records])
    assert told == [["WARNING"], [], [], ["WARNING"]]


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        (timedelta(milliseconds=900), []),
        (-timedelta(milliseconds=900), []),
        (timedelta(hours=1), ["1:00:00 ahead"]),
        (-timedelta(hours=1), ["1:00:00 behind"]),
    ],
)
def test_that_the_databases_clock_was_set_is_said(caplog, moved, said):
    Follower(lambda: moved)()
    assert [record.levelname for record in caplog.records] == ["ERROR" for _ in said]
    assert all(words in caplog.text for words in said)
