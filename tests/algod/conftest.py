from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

import pytest

from entrypoints.devnet.algod import Mode, Network, devnet
from tests.algod.house import AlgodHouse
from tests.own_node import NAME, OwnNode, is_named, own_node

#: A chain that grows long is slow to read.
HOUSES_ON_A_CHAIN = 100


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Two nodes that many houses use, one after the other; each has its own treasury."""
    with devnet(nodes=2, mode="manual") as made:
        yield made


@contextmanager
def simulator() -> Iterator[Network]:
    """As a node in development mode is, and as our own is used by people."""
    with devnet(mode="instant") as made:
        yield made


#: What the main job is done on.
NETWORKS = {"simulator": simulator} | ({NAME: own_node} if is_named() else {})


@pytest.fixture(scope="module", params=NETWORKS.values(), ids=NETWORKS)
def any_network(request: pytest.FixtureRequest) -> Iterator[Network | OwnNode]:
    with request.param() as made:
        yield made


@pytest.fixture
def house(network: Network) -> Iterator[AlgodHouse]:
    made = AlgodHouse(network)
    made.go_to(1)
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
