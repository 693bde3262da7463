"""What one transaction says to the server, in as few messages as it can.

It begins with the first thing that is asked, and ends with the last that is written.  Until then
it has no connection.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import UUID

import psycopg
from attrs import define
from psycopg import Connection
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.rows import DictRow

from adapters.postgres import queries
from adapters.postgres.statements import Found, Parameters, Statement, Statements
from adapters.postgres.writing import failure
from application.ports.storage.work import Scope
from domain.errors import MisuseError

_SCOPE = queries.load("scope.sql")

_Begun = tuple[Connection[DictRow], list[Found]]
#: What is done on a connection first.  It may be done on several, until one is not dead.
First = Callable[[Connection[DictRow]], list[Found]]


@define
class Dialogue:
    """Of one transaction, which one thread at a time uses."""

    _enter: Callable[[First], _Begun]
    _leave: Callable[[Connection[DictRow]], None]
    _scope: Scope
    _connection: Connection[DictRow] | None = None

    def ask(self, statements: Sequence[Statement]) -> list[Found]:
        """All of them in order, in one message there and one back.  Raises: psycopg.Error."""
        if self._connection is not None:
            return Statements.of(self._connection).ask(statements)
        entering = _SCOPE["enter"], _names(self._scope)

        def first(connection: Connection[DictRow]) -> list[Found]:
            return Statements.of(connection).batch([entering, *statements], begins=True)

        self._connection, (_, *found) = self._enter(first)
        return found

    def commit(self, statements: Sequence[Statement]) -> None:
        """With *statements* before it, in the same message.

        Raises: psycopg.Error: nothing of it is kept, or where the connection died, nobody knows.
        """
        if self._connection is None and statements:
            # Whoever begins may have to begin anew, and what is committed is not sent twice.
            self.ask(statements)
            statements = ()
        if self._connection is None:
            return
        if statements:
            Statements.of(self._connection).batch(statements, ends=True)
        else:
            end(self._connection, b"COMMIT")

    def close(self) -> None:
        """Whatever is not committed is undone."""
        if self._connection is not None:
            undo(self._connection)
            self._leave(self._connection)


@define
class Question:
    """What is asked once, and changes nothing: each message is a transaction by itself.

    Without BEGIN and COMMIT, the statements of one message are one all the same.
    """

    _enter: Callable[[First], _Begun]
    _leave: Callable[[Connection[DictRow]], None]
    _scope: Scope

    def ask(self, statements: Sequence[Statement]) -> list[Found]:
        """Raises: psycopg.Error, MisuseError: it would change something."""
        entering = _SCOPE["enter_to_ask"], _names(self._scope)

        def first(connection: Connection[DictRow]) -> list[Found]:
            try:
                return Statements.of(connection).batch([entering, *statements])
            except psycopg.errors.ReadOnlySqlTransaction as error:
                raise MisuseError("a question changes nothing") from error

        connection, (_, *found) = self._enter(first)
        self._leave(connection)
        return found


def undo(connection: Connection[DictRow]) -> None:
    """Whatever is not committed: a connection that is lost undoes it as well.

    Not psycopg's way, which would have the server forget all that is prepared.
    """
    if connection.pgconn.transaction_status in {
        TransactionStatus.INTRANS,
        TransactionStatus.INERROR,
    }:
        with suppress(psycopg.Error):
            end(connection, b"ROLLBACK")


def end(connection: Connection[DictRow], how: bytes) -> None:
    """One message there, one back, and none of it parsed here.

    Raises: psycopg.Error: also where nothing was left to commit.
    """
    done = connection.pgconn.exec_(how)
    if done.status != ExecStatus.COMMAND_OK:
        raise failure(connection.pgconn, done)
    if done.command_status != how:
        # What COMMIT is answered with where a statement has failed before: ROLLBACK, and no error.
        raise psycopg.errors.InFailedSqlTransaction("it failed before: nothing was committed")


def _names(scope: Scope) -> Parameters:
    return {"organisation": _setting(scope.organisation), "user": _setting(scope.user)}


def _setting(id: UUID | None) -> str:
    """A setting has no null; the policies read an empty one as none."""
    return "" if id is None else str(UUID(int=id.int))
