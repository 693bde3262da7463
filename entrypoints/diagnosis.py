"""What is wrong with a network's nodes, each asked alone; and what to do about it.

Working processes ask a pool, which goes on while enough nodes are well.  Here nobody covers for
anybody.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum

from attrs import evolve, frozen

from application.ports.chain import (
    Chain,
    ChainUnavailableError,
    HistoryUnavailableError,
    WrongChainError,
)
from application.ports.nodes import Endpoint
from domain.network import Block, Family, Network

#: How many blocks a node may have less than the best one: as many as the pool lets it.
BEHIND_BLOCKS = 5


class Grade(Enum):
    OK = "ok"
    #: It works, and it may not for long, or not as it should.
    WARNING = "warning"
    FAILED = "failed"


@frozen(kw_only=True)
class Finding:
    what: str
    #: None: it is well.
    problem: str | None = None
    remedy: str = ""
    is_warning: bool = False

    @property
    def grade(self) -> Grade:
        if self.problem is None:
            return Grade.OK
        return Grade.WARNING if self.is_warning else Grade.FAILED


@frozen(kw_only=True)
class Node:
    """One node, after it was asked."""

    name: str
    endpoint: Endpoint
    chain: Chain
    #: None: it gave no answer, or is of another chain.
    latest: Block | None = None
    silence: str | None = None
    strangeness: str | None = None


@frozen(kw_only=True)
class Examination:
    network: Network
    nodes: tuple[Node, ...]

    @classmethod
    def of(cls, network: Network, nodes: Sequence[tuple[Endpoint, Chain]]) -> "Examination":
        """Asks all of *nodes*, each a chain of one node, at once."""
        with ThreadPoolExecutor(len(nodes), thread_name_prefix="doctor") as threads:
            asked = threads.map(_ask, range(1, len(nodes) + 1), *zip(*nodes, strict=True))
            return cls(network=network, nodes=tuple(asked))

    @property
    def usable(self) -> Chain | None:
        """The chain as the best node sees it."""
        well = sorted(self._well, key=lambda node: -_height(node))
        return well[0].chain if well else None

    def findings(self) -> Iterator[Finding]:
        for node in self.nodes:
            yield self._of_node(node)
        for node in self.nodes:
            yield from self._of_archive(node)
        yield from self._of_all()

    @property
    def _well(self) -> list[Node]:
        return [node for node in self.nodes if node.latest and self._behind(node) <= BEHIND_BLOCKS]

    def _behind(self, node: Node) -> int:
        return max(_height(each) for each in self.nodes) - _height(node)

    def _of_node(self, node: Node) -> Finding:
        what = self._named(node.name)
        if node.strangeness is not None:
            return Finding(
                what=what,
                problem=f"is of another chain: {node.strangeness}",
                remedy="take it out of nodes, or correct its url; a worker that meets it halts "
                f"the network until `tallystick treasury resume --network {self.network.id}`",
            )
        if node.latest is None:
            return Finding(
                what=what,
                problem=f"does not answer: {node.silence}",
                remedy="look at its url and token, and whether it can be reached from here",
                is_warning=True,
            )
        if self._behind(node) > BEHIND_BLOCKS:
            return Finding(
                what=what,
                problem=f"is {self._behind(node)} blocks behind, at block {node.latest.number}",
                remedy="wait until it has caught up, or list another one",
                is_warning=True,
            )
        return Finding(what=f"{what}, at block {node.latest.number}")

    def _of_archive(self, node: Node) -> Iterator[Finding]:
        if not node.endpoint.archival or _height(node) < 1:
            return
        what = self._named(f"{node.name} has all blocks")
        remedy = "take archival = true from it, and list a node that keeps every block"
        try:
            lacks = None if node.chain.block_at(1) else "it has no block 1"
        except HistoryUnavailableError as error:
            lacks = f"it has no block 1: {error}"
        except (ChainUnavailableError, WrongChainError) as error:
            yield Finding(what=what, problem=f"could not be asked: {error}", is_warning=True)
            return
        yield Finding(what=what, problem=lacks, remedy=remedy)

    def _of_all(self) -> Iterator[Finding]:
        network, well = self.network, len(self._well)
        needed = network.min_sources
        yield Finding(
            what=self._named(f"{well} of {len(self.nodes)} nodes are well"),
            problem=f"fewer than min_sources, {needed}" if well < needed else None,
            remedy="nothing is called final before as many agree: mend the nodes above, or add "
            "one to nodes",
        )
        if network.live and needed == 1:
            yield Finding(
                what=self._named("sources"),
                problem="one node alone is believed, on a live network",
                remedy="list a node of another operator too, and say min_sources = 2",
                is_warning=True,
            )
        archives = any(node.endpoint.archival for node in self.nodes)
        if network.family is Family.ALGORAND and not archives:
            yield Finding(
                what=self._named("archive"),
                problem="no node is marked archival: what became of a transaction whose window "
                "has passed, or of one that a restored backup does not know, can stay unknown, "
                "with an alarm",
                remedy='add { url = "…", archival = true } to nodes: a node that keeps every '
                "block",
                is_warning=True,
            )

    def _named(self, what: str) -> str:
        return f"network {self.network.id}: {what}"


def _ask(number: int, endpoint: Endpoint, chain: Chain) -> Node:
    # Nodes of one provider may share a host.
    node = Node(name=f"node {number} ({endpoint.name})", endpoint=endpoint, chain=chain)
    try:
        return evolve(node, latest=chain.head().latest)
    except WrongChainError as error:
        return evolve(node, strangeness=str(error))
    except ChainUnavailableError as error:
        return evolve(node, silence=str(error))


def _height(node: Node) -> int:
    return node.latest.number if node.latest else -1
