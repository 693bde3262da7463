"""Networks: a model chain each, what really happened on it, and the windows processes see it by.

What a network did is told by its blocks and by nothing that a process of ours has stored: the
effects, by operation and step; and which of them are final.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Protocol

from attrs import define, field, frozen

from adapters.memory.chain import MemoryChain, MemoryWindowedChain, a_network, a_windowed_network
from adapters.memory.chain import acts as counting_acts
from adapters.memory.chain import groups as windowed_acts
from adapters.memory.chain.node import Node
from adapters.memory.chain.windowed_node import WindowedNode
from adapters.pool import connect
from adapters.pool import pool as pool_module
from application.ports.nodes import Endpoint
from domain.network import Block, Network
from domain.operation import (
    Effect,
    Expired,
    Intent,
    NoEffect,
    NotSeen,
    Outcome,
    SignedTransaction,
    Slot,
    Submission,
)
from tests.simulation.scheduler import Group, Scheduler

#: Which organisation's operation, and which step of it.
Step = tuple[str, str, int]


@frozen(kw_only=True)
class Done:
    """An effect on chain."""

    step: Step
    sort: str
    block: int
    is_final: bool


class World(Protocol):
    """A network as it really is."""

    network: Network
    complaints: list[str]
    #: Seconds from block to block.
    block_time: float
    #: What the treasury might pay for one token, in base units: twice, at the highest price.
    dearest_creation: int

    def window(self) -> Any:
        """A node of it, as one process sees it."""
        ...

    def mine(self) -> None: ...
    def fund(self, address: str, amount: int) -> None: ...
    def effects(self) -> Iterator[Done]: ...
    def could_land(self, organisation: str, operation: str) -> bool:
        """Whether something that a node has may take effect yet."""
        ...

    def forget_sent(self) -> None:
        """Records were restored, which know nothing of older slots."""
        ...

    def depth_of(self, block: int) -> int | None:
        """How many blocks must vanish for *block* to; None: it cannot."""
        ...

    def befall(self, event: str, random: Random, address: str, depth: int | None) -> None:
        """*depth*: of a reorganisation, where it is not left to chance."""
        ...

    def heal(self) -> None: ...


@define(eq=False, slots=False)
class CountingWindow(MemoryChain):
    """One process's node; what is sent to it is seen by the world."""

    world: Any = None
    #: ``hasty``: calls everything final at once; ``blind``: denies what is there.
    lies: str | None = None

    def outcome(self, slot: Slot) -> Outcome:
        return NotSeen() if self.lies == "blind" else super().outcome(slot)

    def effect_of(self, intent: Intent) -> Effect | NoEffect:
        return NoEffect(self._final) if self.lies == "blind" else super().effect_of(intent)

    @property
    def _final(self) -> Block:
        return self._latest if self.lies == "hasty" else super()._final

    def submit(self, transaction: SignedTransaction) -> Submission:
        self.world.sees(transaction)
        return super().submit(transaction)


