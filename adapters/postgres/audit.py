"""What happened, and what is to be done about it elsewhere."""

from collections.abc import Collection
from datetime import datetime

from attrs import asdict, frozen

from adapters.postgres import queries, rows
from adapters.postgres.migrate import months
from adapters.postgres.transaction import Transaction
from application.ports.storage.audit import AuditLog, Outbox, OutboxRow
from application.ports.storage.work import Lock
from domain.audit import AuditDraft, AuditEvent, EventFilter
from domain.errors import MisuseError
from domain.identifiers import EventId

AUDIT = queries.load("audit.sql")


@frozen
class PostgresAuditLog(AuditLog):
    _transaction: Transaction

    def append(self, *drafts: AuditDraft) -> tuple[AuditEvent, ...]:
        if not drafts:
            return ()
        self._transaction.enter(Lock.AUDIT_HEAD, self._transaction.scope.organisation)
        head = self._transaction.row(AUDIT["advance_head"], {"count": len(drafts)})
        if head is None:
            raise MisuseError(f"{self._transaction.scope.organisation} has no audit trail")
        first = head["sequence"] - len(drafts) + 1
        events = tuple(
            draft.numbered(sequence) for sequence, draft in enumerate(drafts, start=first)
        )
        self._transaction.later(
            (AUDIT["insert_event"], rows.audit_event_to_row(event)) for event in events
        )
        return events

    def fill(self, sequence: int, draft: AuditDraft) -> AuditEvent | None:
        self._transaction.enter(Lock.AUDIT_HEAD, self._transaction.scope.organisation)
        head = self._transaction.row(AUDIT["lock_head"])
        if head is None or not 0 < sequence <= head["sequence"] or self.numbered([sequence]):
            return None
        event = draft.numbered(sequence)
        self._transaction.write(AUDIT["insert_event"], rows.audit_event_to_row(event))
        return event

    def get(self, id: EventId) -> AuditEvent | None:
        row = self._transaction.row(AUDIT["select_event"], {"id": id})
        return rows.audit_event_from_row(row) if row else None

    def of_subject(
        self, subject: str, *, after: int = 0, limit: int | None = None
    ) -> list[AuditEvent]:
        found = self._transaction.rows(
            AUDIT["select_of_subject"], {"subject": subject, "after": after, "limit": limit}
        )
        return [rows.audit_event_from_row(row) for row in found]

    def prepare_months(self, now: datetime, ahead: int) -> None:
        self._transaction.batch(
            [(AUDIT["prepare_month"], {"month": month}) for month in months(now, ahead)]
        )

    def all(self, *, after: int = 0, limit: int) -> list[AuditEvent]:
        found = self._transaction.rows(AUDIT["select_all"], {"after": after, "limit": limit})
        return [rows.audit_event_from_row(row) for row in found]

    def head(self) -> int:
        row = self._transaction.row(AUDIT["head"])
        return 0 if row is None else row["sequence"]

    def numbered(self, sequences: Collection[int]) -> list[AuditEvent]:
        asked = {"sequences": [*sequences]}
        found = self._transaction.rows(AUDIT["select_numbered"], asked)
        return [rows.audit_event_from_row(row) for row in found]

    def named(
        self, actions: Collection[str], *, after: int, through: int, limit: int
    ) -> list[AuditEvent]:
        asked = {"actions": [*actions], "after": after, "through": through, "limit": limit}
        found = self._transaction.rows(AUDIT["select_named"], asked)
        return [rows.audit_event_from_row(row) for row in found]

    def find(
        self, wanted: EventFilter, *, after: int = 0, through: int | None = None, limit: int
    ) -> list[AuditEvent]:
        asked = asdict(wanted) | {"after": after, "through": through, "limit": limit}
        found = self._transaction.rows(AUDIT["select_found"], asked)
        return [rows.audit_event_from_row(row) for row in found]

    def count(self, wanted: EventFilter, *, through: int) -> int:
        asked = asdict(wanted) | {"through": through}
        row = self._transaction.row(AUDIT["count_found"], asked)
        return row["count"] if row else 0


@frozen
class PostgresOutbox(Outbox):
    _transaction: Transaction

    def add(self, topic: str, key: str) -> None:
        self._transaction.write(AUDIT["insert_task"], {"topic": topic, "key": key})

    def take(self, limit: int) -> list[OutboxRow]:
        return [
            OutboxRow(
                id=row["id"],
                organisation=row["organisation_id"],
                topic=row["topic"],
                key=row["key"],
            )
            for row in self._transaction.rows(AUDIT["take_tasks"], {"limit": limit})
        ]
