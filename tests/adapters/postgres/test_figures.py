"""Figures of the queues, asked by their own role and compared with what the superuser counts."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from adapters.postgres import open_figures
from adapters.postgres.migrate import Login, migrate
from application.ports.storage.work import StoreUnavailableError
from tests.contract.subjects.postgres import INSTALLATION

WATCHER = Login(name="tallystick_test_metrics", password="test", group="tallystick_metrics")


@pytest.fixture(scope="module")
def watcher(url):
    migrate(url, installation=INSTALLATION, environment="test", logins=[WATCHER])
    return make_conninfo(url, user=WATCHER.name, password=WATCHER.password)


@pytest.fixture
def figures(watcher):
    opened = open_figures(watcher)
    yield opened
    opened.close()


def counted(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_they_are_what_there_is(url, figures, ada, eve):
    now = datetime.now(UTC) + timedelta(days=30_000)
    told = {(each.of, each.label): each for each in figures.read(now)}
    states = counted(
        url,
        "SELECT state::text, count(*), min(accepted_at) FROM operations"
        " WHERE state NOT IN ('Completed', 'Failed', 'Cancelled') GROUP BY state",
    )
    assert states
    for state, number, since in states:
        assert (told["operations_open", state].count, told["operations_open", state].since) == (
            number,
            since,
        )
    assert {label for of, label in told if of == "operations_open"} == {
        "Queued", "Submitted", "Pending", "Confirmed", "Indexed",
    }  # fmt: skip
    ((number, since),) = counted(
        url, "SELECT count(*), min(due_at) FROM operations WHERE due_at IS NOT NULL"
        " AND (lease_until IS NULL OR lease_until < clock_timestamp())"
    )  # fmt: skip
    assert (told["operations_due", ""].count, told["operations_due", ""].since) == (number, since)
    ((number,),) = counted(url, "SELECT count(*) FROM outbox")
    assert number == told["outbox", ""].count > 0
    assert told["outbox", ""].since is not None
    ((number,),) = counted(
        url,
        "SELECT count(*) FROM webhook_deliveries JOIN webhook_endpoints AS e"
        " ON e.id = endpoint_id WHERE webhook_deliveries.state = 'pending'"
        " AND e.state = 'enabled'",
    )
    assert told["webhooks_pending", ""].count == number
    assert "halted" in {of for of, _ in told}
    assert "seal_backlog" not in {of for of, _ in told}


def test_sealing_lags_where_a_log_is_open(url, figures, ada, eve):
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO audit_logs (number, origin, key_ref, public_key, opened_at)"
            " VALUES (7, 'a log', 'a:key', %s, now())",
            [bytes(32)],
        )
    try:
        (lag,) = [each for each in figures.read(datetime.now(UTC)) if each.of == "seal_backlog"]
        ((events, first),) = counted(url, "SELECT count(*), min(at) FROM audit_events")
        assert (lag.count, lag.since) == (events, first)
        assert not [each for each in figures.read(datetime.now(UTC)) if each.of == "checkpoint"]
    finally:
        with psycopg.connect(url) as connection:
            connection.execute("DELETE FROM audit_logs WHERE number = 7")


def test_nothing_is_due_before_its_time(figures, ada):
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    (due,) = [each for each in figures.read(long_ago) if each.of == "operations_due"]
    assert (due.count, due.since) == (0, None)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM operations", "SELECT FROM audit_events", "SELECT FROM signers",
        "SELECT FROM outbox", "SELECT * FROM narrow.list_organisations()",
        "SELECT narrow.seal_backlog(1)", "CREATE TABLE mine ()",
    ],
)  # fmt: skip
def test_their_role_can_ask_nothing_else(watcher, ada, statement):
    with psycopg.connect(watcher) as connection, pytest.raises(psycopg.Error):
        connection.execute(statement)


def test_a_connection_that_was_lost_is_made_again(url, figures, ada):
    figures.read(datetime.now(UTC))
    counted(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE usename = '{WATCHER.name}' AND datname = current_database()",
    )
    with pytest.raises(StoreUnavailableError):
        figures.read(datetime.now(UTC))
    assert figures.read(datetime.now(UTC))


def test_a_role_that_may_not_is_bad_news_and_no_crash(url):
    figures = open_figures(make_conninfo(url, user="nobody", password="x", port="9"))
    with pytest.raises(StoreUnavailableError):
        figures.read(datetime.now(UTC))
    figures.close()
