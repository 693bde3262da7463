from collections.abc import Iterator
from contextlib import contextmanager

from adapters.local_keys import LocalKeyWrapping, connect
from adapters.memory.storage import MemoryStore
from application.ports.custody import Custodian, KeyWrapping

MASTER_KEYS = {1: bytes(32)}


@contextmanager
def custodian() -> Iterator[Custodian]:
    yield connect(MemoryStore(), MASTER_KEYS)


@contextmanager
def key_wrapping() -> Iterator[KeyWrapping]:
    yield LocalKeyWrapping(MASTER_KEYS)
