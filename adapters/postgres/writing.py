"""The statement that writes a turn, and the numbers of the types that its rows are of."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import cast
from weakref import WeakKeyDictionary

from attrs import field, frozen
from psycopg import Connection, Error, OperationalError
from psycopg.errors import (
    ActiveSqlTransaction,
    DuplicatePreparedStatement,
    InvalidSqlStatementName,
    error_from_result,
)
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import DictRow

from adapters.postgres import queries, turn_rows
from adapters.postgres.binary import array
from domain.identifiers import OrganisationId

#: Rows by the names of `turn_rows.TABLES`.
Tables = dict[str, list[bytes]]

_TOGETHER = queries.load("together.sql")
_WRITE = _TOGETHER["write"].encode()
#: Of the prepared statement: says what it is, as those of `statements` do.
_NAME = f"tallystick_turn_{hashlib.sha256(_WRITE).hexdigest()[:24]}".encode()

_IS_NOT_PREPARED = (InvalidSqlStatementName.sqlstate or "").encode()
_IS_PREPARED = (DuplicatePreparedStatement.sqlstate or "").encode()

#: Two parameters as text, then the arrays in binary.
_FORMATS = [0, 0, *(1 for _ in turn_rows.TABLES)]


@frozen
class Turns:
    #: The numbers of the types of rows, by name of the table.
    _types: WeakKeyDictionary[Connection[DictRow], Mapping[str, int]] = field(
        factory=WeakKeyDictionary
    )

    def write(
        self,
        connection: Connection[DictRow],
        organisations: Iterable[OrganisationId] | None,
        tables: Tables,
    ) -> str:
        """Write all of *tables*; the mark of what was written.

        *organisations*: whose rows they are, where nothing is locked: then it is a transaction of
        its own.

        Raises: psycopg.Error: nothing of it was written, where the connection lives, or it is not
            committed.
        """
        wire = connection.pgconn
        types = self._types.get(connection)
        if types is None:
            types = self._types[connection] = _types(wire)
            _prepare(wire)
        # A book is a wallet and an audit head; what must not be there is not touched.
        meant = (
            sum(map(len, tables.values()))
            + len(tables["books"])
            - len(tables["keys"])
            - len(tables["absent"])
        )
        named = None if organisations is None else f"{{{','.join(map(str, organisations))}}}"
        parameters = [
            str(meant).encode(),
            None if named is None else named.encode(),
            *(array(types[name], rows) if rows else None for name, rows in tables.items()),
        ]
        # A null is None, which the signature does not say.
        given = cast("list[bytes]", parameters)
        if organisations is None:
            # Not prepared: where it is not any more, the transaction would be lost.
            result = wire.exec_params(_WRITE, given, param_formats=_FORMATS)
        else:
            result = _by_name(wire, given)
        mark = _succeeded(wire, result, ExecStatus.TUPLES_OK).get_value(0, 0)
        if organisations is not None and wire.transaction_status != TransactionStatus.IDLE:
            # Whoever has begun it ends it, and not as we say.
            raise ActiveSqlTransaction("it is no transaction of its own")
        return mark.decode() if mark is not None else ""


def _by_name(wire: PGconn, parameters: list[bytes]) -> PGresult:
    """Prepared, and once more where the server was made to forget all of them."""
    result = wire.exec_prepared(_NAME, parameters, _FORMATS)
    if result.error_field(DiagnosticField.SQLSTATE) == _IS_NOT_PREPARED:
        _prepare(wire)
        result = wire.exec_prepared(_NAME, parameters, _FORMATS)
    return result


def _prepare(wire: PGconn) -> None:
    result = wire.prepare(_NAME, _WRITE)
    # Somebody behind the same pooler has: whatever has this name is this statement.
    if result.error_field(DiagnosticField.SQLSTATE) != _IS_PREPARED:
        _succeeded(wire, result, ExecStatus.COMMAND_OK)


def _types(wire: PGconn) -> Mapping[str, int]:
    shapes = {name: shape.name for name, shape in turn_rows.TABLES.items()}
    names = f"{{{','.join(shapes.values())}}}".encode()
    found = wire.exec_params(_TOGETHER["types"].encode(), [names])
    _succeeded(wire, found, ExecStatus.TUPLES_OK)
    numbers = {
        found.get_value(row, 0): int(found.get_value(row, 1) or 0) for row in range(found.ntuples)
    }
    return {name: numbers[shape.encode()] for name, shape in shapes.items()}


def _succeeded(wire: PGconn, result: PGresult, expected: ExecStatus) -> PGresult:
    """Raises: psycopg.OperationalError: the connection died, or psycopg.Error: it was refused."""
    if result.status == expected:
        return result
    raise failure(wire, result)


def failure(wire: PGconn, result: PGresult) -> Error:
    """What *result* says that went wrong; an `OperationalError` where the connection died."""
    error = error_from_result(result)
    if wire.status == ConnStatus.OK:
        return error
    died = OperationalError(str(error))
    died.__cause__ = error
    return died
