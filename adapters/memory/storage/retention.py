from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime

from attrs import define, evolve, field

from adapters.memory.storage.audit import AuditTables
from adapters.memory.storage.ledger import LedgerTables
from adapters.memory.storage.transaction import (
    LOCK_TIMEOUT_SECONDS,
    Locks,
    Table,
    Transaction,
)
from application.ports.storage.retention import (
    Archives,
    LegalHolds,
    PartitionChangedError,
    PartitionHeldError,
    Partitions,
    PartitionsUnavailableError,
    Rows,
    Volume,
)
from application.ports.storage.work import Lock
from domain.audit import AuditEvent, JsonValue
from domain.errors import MisuseError
from domain.identifiers import INSTALLATION, EventId, LegalHoldId, OrganisationId
from domain.ledger import JournalEntry
from domain.merkle import leaf_hash
from domain.retention import Archive, ArchiveState, LegalHold, Month

_OF_HOLDS = (_PLACED, _LIFTED) = ("legal_hold.placed", "legal_hold.lifted")
_OF_MONTHS = (_ARCHIVED, _DROPPED) = ("partition.archived", "partition.dropped")


@define(eq=False)
class RetentionTables:
    holds: Table[tuple[OrganisationId, LegalHoldId], LegalHold] = field(
        factory=lambda: Table("legal_holds")
    )
    archives: Table[Month, Archive] = field(factory=lambda: Table("archives"))
    #: Of one row, which is never there: whoever holds it is the only one to place a hold.
    lock: Table[int, None] = field(factory=lambda: Table("legal_holds_lock"))
    #: Events about holds, of months that were dropped.
    told: Table[EventId, AuditEvent] = field(factory=lambda: Table("legal_hold_events"))
    #: What was dropped here.
    gone: set[Month] = field(factory=set)


@define(eq=False)
class MemoryLegalHolds(LegalHolds):
    _transaction: Transaction
    _tables: RetentionTables
    _audit: AuditTables

    def add(self, hold: LegalHold) -> None:
        organisation = self._transaction.require_organisation(hold.organisation)
        if not self._transaction.insert(self._tables.holds, (organisation, hold.id), hold):
            raise MisuseError(f"there is a hold {hold.id} already")

    def get(self, id: LegalHoldId) -> LegalHold | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.holds, (organisation, id))

    def in_force(self, id: LegalHoldId) -> LegalHold | None:
        mine = self._transaction.organisation
        found = (hold for hold in self._in_force() if (hold.organisation, hold.id) == (mine, id))
        return next(found, None)

    def lift(self, hold: LegalHold) -> None:
        key = (self._transaction.require_organisation(hold.organisation), hold.id)
        self._transaction.hold(self._tables.holds, key)
        self._transaction.put(self._tables.holds, key, hold)

    def all(self) -> list[LegalHold]:
        mine = [
            hold
            for (organisation, _), hold in self._transaction.items(self._tables.holds)
            if organisation == self._transaction.organisation
        ]
        return sorted(mine, key=lambda hold: (hold.placed_at, hold.id))

    def lock(self) -> None:
        self._transaction.lock(Lock.LEGAL_HOLDS, self._tables.lock, 0)

    def over(self, month: Month) -> list[tuple[OrganisationId, LegalHoldId]]:
        return self._named(lambda hold: hold.holds_month(month))

    def on(
        self, organisations: Collection[OrganisationId], subjects: Collection[str]
    ) -> list[tuple[OrganisationId, LegalHoldId]]:
        return self._named(
            lambda hold: (
                hold.organisation in organisations
                and any(hold.holds_subject(subject) for subject in subjects)
            )
        )

    def _named(
        self, is_wanted: Callable[[LegalHold], bool]
    ) -> list[tuple[OrganisationId, LegalHoldId]]:
        found: dict[tuple[OrganisationId, LegalHoldId], datetime] = {}
        for hold in filter(is_wanted, self._in_force()):
            key = (hold.organisation, hold.id)
            found[key] = min(hold.placed_at, found.get(key, hold.placed_at))
        return sorted(found, key=lambda key: (found[key], key))

    def _in_force(self) -> Iterator[LegalHold]:
        holds = [hold for _, hold in self._transaction.items(self._tables.holds)]
        events = [event for _, event in self._transaction.items(self._audit.events)]
        events += [event for _, event in self._transaction.items(self._tables.told)]
        return _in_force(holds, events)


