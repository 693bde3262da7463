"""Rows in binary: they are of the database's types, and it reads what was said."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.postgres import binary, turn_rows
from tests.contract.subjects.postgres import database


@pytest.fixture(scope="module")
def connection():
    with database() as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection


SHAPES = {shape.name: shape for shape in turn_rows.TABLES.values()}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_shape_is_the_type_in_the_database(connection, shape):
    rows = connection.execute(
        "SELECT attname, replace(format_type(atttypid, atttypmod), 'timestamp with time zone',"
        " 'timestamptz') FROM pg_attribute WHERE attrelid = %s::regclass ORDER BY attnum",
        (shape.name,),
    ).fetchall()
    assert rows == list(shape.columns.items())


def test_the_parameters_of_the_function_stand_in_that_order(connection):
    (names,) = connection.execute(
        "SELECT proargnames FROM pg_proc WHERE proname = 'keep_turn'"
    ).fetchone()
    assert names == ["meant", "organisations", *turn_rows.TABLES]


INSTANTS = st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
NUMBERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))

KINDS = {
    "boolean": (st.booleans(), binary.boolean),
    "bytea": (st.binary(), binary.bytea),
    "bigint": (NUMBERS, binary.bigint),
    "integer": (st.integers(-(2**31), 2**31 - 1), binary.integer),
    "text": (TEXTS, binary.text),
    "xid": (st.integers(0, 2**32 - 1).map(str), binary.xid),
    "timestamptz": (INSTANTS, binary.timestamptz),
    "uuid": (st.uuids(), binary.uuid),
    "text[]": (st.lists(TEXTS), binary.texts),
    "bigint[]": (st.lists(NUMBERS), binary.bigints),
    "timestamptz[]": (st.lists(INSTANTS), binary.timestamptzs),
}


@pytest.fixture(scope="module")
def anything(connection):
    """A type with a column of each kind."""
    shape = turn_rows.Shape("anything", {f"c{n}": kind for n, kind in enumerate(KINDS)})
    columns = ", ".join(f"{name} {kind}" for name, kind in shape.columns.items())
    connection.execute(f"CREATE TYPE anything AS ({columns})")
    (oid,) = connection.execute("SELECT 'anything'::regtype::oid::bigint").fetchone()
    return shape, oid


@settings(max_examples=60)
@given(st.lists(st.tuples(*(st.none() | values for values, _ in KINDS.values())), min_size=1))
def test_what_is_written_is_what_is_read(connection, anything, rows):
    shape, oid = anything
    encoded = [
        shape.begin
        + b"".join(
            binary.NULLS[kind] if value is None else cell(value)
            for value, (kind, (_, cell)) in zip(row, KINDS.items(), strict=True)
        )
        for row in rows
    ]
    result = connection.pgconn.exec_params(
        b"SELECT row_::text FROM unnest($1::anything[]) AS row_",
        [binary.array(oid, encoded)],
        param_formats=[1],
    )
    read = [result.get_value(row, 0).decode() for row in range(result.ntuples)]
    # The same rows, as psycopg says them.
    places = ", ".join(f"%s::{kind}" for kind in KINDS)
    said = [
        connection.execute(f"SELECT ROW({places})::anything::text", row).fetchone()[0]
        for row in rows
    ]
    assert read == said


def test_an_instant_of_another_zone_is_the_same_instant():
    there = datetime(2026, 11, 21, 13, tzinfo=UTC).astimezone()
    assert binary.timestamptz(there) == binary.timestamptz(there.astimezone(UTC))


def test_times_are_microseconds_since_2000():
    at = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=7)
    assert binary.timestamptz(at).endswith(b"\0\0\0\x08" + b"\0" * 7 + b"\x07")
    assert binary.uuid(UUID(int=1)).endswith(b"\0\0\0\x10" + b"\0" * 15 + b"\x01")
