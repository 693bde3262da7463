from collections.abc import Iterator
from contextlib import contextmanager

from adapters.local_keys import LocalKeyWrapping, Verification, connect
from adapters.memory.storage import MemoryStore
from application.ports.custody import Custodian, KeyWrapping, Verifies
from tests.contract.custody import MASTER_KEYS, guarded


@contextmanager
def custodian() -> Iterator[Custodian]:
    yield guarded(connect(MemoryStore(), MASTER_KEYS))


@contextmanager
def key_wrapping() -> Iterator[KeyWrapping]:
    yield LocalKeyWrapping(MASTER_KEYS)


@contextmanager
def verification() -> Iterator[Verifies]:
    yield Verification()
