"""Two views of one chain with windows in memory behind a pool, which have to agree."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import evolve

from adapters import pool
from adapters.memory.chain import MemoryWindowedChain, a_windowed_network
from application.ports.nodes import Endpoint
from tests.contract.subjects import AForgetfulChain
from tests.contract.subjects.memory_windows import MemoryWindowsSubject

#: More than the pool relies on what it knows of its nodes' newest blocks.
SECONDS_BETWEEN_BLOCKS = 6.0


@contextmanager
def chain() -> Iterator[AForgetfulChain]:
    yield PoolSubject()


patient_chain = windowed_chain = forgetful_chain = ordering_chain = chain


class PoolSubject:
    """All but the port is the first view's: the world is moved through it."""

    def __init__(self) -> None:
        network = evolve(a_windowed_network(), min_sources=2)
        first = MemoryWindowedChain(network=network)
        self._first = MemoryWindowsSubject(chain=first)
        views = {"http://one.example": first, "http://two.example": first.view()}
        self.chain = pool.connect(
            network,
            [(Endpoint(url=url), view) for url, view in views.items()],
            lambda: SECONDS_BETWEEN_BLOCKS * first.node.latest.number,
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._first, name)
