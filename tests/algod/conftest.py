from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest

from entrypoints.devnet.algod import Mode, Network, devnet
from tests.algod.house import AlgodHouse

#: A chain that grows long is slow to read.
HOUSES_ON_A_CHAIN = 100


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Two nodes that many houses use, one after the other; each has its own treasury."""
    with devnet(nodes=2, mode="manual") as made:
        yield made


@pytest.fixture
def house(network: Network) -> Iterator[AlgodHouse]:
    made = AlgodHouse(network)
    yield made
    made.heal()
    network.congest(0)


@pytest.fixture(scope="module")
def new_house() -> Iterator[Callable[..., AlgodHouse]]:
    """Builds a house, on two nodes in their usual state; the one before must not be used again."""
    with ExitStack() as chains:
        built = count()
        network: Network

        def build(*, mode: Mode = "manual", **changes: Any) -> AlgodHouse:
            nonlocal network
            if next(built) % HOUSES_ON_A_CHAIN == 0:
                chains.close()
                network = chains.enter_context(devnet(nodes=2, mode=mode))
            network.set_mode(mode)
            made = AlgodHouse(network, **changes)
            made.heal()
            network.congest(0)
            return made

        yield build
