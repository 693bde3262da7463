"""The state of the ledger at any round, and drafts of the next one.

History ── every version of every entry, by the round it was written in
   ▲ at(round)
View ── what a node that is at that round knows; nodes that lag hold an older one
   ▲ parent
Draft ── changes on top of a view (a block, a pool) or of another draft (a group);
         merged into its parent, or dropped as if nothing had been
"""

from bisect import bisect_right
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from entrypoints.devnet.algod.accounts import EMPTY, Account, Asset, AssetParameters, Holding
from entrypoints.devnet.algod.applications import Application, LocalState, application_address
from entrypoints.devnet.algod.encoding import address_text
from entrypoints.devnet.algod.limits import RefusedError
from entrypoints.devnet.algod.transactions import SignedTransaction

#: Sender and lease.
Lease = tuple[bytes, bytes]
#: Holder and asset.
HoldingKey = tuple[bytes, int]
#: Account and application.
LocalKey = tuple[bytes, int]
#: Application and name.
BoxKey = tuple[int, bytes]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Versions(Generic[K, V]):
    """For each key, its values and the rounds they were written in."""

    def __init__(self) -> None:
        self._rounds: dict[K, list[int]] = {}
        self._values: dict[K, list[V]] = {}

    def write(self, round: int, key: K, value: V) -> None:
        self._rounds.setdefault(key, []).append(round)
        self._values.setdefault(key, []).append(value)

    def read(self, round: int, key: K) -> V | None:
        """The value that stood at the end of the round."""
        found = bisect_right(self._rounds.get(key, ()), round)
        return self._values[key][found - 1] if found else None

    def keys(self) -> list[K]:
        return list(self._rounds)


class History:
    def __init__(self) -> None:
        self.accounts: Versions[bytes, Account] = Versions()
        self.assets: Versions[int, Asset | None] = Versions()
        self.holdings: Versions[HoldingKey, Holding | None] = Versions()
        self.counters: Versions[str, int] = Versions()
        self.txids: Versions[str, int] = Versions()
        #: The last round that a lease is held for.
        self.leases: Versions[Lease, int] = Versions()
        self.applications: Versions[int, Application | None] = Versions()
        self.locals: Versions[LocalKey, LocalState | None] = Versions()
        self.boxes: Versions[BoxKey, bytes | None] = Versions()
        #: Of each round's block, in seconds.
        self.timestamps: list[int] = []
        #: The assets that an account ever held, and the applications it created or opted into.
        self.ever_held: dict[bytes, set[int]] = {}
        self.ever_made: dict[bytes, set[int]] = {}
        self.ever_joined: dict[bytes, set[int]] = {}
        #: The names of the boxes that an application ever had.
        self.ever_named: dict[int, set[bytes]] = {}

    def at(self, round: int) -> "View":
        return View(self, round)

    def record(self, draft: "Draft") -> None:
        """Make a block's draft the state of its round."""
        round = draft.next_round
        for address, account in draft.accounts.items():
            self.accounts.write(round, address, account)
        for id, asset in draft.assets.items():
            self.assets.write(round, id, asset)
        for key, holding in draft.holdings.items():
            self.holdings.write(round, key, holding)
            self.ever_held.setdefault(key[0], set()).add(key[1])
        for id, application in draft.applications.items():
            self.applications.write(round, id, application)
            if application is not None:
                self.ever_made.setdefault(application.creator, set()).add(id)
        for local_key, local in draft.locals.items():
            self.locals.write(round, local_key, local)
            self.ever_joined.setdefault(local_key[0], set()).add(local_key[1])
        for box_key, contents in draft.boxes.items():
            self.boxes.write(round, box_key, contents)
            self.ever_named.setdefault(box_key[0], set()).add(box_key[1])
        for txid in draft.txids:
            self.txids.write(round, txid, round)
        for lease, last in draft.leases.items():
            self.leases.write(round, lease, last)
        if draft.count:
            self.counters.write(round, "", draft.counter())