@define(eq=False)
class CountingWorld:
    """Like Ethereum: nonces, fees, blocks that vanish."""

    scheduler: Scheduler
    #: Six blocks are 12 s in which a block may vanish.
    network: Network = field(factory=lambda: a_network(depth=6))
    node: Node = field(factory=Node)
    block_time: float = 2.0
    dearest_creation: int = 2 * 100_000 * 1_000_000
    complaints: list[str] = field(factory=list)
    #: By step: the nonces in which its effect was ever sent.
    _sent: dict[Step, set[int]] = field(factory=lambda: defaultdict(set))
    _windows: list[CountingWindow] = field(factory=list)
    _lock: Any = field(init=False)
    _any: CountingWindow = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._any = CountingWindow(network=self.network, node=self.node, world=self)
        self._lock = self._any._lock

    def window(self) -> CountingWindow:
        made = CountingWindow(network=self.network, node=self.node, lock=self._lock, world=self)
        self._windows.append(made)
        return made

    def mine(self) -> None:
        self.node.mine()

    def fund(self, address: str, amount: int) -> None:
        self._any.fund(address, amount)

    def effects(self) -> Iterator[Done]:
        final = self.node.latest.number - (self.network.finality.depth or 0)
        for mined_block in self.node.blocks:
            for mined in mined_block.transactions:
                act = mined.sent.act
                if act is not None and mined.succeeded:
                    yield Done(
                        step=_step_of(act),
                        sort=type(act).__name__,
                        block=mined.block.number,
                        is_final=mined.block.number <= final,
                    )

    def could_land(self, organisation: str, operation: str) -> bool:
        return any(
            sent.act is not None
            and _step_of(sent.act)[:2] == (organisation, operation)
            and sent.nonce >= self.node.nonce(sent.sender)
            for sent in self.node.pool.values()
        )

    def sees(self, transaction: SignedTransaction) -> None:
        """Complain of an effect that is sent in one slot while it may land in another."""
        self.scheduler.touch()
        sent = counting_acts.decoded(transaction.raw, self.network.id, self._any.address)
        if sent is None or sent.act is None:
            return
        step = _step_of(sent.act)
        final = self.node.latest.number - (self.network.finality.depth or 0)
        block = self.node.blocks[max(0, final)].block
        taken = self.node.nonce_at(sent.sender, block)
        alive = [each for each in self._sent[step] if each != sent.nonce and each >= taken]
        if alive and sent.nonce not in self._sent[step]:
            self.complaints.append(f"{step} is sent in nonce {sent.nonce} while {alive} may land")
        self._sent[step].add(sent.nonce)

    def forget_sent(self) -> None:
        self._sent.clear()

    def depth_of(self, block: int) -> int | None:
        depth = self.node.latest.number - block + 1
        return depth if 1 <= depth <= (self.network.finality.depth or 0) else None

    def befall(self, event: str, random: Random, address: str, depth: int | None) -> None:
        match event:
            case "evict":
                for sent in [*self.node.pool.values()]:
                    if random.random() < 0.7:
                        self.node.evict(sent.id)
            case "reorg" | "reorg that forgets":
                depth = depth or min(random.choice((1, 3, 5, 5)), self.node.latest.number)
                if depth:
                    self.node.reorg(depth, drop=event == "reorg that forgets")
            case "dear":
                self.node.gas_price = random.choice((3_000, 20_000, 400_000, 1_500_000))
            case "cheap":
                self.node.gas_price = 1_000
            case "revert":
                self.node.reverts += 1
            case "stranger":
                self._any.foreign_transaction(address)

    def heal(self) -> None:
        self.node.gas_price, self.node.reverts = 1_000, 0
        for window in self._windows:
            window.behave()
            window.lag, window.lies = 0, None


@define(eq=False, slots=False)
class WindowedWindow(MemoryWindowedChain):
    """One process's node; what is sent to it is seen by the world."""

    world: Any = None
    #: ``hasty``: calls every window over; ``blind``: denies what is there.
    lies: str | None = None

    def outcome(self, slot: Slot) -> Outcome:
        if self.lies == "hasty":
            return Expired(self._latest)
        return NotSeen() if self.lies == "blind" else super().outcome(slot)

    def effect_of(self, intent: Intent) -> Effect | NoEffect:
        return NoEffect(self._latest) if self.lies else super().effect_of(intent)

    def submit(self, transaction: SignedTransaction) -> Submission:
        self.world.sees(transaction)
        return super().submit(transaction)


