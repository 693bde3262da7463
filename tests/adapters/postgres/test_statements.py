"""Statements without a cursor find what psycopg's own find, and stay prepared."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from adapters.postgres.statements import _PREPARED_AT, Statements, parsed
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.errors import MisuseError
from domain.identifiers import TeamId
from domain.quota import Team

#: More than it takes to be prepared.
OFTEN = 2 * _PREPARED_AT

VALUES = (
    None,
    True,
    1,
    -(2**15) - 1,
    2**31,
    2**63,
    Decimal("1.50"),
    "it's 100 % text",
    "",
    b"\x00\xff",
    UUID(int=7),
    datetime(2026, 11, 22, 5, 30, tzinfo=UTC),
    date(2026, 11, 22),
    timedelta(seconds=90),
    [1, 2, 70_000],
    [UUID(int=1), UUID(int=2)],
    ["a", None, '"{,}'],
)


def prepared(transaction) -> list[str]:
    query = "SELECT statement FROM pg_prepared_statements"
    return [row["statement"] for row in transaction.rows(query)]


def test_places_are_numbered_and_a_percent_sign_is_one():
    asked = parsed("SELECT %(a)s, %(b)b, %(a)s, 7 %% 4, %(a)t")
    assert asked.text == b"SELECT $1, $2, $1, 7 % 4, $3"
    assert list(asked.names) == ["a", "b", "a"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back_as_psycopg_has_them(url, value):
    query = "SELECT %(value)s AS value"
    with psycopg.connect(url, row_factory=dict_row) as connection:
        expected = connection.execute(query, {"value": value}).fetchone()
        statements = Statements.of(connection)
        connection.prepare_threshold = None
        for _ in range(OFTEN):
            assert statements.run(query, {"value": value}).fetchone() == expected
            both = statements.batch([(query, {"value": value}), (query, {"value": 3})])
            assert both[0].rows == [expected]
            assert both[1].rows == [{"value": 3}]


def test_json_comes_back_whole(single):
    value = {"large": 10**40, "small": 1.5, "text": "ü\u2028", "list": [None, True, {}]}
    with single.transaction(Scope()) as transaction:
        row = transaction.row("SELECT %(value)s AS value", {"value": Jsonb(value)})
    assert row == {"value": value}


def test_what_is_asked_often_is_prepared_once_and_survives_a_rollback(single):
    query = "SELECT %(number)s + 1 AS one_more"

    def ask_in_vain():
        with single.transaction(Scope()) as transaction:
            assert transaction.row(query, {"number": 3}) == {"one_more": 4}
            raise ZeroDivisionError

    for _ in range(OFTEN):
        with pytest.raises(ZeroDivisionError):
            ask_in_vain()
    with single.transaction(Scope()) as transaction:
        assert [each for each in prepared(transaction) if "one_more" in each] == [
            "SELECT $1 + 1 AS one_more"
        ]


@pytest.mark.parametrize("times", [1, OFTEN])
def test_a_batch_ends_at_its_first_fault_and_the_connection_serves_on(single, times):
    good = ("SELECT %(a)s::int AS a", {"a": 1})
    faulty = ("SELECT 1 / %(a)s::int AS a", {"a": 0})
    for _ in range(times):
        with (
            pytest.raises(MisuseError, match="22012: division by zero"),
            single.transaction(Scope()) as transaction,
        ):
            transaction.batch([good, faulty, ("SELECT nothing", {})])
        with single.transaction(Scope()) as transaction:
            assert [each.rows for each in transaction.batch([good, good])] == [[{"a": 1}]] * 2


def test_where_the_server_has_forgotten_the_next_transaction_is_served(single):
    def ask():
        with single.transaction(Scope()) as transaction:
            return transaction.row("SELECT %(a)s::int AS a", {"a": 1})

    for _ in range(OFTEN):
        ask()
    with single.transaction(Scope()) as transaction:
        transaction.row("DEALLOCATE ALL")
    with pytest.raises(StoreUnavailableError):
        ask()
    assert ask() == {"a": 1}


LATER = ("SELECT set_config('app.user_id', %(a)s, true)", {"a": "later"})
NOW = "SELECT current_setting('app.user_id') AS said"


def test_what_is_written_later_is_there_before_anything_is_asked(single):
    with single.transaction(Scope()) as transaction:
        transaction.later([LATER])
        assert transaction.row(NOW) == {"said": "later"}


def test_what_is_written_later_and_fails_undoes_all(single):
    def fail(*after):
        with single.transaction(Scope()) as transaction:
            transaction.row("SELECT pg_notify('a', 'b')")
            transaction.later([("SELECT 1 / %(a)s::int", {"a": 0})])
            for each in after:
                transaction.row(each)

    for after in [(), (NOW,)]:
        with pytest.raises(MisuseError, match="division by zero"):
            fail(*after)
        with single.transaction(Scope()) as transaction:
            assert transaction.row(NOW) == {"said": ""}


def test_what_nobody_counts_is_not_waited_for(store, ada, monkeypatch):
    sent = []
    batch = Statements.batch

    def counting(self, statements, **how):
        sent.append(len(statements))
        return batch(self, statements, **how)

    monkeypatch.setattr(Statements, "batch", counting)
    team = Team(
        organisation=ada.scope.organisation,
        id=TeamId(UUID(int=11)),
        name="Issuers",
        members=frozenset(),
        created_at=datetime(2026, 11, 22, 5, 30, tzinfo=UTC),
    )
    with store.begin(ada.scope) as work:
        assert work.teams.are_members([])
        work.teams.add(team)
        work.approvals.need(needed=False)
        assert sent == []
    # Whose it is, and both of them.
    assert sent == [3]
    with store.begin(ada.scope) as work:
        assert work.teams.get(team.id) == team


@pytest.mark.parametrize("asks", [False, True])
def test_what_is_checked_is_checked_before_the_end(single, asks):
    def refuse(found):
        assert [each.rows for each in found] == [[{"set_config": "later"}]]
        raise ZeroDivisionError

    def write():
        with single.transaction(Scope()) as transaction:
            transaction.later([("SELECT pg_notify('a', 'b')", {})])
            transaction.later([LATER], refuse)
            if asks:
                transaction.row(NOW)

    with pytest.raises(ZeroDivisionError):
        write()


def test_a_batch_that_no_buffer_holds_is_sent_while_it_is_answered(single):
    long = "x" * 200_000
    with single.transaction(Scope()) as transaction:
        found = transaction.batch([("SELECT %(a)s::text AS a", {"a": long})] * 200)
    assert all(each.rows == [{"a": long}] for each in found)
