"""What happens to the chain with windows, and what one process's view of it shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Self, TypeVar

from attrs import define, field, frozen

from adapters.memory.chain.faults import MisbehavingChain
from adapters.memory.chain.windowed_node import Anchoring, Call, WindowedNode
from application.ports.chain import HistoryUnavailableError
from domain.identifiers import NetworkId, OperationId, OrganisationId
from domain.network import Block, Family, Finality, Network, NetworkClass
from domain.operation import Submission, TransactionId
from domain.token import Document

T = TypeVar("T")


def a_windowed_network(
    id: str = "memory:windows", *, window: int = 20, fee_ceiling: int = 1_000_000
) -> Network:
    """A development network whose blocks are final at once, and whose windows are short."""
    return Network(
        id=NetworkId(id),
        name="Memory with windows",
        family=Family.ALGORAND,
        network_class=NetworkClass.DEVELOPMENT,
        finality=Finality(depth=0),
        fee_ceiling=fee_ceiling,
        native_currency="MEM",
        native_decimals=6,
        poll=timedelta(seconds=1),
        replace_after=timedelta(seconds=30),
        window=window,
    )


@frozen
class Cell:
    """The rounds from *first* to *last*, both included."""

    first: int
    last: int

    @classmethod
    def around(cls, number: int, width: int) -> Cell:
        first = number - number % width
        # Round 0 is the genesis: nothing lands in it.
        return cls(max(1, first), first + width - 1)


@define(eq=False)
class WindowedWorld(MisbehavingChain):
    """Moved by `mine`, `advance`, `fund`, `evict`, `forget`, `hide`, `surface` and the fields.

    Single calls are spoilt by `misbehave`.
    """

    _network: Network = field(factory=a_windowed_network)
    #: Every look at an outcome, at an effect or at the head brings a block.
    instant: bool = False
    #: Blocks that others have and this view does not show yet.
    lag: int = 0
    #: How many of the newest blocks this view's node has kept; None: all of them.
    kept_rounds: int | None = None
    #: Why a simulation says that it cannot work.
    refuses: str | None = None
    #: What its tokens point at.
    document: Document | None = None
    node: WindowedNode = field(factory=WindowedNode)
    #: The newest round when this view first saw the chain.
    _first_look: int | None = field(default=None, init=False)

    @property
    def network(self) -> Network:
        return self._network

    @property
    def fee(self) -> int:
        """Of one transaction, now."""
        return self.node.fee

    @fee.setter
    def fee(self, fee: int) -> None:
        self.node.fee = fee

    def view(self) -> Self:
        """Another process's view of the chain: it has seen nothing yet, and answers well."""
        return type(self)(
            network=self._network, instant=self.instant, node=self.node, lock=self._lock
        )

    def fund(self, address: str, amount: int) -> None:
        with self._lock:
            self.node.ledger.balances[address] += amount

    def mine(self, blocks: int = 1) -> Block:
        with self._lock:
            for _ in range(blocks):
                self.node.mine()
            return self.node.latest

    def advance(self, rounds: int) -> None:
        """That many rounds pass, and there is nothing in their blocks."""
        with self._lock:
            for _ in range(rounds):
                self.node.mine(empty=True)

    def evict(self, id: TransactionId) -> None:
        with self._lock:
            self.node.evict(id)

    def forget(self) -> None:
        """The node remembers no transactions, only blocks."""
        with self._lock:
            self.node.forget()

    def hide(self) -> None:
        """What waits for a block is nowhere to be seen, until it is to `surface`."""
        with self._lock:
            self.node.hide()

    def surface(self) -> None:
        with self._lock:
            self.node.surface()

    def tokens_of(self, organisation: OrganisationId, operation: OperationId) -> int:
        """How many assets the operation has made."""
        with self._lock:
            notes = [asset.creation.note for asset in self.node.assets.values()]
        return _count(notes, organisation, operation)

    def calls_of(self, organisation: OrganisationId, operation: OperationId) -> int:
        """How often what the operation asks of an asset was done."""
        with self._lock:
            groups = [landed.group for each in self.node.rounds for landed in each.landed]
        notes = [group.act.note for group in groups if isinstance(group.act, Call)]
        return _count(notes, organisation, operation)

    def anchored(self, content: bytes) -> int:
        """How often these bytes were put there."""
        with self._lock:
            acts = [landed.group.act for each in self.node.rounds for landed in each.landed]
        return sum(isinstance(act, Anchoring) and act.content == content.hex() for act in acts)

    def supply_of(self, token: str) -> int:
        """In the newest block."""
        with self._lock:
            return self.node.ledger.contracts[int(token)].supply

    # What an answer rests on.

    def _ask(
        self,
        method: str,
        answer: Callable[[], T],
        instead: Callable[[Submission], T] | None = None,
    ) -> T:
        def looking() -> T:
            if self._first_look is None:
                self._first_look = self._latest.number
            return answer()

        return super()._ask(method, looking, instead)

    def _tick(self) -> None:
        if self.instant:
            self.node.mine()

    @property
    def _latest(self) -> Block:
        return self.node.rounds[max(0, self.node.latest.number - self.lag)].block

    @property
    def _next(self) -> int:
        """The round that comes."""
        return self._latest.number + 1

    @property
    def _is_past_its_first_window(self) -> bool:
        """Whether all is over that was signed before this process first saw the chain."""
        seen = self._first_look or 0
        return self._latest.number >= Cell.around(seen + 1, self._network.window).last

    def _shows(self, block: Block) -> bool:
        return block.number <= self._latest.number

    def _has_kept(self, number: int) -> bool:
        return self.kept_rounds is None or number > self._latest.number - self.kept_rounds

    def _require_history(self, number: int) -> None:
        if not self._has_kept(number):
            raise HistoryUnavailableError(f"the node does not have block {number} any more")


def _count(notes: Iterable[str], organisation: OrganisationId, operation: OperationId) -> int:
    named = [json.loads(note) for note in notes]
    wanted = (str(organisation), str(operation))
    return sum((note["organisation"], note["operation"]) == wanted for note in named)
