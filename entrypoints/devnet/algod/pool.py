"""What one node holds of transactions that are in no block it knows.

The pool is a draft on top of the node's own view.  When the view moves, everything is tried again:
what is confirmed leaves silently, what can no longer be leaves with a *pool error*, which is that
node's opinion and no proof of anything.
"""

from dataclasses import dataclass

from entrypoints.devnet.algod.evaluation import GroupRefusedError, Rules, evaluate
from entrypoints.devnet.algod.state import Draft, View
from entrypoints.devnet.algod.transactions import Group, SignedTransaction

EVICTED = "the transaction was evicted from the pool of this node"


@dataclass
class Waiting:
    """A group in the pools; the same object in each that has it."""

    group: Group
    #: The order of arrival in the whole network, which is the order in blocks.
    sequence: int
    #: Known to one node only, so in no block.
    is_local: bool = False
    #: It did not fit when a block was made; it will be tried again when there is another reason.
    was_refused: bool = False

    @property
    def key(self) -> str:
        return self.group[0].txid

    def has(self, txid: str) -> bool:
        return any(transaction.txid == txid for transaction in self.group)


@dataclass(frozen=True)
class Known:
    transaction: SignedTransaction
    #: Empty: it is in the pool.
    error: str


class Pool:
    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self._errors: dict[str, Known] = {}
        self._draft: Draft | None = None
        self._rules: Rules | None = None

    def refresh(self, rules: Rules, view: View) -> None:
        """Follow the view; nothing happens when it did not move."""
        if self._draft is not None and self._draft.parent == view and self._rules == rules:
            return
        self._rules, self._draft = rules, Draft(view)
        before, self.waiting = self.waiting, []
        for each in before:
            if view.confirmed_round(each.key) is not None:
                continue
            try:
                evaluate(rules, self._draft, each.group)
            except GroupRefusedError as error:
                self._note(each, str(error))
            else:
                self.waiting.append(each)

    def add(self, rules: Rules, view: View, waiting: Waiting) -> None:
        """Raises: GroupRefusedError: it cannot follow what is here."""
        self.refresh(rules, view)
        assert self._draft is not None  # noqa: S101 - refresh made it
        evaluate(rules, self._draft, waiting.group)
        self.waiting.append(waiting)
        for transaction in waiting.group:
            self._errors.pop(transaction.txid, None)

    def would_take(self, rules: Rules, view: View, group: Group) -> None:
        """Raises: GroupRefusedError: as `add` would; otherwise nothing happens."""
        self.refresh(rules, view)
        assert self._draft is not None  # noqa: S101 - refresh made it
        evaluate(rules, Draft(self._draft), group)

    def refuse(self, waiting: Waiting, reason: str) -> None:
        """It was promised a place, and gets none."""
        self._note(waiting, reason)

    def evict(self, txid: str | None) -> int:
        """Take out the group of that transaction, or all; returns how many transactions left."""
        leaving = [each for each in self.waiting if txid is None or each.has(txid)]
        self.waiting = [each for each in self.waiting if each not in leaving]
        for each in leaving:
            self._note(each, EVICTED)
        self._draft = None
        return sum(len(each.group) for each in leaving)

    def forget(self) -> None:
        """As if it had just been started."""
        self.waiting, self._errors, self._draft = [], {}, None

    def lookup(self, txid: str) -> Known | None:
        for each in self.waiting:
            for transaction in each.group:
                if transaction.txid == txid:
                    return Known(transaction, "")
        return self._errors.get(txid)

    def _note(self, waiting: Waiting, error: str) -> None:
        for transaction in waiting.group:
            self._errors[transaction.txid] = Known(transaction, error)