@define(eq=False)
class WindowedWorld:
    """Like Algorand: leases for windows of rounds, and blocks that are final at once."""

    scheduler: Scheduler
    network: Network = field(factory=a_windowed_network)
    node: WindowedNode = field(factory=WindowedNode)
    block_time: float = 3.0
    dearest_creation: int = 2 * 2 * 1_000_000 + 100_000
    complaints: list[str] = field(factory=list)
    #: By step: the last rounds of the windows in which its effect was ever sent.
    _sent: dict[Step, set[int]] = field(factory=lambda: defaultdict(set))
    _windows: list[WindowedWindow] = field(factory=list)
    _any: WindowedWindow = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._any = WindowedWindow(network=self.network, node=self.node, world=self)

    def window(self) -> WindowedWindow:
        made = WindowedWindow(
            network=self.network, node=self.node, lock=self._any._lock, world=self
        )
        self._windows.append(made)
        return made

    def mine(self) -> None:
        self.node.mine()

    def fund(self, address: str, amount: int) -> None:
        self._any.fund(address, amount)

    def effects(self) -> Iterator[Done]:
        for each in self.node.rounds:
            for landed in each.landed:
                step = _noted(landed.group.act)
                if step is not None:
                    yield Done(
                        step=step,
                        sort=type(landed.group.act).__name__,
                        block=landed.block.number,
                        is_final=True,
                    )

    def could_land(self, organisation: str, operation: str) -> bool:
        return any(
            (_noted(group.act) or ())[:2] == (organisation, operation)
            and group.last > self.node.latest.number
            for group in (*self.node.pool, *self.node.hidden)
        )

    def sees(self, transaction: SignedTransaction) -> None:
        """Complain of an effect that is sent in one window while another one is not over."""
        self.scheduler.touch()
        group = windowed_acts.decoded(transaction.raw, self.network.id, self._any.address)
        step = None if group is None else _noted(group.act)
        if group is None or step is None:
            return
        now = self.node.latest.number
        alive = [last for last in self._sent[step] if last != group.last and last > now]
        if alive and group.last not in self._sent[step]:
            self.complaints.append(f"{step} is sent until {group.last} while {alive} may land")
        self._sent[step].add(group.last)

    def forget_sent(self) -> None:
        self._sent.clear()

    def depth_of(self, block: int) -> int | None:
        """Every block is final at once."""

    def befall(self, event: str, random: Random, address: str, depth: int | None) -> None:
        match event:
            case "evict":
                for group in [*self.node.pool]:
                    if random.random() < 0.7:
                        self.node.evict(group.id)
            case "reorg" | "reorg that forgets":
                # Nothing of it vanishes; but a node may start again with its blocks only.
                self.node.forget()
            case "dear":
                self.node.fee = random.choice((3_000, 20_000, 1_500_000))
            case "cheap":
                self.node.fee = 1_000
            case "hide":
                self.node.hide()
                self.surface_later(random)
            case _:
                pass

    def surface_later(self, random: Random) -> None:
        """What only somebody else has comes back, sooner or later than its window ends."""
        instant = self.scheduler.now + random.choice((5.0, 40.0, 120.0))
        self.scheduler.at(instant, Group(name="pool"), "surface", self.node.surface)

    def heal(self) -> None:
        self.node.fee = 1_000
        self.node.surface()
        for window in self._windows:
            window.behave()
            window.lag, window.lies = 0, None


def _step_of(act: Any) -> Step:
    return (act.organisation, act.operation, getattr(act, "step", 1))


def _noted(act: Any) -> Step | None:
    note = getattr(act, "note", None)
    if note is None:
        return None
    named: dict[str, Any] = json.loads(note)
    return (named["organisation"], named["operation"], named["step"])


def pool_of(network: Network, nodes: list[Any], scheduler: Scheduler) -> Any:
    """Several nodes as one, by the adapter that does so in production."""
    members = [
        (Endpoint(url=f"https://node-{number}.example.com"), node)
        for number, node in enumerate(nodes, start=1)
    ]
    return connect(network, members, lambda: scheduler.now)


class _InTurn:
    """Threads of a pool, one after the other."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @staticmethod
    def map(act: Callable[..., Any], *arguments: Any) -> list[Any]:
        return [act(*each) for each in zip(*arguments, strict=True)]


@contextmanager
def without_threads() -> Iterator[None]:
    """Pools look at their nodes one after the other."""
    threads: Any = pool_module.ThreadPoolExecutor
    pool_module.ThreadPoolExecutor = _InTurn
    try:
        yield
    finally:
        pool_module.ThreadPoolExecutor = threads


@define(eq=False)
class Remote:
    """A port that is far away: every call of *asked* may take its time, or be somebody's last."""

    _name: str
    _port: Any
    _asked: frozenset[str]
    _call: Callable[[str, Callable[[], Any]], Any]

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if name not in self._asked:
            return attribute

        def ask(*arguments: Any, **named: Any) -> Any:
            return self._call(f"{self._name}.{name}", lambda: attribute(*arguments, **named))

        return ask


ASKED_OF_CHAINS = frozenset(
    {
        "plan",
        "preflight",
        "slot_terms",
        "prepare",
        "submit",
        "outcome",
        "effect_of",
        "read_back",
        "state",
        "head",
        "block_at",
        "signer_state",
    }
)
