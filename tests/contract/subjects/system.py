from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.system import SealStateFile, SystemClock, SystemIdentifiers
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.seal_state import SealStateStore


@contextmanager
def clock() -> Iterator[Clock]:
    yield SystemClock()


@contextmanager
def identifiers() -> Iterator[Identifiers]:
    yield SystemIdentifiers(SystemClock())


@contextmanager
def seal_state() -> Iterator[SealStateStore]:
    with TemporaryDirectory() as folder:
        yield SealStateFile(Path(folder) / "sealer.json")
