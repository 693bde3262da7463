"""Rows in a file: what exports and archives are written in, and read back from."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import BinaryIO, Protocol

from attrs import frozen

Cell = str | int | bool | datetime | bytes | None


class TableError(Exception):
    """The file is not one that this format writes; says where."""


class Kind(Enum):
    TEXT = "text"
    WHOLE = "whole"
    FLAG = "flag"
    #: UTC, microseconds.
    INSTANT = "instant"
    BYTES = "bytes"
    #: The bytes of a canonical JSON text.
    JSON = "json"


@frozen
class Column:
    name: str
    kind: Kind


class Sink(Protocol):
    def write(self, data: bytes) -> int: ...


class TableDraft(Protocol):
    """A file that is being written."""

    def add(self, row: Sequence[Cell], at_most: int | None = None) -> bool:
        """Write a row; one cell for each column.

        False, and nothing is written, where the file would have more than *at_most* bytes.  The
        first row of a file is never too large.
        """
        ...

    def close(self) -> None:
        """Write what a file of this format ends with.  The sink stays open."""
        ...


class TableFormat(Protocol):
    """Constant memory, however many rows."""

    @property
    def ending(self) -> str:
        """Of a file's name, without a dot."""
        ...

    @property
    def media_type(self) -> str: ...

    def begin(self, sink: Sink, columns: Sequence[Column]) -> TableDraft: ...

    def read(self, source: BinaryIO, columns: Sequence[Column]) -> Iterator[tuple[Cell, ...]]:
        """The rows of a file that `begin` began with the same *columns*.

        A format that has no word for nothing reads empty text as None.

        Raises: TableError.
        """
        ...
