"""Two windows on one node in memory behind a pool, which have to agree."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import evolve

from adapters import pool
from adapters.memory.chain import MemoryChain, a_network
from application.ports.nodes import Endpoint
from tests.contract.subjects import ACountingChain
from tests.contract.subjects.memory import MemorySubject


@contextmanager
def chain() -> Iterator[ACountingChain]:
    yield PoolSubject()


patient_chain = counting_chain = ordering_chain = chain


class PoolSubject:
    """All but the port is the first window's: the world is moved through it."""

    def __init__(self) -> None:
        network = evolve(a_network(), min_sources=2)
        first = MemoryChain(network=network)
        second = MemoryChain(network=network, node=first.node, lock=first._lock)
        self._first = MemorySubject(chain=first)
        windows = {"http://one.example": first, "http://two.example": second}
        self.chain = pool.connect(
            network, [(Endpoint(url=url), window) for url, window in windows.items()]
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._first, name)