@define(eq=False)
class MemoryArchives(Archives):
    _transaction: Transaction
    _tables: RetentionTables
    _audit: AuditTables
    _ledger: LedgerTables

    def add(self, archive: Archive) -> bool:
        return self._transaction.insert(self._tables.archives, archive.month, archive)

    def replace(self, archive: Archive, before: Archive) -> bool:
        self._transaction.hold(self._tables.archives, before.month)
        known = self._transaction.get(self._tables.archives, before.month)
        is_it = known is not None and known.event == before.event
        if known is None or not is_it or known.state is not ArchiveState.ARCHIVED:
            return False
        self._transaction.update(self._tables.archives, archive.month, archive)
        return True

    def get(self, month: Month) -> Archive | None:
        return self._transaction.get(self._tables.archives, month)

    def put(self, archive: Archive) -> None:
        self._transaction.update(self._tables.archives, archive.month, archive)

    def all(self) -> list[Archive]:
        return [archive for _, archive in sorted(self._transaction.items(self._tables.archives))]

    def hot(self) -> list[Month]:
        """Memory has no partitions: a month is where an event of it is."""
        events = self._transaction.items(self._audit.events)
        return sorted({Month.of(event.at) for _, event in events})

    def set_aside(self) -> list[Month]:
        return []

    def volume(self, month: Month) -> Volume:
        events = sum(
            Month.of(event.at) == month for _, event in self._transaction.items(self._audit.events)
        )
        lines = sum(
            Month.of(line.at) == month for _, line in self._transaction.items(self._ledger.journal)
        )
        return Volume(events=events, lines=lines, strays=0, is_there=events > 0)

    def begins(self) -> datetime | None:
        told = [
            (event, event.content()["details"])
            for (organisation, _), event in self._transaction.items(self._audit.events)
            if organisation == INSTALLATION and event.action in _OF_MONTHS
        ]
        gone = [each.month for each in self.all() if self._is_gone(each, told)]
        return max(gone).end if gone else None

    def _is_gone(self, archive: Archive, told: list[tuple[AuditEvent, JsonValue]]) -> bool:
        """Whether the trail says so, and it is, and all before: late events bring none back."""
        said = {"digest": archive.digest.hex(), "month": str(archive.month)}
        of_it = {
            (event.action, event.id if event.action == _ARCHIVED else None)
            for event, details in told
            if isinstance(details, dict) and said.items() <= details.items()
        }
        return (
            archive.state is not ArchiveState.ARCHIVED
            and {(_ARCHIVED, archive.event), (_DROPPED, None)} <= of_it
            and all(each > archive.month or each in self._tables.gone for each in self.hot())
        )

    def lines(
        self, since: datetime, until: datetime, *, after: int, limit: int
    ) -> Sequence[JournalEntry]:
        mine = [
            line
            for (organisation, sequence), line in self._transaction.items(self._ledger.journal)
            if organisation == self._transaction.organisation
            and sequence > after
            and since <= line.at < until
        ]
        return sorted(mine, key=lambda line: line.sequence)[:limit]


@define(eq=False)
class MemoryPartitions(Partitions):
    _audit: AuditTables
    _retention: RetentionTables
    _locks: Locks

    def drop(self, month: Month, archived: Rows) -> None:
        with self._locks.changed:
            # Nobody commits meanwhile; whoever is about to place a hold is waited for.
            if not self._locks.changed.wait_for(self._is_unlocked, LOCK_TIMEOUT_SECONDS):
                raise PartitionsUnavailableError("somebody is placing a legal hold")
            rows, told = self._audit.events.rows, self._retention.told.rows
            holds = self._retention.holds.rows.values()
            if any(
                hold.holds_month(month)
                for hold in _in_force(holds, [*rows.values(), *told.values()])
            ):
                raise PartitionHeldError(f"{month} is held")
            places = sorted(p for p, event in rows.items() if Month.of(event.at) == month)
            found = Rows.of(leaf_hash(rows[place].leaf) for place in places)
            if places and found != archived:
                raise PartitionChangedError(
                    f"{month} has {found.count} events, and not the {archived.count} archived"
                )
            for place in places:
                if rows[place].action in _OF_HOLDS:
                    told[rows[place].id] = rows[place]
                del self._audit.ids.rows[rows[place].id]
                del rows[place]
            self._retention.gone.add(month)

    def put_back(self, month: Month) -> None:
        """Nothing is ever set aside in memory."""

    def _is_unlocked(self) -> bool:
        return not self._locks.is_held(self._retention.lock, 0)


def _in_force(holds: Iterable[LegalHold], events: Iterable[AuditEvent]) -> Iterator[LegalHold]:
    """As rows have them, and then as they were placed."""
    told = [event for event in events if event.action in _OF_HOLDS]
    lifted = {(each.organisation, each.subject) for each in told if each.action == _LIFTED}
    for row in holds:
        if row.is_placed or (row.organisation, row.name) not in lifted:
            yield evolve(row, lifted_at=None, lifted_because=None)
    for event in told:
        hold = LegalHold.placed_by(event) if event.action == _PLACED else None
        if hold is not None and (hold.organisation, hold.name) not in lifted:
            yield hold