@dataclass(frozen=True)
class View:
    history: History
    round: int

    @property
    def next_round(self) -> int:
        """The round that a transaction would be confirmed in."""
        return self.round + 1

    def account(self, address: bytes) -> Account:
        return self.history.accounts.read(self.round, address) or EMPTY

    def asset(self, id: int) -> Asset | None:
        return self.history.assets.read(self.round, id)

    def holding(self, address: bytes, asset: int) -> Holding | None:
        return self.history.holdings.read(self.round, (address, asset))

    def holdings_of(self, address: bytes) -> dict[int, Holding]:
        """In the order of the assets' ids."""
        found = {
            asset: self.holding(address, asset)
            for asset in sorted(self.history.ever_held.get(address, ()))
        }
        return {asset: holding for asset, holding in found.items() if holding is not None}

    def created_by(self, address: bytes) -> dict[int, AssetParameters]:
        """The creator always holds what it created."""
        found = {id: self.asset(id) for id in self.holdings_of(address)}
        return {
            id: asset.parameters
            for id, asset in found.items()
            if asset is not None and asset.creator == address
        }

    def application(self, id: int) -> Application | None:
        return self.history.applications.read(self.round, id)

    def applications_of(self, address: bytes) -> dict[int, Application]:
        """Those it created, in the order of their ids."""
        found = {
            id: self.application(id) for id in sorted(self.history.ever_made.get(address, ()))
        }
        return {id: each for id, each in found.items() if each is not None}

    def local(self, address: bytes, application: int) -> LocalState | None:
        return self.history.locals.read(self.round, (address, application))

    def locals_of(self, address: bytes) -> dict[int, LocalState]:
        found = {
            id: self.local(address, id) for id in sorted(self.history.ever_joined.get(address, ()))
        }
        return {id: each for id, each in found.items() if each is not None}

    def box(self, application: int, name: bytes) -> bytes | None:
        return self.history.boxes.read(self.round, (application, name))

    def boxes_of(self, application: int) -> list[bytes]:
        """Their names, in order."""
        names = sorted(self.history.ever_named.get(application, ()))
        return [name for name in names if self.box(application, name) is not None]

    def timestamp(self, round: int) -> int:
        """Of a block that is there already, in seconds."""
        return self.history.timestamps[round]

    def counter(self) -> int:
        """The number of the last transaction."""
        return self.history.counters.read(self.round, "") or 0

    def confirmed_round(self, txid: str) -> int | None:
        return self.history.txids.read(self.round, txid)

    def check_duplicate(self, transaction: SignedTransaction) -> None:
        """Against confirmed blocks the lease comes first, so that a transaction with a lease that
        is sent again after its confirmation is told of an overlapping lease: its own.
        """
        if any(transaction.lease):
            last = self.history.leases.read(self.round, _lease_of(transaction))
            if last is not None and last >= self.next_round:
                raise _lease_is_held(transaction)
        if self.confirmed_round(transaction.txid) is not None:
            raise _is_in_ledger(transaction)


