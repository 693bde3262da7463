"""What becomes of a connection, and of what was asked on it, when something goes wrong."""

import contextlib
import gc
import socket
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from adapters.postgres import connect, turn_rows
from adapters.postgres.dialogue import end
from adapters.postgres.statements import _PREPARED_AT, Statements
from adapters.postgres.writing import Turns
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.errors import MisuseError
from tests.adapters.postgres.test_foreknown import wait_until_they_wait
from tests.contract.subjects.postgres import application_url

#: More than it takes to be prepared.
OFTEN = 2 * _PREPARED_AT

#: Messages of the protocol: all but the last byte of one, and all of the other.
READY = b"Z\0\0\0\5"
_SAID = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"
FATAL = b"E" + (4 + len(_SAID)).to_bytes(4, "big") + _SAID


@pytest.fixture
def table(url):
    """A table that migrations change."""
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute("CREATE TABLE public.changing (first int, second int)")
        administrator.execute("GRANT ALL ON public.changing TO PUBLIC")
        administrator.execute("INSERT INTO public.changing VALUES (1, 2)")
        yield administrator
        administrator.execute("DROP TABLE public.changing")


def ask(store, query, parameters=None):
    with store.transaction(Scope()) as transaction:
        return transaction.row(query, parameters)


@pytest.mark.parametrize("before", [[], [("SELECT 1", {})]])
def test_a_transaction_that_is_lost_does_not_end_well(single, table, before):
    def swallow():
        with single.transaction(Scope()) as transaction:
            transaction.change("UPDATE changing SET first = 7")
            with pytest.raises(MisuseError, match="division by zero"):
                transaction.batch([*before, ("SELECT 1 / 0", {})])

    with pytest.raises(StoreUnavailableError, match="nothing was committed"):
        swallow()
    assert ask(single, "SELECT first FROM changing") == {"first": 1}


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    "faulty",
    [
        ("SELECT 1 / 0", {}),
        # What PostgreSQL never hears of, and what it finds nothing wrong with.
        ("SELECT %(a)s::text", {"a": "\0"}),
        ("SELECT 'infinity'::timestamptz AS a", {}),
    ],
    ids=["refused", "not sent", "not read"],
)
def test_a_transaction_that_has_lost_what_was_left_for_later_does_not_go_on(
    single, table, begun, faulty
):
    def swallow():
        with single.transaction(Scope()) as transaction:
            if begun:
                transaction.row("SELECT 1")
            transaction.later([("UPDATE changing SET first = 7", {})])
            with pytest.raises(MisuseError):
                transaction.batch([faulty])
            with pytest.raises(StoreUnavailableError, match="nothing was committed"):
                transaction.change("UPDATE changing SET second = 7")

    with pytest.raises(StoreUnavailableError, match="nothing was committed"):
        swallow()
    assert ask(single, "SELECT * FROM changing") == {"first": 1, "second": 2}


def test_what_a_check_has_refused_is_not_kept(single, table):
    def refuse(_):
        raise ZeroDivisionError

    def swallow():
        with single.transaction(Scope()) as transaction:
            transaction.later([("UPDATE changing SET first = 7", {})], refuse)
            with pytest.raises(ZeroDivisionError):
                transaction.row("SELECT 1")

    with pytest.raises(StoreUnavailableError, match="nothing was committed"):
        swallow()
    assert ask(single, "SELECT first FROM changing") == {"first": 1}


def test_what_nobody_reads_of_what_is_written_last_makes_no_commit_doubtful(single, table):
    with single.transaction(Scope()) as transaction:
        transaction.change("UPDATE changing SET first = 7")
        transaction.later([("SELECT 'infinity'::timestamptz AS a", {})])
    assert ask(single, "SELECT first FROM changing") == {"first": 7}


@pytest.mark.parametrize("begun", [False, True])
def test_what_was_left_for_later_is_not_written_where_the_body_fails(single, table, begun):
    def fail():
        with single.transaction(Scope()) as transaction:
            if begun:
                transaction.row("SELECT 1")
            transaction.later([("UPDATE changing SET first = 7", {})])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ask(single, "SELECT first FROM changing") == {"first": 1}


