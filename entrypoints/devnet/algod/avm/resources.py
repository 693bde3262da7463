"""What programs of a group may touch: what their transactions name, and what was made on the way.

From version 9 on a group's transactions share what they name; but that one names an account and
another an asset does not make the account's holding of it available.  Boxes are shared always.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from entrypoints.devnet.algod.applications import application_address
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS
from entrypoints.devnet.algod.limits import BOX_BYTES_PER_REFERENCE, RefusedError
from entrypoints.devnet.algod.state import BoxKey, Draft
from entrypoints.devnet.algod.transactions import SignedTransaction

CREATED_SINCE = 6
FOREIGN_ACCOUNTS_SINCE = 7
SHARED_SINCE = 9


@dataclass
class Resources:
    accounts: set[bytes] = field(default_factory=set)
    assets: set[int] = field(default_factory=set)
    applications: set[int] = field(default_factory=set)
    holdings: set[tuple[bytes, int]] = field(default_factory=set)
    locals: set[tuple[bytes, int]] = field(default_factory=set)
    created_assets: set[int] = field(default_factory=set)
    created_applications: set[int] = field(default_factory=set)
    #: Whether each was changed in this group: then its size counts as written.
    boxes: dict[BoxKey, bool] = field(default_factory=dict)
    #: How much the group's references let it read, and write, in bytes.
    budget: int = 0
    written: int = 0
    was_read_checked: bool = False

    @classmethod
    def of_group(cls, group: Iterable[SignedTransaction]) -> "Resources":
        resources = cls()
        for transaction in group:
            resources._add(transaction)
        return resources

    def _add(self, transaction: SignedTransaction) -> None:
        sender = transaction.sender
        self.accounts.add(sender)
        match transaction.type:
            case "pay":
                self.accounts |= _named(transaction, ("rcv",), ("close",))
            case "acfg":
                self.assets |= {transaction.number("caid")} - {0}
            case "axfer":
                asset = transaction.number("xaid")
                self._add_holdings(
                    {sender} | _named(transaction, ("arcv",), ("asnd", "aclose")), asset
                )
            case "afrz":
                self._add_holdings({transaction.address("fadd")}, transaction.number("faid"))
            case "appl":
                self._add_call(transaction)
            case _:
                pass

    def _add_holdings(self, addresses: set[bytes], asset: int) -> None:
        self.assets.add(asset)
        self.accounts |= addresses
        self.holdings |= {(address, asset) for address in addresses}

    def _add_call(self, call: SignedTransaction) -> None:
        applications = {call.number("apid"), *call.txn.get("apfa", ())} - {0}
        assets = set(call.txn.get("apas", ()))
        accounts = {call.sender, *call.txn.get("apat", ())}
        accounts |= {application_address(id) for id in applications}
        self.accounts |= accounts
        self.applications |= applications
        self.assets |= assets
        self.holdings |= {(address, asset) for address in accounts for asset in assets}
        self.locals |= {(address, id) for address in accounts for id in applications}
        for reference in call.txn.get("apbx", ()):
            self.budget += BOX_BYTES_PER_REFERENCE
            id = referred(call, reference.get("i", 0))
            # What a creation names of itself is added once its id is known.
            if id:
                self.boxes[id, reference.get("n", b"")] = False

    def begin_creation(self, call: SignedTransaction, id: int) -> None:
        self.created_applications.add(id)
        for reference in call.txn.get("apbx", ()):
            if not reference.get("i", 0):
                self.boxes[id, reference.get("n", b"")] = False

    def check_read(self, draft: Draft) -> None:
        """All that is named may be read, so it must fit, once, before the first program runs.

        Raises:
            RefusedError: it does not, and no program had any part in it.
        """
        if self.was_read_checked:
            return
        self.was_read_checked = True
        sizes = [len(draft.box(*key) or b"") for key in self.boxes if key[1]]
        if sum(sizes) > self.budget:
            raise RefusedError(f"box read budget ({self.budget}) exceeded")


def referred(call: SignedTransaction, index: int) -> int:
    """The application of a box reference; 0: the one that this call creates."""
    foreign: list[int] = call.txn.get("apfa", [])
    return foreign[index - 1] if index else call.number("apid")


def _named(
    transaction: SignedTransaction, always: tuple[str, ...], if_set: tuple[str, ...]
) -> set[bytes]:
    named = {transaction.address(name) for name in always}
    return named | ({transaction.address(name) for name in if_set} - {ZERO_ADDRESS})
