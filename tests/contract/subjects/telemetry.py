from collections.abc import Iterator
from contextlib import contextmanager

from adapters.telemetry import Tracing
from application.ports.telemetry import Telemetry


@contextmanager
def telemetry() -> Iterator[Telemetry]:
    yield Tracing()