def test_what_was_left_for_later_is_written_where_nothing_is_asked(single, table):
    with single.transaction(Scope()) as transaction:
        transaction.later([("UPDATE changing SET first = 7", {})])
    assert ask(single, "SELECT first FROM changing") == {"first": 7}


@pytest.mark.parametrize("way", ["cancelled", "in a deadlock"])
def test_what_is_written_last_and_does_not_come_to_its_end_undoes_all(single, table, url, way):
    table.execute("INSERT INTO public.changing VALUES (3, 4)")
    update = "UPDATE public.changing SET second = 7 WHERE first = %s"

    def write():
        with single.transaction(Scope()) as transaction:
            transaction.change("UPDATE changing SET second = 9 WHERE first = 1")
            begun.set()
            assert may_end.wait(10)
            transaction.later([("UPDATE changing SET second = 9 WHERE first = 3", {})])

    begun, may_end = threading.Event(), threading.Event()
    with psycopg.connect(url) as other, ThreadPoolExecutor(2) as threads:
        writing = threads.submit(write)
        assert begun.wait(10)
        other.execute(update, [3])
        if way == "cancelled":
            may_end.set()
            wait_until_they_wait(url, 1)
            table.execute(
                """
                SELECT pg_cancel_backend(pid)
                  FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'
                """
            )
        else:
            # Whoever looks for one first is told of it, and the other one goes on.
            other.execute("SET deadlock_timeout TO '1min'")
            going_on = threads.submit(other.execute, update, [1])
            wait_until_they_wait(url, 1)
            may_end.set()
        with pytest.raises(
            StoreUnavailableError, match="cancel" if way == "cancelled" else "dead"
        ):
            writing.result(30)
        if way != "cancelled":
            assert going_on.result(30).rowcount == 1
        other.rollback()
    with single.transaction(Scope()) as transaction:
        found = transaction.rows("SELECT first, second FROM changing ORDER BY first")
    assert found == [{"first": 1, "second": 2}, {"first": 3, "second": 4}]


@pytest.mark.parametrize(
    "commit",
    [
        lambda connection: end(connection, b"COMMIT"),
        lambda connection: Statements.of(connection).batch([], ends=True),
    ],
    ids=["alone", "in a batch"],
)
def test_a_commit_that_is_answered_with_a_rollback_is_none(url, commit):
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        for said in (b"BEGIN", b"SELECT 1 / 0"):
            connection.pgconn.exec_(said)
        with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="nothing was committed"):
            commit(connection)


@pytest.mark.parametrize("way", ["it ends", "it fails", "it is asked"])
def test_a_connection_carries_no_scope_along(single, way):
    scope = Scope(organisation=uuid4(), user=uuid4())
    said = (
        "SELECT current_setting('app.organisation_id') || current_setting('app.user_id') AS said"
    )

    def ask_in_it(work):
        found = work._transaction.row(said)
        assert found == {"said": f"{scope.organisation}{scope.user}"}
        if way == "it fails":
            raise ZeroDivisionError

    with contextlib.suppress(ZeroDivisionError):
        if way == "it is asked":
            single.ask(scope, ask_in_it)
        else:
            with single.begin(scope) as work:
                ask_in_it(work)
    with single._pool.connection() as connection:
        assert connection.execute(said).fetchone() == {"said": ""}


@pytest.mark.parametrize("way", ["at once", "later", "later, and checked"])
def test_a_question_changes_nothing(single, table, way):
    """It has no end that could undo it."""
    change = ("UPDATE changing SET first = 7", {})

    def question(work):
        if way == "at once":
            work._transaction.change(*change)
        elif way == "later":
            work._transaction.later([change])
        else:
            work._transaction.later([change], lambda _: None)

    with pytest.raises(MisuseError, match="a question changes nothing"):
        single.ask(Scope(), question)
    assert ask(single, "SELECT first FROM changing") == {"first": 1}
    # Nor is the connection any other for it.
    with single.transaction(Scope()) as transaction:
        assert transaction.change(*change) == 1


def test_a_turn_in_somebodys_transaction_is_not_taken_for_kept(url):
    turns, tables = Turns(), {name: [] for name in turn_rows.TABLES}
    with psycopg.connect(application_url(url), row_factory=dict_row) as connection:
        assert turns.write(connection, [], tables)
        connection.pgconn.exec_(b"BEGIN")
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            turns.write(connection, [], tables)


