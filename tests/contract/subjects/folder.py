from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from adapters.folder import connect
from application.ports.files import Files


@contextmanager
def file_store() -> Iterator[Files]:
    with TemporaryDirectory() as folder:
        yield connect(f"{folder}/made/when/needed")
