"""A node is met before it is believed.

Its chain id is compared before the first inquiry, again after every lost connection, and again
every few seconds.  Nothing is tried twice here, and no other node is turned to: that is decided
elsewhere.
"""

import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from adapters.evm.errors import meaning
from adapters.evm.json_rpc import Node, RpcError
from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.nodes import Endpoint
from domain.operation import Hint, SignedTransaction, Submission, Verdict

MEET_AGAIN_AFTER_SECONDS = 5.0
#: Up to 256 bits: a number of thousands of digits cannot even be written out.
_CHAIN_ID = re.compile(r"0x[0-9a-fA-F]{1,64}")

T = TypeVar("T")


class MetNode:
    def __init__(self, chain_id: int, endpoint: Endpoint, answer_within: timedelta) -> None:
        self.chain_id = chain_id
        self._node = Node(endpoint, answer_within)
        #: When it last showed the right chain id, by a clock that only goes forward.
        self._met: float | None = None

    def ask(self, inquiry: Callable[[Node], T]) -> T:
        """What the node says to *inquiry*, all the questions behind one answer of ours.

        Raises:
            ChainUnavailableError: it says nothing, or an error.
            WrongChainError: it belongs to another chain.
        """
        node = self._meet()
        try:
            return inquiry(node)
        except ChainUnavailableError:
            self._met = None
            raise
        except RpcError as error:
            raise ChainUnavailableError(str(error)) from None

    def broadcast(self, transaction: SignedTransaction) -> Submission:
        """Hand *transaction* to the node, and say what its answer means.

        Raises:
            ChainUnavailableError: the node could not be met; the bytes have not left.
            WrongChainError: the node belongs to another chain.
        """
        node = self._meet()
        try:
            named = node.request("eth_sendRawTransaction", "0x" + transaction.raw.hex())
        except RpcError as error:
            said = meaning(error.said)
            if said.hint is Hint.SLOT_TAKEN and _knows(node, transaction):
                return Submission(Verdict.ALREADY_KNOWN, said.detail)
            return said
        except ChainUnavailableError as error:
            self._met = None
            return Submission(Verdict.UNKNOWN, str(error))
        if named != transaction.id:
            told = f"{node.name} calls {transaction.id} {named}"
            return Submission(Verdict.UNKNOWN, node.words(told))
        return Submission(Verdict.ACCEPTED)

    def _meet(self) -> Node:
        node, now = self._node, time.monotonic()
        if self._met is not None and now - self._met < MEET_AGAIN_AFTER_SECONDS:
            return node
        try:
            answer = node.request("eth_chainId")
        except RpcError as error:
            raise ChainUnavailableError(str(error)) from None
        if not isinstance(answer, str) or not _CHAIN_ID.fullmatch(answer):
            told = node.words(answer)[:80]
            raise ChainUnavailableError(f"{node.name}: {told!r} is no chain id")
        found = int(answer, 16)
        if found != self.chain_id:
            self._met = None
            msg = f"{node.name} is on chain {found}, and the network is chain {self.chain_id}"
            raise WrongChainError(msg)
        self._met = now
        return node


def _knows(node: Node, transaction: SignedTransaction) -> bool:
    """Whether the slot was taken by this very transaction."""
    try:
        return node.request("eth_getTransactionByHash", transaction.id) is not None
    except (ChainUnavailableError, RpcError):
        return False