def test_a_turn_that_somebody_else_has_prepared_is_the_same(url):
    tables = {name: [] for name in turn_rows.TABLES}
    with psycopg.connect(application_url(url), row_factory=dict_row) as connection:
        marks = {Turns().write(connection, [], tables) for _ in range(3)}
    assert len(marks) == 3


def test_what_is_known_of_a_connection_ends_with_it(url):
    connection = psycopg.connect(url)
    Statements.of(connection).run("SELECT 1", {})
    connection.close()
    it = weakref.ref(connection)
    del connection
    gc.collect()
    assert it() is None


def test_behind_a_pooler_nobody_is_answered_what_another_one_asked(url):
    mine, theirs = "SELECT 1 AS mine", "SELECT 2 AS theirs"
    with (
        psycopg.connect(url, autocommit=True, row_factory=dict_row) as here,
        psycopg.connect(url, autocommit=True, row_factory=dict_row) as there,
    ):
        asking, others = Statements.of(here), Statements.of(there)
        for _ in range(OFTEN):
            assert asking.run(mine, {}).rows == [{"mine": 1}]
            assert others.run(theirs, {}).rows == [{"theirs": 2}]
        # The pooler gives us the server that the other one had.
        asking._wire, asking._wait = there.pgconn, there.wait
        with pytest.raises(psycopg.OperationalError, match="not there any more"):
            asking.run(mine, {})
        for _ in range(OFTEN):
            assert asking.run(mine, {}).rows == [{"mine": 1}]


def test_a_name_that_somebody_else_has_given_is_prepared_under_another_one(url):
    with (
        psycopg.connect(url, autocommit=True, row_factory=dict_row) as here,
        psycopg.connect(url, autocommit=True, row_factory=dict_row) as there,
    ):
        asking, others = Statements.of(here), Statements.of(there)
        for _ in range(OFTEN):
            others.run("SELECT 1 AS it", {})
        for _ in range(_PREPARED_AT - 1):
            asking.run("SELECT 1 AS it", {})
        asking._wire, asking._wait = there.pgconn, there.wait
        with pytest.raises(psycopg.OperationalError, match="not there any more"):
            asking.run("SELECT 1 AS it", {})
        for _ in range(OFTEN):
            assert asking.run("SELECT 1 AS it", {}).rows == [{"it": 1}]


def test_a_result_that_cannot_be_read_leaves_the_connection_good(single):
    unreadable = "SELECT %(a)s::int AS a, 'infinity'::timestamptz AS b"
    new = "SELECT %(a)s::int AS a, 'after what cannot be read'"
    for _ in range(OFTEN):
        with pytest.raises(MisuseError), single.transaction(Scope()) as transaction:
            transaction.batch([(unreadable, {"a": 1}), (new, {"a": 1})])
    for number in range(OFTEN):
        assert ask(single, f"SELECT %(a)s::int AS a, {number % 2} AS b", {"a": 1})["a"] == 1
        assert ask(single, new, {"a": 1})["a"] == 1


def test_where_one_statement_was_forgotten_the_others_serve_on(single):
    one, other = "SELECT %(a)s::int AS one", "SELECT %(a)s::int AS other"
    for _ in range(OFTEN):
        ask(single, one, {"a": 1})
        ask(single, other, {"a": 2})
    name = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%%AS other'"
    forgotten = ask(single, name)["name"]
    ask(single, f"DEALLOCATE {forgotten}")
    with pytest.raises(StoreUnavailableError):
        ask(single, other, {"a": 2})
    for _ in range(OFTEN):
        assert ask(single, other, {"a": 2}) == {"other": 2}
        assert ask(single, one, {"a": 1}) == {"one": 1}


@pytest.mark.parametrize("together", [False, True])
def test_a_migration_that_changes_a_type_costs_one_transaction(single, table, together):
    query = "SELECT first, %(a)s::int AS a FROM changing"

    def asked():
        with single.transaction(Scope()) as transaction:
            if together:
                return transaction.batch([(query, {"a": 1}), (query, {"a": 1})])[1].fetchone()
            return transaction.row(query, {"a": 1})

    for _ in range(OFTEN):
        assert asked() == {"first": 1, "a": 1}
    table.execute("ALTER TABLE changing ALTER first TYPE bigint")
    with pytest.raises(StoreUnavailableError):
        asked()
    for _ in range(OFTEN):
        assert asked() == {"first": 1, "a": 1}


