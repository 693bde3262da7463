"""The chain behind the adapter with windows: rounds, a pool, leases, balances, and assets.

What is in a block is final at once, and only what fits gets into one.  The pool is a draft of the
next block: what does not fit on top of the rest is not taken, and what fits no longer is gone.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from attrs import define, field, frozen

from adapters.memory.chain.contract import Command, Contract
from domain.network import Block
from domain.operation import TransactionId

#: What an account must hold more for each asset that it owns.
DEPOSIT = 100_000

DEAD = "txn dead"
LEASE_TAKEN = "using an overlapping lease"
KNOWN = "transaction already in ledger"
UNFUNDED = "overspend"
UNDERPRICED = "fee below threshold"
#: The program refuses: the group is in no block, now or until the program thinks otherwise.
REFUSED = "logic eval error"


@frozen(kw_only=True)
class Creation:
    """What a group of transactions creates: parameters, and whose operation's it is."""

    note: str
    owner: str
    kind: str
    name: str
    symbol: str
    decimals: int
    supply: int
    #: False: it has its supply when it is bootstrapped.
    is_ready: bool = True


@frozen(kw_only=True)
class Call:
    """What a group of transactions asks of an asset, in the name of its owner."""

    note: str
    owner: str
    asset: int
    command: Command


@frozen(kw_only=True)
class Anchoring:
    """What is said of a log, in a note of its sender's."""

    owner: str
    #: In hexadecimal.
    content: str


Act = Creation | Call | Anchoring


@frozen(kw_only=True)
class Group:
    """What is signed together and happens together: the sender pays, the owner acts."""

    id: TransactionId
    sender: str
    #: The owner's, and no other transaction's of the owner while it is held.
    lease: str
    #: The rounds in which it may land, both included.
    first: int
    last: int
    #: For one transaction.
    fee: int
    act: Act

    @property
    def signers(self) -> tuple[str, ...]:
        """Of one transaction each; who pays for itself needs no payment."""
        return tuple(dict.fromkeys((self.sender, self.act.owner)))

    @property
    def fees(self) -> int:
        return len(self.signers) * self.fee

    @property
    def cost(self) -> int:
        """What the sender's balance falls by: the fees, and what it gives the owner to keep."""
        is_self = self.sender == self.act.owner
        return self.fees if is_self else self.fees + self.deposit

    @property
    def deposit(self) -> int:
        return DEPOSIT if isinstance(self.act, Creation) else 0


@frozen(kw_only=True)
class Landed:
    """A group in a block."""

    #: Of the asset that it made, or that it was about; 0: none.
    asset: int
    group: Group
    block: Block


@frozen(kw_only=True)
class Asset:
    id: int
    creation: Creation
    landed: Landed

    @property
    def block(self) -> Block:
        return self.landed.block

    @property
    def group(self) -> Group:
        return self.landed.group


@frozen(kw_only=True)
class Round:
    block: Block
    landed: tuple[Landed, ...] = ()


@define(eq=False)
class Ledger:
    """What decides what fits."""

    balances: Counter[str] = field(factory=Counter)
    #: How many assets an account owns.
    holdings: Counter[str] = field(factory=Counter)
    #: The last round in which a lease of an owner's is held.
    leases: dict[tuple[str, str], int] = field(factory=dict)
    ids: set[TransactionId] = field(factory=set)
    contracts: dict[int, Contract] = field(factory=dict)

    def copy(self) -> Ledger:
        return Ledger(
            balances=Counter(self.balances),
            holdings=Counter(self.holdings),
            leases=dict(self.leases),
            ids=set(self.ids),
            contracts=dict(self.contracts),
        )

    def refusal(self, group: Group, number: int) -> str | None:
        """Why *group* cannot be in round *number*."""
        if not group.first <= number <= group.last:
            return DEAD
        if self.leases.get((group.act.owner, group.lease), -1) >= number:
            return LEASE_TAKEN
        if group.id in self.ids:
            return KNOWN
        kept = DEPOSIT * self.holdings[group.sender]
        if self.balances[group.sender] < group.fees + group.deposit + kept:
            return UNFUNDED
        return REFUSED if isinstance(group.act, Call) and self._after(group.act) is None else None

    def _after(self, call: Call) -> Contract | None:
        """The asset's program after *call*; None where it refuses."""
        contract = self.contracts.get(call.asset)
        after = contract.after(call.command, call.owner, call.note) if contract else None
        return after if isinstance(after, Contract) else None

    def apply(self, group: Group) -> None:
        owner = group.act.owner
        self.balances[group.sender] -= group.cost
        match group.act:
            case Creation():
                self.balances[owner] += group.cost - group.fees
                self.holdings[owner] += 1
            case Call(asset=asset) as call:
                after = self._after(call)
                if after is not None:
                    self.contracts[asset] = after
            case Anchoring():
                pass
        self.leases[owner, group.lease] = group.last
        self.ids.add(group.id)


