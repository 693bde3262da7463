"""What happens to the chain that counts, and what a window on it shows."""

from __future__ import annotations

from datetime import timedelta

from attrs import define, evolve, field

from adapters.memory.chain.faults import MisbehavingChain
from adapters.memory.chain.node import Act, Anchoring, Call, Creation, Node
from domain.identifiers import NetworkId, OperationId, OrganisationId
from domain.network import Block, Family, Finality, Network, NetworkClass
from domain.operation import TransactionId
from domain.token import Document


def a_network(id: str = "memory:1", *, depth: int = 2, fee_ceiling: int = 1_000_000) -> Network:
    """A development network whose blocks are final *depth* blocks down."""
    return Network(
        id=NetworkId(id),
        name="Memory",
        family=Family.EVM,
        network_class=NetworkClass.DEVELOPMENT,
        finality=Finality(depth=depth),
        fee_ceiling=fee_ceiling,
        native_currency="MEM",
        native_decimals=18,
        poll=timedelta(seconds=1),
        replace_after=timedelta(seconds=30),
    )


@define(eq=False)
class CountingWorld(MisbehavingChain):
    """Moved by `mine`, `fund`, `reorg`, `evict`, `foreign_transaction`, `tamper` and
    the fields below; single calls are spoilt by `misbehave`.
    """

    _network: Network = field(factory=a_network)
    #: Every look at an outcome or at the head brings a block.
    instant: bool = False
    #: Blocks that others have and this window does not show yet.  Several windows share a `node`
    #: (and then a lock), each with its own faults.
    lag: int = 0
    #: Why a simulation says that it cannot work.
    refuses: str | None = None
    #: What its tokens point at.
    document: Document | None = None
    node: Node = field(factory=Node)

    @property
    def network(self) -> Network:
        return self._network

    @property
    def gas_price(self) -> int:
        return self.node.gas_price

    @gas_price.setter
    def gas_price(self, price: int) -> None:
        self.node.gas_price = price

    def fund(self, address: str, amount: int) -> None:
        with self._lock:
            self.node.funds[address] += amount

    def mine(self, blocks: int = 1) -> Block:
        with self._lock:
            for _ in range(blocks):
                self.node.mine()
            return self.node.latest

    def finalise(self) -> None:
        """Mine until everything the pool could give is final."""
        with self._lock:
            self.mine(1 + self._depth)

    def reorg(self, depth: int, *, drop: bool = False) -> None:
        """See `Node.reorg`.  Deeper than finality, it is what must never happen."""
        with self._lock:
            self.node.reorg(depth, drop=drop)

    def evict(self, id: TransactionId) -> None:
        with self._lock:
            self.node.evict(id)

    def foreign_transaction(self, address: str, sequence: int | None = None) -> TransactionId:
        """Somebody else uses a nonce of *address*, by default the next; the next block has it."""
        with self._lock:
            nonce = self.node.nonce(address) if sequence is None else sequence
            return self.node.stranger(address, nonce)

    def tamper(self, token: str, *, supply: int) -> None:
        """Let there be another supply at *token* than was asked for."""
        with self._lock:
            self.node.tamper(token, lambda creation: evolve(creation, supply=supply))

    def tokens_of(self, organisation: OrganisationId, operation: OperationId) -> int:
        """How many tokens the operation has made."""
        return self._acts_of(organisation, operation, Creation)

    def calls_of(self, organisation: OrganisationId, operation: OperationId) -> int:
        """How often what the operation asks of a token was done."""
        return self._acts_of(organisation, operation, Call)

    def anchored(self, content: bytes) -> int:
        """How often these bytes were put there."""
        with self._lock:
            acts = [mined.sent.act for mined in self.node.mined.values() if mined.succeeded]
        return sum(isinstance(act, Anchoring) and act.content == content.hex() for act in acts)

    def supply_of(self, token: str) -> int:
        """In the newest block."""
        with self._lock:
            return self.node.contracts[token].supply

    def _acts_of(
        self, organisation: OrganisationId, operation: OperationId, sort: type[Act]
    ) -> int:
        with self._lock:
            acts = [mined.sent.act for mined in self.node.mined.values() if mined.succeeded]
        return sum(
            isinstance(act, sort)
            and (act.organisation, act.operation) == (str(organisation), str(operation))
            for act in acts
        )

    # What an answer rests on.

    def _tick(self) -> None:
        if self.instant:
            self.node.mine()

    @property
    def _depth(self) -> int:
        return self._network.finality.depth or 0

    @property
    def _final(self) -> Block:
        return self.node.blocks[max(0, self._latest.number - self._depth)].block

    @property
    def _latest(self) -> Block:
        return self.node.blocks[max(0, self.node.latest.number - self.lag)].block

    def _nonce(self, address: str) -> int:
        node = self.node
        return node.nonce_at(address, self._latest) if self.lag else node.nonce(address)

    def _shows(self, block: Block) -> bool:
        return block.number <= self._latest.number
