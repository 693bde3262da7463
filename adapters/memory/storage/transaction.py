"""Tables, row locks and transactions: what a database does underneath the repositories."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar, cast

from attrs import define, field, frozen

from application.ports.storage.work import Lock, LockSequence, Scope, StoreUnavailableError
from domain.errors import LockOrderError, MisuseError
from domain.identifiers import OrganisationId, UserId

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: How long a transaction waits for a row before it is told that the store is unavailable.
LOCK_TIMEOUT_SECONDS = 20.0


@define(eq=False)
class Table(Generic[K, V]):
    """The committed rows of one kind, each under its primary key."""

    name: str
    rows: dict[K, V] = field(factory=dict)


@frozen
class _RowLock:
    table: str
    key: Hashable


@define(eq=False)
class Locks:
    """Who holds which row.  Its condition's mutex also guards every table."""

    held: dict[_RowLock, Transaction] = field(factory=dict)
    changed: threading.Condition = field(factory=threading.Condition)
    #: Names whoever runs: a thread, or what stands for one.
    whoami: Callable[[], int] = threading.get_ident
    #: Only goes forward: how long somebody has waited.
    seconds: Callable[[], float] = time.monotonic

    def is_held(self, table: Table[K, V], key: K) -> bool:
        """Whether somebody holds that row."""
        return _RowLock(table.name, key) in self.held


_GONE = object()


