"""Several wrappings as one, of which the second one wraps."""

from collections.abc import Iterator
from contextlib import contextmanager

from adapters.local_keys import LocalKeyWrapping
from adapters.memory.wrapping import MemoryKeyWrapping
from application.custody.wrappings import Wrappings
from application.ports.custody import KeyWrapping
from tests.contract.custody import MASTER_KEYS


@contextmanager
def key_wrapping() -> Iterator[KeyWrapping]:
    several = {"memory": MemoryKeyWrapping(), "local-keys": LocalKeyWrapping(MASTER_KEYS)}
    yield Wrappings(by_scheme=several, chosen="local-keys")
