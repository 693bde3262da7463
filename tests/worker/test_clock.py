"""Who lives long asks the database what time it is, and what is recorded goes by that."""

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from dependency_injector import providers

from adapters.postgres import connect
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.identifiers import Prefix, instant_of, public_id
from entrypoints import readiness
from entrypoints.container import build_container
from entrypoints.settings import load
from entrypoints.worker.clock import Follower, followed
from tests.contract.subjects.postgres import INSTALLATION, application_url, database
from tests.worker.test_process import NETWORK

LONG_AGO = datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


@pytest.fixture
def container(tmp_path):
    (tmp_path / "tallystick.toml").write_text(NETWORK)
    environment = {
        "TALLYSTICK_INSTALLATION_ID": public_id(Prefix.INSTALLATION, INSTALLATION),
        "TALLYSTICK_INSTALLATION_ENVIRONMENT": "test",
        "TALLYSTICK_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
        "TALLYSTICK_LOCAL_KEYS_MASTER_KEY": "A" * 43 + "=",
    }
    return build_container(load(tmp_path / "tallystick.toml", environment))


def test_a_process_has_the_databases_time_and_knows_its_machines(container):
    database = SimpleNamespace(instant=lambda: LONG_AGO)
    container.store.override(providers.Object(database))
    told = container.clock().now(), instant_of(container.identifiers().next())
    assert all(timedelta(0) <= each - LONG_AGO < timedelta(minutes=1) for each in told)
    assert abs(container.machine_clock().now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert "behind" not in readiness.clock_problem(container)


def test_the_time_is_known_before_a_transaction_has_the_only_connection(container):
    with database() as url:
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
    with database() as url:
        store = connect(application_url(url), min_size=1, max_size=1)
        container.store.override(providers.Object(store))
        real, asked = store.instant, []

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
