"""Two development nodes of one Algorand network behind a pool, which have to agree."""

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve

from adapters import algorand, pool
from application.ports.nodes import Endpoint
from tests.adapters.algorand.on_devnet.world import a_world
from tests.contract.subjects import AForgetfulChain
from tests.contract.subjects.algorand import AlgorandSubject
from tests.contract.subjects.memory_windows_pool import SECONDS_BETWEEN_BLOCKS


@contextmanager
def chain() -> Iterator[AForgetfulChain]:
    with a_world(nodes=2) as world:
        network = evolve(world.network, min_sources=2)
        members = []
        for node in world.nodes.nodes:
            endpoint = Endpoint(url=node.url)
            members.append((endpoint, algorand.connect(network, endpoint, world.installation)))
        yield AlgorandPoolSubject(
            world,
            chain=pool.connect(
                network, members, lambda: SECONDS_BETWEEN_BLOCKS * world.nodes.round
            ),
            treasury=world.treasury.address,
            owner=world.issuer.address,
        )


patient_chain = windowed_chain = forgetful_chain = chain


class AlgorandPoolSubject(AlgorandSubject):
    """What one node forgets the other one would still tell: both forget."""

    def forget(self) -> None:
        for node in self.world.nodes.nodes:
            node.fault("forget")
