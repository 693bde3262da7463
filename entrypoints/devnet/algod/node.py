"""One node: what it believes, and what goes wrong with it.

All nodes share one ledger, but each looks at it from its own round, through its own pool.  None of
this is safe for threads: the world's lock is held by whoever calls.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from entrypoints.devnet.algod.blocks import Block, Included
from entrypoints.devnet.algod.encoding import digest
from entrypoints.devnet.algod.evaluation import GroupRefusedError, Rules
from entrypoints.devnet.algod.faults import SUBMISSION, Faults
from entrypoints.devnet.algod.ledger import Ledger
from entrypoints.devnet.algod.limits import REMEMBERED_ROUNDS, RefusedError
from entrypoints.devnet.algod.pool import Pool, Waiting
from entrypoints.devnet.algod.state import View
from entrypoints.devnet.algod.transactions import Group, SignedTransaction, read
from entrypoints.devnet.algod.verification import verify


class Network(Protocol):
    """What a node asks of the world."""

    ledger: Ledger
    #: Microalgos per byte that pools ask for while the network is congested; else 0.
    fee_per_byte: int

    def next_sequence(self) -> int: ...

    def gossip(self, waiting: Waiting, origin: "Node") -> None: ...

    def evict(self, txid: str | None) -> int:
        """From every pool."""


@dataclass(frozen=True)
class Confirmation:
    round: int
    included: Included


class Node:
    def __init__(self, network: Network, index: int, *, kept_rounds: int | None) -> None:
        self.index = index
        #: How many blocks a node that is no archive keeps; None: all.
        self.kept_rounds = kept_rounds
        self.faults = Faults()
        self.pool = Pool()
        self._network = network
        self._held: list[Waiting] = []
        self._stalled_at: int | None = None
        self._forgot_until = 0

    # What it believes

    @property
    def round(self) -> int:
        lag = self.faults.standing("lag")
        seen = max(0, self._network.ledger.tip - (lag.rounds if lag else 0))
        return seen if self._stalled_at is None else min(seen, self._stalled_at)

    @property
    def view(self) -> View:
        return self._network.ledger.view(self.round)

    @property
    def rules(self) -> Rules:
        rules = self._network.ledger.rules
        if self.faults.standing("wrong_genesis") is None:
            return rules
        return Rules(rules.genesis, digest(b"GE", rules.genesis_hash))

    def block(self, round: int) -> Block | None:
        """None: it does not know that round yet, or not any more."""
        oldest = 0 if self.kept_rounds is None else self.round - self.kept_rounds + 1
        return self._network.ledger.blocks[round] if oldest <= round <= self.round else None

    def latest_block(self) -> Block:
        return self._network.ledger.blocks[self.round]

    def confirmation(self, txid: str) -> Confirmation | None:
        """As far as the node remembers: 1,000 rounds, and not beyond a `forget`."""
        round = self.view.confirmed_round(txid)
        oldest = max(self._forgot_until + 1, self.round - REMEMBERED_ROUNDS)
        if round is None or round < oldest:
            return None
        for included in self._network.ledger.blocks[round].payset:
            if included.transaction.txid == txid:
                return Confirmation(round, included)
        return None

    def refresh(self) -> None:
        """Bring the pool up to the node's round."""
        self.pool.refresh(self.rules, self.view)

    # Submissions

    def submit(self, body: bytes) -> str:
        """Returns the first transaction's id.  Raises: RefusedError: in the node's words."""
        group = read(body)
        verify(group)
        self._check_congestion(group)
        fault = self.faults.take(SUBMISSION, "submit")
        name = fault.name if fault else ""
        waiting = Waiting(group, self._network.next_sequence(), is_local=name == "no_gossip")
        try:
            if name in {"deaf", "reorder"}:
                self.pool.would_take(self.rules, self.view, group)
            else:
                self.pool.add(self.rules, self.view, waiting)
        except GroupRefusedError as error:
            raise RefusedError(f"TransactionPool.Remember: {error}") from error
        finally:
            if name != "reorder":
                self.release_held()
        if name == "reorder":
            self._held.append(waiting)
        elif name != "deaf":
            self._spread(waiting)
        if name == "evict":
            everywhere = fault is not None and fault.everywhere
            self.evict(waiting.key, everywhere=everywhere)
        return group[0].txid

    def receive(self, waiting: Waiting) -> None:
        """From another node.  What does not fit here is dropped without a word."""
        try:
            self.pool.add(self.rules, self.view, waiting)
        except GroupRefusedError:
            return

    def release_held(self) -> None:
        """Put what was held back by `reorder` behind what has come since."""
        held, self._held = self._held, []
        for waiting in held:
            waiting.sequence = self._network.next_sequence()
            try:
                self.pool.add(self.rules, self.view, waiting)
            except GroupRefusedError as error:
                self.pool.refuse(waiting, str(error))
            else:
                self._spread(waiting)

    def _check_congestion(self, group: Group) -> None:
        per_byte = self._network.fee_per_byte
        for transaction in group:
            size = len(transaction.encoded)
            if transaction.fee < per_byte * size:
                raise RefusedError(
                    f"TransactionPool.Remember: fee {transaction.fee} below threshold"
                    f" {per_byte * size} ({per_byte} per byte * {size} bytes)"
                )

    def _spread(self, waiting: Waiting) -> None:
        if not waiting.is_local:
            self._network.gossip(waiting, self)

    # Faults that act at once, or change what the node believes

    def evict(self, txid: str | None, *, everywhere: bool = False) -> int:
        return self._network.evict(txid) if everywhere else self.pool.evict(txid)

    def stall(self) -> None:
        self._stalled_at = self.round

    def resume(self) -> None:
        self._stalled_at = None

    def forget(self) -> None:
        self.pool.forget()
        self._held = []
        self._forgot_until = self.round

    def end_isolation(self) -> None:
        """Tell the others of what only this node has."""
        for waiting in self.pool.waiting:
            if waiting.is_local:
                waiting.is_local = False
                self._network.gossip(waiting, self)

    def count_standing_faults(self) -> None:
        """A request was answered from a view that is not the network's."""
        for name, strikes in self._standing.items():
            if strikes():
                self.faults.hits[name] += 1

    @property
    def _standing(self) -> dict[str, Callable[[], bool]]:
        tip = self._network.ledger.tip
        lag = self.faults.standing("lag")
        return {
            "lag": lambda: lag is not None and lag.rounds > 0 and tip > 0,
            "stall": lambda: self._stalled_at is not None and self._stalled_at < tip,
            "wrong_genesis": lambda: self.faults.standing("wrong_genesis") is not None,
        }

    def pending(self) -> list[SignedTransaction]:
        return [transaction for waiting in self.pool.waiting for transaction in waiting.group]
