"""Rows as PostgreSQL reads them fastest: arrays of a composite type, in its binary format.

    array   dimensions, has nulls, type of its items; length, lower bound; each item
    row     number of columns; each column: its type and an item
    item    number of bytes, and those; or -1: none

All numbers are big-endian (PostgreSQL's `src/backend/utils/adt`: `array_recv`, `record_recv`).
A *cell* is a column of a row, its type included.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from struct import Struct
from uuid import UUID

#: Object identifiers of types, which are the same in every database (`pg_type.dat`).
TYPES = {
    "boolean": 16,
    "bytea": 17,
    "bigint": 20,
    "integer": 23,
    "text": 25,
    "xid": 28,
    "text[]": 1009,
    "bigint[]": 1016,
    "timestamptz": 1184,
    "timestamptz[]": 1185,
    "uuid": 2950,
}

#: The cell of each type that has nothing in it.
NULLS = {name: Struct(">Ii").pack(oid, -1) for name, oid in TYPES.items()}

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_length = Struct(">i").pack
_array = Struct(">iiIii").pack
_header = Struct(">Ii").pack
_number = Struct(">Iiq").pack
_xid = Struct(">IiI").pack
_UUID = _header(TYPES["uuid"], 16)
_FLAGS = {flag: _header(TYPES["boolean"], 1) + bytes([flag]) for flag in (False, True)}

_TIMESTAMPTZ, _XID, _BYTEA = TYPES["timestamptz"], TYPES["xid"], TYPES["bytea"]

# A turn has thirty of these for each command: they are spelled without a call of Python's own.
integer = partial(Struct(">Iii").pack, TYPES["integer"], 4)
bigint = partial(_number, TYPES["bigint"], 8)
boolean = _FLAGS.__getitem__


def array(oid: int, rows: Sequence[bytes]) -> bytes:
    """A parameter.  *oid*: that of the type of *rows*."""
    items = [part for row in rows for part in (_length(len(row)), row)]
    return _array(1, 0, oid, len(rows), 1) + b"".join(items)


def columns(number: int) -> bytes:
    """What a row begins with: its cells are joined to it."""
    return _length(number)


def uuid(value: UUID) -> bytes:
    return _UUID + value.int.to_bytes(16, "big")


def xid(value: str) -> bytes:
    """*value*: as it was told, in digits."""
    return _xid(_XID, 4, int(value))


def bytea(value: bytes) -> bytes:
    return _header(_BYTEA, len(value)) + value


@lru_cache(maxsize=16_384)
def text(value: str | None) -> bytes:
    # Names of accounts, actions and members: the same few, again and again.
    if value is None:
        return NULLS["text"]
    encoded = value.encode()
    return _header(TYPES["text"], len(encoded)) + encoded


@lru_cache(maxsize=1_024)
def timestamptz(value: datetime | None) -> bytes:
    # A turn has one instant, and most of its rows say it.
    if value is None:
        return NULLS["timestamptz"]
    return _number(_TIMESTAMPTZ, 8, _microseconds(value))


def bigints(values: Sequence[int]) -> bytes:
    return _numbers("bigint", values)


def timestamptzs(values: Sequence[datetime]) -> bytes:
    return _numbers("timestamptz", [_microseconds(value) for value in values])


def texts(values: Sequence[str]) -> bytes:
    if not values:
        return _EMPTY["text"]
    # An item is a cell without its type.
    items = b"".join([text(value)[4:] for value in values])
    return _listed("text", len(values), len(items)) + items


def _numbers(of: str, values: Sequence[int]) -> bytes:
    count = len(values)
    if not count:
        return _EMPTY[of]
    items = [part for value in values for part in (8, value)]
    return _listed(of, count, 12 * count) + _items(count).pack(*items)


@lru_cache(maxsize=64)
def _listed(of: str, count: int, size: int) -> bytes:
    """All of an array's cell that stands before *count* items, which have *size* bytes."""
    return _header(TYPES[f"{of}[]"], 20 + size) + _array(1, 0, TYPES[of], count, 1)


@lru_cache(maxsize=64)
def _items(count: int) -> Struct:
    return Struct(">" + "iq" * count)


@lru_cache(maxsize=1_024)
def _microseconds(value: datetime) -> int:
    return (value - _EPOCH) // _MICROSECOND


#: No dimension at all.
_EMPTY = {
    of: _header(TYPES[f"{of}[]"], 12) + Struct(">iiI").pack(0, 0, TYPES[of])
    for of in ("text", "bigint", "timestamptz")
}