@pytest.mark.parametrize("times", [1, OFTEN])
def test_columns_are_those_of_the_result(single, table, times):
    query = f"SELECT *, {times} AS times FROM changing"
    for _ in range(times):
        assert ask(single, query) == {"first": 1, "second": 2, "times": times}
    table.execute("ALTER TABLE changing RENAME first TO third")
    if times > 1:
        with pytest.raises(StoreUnavailableError):
            ask(single, query)
    assert ask(single, query) == {"third": 1, "second": 2, "times": times}
    table.execute("ALTER TABLE changing ADD fourth int")
    if times > 1:
        with pytest.raises(StoreUnavailableError):
            ask(single, query)
    assert ask(single, query) == {"third": 1, "second": 2, "fourth": None, "times": times}


class LastWords:
    """A way to the server on which it can end behind its answer, before it says that it is ready.

    As it does where somebody stops it in that moment.
    """

    def __init__(self, url):
        told = conninfo_to_dict(url)
        self._server = told["host"], int(told["port"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = make_conninfo(
            url, port=self._listener.getsockname()[1], sslmode="disable", gssencmode="disable"
        )
        self.ends = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, server = self._listener.accept()[0], socket.create_connection(self._server)
                for way in (self._pass, client, server), (self._answer, server, client):
                    threading.Thread(target=way[0], args=way[1:], daemon=True).start()

    def _pass(self, client, server):
        with contextlib.suppress(OSError), server:
            while said := client.recv(65_536):
                server.sendall(said)

    def _answer(self, server, client):
        with contextlib.suppress(OSError), client:
            while said := server.recv(65_536):
                if self.ends:
                    self.ends = False
                    assert said[-6:-1] == READY
                    client.sendall(said[:-6] + FATAL)
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(said)


@pytest.fixture
def ending(url):
    way = LastWords(application_url(url))
    store = connect(way.url, min_size=1, max_size=1)
    store.open()
    # What is said to open the connection is over.
    store.ping()
    yield way, store
    store.close()
    way.close()


@pytest.mark.parametrize("times", [1, OFTEN])
@pytest.mark.parametrize("number", [1, 3])
def test_a_server_that_ends_behind_its_answer_is_unavailable(ending, number, times):
    way, store = ending
    asked = [("SELECT %(a)s::int AS a", {"a": 1})] * number

    def ask_once_more():
        with store.transaction(Scope()) as transaction:
            transaction.row("SELECT 1")
            way.ends = True
            transaction.batch(asked)

    for _ in range(times):
        with store.transaction(Scope()) as transaction:
            transaction.batch(asked)
    with pytest.raises(StoreUnavailableError):
        ask_once_more()
    with store.transaction(Scope()) as transaction:
        assert transaction.batch(asked)[-1].rows == [{"a": 1}]


def test_what_begins_where_a_server_ends_begins_anew(ending, table):
    way, store = ending
    with store.transaction(Scope()) as transaction:
        way.ends = True
        assert transaction.change("UPDATE changing SET first = first + 1") == 1
    assert not way.ends
    assert ask(store, "SELECT first FROM changing") == {"first": 2}


@pytest.mark.parametrize("later", [False, True])
def test_a_commit_of_which_nobody_heard_is_unknown(ending, table, later):
    way, store = ending

    def change():
        with store.transaction(Scope()) as transaction:
            transaction.change("UPDATE changing SET first = 9")
            if later:
                transaction.later([("UPDATE changing SET second = 9", {})])
            way.ends = True

    with pytest.raises(StoreUnavailableError):
        change()
    assert ask(store, "SELECT * FROM changing") == {"first": 9, "second": 9 if later else 2}


@pytest.mark.parametrize("number", [1, 2])
def test_what_is_only_written_later_is_committed_once(ending, table, number):
    """A beginning may be said twice, and a commit may not."""
    way, store = ending
    add = ("UPDATE changing SET first = first + 1", {})
    with store.transaction(Scope()) as transaction:
        transaction.later([add] * number)
        way.ends = True
    assert not way.ends
    assert ask(store, "SELECT first FROM changing") == {"first": 1 + number}
