"""Apache Parquet, compressed by zstd; a row group as often as memory or size asks for one.

How large a group is in the file is known once it is written, so until then it counts as it is in
memory: a file may be smaller than what it was allowed, and is larger only by its own framing.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import RawIOBase
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
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

_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.WHOLE: pa.int64(),
    Kind.FLAG: pa.bool_(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    Kind.BYTES: pa.binary(),
    Kind.JSON: pa.binary(),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_ROWS_PER_GROUP = 10_000
_BYTES_PER_GROUP = 8 * 2**20
#: What a file's end says of the file, and of each column in each group; measured generously.
_FOOTER = 4_096
_FOOTER_PER_CELL = 256


@frozen
class Parquet(TableFormat):
    ending: str = "parquet"
    media_type: str = "application/vnd.apache.parquet"

    def begin(self, sink: Sink, columns: Sequence[Column]) -> TableDraft:
        return _Draft(_Counting(sink), columns)

    def read(self, source: BinaryIO, columns: Sequence[Column]) -> Iterator[tuple[Cell, ...]]:
        try:
            file = pq.ParquetFile(source)
            if not file.schema_arrow.equals(_schema(columns)):
                raise TableError("the file has other columns")
            for batch in file.iter_batches(_ROWS_PER_GROUP // 10):
                yield from zip(
                    *(
                        _cells(values, column.kind)
                        for values, column in zip(batch.columns, columns, strict=True)
                    ),
                    strict=True,
                )
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise TableError(f"the file cannot be read: {error}") from error


class _Counting(RawIOBase):
    """What the library writes to; closing it closes nothing of ours."""

    def __init__(self, sink: Sink) -> None:
        self.written = 0
        #: Nobody wants the file: the library ends it all the same when its writer is forgotten.
        self.is_abandoned = False
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.is_abandoned:
            return len(data)
        count = self._sink.write(bytes(data))
        self.written += count
        return count

    def tell(self) -> int:
        return self.written


@define
class _Draft(TableDraft):
    _sink: _Counting
    _columns: Sequence[Column]
    _writer: pq.ParquetWriter = field(init=False)
    _rows: list[Sequence[Cell]] = field(init=False, factory=list, repr=False)
    #: Of those rows, as they are in memory.
    _waiting: int = field(init=False, default=0)
    _groups: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._writer = pq.ParquetWriter(
            self._sink, _schema(self._columns), compression="zstd", store_schema=True
        )

    def add(self, row: Sequence[Cell], at_most: int | None = None) -> bool:
        size = sum(map(_size, row))
        is_empty = not self._rows and not self._groups
        if at_most is not None and not is_empty and self._most(size) > at_most:
            # What waits may be far smaller once it is written.
            self._flush()
            if self._most(size) > at_most:
                return False
        self._rows.append(row)
        self._waiting += size
        if len(self._rows) >= _ROWS_PER_GROUP or self._waiting >= _BYTES_PER_GROUP:
            self._flush()
        return True

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def __del__(self) -> None:
        self._sink.is_abandoned = True

    def _most(self, more: int) -> int:
        footer = _FOOTER + (self._groups + 1) * len(self._columns) * _FOOTER_PER_CELL
        return self._sink.written + self._waiting + more + footer

    def _flush(self) -> None:
        if not self._rows:
            return
        arrays = [
            pa.array([_stored(row[place]) for row in self._rows], type=_TYPES[column.kind])
            for place, column in enumerate(self._columns)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=_schema(self._columns)))
        self._rows, self._waiting, self._groups = [], 0, self._groups + 1


def _schema(columns: Sequence[Column]) -> pa.Schema:
    return pa.schema([pa.field(column.name, _TYPES[column.kind]) for column in columns])


def _size(cell: Cell) -> int:
    match cell:
        case str():
            # At most four bytes for each letter in UTF-8, and four for the length.
            return 4 + (len(cell) if cell.isascii() else 4 * len(cell))
        case bytes():
            return 4 + len(cell)
        case _:
            return 8


def _stored(cell: Cell) -> object:
    # As a number: the library would ask the machine for a time zone's name.
    return (cell - _EPOCH) // _MICROSECOND if isinstance(cell, datetime) else cell


def _cells(values: Any, kind: Kind) -> list[Cell]:
    if kind is not Kind.INSTANT:
        found: list[Cell] = values.to_pylist()
        return found
    numbers = values.cast(pa.int64()).to_pylist()
    return [None if each is None else _EPOCH + each * _MICROSECOND for each in numbers]
