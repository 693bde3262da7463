"""Statements on one connection: read once, prepared once, and asked without a cursor each.

psycopg's own way is made for texts that it has never seen: for each it makes a cursor, finds out
anew how every value and column is written, and a pipeline costs as much as two of them.  Ours are
few and known, so what was found out stays with the connection.  Values are written and read by
psycopg's adapters, in the types that it would choose.

Nobody else prepares anything on the connection, or psycopg would deallocate ours with its own.
"""

import hashlib
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import count
from typing import Any, LiteralString

import psycopg
from attrs import define, field, frozen
from psycopg import Connection
from psycopg.abc import PipelineCommand, PQGen
from psycopg.abc import Transformer as Adapting
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import (
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InFailedSqlTransaction,
    InvalidSqlStatementName,
)
from psycopg.generators import execute, fetch_many, send
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import DictRow

from adapters.postgres.writing import failure

#: A statement that is asked only now and then is not worth a place in the server's memory.
_PREPARED_AT = 5
#: And nothing is forgotten there: what comes after so many is parsed each time.
_MOST_PREPARED = 300

#: Of the digest in a name, hexadecimal: enough that no two statements share it.
_DIGITS = 24

_PLACE = re.compile(r"%(?:%|\((?P<name>\w+)\)(?P<format>[sbt]))")
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
#: Where PostgreSQL finds that what is prepared would have other columns by now.  Its message is in
#: the server's language, and the state is that of much else.
_REPLANNING = "RevalidateCachedQuery"
#: The attribute of a connection that has what is known of it: the two go together.
_KEPT = "_tallystick_statements"

Parameters = Mapping[str, Any]
Statement = tuple[LiteralString, Parameters]

#: The text, and the types of its values: what is prepared.
_Key = tuple[LiteralString, tuple[int, ...]]


@frozen
class Parsed:
    #: With ``$1`` for ``%(name)s``.
    text: bytes
    #: Whose value each of them is.
    names: Sequence[str]
    formats: Sequence[PyFormat]


@lru_cache(maxsize=1_024)
def parsed(query: LiteralString) -> Parsed:
    """*query* as the server wants it.  A percent sign of its own is written twice."""
    places: dict[tuple[str, PyFormat], int] = {}

    def place(found: re.Match[str]) -> str:
        if found["name"] is None:
            return "%"
        key = found["name"], PyFormat(found["format"])
        return f"${places.setdefault(key, len(places) + 1)}"

    text = _PLACE.sub(place, query).encode()
    return Parsed(text, [name for name, _ in places], [form for _, form in places])


@frozen
class Found:
    """What came of a statement."""

    rows: list[DictRow]
    #: How many it told or touched.
    rowcount: int

    def fetchall(self) -> list[DictRow]:
        return self.rows

    def fetchone(self) -> DictRow | None:
        return self.rows[0] if self.rows else None


