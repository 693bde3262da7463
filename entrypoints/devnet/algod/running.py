"""A development network in this process.

with devnet(nodes=2, mode="manual") as network:
    network.fund(address, 10_000_000)
    AlgodClient(network.token, network.nodes[0].url).send_transaction(...)
    network.mine()
    network.nodes[1].fault("lag", rounds=3)
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from entrypoints.devnet.algod.api import Api
from entrypoints.devnet.algod.control import Control, description
from entrypoints.devnet.algod.encoding import address_text, base64_text
from entrypoints.devnet.algod.faults import Fault, usual_route
from entrypoints.devnet.algod.genesis import Genesis
from entrypoints.devnet.algod.journal import Journal
from entrypoints.devnet.algod.node import Node
from entrypoints.devnet.algod.reading import LedgerReader
from entrypoints.devnet.algod.server import NodeServer
from entrypoints.devnet.algod.world import Mode, World
from entrypoints.devnet.processes import free_port, give_back

#: As every local algod has it; checked only where a network is given a token.
TOKEN = "a" * 64
WAIT_SECONDS = 60.0


class RunningNode:
    def __init__(self, world: World, node: Node, server: NodeServer) -> None:
        self._world = world
        self._node = node
        self._server = server

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def round(self) -> int:
        """As this node says."""
        with self._world.lock:
            return self._node.round

    @property
    def hits(self) -> Mapping[str, int]:
        """How often each fault struck."""
        with self._world.lock:
            return dict(self._node.faults.hits)

    def fault(
        self,
        name: str,
        *,
        times: int | None = 1,
        route: str | None = None,
        seconds: float = 0.0,
        rounds: int = 0,
        txid: str | None = None,
        everywhere: bool = False,
    ) -> None:
        """Break something; `faults` says what there is.

        Raises:
            ValueError: there is no such fault or route.
        """
        chosen = Fault(
            name=name,
            route=route or usual_route(name),
            times=times,
            seconds=seconds,
            rounds=rounds,
            everywhere=everywhere,
        )
        self._world.add_fault(self._node, chosen, txid=txid)

    def heal(self, name: str | None = None) -> None:
        """Clear one fault, or all."""
        self._world.clear_faults(self._node, name)


class Network:
    def __init__(self, world: World, servers: Sequence[NodeServer]) -> None:
        self._world = world
        self.token = TOKEN
        self.nodes = [
            RunningNode(world, node, server)
            for node, server in zip(world.nodes, servers, strict=True)
        ]
        self.ledger = LedgerReader(world)

    @property
    def genesis_id(self) -> str:
        return self._world.genesis.id

    @property
    def genesis_hash(self) -> str:
        return base64_text(self._world.genesis.hash)

    @property
    def caip2(self) -> str:
        return self._world.genesis.caip2

    @property
    def dispenser(self) -> str:
        return address_text(self._world.genesis.dispenser)

    @property
    def round(self) -> int:
        return self.ledger.round

    def fund(self, address: str, microalgos: int) -> str:
        """From the dispenser, in a block of its own.  Returns the payment's id.

        Raises:
            RefusedError: the account would be left below its minimum balance.
        """
        return self._world.fund(address, microalgos)

    def mine(self, count: int = 1) -> int:
        """Make blocks of what the pools hold; returns the last round."""
        return self._world.mine(count)

    def advance(self, rounds: int) -> int:
        """Let rounds pass in which nothing is confirmed; returns the last."""
        return self._world.advance(rounds)

    def set_mode(self, mode: Mode, block_time: float | None = None) -> None:
        self._world.set_mode(mode, block_time)

    def congest(self, fee_per_byte: int) -> None:
        """Pools ask for more than the minimum fee; 0: no longer."""
        self._world.congest(fee_per_byte)

    def claim(self, consensus: str | None) -> None:
        """Nodes call the protocol of their chain that; None: by its name again."""
        self._world.claim(consensus)

    def description(self) -> dict[str, Any]:
        return description(self._world, [node.url for node in self.nodes])


@contextlib.contextmanager
def devnet(
    *,
    nodes: int = 1,
    mode: Mode = "instant",
    block_time: float = 1.0,
    idle_seconds: float = 0.0,
    state: Path | None = None,
    kept_rounds: Sequence[int | None] = (),
    genesis_seed: str = "",
    ports: Sequence[int] = (),
    token: str | None = None,
    wait_seconds: float = WAIT_SECONDS,
    clock: Callable[[], float] = time.time,
) -> Iterator[Network]:
    """A network for the length of a block.

    `kept_rounds`: for each node how many blocks it keeps, None for an archive, as are all unless
    said otherwise.  `wait_seconds`: how long wait-for-block-after waits.

    Raises:
        DevnetError: the state is another chain's, or broken.
    """
    genesis = Genesis(genesis_seed)
    with contextlib.ExitStack() as ends:
        journal = ends.enter_context(Journal(state, genesis.hash)) if state else None
        world = World(
            nodes=nodes,
            mode=mode,
            block_time=block_time,
            idle_seconds=idle_seconds,
            kept_rounds=kept_rounds,
            genesis=genesis,
            journal=journal,
            clock=clock,
        )
        own = [free_port() for _ in range(nodes - len(ports))]
        for port in own:
            # After its server has gone: a test may start thousands of networks.
            ends.callback(give_back, port)
        chosen = [*ports, *own]
        urls = [f"http://127.0.0.1:{port}" for port in chosen]
        servers = []
        for node, port in zip(world.nodes, chosen, strict=True):
            api = Api(world, node, wait_seconds=wait_seconds)
            server = NodeServer(port, api, Control(world, node, urls), token)
            ends.callback(server.stop)
            servers.append(server)
        # What waits for a block is answered before the servers go.
        ends.callback(world.close)
        world.start()
        for server in servers:
            server.start()
        yield Network(world, servers)
