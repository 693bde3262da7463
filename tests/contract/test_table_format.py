"""What every format promises: rows come back as they went, in files no larger than was said."""

import csv
import hashlib
import json
from datetime import UTC, datetime
from io import BytesIO, StringIO

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.tables import Column, Kind, TableError
from tests.strategies import examples, instants

COLUMNS = (
    Column("sequence", Kind.WHOLE),
    Column("at", Kind.INSTANT),
    Column("action", Kind.TEXT),
    Column("actor_id", Kind.TEXT),
    Column("live", Kind.FLAG),
    Column("salt", Kind.BYTES),
    Column("body", Kind.JSON),
)

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1)
bodies = st.dictionaries(st.sampled_from(["a", "b"]), texts | st.integers(0, 2**53 - 1))
rows = st.tuples(
    st.integers(-(2**53) + 1, 2**53 - 1),
    instants,
    texts,
    texts | st.none(),
    st.booleans(),
    st.binary(min_size=1, max_size=16),
    bodies.map(rfc8785.dumps),
)
ROW = (
    7,
    datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    "a.b",
    None,
    True,
    b"salt",
    b'{"a":"\xc3\xa9"}',
)


def written(table_format, content, at_most=None):
    """The file, and how many of the rows there was room for."""
    file = BytesIO()
    draft = table_format.begin(file, COLUMNS)
    count = 0
    for row in content:
        if not draft.add(row, at_most):
            break
        count += 1
    draft.close()
    return file.getvalue(), count


def read(table_format, file):
    return list(table_format.read(BytesIO(file), COLUMNS))


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(rows, max_size=8))
def test_rows_come_back_as_they_went(table_format, content):
    file, count = written(table_format, content)
    assert count == len(content)
    assert read(table_format, file) == content


def test_a_file_without_rows_is_one(table_format):
    assert read(table_format, written(table_format, [])[0]) == []


@pytest.mark.parametrize("at_most", [3_000, 40_000, 300_000])
def test_a_file_is_no_larger_than_was_said(table_format, at_most):
    def content():
        # Nothing that can be compressed.
        for number in range(4_000):
            noise = hashlib.shake_256(b"%d" % number).hexdigest(128)
            yield (*ROW[:6], json.dumps({"a": noise}, separators=(",", ":")).encode())

    file, count = written(table_format, content(), at_most)
    framing = 6_000 if table_format.ending == "parquet" else 0
    assert 0 < count < 4_000
    assert len(file) <= at_most + framing
    assert len(read(table_format, file)) == count


def test_a_row_that_never_fits_has_a_file_of_its_own(table_format):
    file, count = written(table_format, [ROW, ROW], 10)
    assert count == 1
    assert read(table_format, file) == [ROW]


def test_a_file_is_the_same_each_time(table_format):
    assert written(table_format, [ROW] * 100) == written(table_format, [ROW] * 100)


def test_memory_does_not_grow_with_the_rows(table_format):
    import tracemalloc

    class Nowhere:
        def write(self, data):
            return len(data)

    draft = table_format.begin(Nowhere(), COLUMNS)
    row = (*ROW[:6], b'{"a":"%s"}' % (b"x" * 1_000))
    for _ in range(11_000):
        draft.add(row)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(40_000):
        draft.add(row)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 12 * 2**20


@pytest.mark.parametrize("rows", [0, 1, 10_001])
def test_a_file_that_is_given_up_is_not_written_to_any_more(table_format, rows):
    import gc

    class Sink(BytesIO):
        def write(self, data):
            assert not is_over
            return super().write(data)

    is_over = False
    draft = table_format.begin(Sink(), COLUMNS)
    for _ in range(rows):
        draft.add(ROW)
    is_over = True
    # What is raised while it is forgotten, pytest tells as an error.
    del draft
    gc.collect()


@pytest.mark.parametrize("spoil", [lambda f: f[:-1], lambda f: b"x" + f, lambda f: f[1:]])
def test_what_was_cut_or_added_to_is_refused(table_format, spoil):
    file, _ = written(table_format, [ROW])
    with pytest.raises(TableError):
        read(table_format, spoil(file) + b'"' * (table_format.ending == "csv"))


def test_other_columns_are_refused(table_format):
    file, _ = written(table_format, [ROW])
    with pytest.raises(TableError):
        list(table_format.read(BytesIO(file), COLUMNS[:-1]))


# What is peculiar to one.


def test_a_line_is_canonical_json_and_has_the_body_as_it_is():
    from adapters.tables import JsonLines

    file, _ = written(JsonLines(), [ROW])
    assert file == (
        b'{"action":"a.b","actor_id":null,"at":"2026-01-02T03:04:05.000006Z",'
        b'"body":{"a":"\xc3\xa9"},"live":true,"salt":"73616c74","sequence":7}\n'
    )
    assert rfc8785.dumps(json.loads(file)) + b"\n" == file


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])  # noqa: RUF001
def test_no_cell_of_a_spreadsheet_begins_like_a_formula(first):
    from adapters.tables import Csv

    formula = f'{first}HYPERLINK("https://evil.example";"x")'
    file, _ = written(Csv(), [(*ROW[:2], formula, formula, *ROW[4:])])
    _, line = csv.reader(StringIO(file.decode(), newline=""))
    assert line[2:4] == [f"'{formula}"] * 2
    assert not [cell for cell in line if cell.startswith(first)]
    assert read(Csv(), file)[0][2:4] == (formula, formula)


def test_lines_of_csv_are_those_of_rfc_4180():
    from adapters.tables import Csv

    file, _ = written(Csv(), [(*ROW[:2], 'a "b", c', None, *ROW[4:])])
    head, line, end = file.split(b"\r\n")
    assert head == b'"sequence","at","action","actor_id","live","salt","body"'
    assert line == (
        b'"7","2026-01-02T03:04:05.000006Z","a ""b"", c","","true","73616c74",'
        b'"{""a"":""\xc3\xa9""}"'
    )
    assert end == b""


def test_parquet_has_the_types_that_analysts_ask_by():
    import pyarrow.parquet as pq

    from adapters.tables import load_parquet

    file, _ = written(load_parquet(), [ROW] * 20_001)
    opened = pq.ParquetFile(BytesIO(file))
    assert [str(each) for each in opened.schema_arrow.types] == [
        "int64", "timestamp[us, tz=UTC]", "string", "string", "bool", "binary", "binary",
    ]  # fmt: skip
    assert opened.num_row_groups == 3
    assert opened.metadata.row_group(0).column(2).compression == "ZSTD"


def test_parquet_is_loaded_by_whoever_wants_it_only():
    import subprocess
    import sys

    asked = "import sys, adapters.tables; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
