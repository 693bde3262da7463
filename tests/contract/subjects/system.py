from collections.abc import Iterator
from contextlib import contextmanager

from adapters.system import SystemClock, SystemIdentifiers
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers


@contextmanager
def clock() -> Iterator[Clock]:
    yield SystemClock()


@contextmanager
def identifiers() -> Iterator[Identifiers]:
    yield SystemIdentifiers(SystemClock())
