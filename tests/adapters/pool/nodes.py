"""Nodes that say what they are told to, and a clock that moves when it is told to.

pool, (one, two) = a_pool(2, min_sources=2)
one.says["outcome"] = FINAL
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import define, evolve, field

from adapters.memory.chain import MemoryChain, a_network
from adapters.pool import Pool, connect
from application.ports.chain import ChainUnavailableError, Head, HistoryUnavailableError
from application.ports.nodes import Endpoint
from domain.network import Block
from domain.operation import Inclusion, SignedTransaction, Slot, TransactionId
from tests.contract.subjects.memory import MemorySubject
from tests.contract.test_chain import an_errand

SILENCE = ChainUnavailableError("silence")
NO_HISTORY = HistoryUnavailableError("too long ago")
TRANSACTION = SignedTransaction(id=TransactionId("0x01"), raw=b"raw")
INTENT = an_errand(MemorySubject()).intent
SLOT = Slot(number=1, network=a_network().id, signer=INTENT.sender, sequence=0)


def a_block(number: int, fork: str = "") -> Block:
    return Block(number=number, hash=f"0x{number}{fork}")


def an_inclusion(number: int = 7, fork: str = "", **changes: Any) -> Inclusion:
    inclusion = Inclusion(
        transaction_id=TRANSACTION.id, block=a_block(number, fork), succeeded=True, cost=1
    )
    return evolve(inclusion, **changes)


def a_head(number: int) -> Head:
    return Head(latest=a_block(number), final=a_block(max(0, number - 2)))


@define
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


@define(eq=False, slots=False)
class ANode(MemoryChain):
    #: By method: what is returned; what is raised, if it is an exception; what is called.
    says: dict[str, Any] = field(factory=dict)
    #: How often each method was called.
    asked: Counter[str] = field(factory=Counter)

    def goes_down(self) -> None:
        for method in ASKED:
            self.says[method] = SILENCE

    def comes_back(self) -> None:
        self.says.clear()


def _scripted(method: str) -> Any:
    original = getattr(MemoryChain, method)

    def said(self: ANode, *arguments: Any, **named: Any) -> Any:
        self.asked[method] += 1
        if method not in self.says:
            return original(self, *arguments, **named)
        answer = self.says[method]
        if isinstance(answer, Exception):
            raise answer
        return answer(*arguments) if callable(answer) else answer

    return said


#: Every method of the port that asks a node.
ASKED = (
    "plan", "preflight", "slot_terms", "prepare", "head", "block_at", "signer_state",
    "submit", "outcome", "effect_of", "read_back", "state",
)  # fmt: skip
for _method in ASKED:
    setattr(ANode, _method, _scripted(_method))


def a_pool(
    nodes: int, *, min_sources: int = 1, clock: Clock | None = None
) -> tuple[Pool, list[ANode]]:
    """A pool and its nodes, all on one chain."""
    network = evolve(a_network(), min_sources=min_sources)
    first = ANode(network=network)
    others = [ANode(network=network, node=first.node, lock=first._lock) for _ in range(nodes - 1)]
    return pool_of([first, *others], clock), [first, *others]


def pool_of(nodes: list[ANode], clock: Clock | None = None) -> Pool:
    names = [f"http://node-{number}.example" for number, _ in enumerate(nodes, 1)]
    members = [(Endpoint(url=name), node) for name, node in zip(names, nodes, strict=True)]
    return connect(nodes[0].network, members, clock or Clock())


def saying(method: str, answers: Sequence[object], min_sources: int) -> tuple[Pool, list[ANode]]:
    """Nodes that say *answers* to one question, in the order in which they are asked."""
    pool, nodes = a_pool(len(answers), min_sources=min_sources)
    for node, answer in zip(nodes, answers, strict=True):
        node.says[method] = answer
    return pool, nodes
