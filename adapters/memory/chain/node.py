"""The chain behind the adapter: accounts, a pool, blocks, and what they have made.

The state is what the blocks say: it is folded from them, and after a reorg folded again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable

from attrs import define, evolve, field, frozen

from adapters.memory.chain.contract import Command, Contract
from domain.network import Block
from domain.operation import TransactionId

GAS_OF_A_CREATION = 100_000
GAS_OF_A_CALL = 60_000
GAS_OF_A_PAYMENT = 30_000
GAS_OF_AN_ANCHOR = 50_000
GAS_OF_NOTHING = 21_000
#: Nodes take a replacement that offers a tenth more (go-ethereum: PriceBump 10).
PRICE_BUMP_PERCENT = 10


@frozen(kw_only=True)
class Creation:
    """What a transaction with an effect does."""

    #: Named by its contents and its sender, as by CREATE2: a second time reverts.
    address: str
    organisation: str
    operation: str
    kind: str
    name: str
    symbol: str
    decimals: int
    supply: int
    owner: str

    @property
    def place(self) -> str:
        return self.address


@frozen(kw_only=True)
class Payment:
    """Native coin for whoever sends the next step, once for each operation."""

    organisation: str
    operation: str
    step: int
    #: The token that the operation is about.
    place: str
    to: str
    amount: int


@frozen(kw_only=True)
class Call:
    """What an operation asks of a token."""

    organisation: str
    operation: str
    step: int
    place: str
    command: Command


@frozen(kw_only=True)
class Anchoring:
    """What a transaction says of a log, for everybody to read."""

    organisation: str
    operation: str
    #: Who says it.
    place: str
    #: In hexadecimal: which size of which log, and all that is said of it.
    subject: str
    content: str


Act = Creation | Payment | Call | Anchoring


def name_of(act: Act) -> str:
    """What keeps a second one out."""
    match act:
        case Creation(address=address):
            return address
        case Anchoring(place=place, subject=subject):
            return f"{place}/{subject}"
        case _:
            return f"{act.organisation}/{act.operation}/{act.step}"


def gas_of(act: Act | None) -> int:
    match act:
        case None:
            return GAS_OF_NOTHING
        case Creation():
            return GAS_OF_A_CREATION
        case Call():
            return GAS_OF_A_CALL
        case Payment():
            return GAS_OF_A_PAYMENT
        case Anchoring():
            return GAS_OF_AN_ANCHOR


def value_of(act: Act | None) -> int:
    """What the sender gives away with it."""
    return act.amount if isinstance(act, Payment) else 0


@frozen(kw_only=True)
class Sent:
    """A transaction as a node sees it."""

    id: TransactionId
    raw: bytes | None = field(repr=False)
    sender: str
    nonce: int
    fee_cap: int
    #: None: it does nothing but take its nonce.
    act: Act | None = None

    @property
    def gas(self) -> int:
        return gas_of(self.act)

    @property
    def most(self) -> int:
        """What it may cost."""
        return self.gas * self.fee_cap + value_of(self.act)


@frozen(kw_only=True)
class Mined:
    sent: Sent
    block: Block
    succeeded: bool
    #: What its sender's balance fell by.
    cost: int

    @property
    def fee(self) -> int:
        """Without what it gave away."""
        return self.cost - (value_of(self.sent.act) if self.succeeded else 0)


@frozen(kw_only=True)
class MinedBlock:
    block: Block
    transactions: tuple[Mined, ...] = ()


@define(eq=False)
class Node:
    gas_price: int = 1_000
    #: What accounts were given; a reorg does not take it back.
    funds: Counter[str] = field(factory=Counter)
    #: How many of the next transactions with an effect revert for a reason of their own.
    reverts: int = 0
    pool: dict[tuple[str, int], Sent] = field(factory=dict)
    blocks: list[MinedBlock] = field(init=False)
    #: What the blocks have made.
    mined: dict[TransactionId, Mined] = field(factory=dict)
    tokens: dict[str, Mined] = field(factory=dict)
    contracts: dict[str, Contract] = field(factory=dict)
    #: By the name of the act.
    done: dict[str, Mined] = field(factory=dict)
    _spent: Counter[str] = field(factory=Counter)
    _received: Counter[str] = field(factory=Counter)
    _nonces: Counter[str] = field(factory=Counter)
    _forks: int = 0

    def __attrs_post_init__(self) -> None:
        self.blocks = [MinedBlock(block=Block(number=0, hash=_hash("genesis")))]

    @property
    def latest(self) -> Block:
        return self.blocks[-1].block

    def balance(self, address: str) -> int:
        return self.funds[address] + self._received[address] - self._spent[address]

    def nonce(self, address: str) -> int:
        return self._nonces[address]

    def nonce_at(self, address: str, block: Block) -> int:
        return sum(
            mined.sent.sender == address
            for mined_block in self.blocks[: block.number + 1]
            for mined in mined_block.transactions
        )

    def promised(self, address: str) -> int:
        """What the pool's transactions of *address* may cost."""
        return sum(sent.most for sent in self.pool.values() if sent.sender == address)

    def contract_at(self, place: str, number: int) -> Contract | None:
        """The token at *place* as it was in block *number*."""
        made = self.tokens.get(place)
        if made is None or not isinstance(made.sent.act, Creation) or made.block.number > number:
            return None
        contract = Contract.made(made.sent.act.owner, made.sent.act.supply)
        for mined_block in self.blocks[made.block.number : number + 1]:
            for mined in mined_block.transactions:
                act = mined.sent.act
                if isinstance(act, Call) and act.place == place and mined.succeeded:
                    after = contract.after(act.command, mined.sent.sender, name_of(act))
                    # What was tampered with does not follow from its history.
                    contract = contract if isinstance(after, str) else after
        return contract

    def take(self, sent: Sent) -> str | None:
        """Put it into the pool; a word of go-ethereum's says why not."""
        if sent.id in self.mined or self._in_pool(sent.id):
            return "already known"
        if sent.nonce < self._nonces[sent.sender]:
            return "nonce too low"
        rival = self.pool.get((sent.sender, sent.nonce))
        if rival and sent.fee_cap * 100 < rival.fee_cap * (100 + PRICE_BUMP_PERCENT):
            return "replacement transaction underpriced"
        reserved = self.promised(sent.sender) - (rival.most if rival else 0)
        if self.balance(sent.sender) < reserved + sent.most:
            return "insufficient funds for gas * price + value"
        self.pool[sent.sender, sent.nonce] = sent
        return None

    def mine(self) -> Block:
        number = self.latest.number + 1
        chosen = self._chosen()
        ids = [sent.id for sent in chosen]
        block = Block(number=number, hash=_hash(self.latest.hash, number, self._forks, ids))
        mined: list[Mined] = []
        for sent in chosen:
            del self.pool[sent.sender, sent.nonce]
            mined.append(self._executed(sent, block))
            self._fold(mined[-1])
        self.blocks.append(MinedBlock(block=block, transactions=tuple(mined)))
        return block

    def reorg(self, depth: int, *, drop: bool) -> None:
        """Replace the newest *depth* blocks by empty ones.

        What was in them goes back to the pool, or, with *drop*, is forgotten by everybody.
        """
        if not 0 < depth < len(self.blocks):
            raise ValueError(f"there are no {depth} blocks to take back")
        gone = self.blocks[-depth:]
        self.blocks = self.blocks[:-depth]
        self._forks += 1
        self._fold_again()
        kept, self.pool = self.pool, {}
        for _ in gone:
            self.mine()
        self.pool = kept
        if not drop:
            for mined_block in gone:
                for mined in mined_block.transactions:
                    self.pool[mined.sent.sender, mined.sent.nonce] = mined.sent

    def evict(self, id: TransactionId) -> None:
        """The pool forgets it, as a full one does."""
        self.pool = {key: sent for key, sent in self.pool.items() if sent.id != id}

    def stranger(self, sender: str, nonce: int) -> TransactionId:
        """Somebody else who has the key of *sender* uses this nonce; it will be mined next."""
        id = TransactionId("0x" + _hash("stranger", sender, nonce, len(self.blocks)))
        fee_cap = self.gas_price * 1_000
        self.funds[sender] += fee_cap * GAS_OF_NOTHING
        self.pool[sender, nonce] = Sent(
            id=id, raw=None, sender=sender, nonce=nonce, fee_cap=fee_cap
        )
        return id

    def tamper(self, address: str, change: Callable[[Creation], Creation]) -> None:
        """Let the chain hold something else at *address* than was asked for; a reorg heals it."""
        mined = self.tokens[address]
        match mined.sent.act:
            case Creation() as creation:
                sent = evolve(mined.sent, act=change(creation))
                self.tokens[address] = evolve(mined, sent=sent)

    def _in_pool(self, id: TransactionId) -> bool:
        return any(sent.id == id for sent in self.pool.values())

    def _chosen(self) -> list[Sent]:
        """Each account's transactions in nonce order, without gaps, at today's price."""
        chosen: list[Sent] = []
        next_nonce, left = Counter(self._nonces), Counter[str]()
        for (sender, nonce), sent in sorted(self.pool.items(), key=lambda item: item[0]):
            cost = sent.gas * self.gas_price + value_of(sent.act)
            affordable = self.balance(sender) - left[sender] >= cost
            if nonce == next_nonce[sender] and sent.fee_cap >= self.gas_price and affordable:
                next_nonce[sender] += 1
                left[sender] += cost
                chosen.append(sent)
        return chosen

    def _executed(self, sent: Sent, block: Block) -> Mined:
        succeeded = self._works(sent)
        if sent.act is not None and self.reverts:
            self.reverts -= 1
            succeeded = False
        # What reverts gives nothing away.
        cost = sent.gas * self.gas_price + (value_of(sent.act) if succeeded else 0)
        return Mined(sent=sent, block=block, succeeded=succeeded, cost=cost)

    def _works(self, sent: Sent) -> bool:
        match sent.act:
            case None:
                return True
            case Creation(address=address):
                return address not in self.tokens
            case Payment() | Anchoring() as once:
                return name_of(once) not in self.done
            case Call(place=place, command=command) as call:
                contract = self.contracts.get(place)
                return contract is not None and isinstance(
                    contract.after(command, sent.sender, name_of(call)), Contract
                )

    def _fold(self, mined: Mined) -> None:
        sent = mined.sent
        self.mined[sent.id] = mined
        self._nonces[sent.sender] += 1
        self._spent[sent.sender] += mined.cost
        if sent.act is None or not mined.succeeded:
            return
        self.done[name_of(sent.act)] = mined
        match sent.act:
            case Creation() as creation:
                self.tokens[creation.address] = mined
                self.contracts[creation.address] = Contract.made(creation.owner, creation.supply)
            case Payment(to=to, amount=amount):
                self._received[to] += amount
            case Call(place=place, command=command) as call:
                after = self.contracts[place].after(command, sent.sender, name_of(call))
                if isinstance(after, Contract):
                    self.contracts[place] = after

    def _fold_again(self) -> None:
        self.mined, self.tokens, self.contracts, self.done = {}, {}, {}, {}
        self._spent, self._received, self._nonces = Counter(), Counter(), Counter()
        for mined_block in self.blocks:
            for mined in mined_block.transactions:
                self._fold(mined)


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