@dataclass
class Draft:
    parent: "View | Draft"
    accounts: dict[bytes, Account] = field(default_factory=dict)
    assets: dict[int, Asset | None] = field(default_factory=dict)
    holdings: dict[HoldingKey, Holding | None] = field(default_factory=dict)
    applications: dict[int, Application | None] = field(default_factory=dict)
    locals: dict[LocalKey, LocalState | None] = field(default_factory=dict)
    boxes: dict[BoxKey, bytes | None] = field(default_factory=dict)
    txids: set[str] = field(default_factory=set)
    leases: dict[Lease, int] = field(default_factory=dict)
    count: int = 0

    @property
    def next_round(self) -> int:
        return self.parent.next_round

    def account(self, address: bytes) -> Account:
        found = self.accounts.get(address)
        return self.parent.account(address) if found is None else found

    def asset(self, id: int) -> Asset | None:
        return self.assets[id] if id in self.assets else self.parent.asset(id)

    def holding(self, address: bytes, asset: int) -> Holding | None:
        key = (address, asset)
        return self.holdings[key] if key in self.holdings else self.parent.holding(*key)

    def application(self, id: int) -> Application | None:
        return self.applications[id] if id in self.applications else self.parent.application(id)

    def local(self, address: bytes, application: int) -> LocalState | None:
        key = (address, application)
        return self.locals[key] if key in self.locals else self.parent.local(*key)

    def box(self, application: int, name: bytes) -> bytes | None:
        key = (application, name)
        return self.boxes[key] if key in self.boxes else self.parent.box(*key)

    def timestamp(self, round: int) -> int:
        return self.parent.timestamp(round)

    def counter(self) -> int:
        return self.parent.counter() + self.count

    def check_duplicate(self, transaction: SignedTransaction) -> None:
        """Against what is pending the transaction's id comes first."""
        if transaction.txid in self.txids:
            raise _is_in_ledger(transaction)
        if any(transaction.lease):
            last = self.leases.get(_lease_of(transaction))
            if last is not None and last >= self.next_round:
                raise _lease_is_held(transaction)
        self.parent.check_duplicate(transaction)

    def put(self, address: bytes, account: Account) -> None:
        self.accounts[address] = account

    def put_holding(self, address: bytes, asset: int, holding: Holding | None) -> None:
        """None: the account holds none of it any more."""
        before = self.holding(address, asset)
        self.holdings[address, asset] = holding
        account = self.account(address)
        count = account.holdings + (holding is not None) - (before is not None)
        self.put(address, replace(account, holdings=count))

    def put_asset(self, id: int, creator: bytes, parameters: AssetParameters | None) -> None:
        """None: it is destroyed."""
        before = self.asset(id)
        self.assets[id] = None if parameters is None else Asset(creator, parameters)
        account = self.account(creator)
        count = account.created + (parameters is not None) - (before is not None)
        self.put(creator, replace(account, created=count))

    def put_application(self, id: int, application: Application) -> None:
        """The creator keeps the balance that its schema and pages ask for."""
        before = self.application(id)
        self.applications[id] = application
        if before is None:
            self._reserve_application(application, 1)

    def drop_application(self, id: int, application: Application) -> None:
        self.applications[id] = None
        self._reserve_application(application, -1)

    def _reserve_application(self, application: Application, sign: int) -> None:
        account = self.account(application.creator)
        schema = application.global_schema
        changed = replace(
            account,
            applications=account.applications + sign,
            extra_pages=account.extra_pages + sign * application.extra_pages,
            uints=account.uints + sign * schema.uints,
            byte_slices=account.byte_slices + sign * schema.byte_slices,
        )
        self.put(application.creator, changed)

    def put_local(self, address: bytes, application: int, local: LocalState | None) -> None:
        """None: the account is opted out."""
        before = self.local(address, application)
        self.locals[address, application] = local
        account = self.account(address)
        for sign, each in [(-1, before), (1, local)]:
            if each is not None:
                account = replace(
                    account,
                    opted_in=account.opted_in + sign,
                    uints=account.uints + sign * each.schema.uints,
                    byte_slices=account.byte_slices + sign * each.schema.byte_slices,
                )
        self.put(address, account)

    def put_box(self, application: int, name: bytes, contents: bytes | None) -> None:
        """None: there is none.  The application's account keeps the balance for it."""
        before = self.box(application, name)
        self.boxes[application, name] = contents
        address = application_address(application)
        account = self.account(address)
        for sign, each in [(-1, before), (1, contents)]:
            if each is not None:
                account = replace(
                    account,
                    boxes=account.boxes + sign,
                    box_bytes=account.box_bytes + sign * (len(name) + len(each)),
                )
        self.put(address, account)

    def move(self, source: bytes, target: bytes, microalgos: int) -> None:
        """Raises: RefusedError: the source has not so much."""
        payer = self.account(source)
        if payer.microalgos < microalgos:
            raise RefusedError(
                f"overspend (account {address_text(source)}, data {{AccountBaseData:"
                f"{{Status:Offline MicroAlgos:{{Raw:{payer.microalgos}}}"
                f" TotalAssets:{payer.holdings}}}}}, tried to spend {{{microalgos}}})"
            )
        self.put(source, replace(payer, microalgos=payer.microalgos - microalgos))
        payee = self.account(target)
        self.put(target, replace(payee, microalgos=payee.microalgos + microalgos))

    def remember(self, transaction: SignedTransaction) -> None:
        self.txids.add(transaction.txid)
        self.count += 1
        if any(transaction.lease):
            self.leases[_lease_of(transaction)] = transaction.last_valid

    def merge(self, group: "Draft") -> None:
        self.accounts.update(group.accounts)
        self.assets.update(group.assets)
        self.holdings.update(group.holdings)
        self.applications.update(group.applications)
        self.locals.update(group.locals)
        self.boxes.update(group.boxes)
        self.txids |= group.txids
        self.leases.update(group.leases)
        self.count += group.count


def _lease_of(transaction: SignedTransaction) -> Lease:
    return transaction.sender, transaction.lease


def _is_in_ledger(transaction: SignedTransaction) -> RefusedError:
    return RefusedError(f"transaction already in ledger: {transaction.txid}")


def _lease_is_held(transaction: SignedTransaction) -> RefusedError:
    """The id in it is that of the transaction just sent: whose lease it is, it does not say."""
    sender, lease = address_text(transaction.sender), address_text(transaction.lease)
    return RefusedError(
        f"transaction {transaction.txid} using an overlapping lease"
        f" (sender, lease):({sender}, {lease})"
    )
