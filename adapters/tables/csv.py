"""Comma-separated values: RFC 4180, in UTF-8, every cell in quotes, with a line of names.

A spreadsheet takes a cell that begins with one of ``= + - @``, a tab or a line's end for a
formula.  Such a cell gets an apostrophe in front (OWASP, CSV Injection); so does one that begins
with an apostrophe, and whoever takes the first one away again has what was written.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO, TextIOWrapper
from typing import BinaryIO

from attrs import define, field, frozen

from application.ports.tables import (
    Cell,
    Column,
    Kind,
    Sink,
    TableDraft,
    TableError,
    TableFormat,
)
from domain.audit import timestamp
from domain.spreadsheet import harmless

#: The reader's limit is one for the whole process; nobody else needs a lower one.
_LONGEST_CELL = 2**24


@frozen
class Csv(TableFormat):
    ending: str = "csv"
    media_type: str = "text/csv"

    def begin(self, sink: Sink, columns: Sequence[Column]) -> TableDraft:
        return _Draft(sink, columns)

    def read(self, source: BinaryIO, columns: Sequence[Column]) -> Iterator[tuple[Cell, ...]]:
        csv.field_size_limit(_LONGEST_CELL)
        text = TextIOWrapper(source, "utf-8", newline="")
        rows = csv.reader(text, strict=True)
        try:
            if next(rows, []) != [column.name for column in columns]:
                raise TableError("the first line has other names")
            for row in rows:
                yield tuple(
                    _read(text.removeprefix("'"), column.kind)
                    for text, column in zip(row, columns, strict=True)
                )
        except (ValueError, csv.Error) as error:
            raise TableError(f"line {rows.line_num} is none of ours: {error}") from error
        finally:
            # The source is the caller's to close.
            text.detach()


@define
class _Draft(TableDraft):
    _sink: Sink
    _columns: Sequence[Column]
    _written: int = 0
    _is_empty: bool = field(init=False, default=True)

    def __attrs_post_init__(self) -> None:
        self._written += self._sink.write(_line(column.name for column in self._columns))

    def add(self, row: Sequence[Cell], at_most: int | None = None) -> bool:
        line = _line(
            _shown(cell, column.kind) for cell, column in zip(row, self._columns, strict=True)
        )
        if at_most is not None and not self._is_empty and self._written + len(line) > at_most:
            return False
        self._is_empty = False
        self._written += self._sink.write(line)
        return True

    def close(self) -> None:
        """Lines end by themselves."""


def _line(cells: Iterator[str]) -> bytes:
    text = StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(map(harmless, cells))
    return text.getvalue().encode()


def _shown(cell: Cell, kind: Kind) -> str:
    match cell:
        case None:
            return ""
        case bytes():
            return cell.decode() if kind is Kind.JSON else cell.hex()
        case bool():
            return "true" if cell else "false"
        case datetime():
            return timestamp(cell)
        case _:
            return str(cell)


def _read(text: str, kind: Kind) -> Cell:
    if not text:
        return None
    match kind:
        case Kind.TEXT:
            return text
        case Kind.WHOLE:
            return int(text)
        case Kind.FLAG:
            return {"true": True, "false": False}.get(text)
        case Kind.INSTANT:
            return datetime.fromisoformat(text).astimezone(UTC)
        case Kind.BYTES:
            return bytes.fromhex(text)
        case Kind.JSON:
            return text.encode()
