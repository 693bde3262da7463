"""The one chain of a development network: its blocks, and its state at every round."""

from collections.abc import Sequence

from entrypoints.devnet.algod.accounts import Account
from entrypoints.devnet.algod.blocks import Block, Included, first_block, next_block
from entrypoints.devnet.algod.evaluation import GroupRefusedError, Rules, evaluate
from entrypoints.devnet.algod.genesis import FIRST_COUNT, Genesis
from entrypoints.devnet.algod.journal import Entry, Journal
from entrypoints.devnet.algod.state import Draft, History, View
from entrypoints.devnet.algod.transactions import Group
from entrypoints.devnet.processes import DevnetError


class Ledger:
    """Not safe for threads: the world locks it."""

    def __init__(self, genesis: Genesis, journal: Journal | None) -> None:
        self.genesis = genesis
        self.rules = Rules(genesis, genesis.hash)
        self.history = History()
        self.blocks = [first_block(genesis)]
        for address, microalgos in genesis.balances().items():
            self.history.accounts.write(0, address, Account(microalgos))
        self.history.counters.write(0, "", FIRST_COUNT)
        self.history.timestamps.append(genesis.timestamp)
        self._journal: Journal | None = None
        if journal is not None:
            self._replay(journal)
            self._journal = journal

    @property
    def tip(self) -> int:
        return len(self.blocks) - 1

    def view(self, round: int) -> View:
        return self.history.at(round)

    def admissible(self, groups: Sequence[Group]) -> tuple[Group, ...]:
        """Those that can follow one another in the next block; the others are left out."""
        draft = Draft(self.view(self.tip))
        return tuple(group for group in groups if _fits(self.rules, draft, group))

    def append(self, groups: tuple[Group, ...], timestamp: int) -> Block:
        """The next block.

        Raises:
            GroupRefusedError: a group does not fit; nothing has changed.
        """
        draft = Draft(self.view(self.tip))
        payset = tuple(
            Included(transaction, applied)
            for group in groups
            for transaction, applied in zip(group, evaluate(self.rules, draft, group), strict=True)
        )
        block = next_block(
            self.genesis, self.blocks[-1], timestamp, draft.counter(), groups, payset
        )
        self._write(block, 1)
        self.history.record(draft)
        self._add(block)
        return block

    def append_empty(self, count: int, timestamp: int) -> None:
        blocks = [self.blocks[-1]]
        counter = self.view(self.tip).counter()
        for _ in range(count):
            blocks.append(next_block(self.genesis, blocks[-1], timestamp, counter, (), ()))
        self._write(blocks[-1], count)
        for block in blocks[1:]:
            self._add(block)

    def _add(self, block: Block) -> None:
        self.blocks.append(block)
        self.history.timestamps.append(block.timestamp)

    def _write(self, last: Block, count: int) -> None:
        if self._journal is not None:
            first = last.round - count + 1
            self._journal.append(Entry(first, last.timestamp, count, last.groups, last.hash))

    def _replay(self, journal: Journal) -> None:
        for entry in journal.entries():
            if entry.round != self.tip + 1:
                raise DevnetError(f"the journal has no block {self.tip + 1}")
            try:
                if entry.groups:
                    self.append(entry.groups, entry.timestamp)
                else:
                    self.append_empty(entry.count, entry.timestamp)
            except GroupRefusedError as error:
                raise DevnetError(f"block {entry.round} of the journal: {error}") from error
            if self.blocks[-1].hash != entry.hash:
                raise DevnetError(f"block {self.tip} of the journal has another hash")


def _fits(rules: Rules, draft: Draft, group: Group) -> bool:
    try:
        evaluate(rules, draft, group)
    except GroupRefusedError:
        return False
    return True