@define(eq=False)
class WindowedNode:
    #: For one transaction, to get into the pool; whoever is in it stays there when it rises.
    fee: int = 1_000
    ledger: Ledger = field(factory=Ledger)
    #: In the order of arrival, which is the order in blocks.
    pool: list[Group] = field(factory=list)
    #: What somebody else has, whom nobody hears just now.
    hidden: list[Group] = field(factory=list)
    rounds: list[Round] = field(init=False)
    assets: dict[int, Asset] = field(factory=dict)
    #: What it can say of single transactions, which it forgets sooner than blocks.
    remembered: dict[TransactionId, Landed] = field(factory=dict)
    #: By the note of a call.
    done: dict[str, Landed] = field(factory=dict)
    #: How many transactions there were: an asset is called by the number of its own.
    count: int = 1_000

    def __attrs_post_init__(self) -> None:
        self.rounds = [Round(block=Block(number=0, hash=_hash("genesis of windows")))]

    @property
    def latest(self) -> Block:
        return self.rounds[-1].block

    def available(self, address: str) -> int:
        """What *address* may spend."""
        return self.ledger.balances[address] - DEPOSIT * self.ledger.holdings[address]

    def is_in_pool(self, id: TransactionId) -> bool:
        return any(group.id == id for group in self.pool)

    def take(self, group: Group, number: int) -> str | None:
        """Put it into the pool of a node whose next round is *number*; a word says why not."""
        draft = self._draft()
        refusal = draft.refusal(group, number)
        if refusal is None and group.fee < self.fee:
            refusal = UNDERPRICED
        if refusal is None:
            self.pool.append(group)
        return refusal

    def mine(self, *, empty: bool = False) -> Block:
        """A block, with whatever fits of the pool unless it is to be *empty*."""
        number = self.latest.number + 1
        chosen = []
        for group in [] if empty else self.pool:
            if self.ledger.refusal(group, number) is None:
                self.ledger.apply(group)
                chosen.append(group)
        ids = [group.id for group in chosen]
        block = Block(number=number, hash=_hash(self.latest.hash, number, ids))
        landed = tuple(self._landed(group, block) for group in chosen)
        self.rounds.append(Round(block=block, landed=landed))
        self._refresh()
        return block

    def evict(self, id: TransactionId) -> None:
        """The pool forgets it, as a full one does."""
        self.pool = [group for group in self.pool if group.id != id]

    def forget(self) -> None:
        """As if it had just been started: it has its blocks, and nothing else."""
        self.pool, self.remembered = [], {}

    def hide(self) -> None:
        """What is in the pool is now only where nobody looks."""
        self.hidden, self.pool = [*self.hidden, *self.pool], []

    def surface(self) -> None:
        """What was hidden comes first."""
        self.pool, self.hidden = [*self.hidden, *self.pool], []
        self._refresh()

    def assets_of(self, owner: str) -> list[Asset]:
        return [asset for asset in self.assets.values() if asset.creation.owner == owner]

    def contract_at(self, id: int, number: int) -> Contract | None:
        """The program of the asset as it was after round *number*."""
        asset = self.assets.get(id)
        if asset is None or asset.block.number > number:
            return None
        made = asset.creation
        contract = Contract.made(made.owner, made.supply, is_ready=made.is_ready)
        for each in self.rounds[asset.block.number : number + 1]:
            for landed in each.landed:
                act = landed.group.act
                if isinstance(act, Call) and act.asset == id:
                    after = contract.after(act.command, act.owner, act.note)
                    contract = contract if isinstance(after, str) else after
        return contract

    def _landed(self, group: Group, block: Block) -> Landed:
        self.count += len(group.signers)
        act = group.act
        landed = Landed(asset=self._about(act), group=group, block=block)
        match act:
            case Call(note=note):
                self.done[note] = landed
            case Creation():
                self.assets[landed.asset] = Asset(id=landed.asset, creation=act, landed=landed)
                made = Contract.made(act.owner, act.supply, is_ready=act.is_ready)
                self.ledger.contracts[landed.asset] = made
            case Anchoring():
                pass
        self.remembered[group.id] = landed
        return landed

    def _about(self, act: Act) -> int:
        match act:
            case Call(asset=asset):
                return asset
            case Creation():
                return self.count
            case Anchoring():
                return 0

    def _draft(self) -> Ledger:
        draft = self.ledger.copy()
        for group in self.pool:
            draft.apply(group)
        return draft

    def _refresh(self) -> None:
        """Whatever cannot be in the next block, in this order, leaves the pool."""
        draft, waiting, number = self.ledger.copy(), self.pool, self.latest.number + 1
        self.pool = []
        for group in waiting:
            if draft.refusal(group, number) is None:
                draft.apply(group)
                self.pool.append(group)


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