@define(eq=False)
class Transaction:
    """One transaction: its scope, what it has written, and the rows it holds until it ends."""

    scope: Scope
    #: The store's own clock, in seconds: leases run on it.
    now: Callable[[], float]
    _locks: Locks
    #: Seen by the lock table, to refuse a thread that waits for itself.
    thread: int = field(init=False)
    _sequence: LockSequence = field(factory=LockSequence)
    _ids: dict[Lock, Any] = field(factory=dict)
    _written: dict[Table[Any, Any], dict[Any, Any]] = field(factory=dict)
    _held: set[_RowLock] = field(factory=set)
    _checks: list[Callable[[], None]] = field(factory=list)
    _waits_for: _RowLock | None = None
    _is_open: bool = True

    def __attrs_post_init__(self) -> None:
        self.thread = self._locks.whoami()

    @property
    def holds_any(self) -> bool:
        """Whether it has locked or written a row."""
        return bool(self._held)

    # The scope.

    @property
    def organisation(self) -> OrganisationId | None:
        return self.scope.organisation

    @property
    def user(self) -> UserId | None:
        return self.scope.user

    def require_organisation(self, organisation: OrganisationId | None = None) -> OrganisationId:
        """The scope's organisation.

        Raises:
            MisuseError: there is none, or *organisation*, in whose name something is to be
                written, is another one.
        """
        mine = self.scope.organisation
        if mine is None or (organisation is not None and organisation != mine):
            raise MisuseError(f"{organisation or 'a row'} is outside the scope of {mine}")
        return mine

    # Rows.

    def get(self, table: Table[K, V], key: K) -> V | None:
        self._require_open()
        with self._locks.changed:
            row = self._written.get(table, {}).get(key, table.rows.get(key))
        return None if row is _GONE else row

    def items(self, table: Table[K, V]) -> list[tuple[K, V]]:
        """Every row there is for this transaction, of one instant."""
        self._require_open()
        with self._locks.changed:
            rows: dict[K, Any] = {**table.rows, **self._written.get(table, {})}
        return [(key, cast("V", row)) for key, row in rows.items() if row is not _GONE]

    def insert(self, table: Table[K, V], key: K, row: V) -> bool:
        """Add a row; False where there is one.  Waits for whoever is inserting or changing it."""
        self.hold(table, key)
        if self.get(table, key) is not None:
            return False
        self._written.setdefault(table, {})[key] = row
        return True

    def update(self, table: Table[K, V], key: K, row: V) -> None:
        """Raises: MisuseError: there is no such row."""
        self.hold(table, key)
        if self.get(table, key) is None:
            raise MisuseError(f"there is no {key} in {table.name}")
        self._written.setdefault(table, {})[key] = row

    def put(self, table: Table[K, V], key: K, row: V) -> None:
        self.hold(table, key)
        self._written.setdefault(table, {})[key] = row

    def delete(self, table: Table[K, V], key: K) -> None:
        self.hold(table, key)
        self._written.setdefault(table, {})[key] = _GONE

    def one_instant(self) -> AbstractContextManager[object]:
        """While it is open nobody else commits: several reads see one state."""
        return self._locks.changed

    # Locks.

    def lock(self, lock: Lock, table: Table[K, V], key: K) -> V | None:
        """The row as it is once it is ours until the end; its lock in the one list of locks."""
        self.enter(lock, key)
        self.hold(table, key)
        return self.get(table, key)

    def enter(self, lock: Lock, key: Any) -> None:
        """See that it is this lock's turn: by rank, then by id."""
        self._require_open()
        self._sequence.take(lock)
        last = self._ids.get(lock)
        if last is not None and key < last:
            msg = f"{lock.name} {key} is asked for while {last} is held"
            raise LockOrderError(msg)
        self._ids[lock] = key

    def holds(self, table: Table[K, V], key: K) -> bool:
        return _RowLock(table.name, key) in self._held

    def hold(self, table: Table[K, V], key: K) -> None:
        """Wait until the row (whether or not there is one) is ours.

        Raises:
            StoreUnavailableError: waiting was in vain, or would be for ever.
        """
        self._require_open()
        wanted = _RowLock(table.name, key)
        deadline = self._locks.seconds() + LOCK_TIMEOUT_SECONDS
        with self._locks.changed:
            while (owner := self._locks.held.get(wanted)) is not None and owner is not self:
                self._refuse_a_deadlock(wanted, owner)
                self._waits_for = wanted
                left = deadline - self._locks.seconds()
                if left <= 0 or not self._locks.changed.wait(left):
                    self._waits_for = None
                    raise StoreUnavailableError(f"waited too long for {wanted}")
            self._waits_for = None
            self._take(wanted)

    def try_hold(self, table: Table[K, V], key: K) -> bool:
        """Hold the row if nobody else does; never waits."""
        self._require_open()
        wanted = _RowLock(table.name, key)
        with self._locks.changed:
            if self._locks.held.get(wanted, self) is not self:
                return False
            self._take(wanted)
        return True

    # The end.

    def at_commit(self, check: Callable[[], None]) -> None:
        """A deferred constraint: looked at when everything has been written."""
        self._checks.append(check)

    def check(self) -> None:
        """Look at what `at_commit` put off."""
        for check in self._checks:
            check()

    def commit(self) -> None:
        self.check()
        with self._locks.changed:
            for table, rows in self._written.items():
                for key, row in rows.items():
                    if row is _GONE:
                        table.rows.pop(key, None)
                    else:
                        table.rows[key] = row
        self.close()

    def close(self) -> None:
        """Let go of everything; what was not committed is forgotten."""
        with self._locks.changed:
            self._is_open = False
            for lock in self._held:
                del self._locks.held[lock]
            self._held.clear()
            self._locks.changed.notify_all()

    def _take(self, lock: _RowLock) -> None:
        self._locks.held[lock] = self
        self._held.add(lock)

    def _refuse_a_deadlock(self, wanted: _RowLock, owner: Transaction) -> None:
        if owner.thread == self.thread:
            raise MisuseError(f"this thread holds {wanted} in another transaction")
        waiting: Transaction | None = owner
        while waiting is not None and waiting._waits_for is not None:
            waiting = self._locks.held.get(waiting._waits_for)
            if waiting is self:
                raise StoreUnavailableError(f"deadlock over {wanted}")

    def _require_open(self) -> None:
        if not self._is_open:
            raise MisuseError("the transaction is over")


def page_of(rows: Iterable[V], limit: int) -> tuple[tuple[V, ...], bool]:
    """The first *limit* rows, and whether there are more."""
    found = list(rows)
    return tuple(found[:limit]), len(found) > limit
