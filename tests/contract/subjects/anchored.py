from collections.abc import Iterator
from contextlib import contextmanager

from adapters.system import AnchoredClock, SystemClock
from application.ports.clock import Clock


@contextmanager
def clock() -> Iterator[Clock]:
    yield AnchoredClock(SystemClock().now)