@define(eq=False)
class Statements:
    """Of one connection, which one thread at a time uses."""

    _wire: PGconn
    _wait: Callable[[PQGen[Any]], Any]
    #: Of the connection and not of a statement: neither encoding nor adapters change.
    _adapting: Adapting
    _names: dict[_Key, bytes] = field(factory=dict)
    _asked: dict[_Key, int] = field(factory=dict)
    #: Of results, by the name of what is prepared: the server refuses it before they are others.
    _columns: dict[bytes, list[str]] = field(factory=dict)
    #: No name is given twice: the server may have what is not known here, or not any more.
    _numbers: Iterator[int] = field(factory=count)

    @classmethod
    def of(cls, connection: Connection[DictRow]) -> "Statements":
        known: Statements | None = vars(connection).get(_KEPT)
        if known is None:
            known = cls(connection.pgconn, connection.wait, Transformer(connection))
            setattr(connection, _KEPT, known)
        return known

    def run(self, query: LiteralString, parameters: Parameters) -> Found:
        """Raises: psycopg.Error."""
        asked = parsed(query)
        send, key = self._sending(asked, query, parameters)
        name = self._names.get(key)
        if name is None and self._is_frequent(key):
            name = self._new_name(key)
            self._wire.send_prepare(name, asked.text, key[1])
            self._checked(self._wait(execute(self._wire)))
            self._names[key] = name
        send(name)
        return self._found(name, self._wait(execute(self._wire)))

    def ask(self, statements: Sequence[Statement]) -> list[Found]:
        """The same, by the cheaper way where it is one."""
        if len(statements) == 1:
            return [self.run(*statements[0])]
        return self.batch(statements)

    def batch(
        self, statements: Sequence[Statement], *, begins: bool = False, ends: bool = False
    ) -> list[Found]:
        """All of them in order, in one round trip.

        *begins*: and a transaction before them.  *ends*: and it is committed after them, and what
        they found is not told; whatever fails is undone with all of it.

        Raises: psycopg.Error: of the first that failed.
        """
        commands: list[PipelineCommand] = []
        #: Of each command, what is done with its result.
        heard: list[Callable[[list[PGresult]], object]] = []
        new: dict[_Key, bytes] = {}
        if begins:
            commands.append(partial(self._wire.send_query_params, b"BEGIN", None))
            heard.append(self._checked)
        for query, parameters in statements:
            asked = parsed(query)
            send, key = self._sending(asked, query, parameters)
            name = self._names.get(key) or new.get(key)
            if name is None and self._is_frequent(key):
                name = new[key] = self._new_name(key)
                commands.append(partial(self._wire.send_prepare, name, asked.text, key[1]))
                heard.append(partial(self._prepared, key, name))
            commands.append(partial(send, name))
            # What cannot be read must not make doubtful what is committed.
            heard.append(self._checked if ends else partial(self._found, name))
        if ends:
            commands.append(partial(self._wire.send_query_params, b"COMMIT", None))
            heard.append(self._committed)
        results = self._all_results(commands)
        found = [hear(result) for hear, result in zip(heard, results, strict=True)]
        return [each for each in found if isinstance(each, Found)]

    def _sending(
        self, asked: Parsed, query: LiteralString, parameters: Parameters
    ) -> tuple[Callable[[bytes | None], None], _Key]:
        """Sends it by the name it is prepared under, or as it is; and what it is prepared by."""
        adapting, wire = self._adapting, self._wire
        values = adapting.dump_sequence([parameters[name] for name in asked.names], asked.formats)
        types, formats = adapting.types or (), adapting.formats

        def send(name: bytes | None) -> None:
            if name is None:
                wire.send_query_params(asked.text, values, types, formats)
            else:
                wire.send_query_prepared(name, values, formats)

        return send, (query, types)

    def _is_frequent(self, key: _Key) -> bool:
        if len(self._names) >= _MOST_PREPARED:
            return False
        self._asked[key] = asked = self._asked.get(key, 0) + 1
        return asked >= _PREPARED_AT

    def _new_name(self, key: _Key) -> bytes:
        """Says what it is of: behind a pooler others may have prepared theirs where ours goes."""
        text, types = key
        what = hashlib.sha256(f"{types} {text}".encode()).hexdigest()[:_DIGITS]
        return f"tallystick_{what}_{next(self._numbers)}".encode()

    def _prepared(self, key: _Key, name: bytes, results: list[PGresult]) -> None:
        self._checked(results)
        self._names[key] = name

    def _found(self, name: bytes | None, results: list[PGresult]) -> Found:
        result = self._checked(results)
        touched = result.command_tuples
        rowcount = -1 if touched is None else touched
        if result.status != ExecStatus.TUPLES_OK:
            return Found([], rowcount)
        if not result.ntuples:
            return Found([], 0)
        columns = None if name is None else self._columns.get(name)
        if columns is None:
            columns = [(result.fname(each) or b"").decode() for each in range(result.nfields)]
            if name is not None:
                self._columns[name] = columns
        adapting = self._adapting
        adapting.set_pgresult(result)
        rows = adapting.load_rows(
            0, result.ntuples, lambda values: dict(zip(columns, values, strict=True))
        )
        return Found(rows, rowcount)

    def _committed(self, results: list[PGresult]) -> None:
        if self._checked(results).command_status != b"COMMIT":
            raise InFailedSqlTransaction("it failed before: nothing was committed")

    def _checked(self, results: list[PGresult]) -> PGresult:
        """Raises: psycopg.Error: it was refused, or the connection has died."""
        if not results:
            raise psycopg.OperationalError("nothing was answered")
        # One, and the server's last words where it ends behind it.
        result = results[-1]
        if result.status in _GOOD:
            return result
        error = failure(self._wire, result)
        if _is_outdated(error):
            # The transaction is lost; the next one prepares anew.
            self._names.clear()
            self._columns.clear()
            raise psycopg.OperationalError("what was prepared is not there any more") from error
        raise error

    def _all_results(self, commands: list[PipelineCommand]) -> list[list[PGresult]]:
        """Of each of *commands*, in one round trip."""
        number = len(commands)
        commands.append(self._wire.pipeline_sync)
        self._wire.enter_pipeline_mode()
        try:
            results: list[list[PGresult]] = self._wait(_talk(self._wire, commands, number + 1))
            self._wire.exit_pipeline_mode()
        except BaseException:
            # What else would come cannot be told from what is asked next.
            self._wire.finish()
            raise
        return results[:number]


def _talk(
    wire: PGconn, commands: Sequence[PipelineCommand], number: int
) -> Generator[Any, Any, list[list[PGresult]]]:
    """All of *commands* in one message.  psycopg's own way would send each by itself."""
    for command in commands:
        command()
    # Whatever does not fit goes while answers come.
    yield from send(wire)
    results: list[list[PGresult]] = []
    while len(results) < number:
        results.append((yield from fetch_many(wire)))
    return results


def _is_outdated(error: psycopg.Error) -> bool:
    """Somebody had the server forget, or it is another one's, as an operator does or a pooler.

    Or a migration came in between.
    """
    if isinstance(error, FeatureNotSupported):
        return error.diag.source_function == _REPLANNING
    return isinstance(error, (InvalidSqlStatementName, DuplicatePreparedStatement))
