"""A database server: the memory store behind connections that break.

What a commit writes is shown to a judge before it is kept.  A restart aborts every transaction; a
commit may be answered by nobody, whether or not it happened; a backup is every row of one instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import define, evolve, field, fields

from adapters.memory.storage import MemoryStore
from adapters.memory.storage.transaction import Locks, Table, Transaction
from application.ports.clock import Clock
from application.ports.storage.together import Joint, SharedStore, Wanted
from application.ports.storage.work import Scope, StoreUnavailableError, Work
from domain.identifiers import OrganisationId
from tests.simulation.scheduler import Actor, Scheduler

Backup = list[tuple[Table[Any, Any], dict[Any, Any]]]
#: Of one commit: each table's rows, before and after; None: there is no such row.
Written = dict[str, dict[Any, tuple[Any, Any]]]

#: Where something is written that somebody waits for; the rest is notes of whoever watches.
_STIRRING = frozenset(
    {
        "audit_events",
        "idempotency_keys",
        "journal",
        "leases",
        "operations",
        "outbox",
        "webhook_deliveries",
        "webhook_endpoints",
        "webhook_leases",
    }
)
#: How a commit's answer gets lost.
LOST_BEFORE, LOST_AFTER = "commit not done", "commit done, not answered"


@define(eq=False)
class Waiting:
    """A condition whose waiters are actors: nobody else runs between two of its lines."""

    scheduler: Scheduler
    _waiters: list[Actor] = field(factory=list)

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self, seconds: float) -> bool:
        actor = self.scheduler.current
        if actor is None:
            raise AssertionError("nobody else could let go of it")
        self._waiters.append(actor)
        try:
            return self.scheduler.wait(seconds)
        finally:
            if actor in self._waiters:
                self._waiters.remove(actor)

    def notify_all(self) -> None:
        waiting, self._waiters = self._waiters, []
        for actor in waiting:
            self.scheduler.wake(actor)


@define(eq=False)
class Rows(MemoryStore):
    """The memory store; whoever commits is looked at first."""

    look: Callable[[Written], None] = lambda _: None
    open: list[Transaction] = field(factory=list)
    #: Transactions that are over, with their repositories: these take long to make.
    _used: list[tuple[Transaction, Work]] = field(factory=list)

    @contextmanager
    def begin(self, scope: Scope) -> Iterator[Work]:
        if self._used:
            transaction, work = self._used.pop()
            transaction.__init__(scope, self.lease_clock, self._locks)  # as if it were new
        else:
            transaction = Transaction(scope, self.lease_clock, self._locks)
            work = self._work(transaction)
        self.open.append(transaction)
        try:
            yield work
            transaction.check()
            written = _written([transaction])
            transaction.commit()
            if written:
                self.look(written)
        finally:
            transaction.close()
            self.open.remove(transaction)
            self._used.append((transaction, work))

    @contextmanager
    def together(self, wanted: Mapping[OrganisationId, Wanted], clock: Clock) -> Iterator[Joint]:
        written: Written = {}
        with MemoryStore.together(self, wanted, clock) as joint:
            mine = [work.audit._transaction for work in joint.works.values()]
            self.open += mine
            try:
                yield joint
                for transaction in mine:
                    transaction.check()
                written = _written(mine)
            finally:
                for transaction in mine:
                    self.open.remove(transaction)
        if written:
            self.look(written)

    def tables(self) -> list[Table[Any, Any]]:
        groups = [getattr(self, attribute.name) for attribute in fields(MemoryStore)]
        members = [
            getattr(group, attribute.name)
            for group in groups
            if type(group).__name__.endswith("Tables")
            for attribute in fields(type(group))
        ]
        return [each for each in members if isinstance(each, Table)]


def _written(transactions: list[Transaction]) -> Written:
    """What they are about to keep, and what it was before."""
    written: Written = {}
    for transaction in transactions:
        for table, rows in transaction._written.items():
            changed = {key: (table.rows.get(key), _row(row)) for key, row in rows.items()}
            written.setdefault(table.name, {}).update(changed)
    return written


def _row(row: Any) -> Any:
    # What is deleted is written as an object that is nobody's row.
    return None if type(row) is object else row


@define(eq=False)
class Database:
    scheduler: Scheduler
    name: str
    new_id: Callable[[], Any]
    #: Told of each commit that wrote something.
    look: Callable[[Written], None] = lambda _: None
    rows: Rows = field(init=False)
    #: Nobody is let in before.
    down_until: float = 0.0
    #: Its own clock is ahead by so many seconds.
    ahead: float = 0.0
    #: How the next commits' answers get lost.
    losses: list[str] = field(factory=list)
    restarts: int = 0
    commits: int = 0

    def __attrs_post_init__(self) -> None:
        waiting: Any = Waiting(self.scheduler)
        self.rows = Rows(
            lease_clock=lambda: self.scheduler.now + self.ahead,
            new_id=self.new_id,
            locks=Locks(
                changed=waiting,
                whoami=lambda: id(self.scheduler.current),
                seconds=lambda: self.scheduler.now,
            ),
            look=self._looked_at,
        )

    def restart(self, seconds: float) -> None:
        """Every transaction is undone, and nobody is let in for so long."""
        self.restarts += 1
        self.down_until = self.scheduler.now + seconds
        for transaction in [*self.rows.open]:
            transaction.close()

    def backup(self) -> Backup:
        return [(table, dict(table.rows)) for table in self.rows.tables()]

    def restore(self, backup: Backup) -> None:
        """As it was; leases and sequences are not wound back."""
        for table, rows in backup:
            table.rows = dict(rows)

    def require_up(self, restarts: int | None = None) -> None:
        """Raises: StoreUnavailableError."""
        if self.scheduler.now < self.down_until or restarts not in {None, self.restarts}:
            raise StoreUnavailableError("the database was restarted")

    def loss(self) -> str | None:
        return self.losses.pop(0) if self.losses else None

    def _looked_at(self, written: Written) -> None:
        self.commits += 1
        if not _STIRRING.isdisjoint(written):
            self.scheduler.touch()
        self.look(written)


@define(eq=False)
class Connections(SharedStore):
    """The store as one process sees it: any statement may be its last."""

    database: Database
    #: At a call of a port: somebody else may go on, or this process may die.
    call: Callable[[str, Callable[[], Any]], Any]

    @contextmanager
    def begin(self, scope: Scope) -> Iterator[Work]:
        with self._session() as session, self.database.rows.begin(scope) as work:
            mine = self.database.rows.open[-1:]
            yield _Statements(work, self.call, session.check)
            session.commit(mine)

    def known(self, wanted: Mapping[OrganisationId, Wanted], clock: Clock) -> None:
        """Nothing is known without asking."""

    @contextmanager
    def together(self, wanted: Mapping[OrganisationId, Wanted], clock: Clock) -> Iterator[Joint]:
        with self._session() as session, self.database.rows.together(wanted, clock) as joint:
            mine = self.database.rows.open[-len(joint.works) :] if joint.works else []
            works: Any = {
                id: _Statements(work, self.call, session.check) for id, work in joint.works.items()
            }
            yield evolve(joint, works=works)
            session.commit(mine)

    @contextmanager
    def _session(self) -> Iterator[_Session]:
        self.call("begin", self.database.require_up)
        session = _Session(self)
        yield session
        if session.loss == LOST_AFTER:
            raise StoreUnavailableError("the connection broke after the commit")
        self.call("committed", lambda: None)


@define(eq=False)
class _Session:
    """One transaction's way through a connection."""

    connections: Connections
    loss: str | None = None
    _restarts: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._restarts = self.connections.database.restarts

    def check(self) -> None:
        self.connections.database.require_up(self._restarts)

    def commit(self, transactions: list[Transaction]) -> None:
        self.connections.call("commit", self.check)
        if any(each._written for each in transactions):
            self.loss = self.connections.database.loss()
        if self.loss == LOST_BEFORE:
            raise StoreUnavailableError("the connection broke at the commit")


@define(eq=False)
class _Statements:
    """A transaction's repositories; every call of one is a statement."""

    _work: Any
    _call: Callable[[str, Callable[[], Any]], Any]
    _check: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        return _Repository(name, getattr(self._work, name), self._call, self._check)


@define(eq=False)
class _Repository:
    _name: str
    _repository: Any
    _call: Callable[[str, Callable[[], Any]], Any]
    _check: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._repository, name)
        if not callable(method):
            return method

        def statement(*arguments: Any, **named: Any) -> Any:
            self._call(f"{self._name}.{name}", self._check)
            return method(*arguments, **named)

        return statement
