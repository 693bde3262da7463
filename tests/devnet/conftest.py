"""A development network in this process, and people on it."""

import pytest

from entrypoints.devnet.algod import devnet
from tests.devnet.people import Person


@pytest.fixture
def network():
    """One node; blocks are made when asked for."""
    with devnet(mode="manual", wait_seconds=0.05) as network:
        yield network


@pytest.fixture
def two_nodes():
    with devnet(nodes=2, mode="manual", wait_seconds=0.05) as network:
        yield network


@pytest.fixture
def alice(network):
    return funded(Person(network))


@pytest.fixture
def bob(network):
    return funded(Person(network))


def funded(person):
    person.network.fund(person.address, 10_000_000)
    return person
