"""Several nodes as one: the first that answers, and only nodes of the right chain.

- An *inquiry*, all the questions behind one answer of ours, is put to one node from beginning to
  end, so that a number learned from one node is never judged by what another one has not seen yet.
- A node is met before it is believed: its chain id is compared before the first inquiry, again
  after every lost connection, and again every few seconds.
- Nothing is tried twice here.  When to ask again is the application's business.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

from adapters.evm.errors import meaning
from adapters.evm.json_rpc import Node, RpcError
from application.ports.chain import ChainUnavailableError, WrongChainError
from domain.operation import Hint, SignedTransaction, Submission, Verdict

MEET_AGAIN_AFTER_SECONDS = 5.0

T = TypeVar("T")


class Nodes:
    def __init__(self, chain_id: int, urls: Sequence[str], answer_within: timedelta) -> None:
        if not urls:
            raise ValueError(f"chain {chain_id} has no node")
        self.chain_id = chain_id
        self._nodes = tuple(Node(url, answer_within) for url in urls)
        #: When each node last showed the right chain id, by a clock that only goes forward.
        self._met: dict[Node, float] = {}

    def ask(self, inquiry: Callable[[Node], T]) -> T:
        """What the first node that can says to *inquiry*.

        Raises:
            ChainUnavailableError: none of them could.
            WrongChainError: one that was asked belongs to another chain.
        """
        failures = []
        for node in self._nodes:
            try:
                self._meet(node)
                return inquiry(node)
            except ChainUnavailableError as error:
                self._met.pop(node, None)
                failures.append(str(error))
            except RpcError as error:
                failures.append(str(error))
        raise ChainUnavailableError("; ".join(failures))

    def broadcast(self, transaction: SignedTransaction) -> Submission:
        """Hand *transaction* to the first node that takes a position on it.

        Raises:
            WrongChainError: a node that was asked belongs to another chain.
        """
        failures = list[str]()
        may_have_seen_it = False
        for node in self._reachable(failures):
            try:
                named = node.request("eth_sendRawTransaction", "0x" + transaction.raw.hex())
            except RpcError as error:
                said = meaning(error.message)
                if said.verdict is Verdict.REJECTED and may_have_seen_it:
                    # An earlier node may spread what this one refuses.
                    return Submission(Verdict.UNKNOWN, said.detail)
                if said.hint is Hint.SLOT_TAKEN and _knows(node, transaction):
                    return Submission(Verdict.ALREADY_KNOWN, said.detail)
                return said
            except ChainUnavailableError as error:
                self._met.pop(node, None)
                may_have_seen_it = True
                failures.append(str(error))
                continue
            if named != transaction.id:
                return Submission(Verdict.UNKNOWN, f"{node.name} calls {transaction.id} {named}")
            return Submission(Verdict.ACCEPTED)
        return Submission(Verdict.UNKNOWN, "; ".join(failures))

    def _reachable(self, failures: list[str]) -> Iterator[Node]:
        for node in self._nodes:
            try:
                self._meet(node)
            except (ChainUnavailableError, RpcError) as error:
                self._met.pop(node, None)
                failures.append(str(error))
            else:
                yield node

    def _meet(self, node: Node) -> None:
        now = time.monotonic()
        met = self._met.get(node)
        if met is not None and now - met < MEET_AGAIN_AFTER_SECONDS:
            return
        answer = node.request("eth_chainId")
        try:
            found = int(answer, 16)
        except (TypeError, ValueError):
            raise ChainUnavailableError(f"{node.name}: {answer!r} is no chain id") from None
        if found != self.chain_id:
            self._met.pop(node, None)
            msg = f"{node.name} is on chain {found}, and the network is chain {self.chain_id}"
            raise WrongChainError(msg)
        self._met[node] = now


def _knows(node: Node, transaction: SignedTransaction) -> bool:
    """Whether the slot was taken by this very transaction."""
    try:
        return node.request("eth_getTransactionByHash", transaction.id) is not None
    except (ChainUnavailableError, RpcError):
        return False
