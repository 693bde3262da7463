"""Two development nodes of one Algorand network behind a pool, which have to agree."""

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve

from adapters import algorand, pool
from application.ports.chain import Chain
from application.ports.nodes import Endpoint
from tests.adapters.algorand.on_devnet.world import SECURITY, World, a_world
from tests.contract.subjects import AForgetfulChain
from tests.contract.subjects.algorand import (
    AlgorandSubject,
    ContractSubject,
    a_contract_subject,
)
from tests.contract.subjects.memory_windows_pool import SECONDS_BETWEEN_BLOCKS


@contextmanager
def chain() -> Iterator[AForgetfulChain]:
    with a_world(nodes=2) as world:
        yield AlgorandPoolSubject(
            world,
            chain=pooled(world),
            treasury=world.treasury.address,
            owner=world.issuer.address,
        )


patient_chain = windowed_chain = forgetful_chain = chain


@contextmanager
def ordering_chain() -> Iterator[ContractSubject]:
    with a_world(nodes=2) as world:
        yield a_contract_subject(world, pooled(world), SECURITY)


def pooled(world: World) -> Chain:
    """Both nodes, which have to agree."""
    network = evolve(world.network, min_sources=2)
    members = []
    for node in world.nodes.nodes:
        endpoint = Endpoint(url=node.url)
        members.append((endpoint, algorand.connect(network, endpoint, world.installation)))
    return pool.connect(network, members, lambda: SECONDS_BETWEEN_BLOCKS * world.nodes.round)


class AlgorandPoolSubject(AlgorandSubject):
    """What one node forgets the other one would still tell: both forget."""

    def forget(self) -> None:
        for node in self.world.nodes.nodes:
            node.fault("forget")
