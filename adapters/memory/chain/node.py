"""The chain behind the adapter: accounts, a pool, blocks, and what they have made.

The state is what the blocks say: it is folded from them, and after a reorg folded again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable

from attrs import define, evolve, field, frozen

from domain.network import Block
from domain.operation import TransactionId

GAS_OF_A_CREATION = 100_000
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
    name: str
    symbol: str
    decimals: int
    supply: int
    owner: str


@frozen(kw_only=True)
class Sent:
    """A transaction as a node sees it."""

    id: TransactionId
    raw: bytes | None = field(repr=False)
    sender: str
    nonce: int
    fee_cap: int
    #: None: it does nothing but take its nonce.
    creation: Creation | None = None

    @property
    def gas(self) -> int:
        return GAS_OF_NOTHING if self.creation is None else GAS_OF_A_CREATION


@frozen(kw_only=True)
class Mined:
    sent: Sent
    block: Block
    succeeded: bool
    cost: int


@frozen(kw_only=True)
class MinedBlock:
    block: Block
    transactions: tuple[Mined, ...] = ()


@define(eq=False)
class Node:
    gas_price: int = 1_000
    #: What accounts were given; a reorg does not take it back.
    funds: Counter[str] = field(factory=Counter)
    #: How many of the next creations revert for a reason of their own.
    reverts: int = 0
    pool: dict[tuple[str, int], Sent] = field(factory=dict)
    blocks: list[MinedBlock] = field(init=False)
    #: What the blocks have made.
    mined: dict[TransactionId, Mined] = field(factory=dict)
    tokens: dict[str, Mined] = field(factory=dict)
    _spent: Counter[str] = field(factory=Counter)
    _nonces: Counter[str] = field(factory=Counter)
    _forks: int = 0

    def __attrs_post_init__(self) -> None:
        self.blocks = [MinedBlock(block=Block(number=0, hash=_hash("genesis")))]

    @property
    def latest(self) -> Block:
        return self.blocks[-1].block

    def balance(self, address: str) -> int:
        return self.funds[address] - self._spent[address]

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
        return sum(s.gas * s.fee_cap for s in self.pool.values() if s.sender == address)

    def take(self, sent: Sent) -> str | None:
        """Put it into the pool; a word of go-ethereum's says why not."""
        if sent.id in self.mined or self._in_pool(sent.id):
            return "already known"
        if sent.nonce < self._nonces[sent.sender]:
            return "nonce too low"
        rival = self.pool.get((sent.sender, sent.nonce))
        if rival and sent.fee_cap * 100 < rival.fee_cap * (100 + PRICE_BUMP_PERCENT):
            return "replacement transaction underpriced"
        reserved = self.promised(sent.sender) - (rival.gas * rival.fee_cap if rival else 0)
        if self.balance(sent.sender) < reserved + sent.gas * sent.fee_cap:
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
        if mined.sent.creation is None:
            raise AssertionError
        changed = change(mined.sent.creation)
        self.tokens[address] = evolve(mined, sent=evolve(mined.sent, creation=changed))

    def _in_pool(self, id: TransactionId) -> bool:
        return any(sent.id == id for sent in self.pool.values())

    def _chosen(self) -> list[Sent]:
        """Each account's transactions in nonce order, without gaps, at today's price."""
        chosen: list[Sent] = []
        next_nonce, left = Counter(self._nonces), Counter[str]()
        for (sender, nonce), sent in sorted(self.pool.items(), key=lambda item: item[0]):
            affordable = self.balance(sender) - left[sender] >= sent.gas * self.gas_price
            if nonce == next_nonce[sender] and sent.fee_cap >= self.gas_price and affordable:
                next_nonce[sender] += 1
                left[sender] += sent.gas * self.gas_price
                chosen.append(sent)
        return chosen

    def _executed(self, sent: Sent, block: Block) -> Mined:
        succeeded = True
        if sent.creation is not None:
            succeeded = sent.creation.address not in self.tokens
            if self.reverts:
                self.reverts -= 1
                succeeded = False
        return Mined(sent=sent, block=block, succeeded=succeeded, cost=sent.gas * self.gas_price)

    def _fold(self, mined: Mined) -> None:
        sent = mined.sent
        self.mined[sent.id] = mined
        self._nonces[sent.sender] += 1
        self._spent[sent.sender] += mined.cost
        if sent.creation is not None and mined.succeeded:
            self.tokens[sent.creation.address] = mined

    def _fold_again(self) -> None:
        self.mined, self.tokens = {}, {}
        self._spent, self._nonces = Counter(), Counter()
        for mined_block in self.blocks:
            for mined in mined_block.transactions:
                self._fold(mined)


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
