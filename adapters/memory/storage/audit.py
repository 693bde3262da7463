from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

from attrs import define, field

from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.audit import AuditLog, Outbox, OutboxRow
from application.ports.storage.work import Lock
from domain.audit import AuditDraft, AuditEvent, EventFilter
from domain.errors import MisuseError
from domain.identifiers import EventId, OrganisationId


@define(eq=False)
class AuditTables:
    #: The last sequence number given.
    heads: Table[OrganisationId, int] = field(factory=lambda: Table("audit_heads"))
    events: Table[tuple[OrganisationId, int], AuditEvent] = field(
        factory=lambda: Table("audit_events")
    )
    #: A unique index.
    ids: Table[EventId, tuple[OrganisationId, int]] = field(
        factory=lambda: Table("audit_event_ids")
    )
    outbox: Table[tuple[int, UUID], OutboxRow] = field(factory=lambda: Table("outbox"))


@define(eq=False)
class MemoryAuditLog(AuditLog):
    _transaction: Transaction
    _tables: AuditTables

    def append(self, *drafts: AuditDraft) -> tuple[AuditEvent, ...]:
        if not drafts:
            return ()
        for draft in drafts:
            self._transaction.require_organisation(draft.organisation)
        organisation = self._transaction.require_organisation()
        head = self._transaction.lock(Lock.AUDIT_HEAD, self._tables.heads, organisation)
        if head is None:
            raise MisuseError(f"there is no organisation {organisation}")
        events = tuple(
            draft.numbered(sequence) for sequence, draft in enumerate(drafts, start=head + 1)
        )
        for event in events:
            place = (organisation, event.sequence)
            if not self._transaction.insert(self._tables.ids, event.id, place):
                raise MisuseError(f"there is an event {event.id} already")
            self._transaction.insert(self._tables.events, place, event)
        self._transaction.update(self._tables.heads, organisation, events[-1].sequence)
        return events

    def fill(self, sequence: int, draft: AuditDraft) -> AuditEvent | None:
        organisation = self._transaction.require_organisation(draft.organisation)
        head = self._transaction.lock(Lock.AUDIT_HEAD, self._tables.heads, organisation)
        place, event = (organisation, sequence), draft.numbered(sequence)
        if not 0 < sequence <= (head or 0):
            return None
        if not self._transaction.insert(self._tables.events, place, event):
            return None
        if not self._transaction.insert(self._tables.ids, event.id, place):
            raise MisuseError(f"there is an event {event.id} already")
        return event

    def get(self, id: EventId) -> AuditEvent | None:
        place = self._transaction.get(self._tables.ids, id)
        if place is None or place[0] != self._transaction.organisation:
            return None
        return self._transaction.get(self._tables.events, place)

    def of_subject(
        self, subject: str, *, after: int = 0, limit: int | None = None
    ) -> list[AuditEvent]:
        return [event for event in self._mine(after) if event.subject == subject][:limit]

    def prepare_months(self, now: datetime, ahead: int) -> None:
        """Memory has no partitions."""

    def all(self, *, after: int = 0, limit: int) -> list[AuditEvent]:
        return self._mine(after)[:limit]

    def head(self) -> int:
        mine = self._transaction.organisation
        return 0 if mine is None else self._transaction.get(self._tables.heads, mine) or 0

    def numbered(self, sequences: Collection[int]) -> list[AuditEvent]:
        return [event for event in self._mine(0) if event.sequence in sequences]

    def named(
        self, actions: Collection[str], *, after: int, through: int, limit: int
    ) -> list[AuditEvent]:
        return [
            event
            for event in self._mine(after)
            if event.action in actions and event.sequence <= through
        ][:limit]

    def find(
        self, wanted: EventFilter, *, after: int = 0, through: int | None = None, limit: int
    ) -> list[AuditEvent]:
        found = [event for event in self._mine(after) if _is(wanted, event)]
        return [each for each in found if through is None or each.sequence <= through][:limit]

    def count(self, wanted: EventFilter, *, through: int) -> int:
        return len(self.find(wanted, through=through, limit=through))

    def _mine(self, after: int) -> list[AuditEvent]:
        mine = [
            event
            for (organisation, sequence), event in self._transaction.items(self._tables.events)
            if organisation == self._transaction.organisation and sequence > after
        ]
        return sorted(mine, key=lambda event: event.sequence)


def _is(wanted: EventFilter, event: AuditEvent) -> bool:
    content = event.content()
    actor = content["actor"]
    return (
        (wanted.action in {None, event.action, event.action.partition(".")[0]})
        and wanted.subject in {None, event.subject}
        and (wanted.actor is None or (isinstance(actor, dict) and wanted.actor in actor.values()))
        and (wanted.since is None or event.at >= wanted.since)
        and (wanted.until is None or event.at < wanted.until)
        and wanted.live in {None, event.live}
        and wanted.correlation in {None, content["correlation_id"]}
    )


@define(eq=False)
class MemoryOutbox(Outbox):
    _transaction: Transaction
    _tables: AuditTables
    _ticket: Callable[[], int]
    _new_id: Callable[[], UUID]

    def add(self, topic: str, key: str) -> None:
        organisation = self._transaction.require_organisation()
        row = OutboxRow(id=self._new_id(), organisation=organisation, topic=topic, key=key)
        self._transaction.insert(self._tables.outbox, (self._ticket(), row.id), row)

    def take(self, limit: int) -> list[OutboxRow]:
        taken: list[OutboxRow] = []
        for place, _ in sorted(self._transaction.items(self._tables.outbox), key=lambda r: r[0]):
            if len(taken) == limit:
                break
            if not self._transaction.try_hold(self._tables.outbox, place):
                continue
            # Between the look and the hold somebody else may have handed it on.
            row = self._transaction.get(self._tables.outbox, place)
            if row is not None:
                self._transaction.delete(self._tables.outbox, place)
                taken.append(row)
        return taken
