"""A development network: one ledger, some nodes, and the making of blocks.

Everything happens under one lock, which is also what waiting for a block waits on.  In manual mode
nothing happens that was not asked for, so the same calls make the same chain.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

from entrypoints.devnet.algod.blocks import Block
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, address_bytes, pack
from entrypoints.devnet.algod.faults import Fault
from entrypoints.devnet.algod.genesis import PROTOCOL, Genesis
from entrypoints.devnet.algod.journal import Journal
from entrypoints.devnet.algod.ledger import Ledger
from entrypoints.devnet.algod.limits import MIN_FEE, MOST_VALID_ROUNDS
from entrypoints.devnet.algod.node import Node
from entrypoints.devnet.algod.pool import Waiting
from entrypoints.devnet.algod.transactions import Group, SignedTransaction, read

Mode = Literal["instant", "interval", "manual"]
MODES: tuple[Mode, ...] = ("instant", "interval", "manual")


class World:
    def __init__(
        self,
        *,
        nodes: int = 1,
        mode: Mode = "instant",
        block_time: float = 1.0,
        idle_seconds: float = 0.0,
        kept_rounds: Sequence[int | None] = (),
        genesis: Genesis | None = None,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`idle_seconds`: after which an instant network makes an empty block; 0: never.

        `kept_rounds`: for each node how many blocks it keeps; None, or no entry: all.
        """
        self.lock = threading.RLock()
        #: Notified when a block is made, and when anything changes that a waiter may wait for.
        self.changed = threading.Condition(self.lock)
        self.genesis = genesis or Genesis()
        self.ledger = Ledger(self.genesis, journal)
        self.mode: Mode = mode
        self.block_time = block_time
        self.idle_seconds = idle_seconds
        self.fee_per_byte = 0
        #: Under which protocol nodes say the chain is; its rules are always those of `limits`.
        self.consensus = PROTOCOL
        self.closing = False
        kept = [*kept_rounds, *[None] * (nodes - len(kept_rounds))]
        self.nodes = [Node(self, index, kept_rounds=kept[index]) for index in range(nodes)]
        self._clock = clock
        self._sequence = 0
        self._producer = threading.Thread(target=self._produce_on_time, daemon=True)

    def start(self) -> None:
        self._producer.start()

    def close(self) -> None:
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        if self._producer.is_alive():
            self._producer.join()

    # Blocks

    def mine(self, count: int = 1) -> int:
        """Make blocks of what the pools hold; returns the last round."""
        with self.changed:
            for _ in range(count):
                self._make_block()
            return self.ledger.tip

    def advance(self, rounds: int) -> int:
        """Let rounds pass in which nothing is confirmed, whatever the pools hold."""
        with self.changed:
            if rounds > 0:
                self.ledger.append_empty(rounds, int(self._clock()))
                self._tell_all()
            return self.ledger.tip

    def settle(self) -> None:
        """Where blocks are instant, make one of what has just come, before its sender is answered:
        so does algod's own development mode, and the SDK's waiting counts on it.
        """
        with self.changed:
            if self.mode == "instant" and self._has_work():
                self._make_block(only_if_filled=True)

    def set_mode(self, mode: Mode, block_time: float | None = None) -> None:
        """Raises: ValueError: there is no such mode."""
        if mode not in MODES:
            raise ValueError(f"no mode is called {mode!r}; there are {', '.join(MODES)}")
        with self.changed:
            self.mode = mode
            self.block_time = block_time or self.block_time
            self.changed.notify_all()

    def congest(self, fee_per_byte: int) -> None:
        """Pools ask for that fee, and /v2/transactions/params suggests it; 0: no longer."""
        with self.changed:
            self.fee_per_byte = fee_per_byte

    def claim(self, consensus: str | None) -> None:
        """Every node says that its chain is under that protocol; None: the truth again."""
        with self.changed:
            self.consensus = PROTOCOL if consensus is None else consensus

    def fund(self, address: str, microalgos: int) -> str:
        """Pay from the dispenser, in a block of its own: the pools are not touched.

        Returns the payment's id.  Raises: EncodingError: no address.
        """
        with self.changed:
            payment = self._payment(address_bytes(address), microalgos)
            self.ledger.append((payment,), int(self._clock()))
            self._tell_all()
            return payment[0].txid

    # What nodes ask for

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def gossip(self, waiting: Waiting, origin: Node) -> None:
        for node in self.nodes:
            if node is not origin:
                node.receive(waiting)
        self.changed.notify_all()

    def evict(self, txid: str | None) -> int:
        return sum(node.pool.evict(txid) for node in self.nodes)

    # Faults

    def add_fault(self, node: Node, fault: Fault, *, txid: str | None = None) -> None:
        """Raises: ValueError: there is no such fault or route.

        An eviction with a txid, or "all", and `forget` happen now; everything else when it is met.
        """
        with self.changed:
            node.refresh()
            if fault.name == "evict" and txid is not None:
                target = None if txid == "all" else txid
                left = node.evict(target, everywhere=fault.everywhere)
                node.faults.hits["evict"] += left
            elif fault.name == "forget":
                node.forget()
                node.faults.hits["forget"] += 1
            else:
                node.faults.add(fault)
                if fault.name == "stall":
                    node.stall()
            self.changed.notify_all()

    def clear_faults(self, node: Node, name: str | None = None) -> None:
        with self.changed:
            node.faults.clear(name)
            if name in {None, "stall"}:
                node.resume()
            if name in {None, "reorder"}:
                node.release_held()
            if name in {None, "no_gossip"}:
                node.end_isolation()
            self.changed.notify_all()

    # Making blocks

    def _produce_on_time(self) -> None:
        with self.changed:
            while not self.closing:
                if self.mode == "interval":
                    self.changed.wait_for(self._is_interrupted, self.block_time)
                    if self._is_interrupted():
                        continue
                    self._make_block()
                else:
                    patience = self.idle_seconds if self.mode == "instant" else 0.0
                    if self.changed.wait_for(self._has_work, patience or None):
                        self.settle()
                    else:
                        # Windows pass although nobody sends anything.
                        self._make_block()

    def _is_interrupted(self) -> bool:
        return self.closing or self.mode != "interval"

    def _has_work(self) -> bool:
        if self.closing or self.mode == "interval":
            return True
        return self.mode == "instant" and any(
            not waiting.was_refused for waiting in self._candidates()
        )

    def _candidates(self) -> list[Waiting]:
        known = {
            waiting.key: waiting
            for node in self.nodes
            for waiting in node.pool.waiting
            if not waiting.is_local
        }
        return sorted(known.values(), key=lambda waiting: waiting.sequence)

    def _make_block(self, *, only_if_filled: bool = False) -> Block | None:
        for node in self.nodes:
            node.release_held()
        candidates = self._candidates()
        groups = self.ledger.admissible([waiting.group for waiting in candidates])
        fitting = {group[0].txid for group in groups}
        for waiting in candidates:
            waiting.was_refused = waiting.key not in fitting
        if only_if_filled and not groups:
            return None
        block = self.ledger.append(groups, int(self._clock()))
        self._tell_all()
        return block

    def _tell_all(self) -> None:
        for node in self.nodes:
            node.refresh()
        self.changed.notify_all()

    def _payment(self, receiver: bytes, microalgos: int) -> Group:
        first = self.ledger.tip + 1
        genesis = self.genesis
        txn = {
            "type": "pay",
            "snd": genesis.dispenser,
            "rcv": receiver,
            "amt": microalgos,
            "fee": MIN_FEE,
            "fv": first,
            "lv": first + MOST_VALID_ROUNDS,
            "gen": genesis.id,
            "gh": genesis.hash,
            "note": b"devnet fund %d" % first,
        }
        kept = {name: value for name, value in txn.items() if value not in {0, ZERO_ADDRESS}}
        signature = genesis.dispenser_key.sign(SignedTransaction({"txn": kept}).signed_bytes)
        return read(pack({"txn": kept, "sig": signature}))
