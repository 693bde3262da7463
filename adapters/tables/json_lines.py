"""A JSON object in each line, its members in the order of their names: RFC 8785 throughout.

A cell that is JSON is a member as it is, with the very bytes that were given.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO, TypeVar

from attrs import define, frozen

from application.ports.tables import (
    Cell,
    Column,
    Kind,
    Sink,
    TableDraft,
    TableError,
    TableFormat,
)
from domain.audit import canonical, timestamp
from domain.errors import MisuseError

T = TypeVar("T")


@frozen
class JsonLines(TableFormat):
    ending: str = "jsonl"
    media_type: str = "application/jsonl"

    def begin(self, sink: Sink, columns: Sequence[Column]) -> TableDraft:
        order = sorted(range(len(columns)), key=lambda place: columns[place].name)
        return _Draft(sink, [(place, columns[place]) for place in order])

    def read(self, source: BinaryIO, columns: Sequence[Column]) -> Iterator[tuple[Cell, ...]]:
        for number, line in enumerate(source, start=1):
            try:
                yield _row(line, columns)
            except (ValueError, TypeError, AttributeError, MisuseError, RecursionError) as error:
                # A number with a fraction has no canonical form; brackets may be too deep to read.
                raise TableError(f"line {number} is none of ours: {error}") from error


@define
class _Draft(TableDraft):
    _sink: Sink
    _columns: Sequence[tuple[int, Column]]
    _written: int = 0

    def add(self, row: Sequence[Cell], at_most: int | None = None) -> bool:
        members = b",".join(
            b'"%s":%s' % (column.name.encode(), _shown(row[place], column.kind))
            for place, column in self._columns
        )
        line = b"{%s}\n" % members
        if at_most is not None and self._written and self._written + len(line) > at_most:
            return False
        self._written += self._sink.write(line)
        return True

    def close(self) -> None:
        """Lines end by themselves."""


def _shown(cell: Cell, kind: Kind) -> bytes:
    match cell:
        case bytes() if kind is Kind.JSON:
            return cell
        case bytes():
            return canonical(cell.hex())
        case datetime():
            return canonical(timestamp(cell))
        case _:
            return canonical(cell)


def _row(line: bytes, columns: Sequence[Column]) -> tuple[Cell, ...]:
    """Raises: ValueError, TypeError, AttributeError, MisuseError, RecursionError."""
    members = json.loads(line)
    if line[-1:] != b"\n" or members.keys() != {column.name for column in columns}:
        raise ValueError("it has other members, or no end")
    return tuple(_read(members[column.name], column.kind) for column in columns)


def _read(value: Any, kind: Kind) -> Cell:
    match kind:
        case Kind.JSON:
            return canonical(value)
        case _ if value is None:
            return None
        case Kind.BYTES:
            return bytes.fromhex(value)
        case Kind.INSTANT:
            return datetime.fromisoformat(value).astimezone(UTC)
        case Kind.TEXT:
            return _exactly(value, str)
        case Kind.WHOLE:
            return _exactly(value, int)
        case Kind.FLAG:
            return _exactly(value, bool)


def _exactly(value: Any, kind: type[T]) -> T:
    if type(value) is not kind:
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value
