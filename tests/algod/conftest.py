from collections.abc import Iterator

import pytest

from entrypoints.devnet.algod import Network, devnet
from tests.algod.house import AlgodHouse


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Two nodes that many houses use, one after the other; each has its own treasury."""
    with devnet(nodes=2, mode="manual") as made:
        yield made


@pytest.fixture
def house(network: Network) -> Iterator[AlgodHouse]:
    made = AlgodHouse(network)
    made.go_to(1)
    yield made
    made.heal()
    network.congest(0)
