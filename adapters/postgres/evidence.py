"""What was handed out as evidence."""

from attrs import asdict, frozen

from adapters.postgres import queries
from adapters.postgres.transaction import Transaction
from application.ports.storage.evidence import IssuedEvidence, IssuedEvidences
from domain.identifiers import EventId, OperationId

EVIDENCE = queries.load("evidence.sql")


@frozen
class PostgresIssuedEvidences(IssuedEvidences):
    _transaction: Transaction

    def add(self, issued: IssuedEvidence) -> None:
        self._transaction.change(
            EVIDENCE["insert_evidence"], asdict(issued) | {"events": [*issued.events]}
        )

    def newest(self, operation: OperationId) -> IssuedEvidence | None:
        row = self._transaction.row(EVIDENCE["newest_evidence"], {"operation": operation})
        if row is None:
            return None
        return IssuedEvidence(
            operation=OperationId(row["operation_id"]),
            event=EventId(row["event_id"]),
            sequence=row["sequence"],
            issued_at=row["issued_at"],
            events=tuple(row["events"]),
            core=bytes(row["core"]),
        )
