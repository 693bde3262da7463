from collections.abc import Iterator
from contextlib import contextmanager

from adapters.tables import Csv
from application.ports.tables import TableFormat


@contextmanager
def table_format() -> Iterator[TableFormat]:
    yield Csv()
