"""What was handed out as evidence."""

from collections.abc import Mapping
from typing import Any

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
        self._transaction.write(
            EVIDENCE["insert_evidence"], asdict(issued) | {"events": [*issued.events]}
        )

    def of_event(self, sequence: int) -> IssuedEvidence | None:
        row = self._transaction.row(EVIDENCE["evidence_of_event"], {"sequence": sequence})
        return None if row is None else _issued(row)

    def newest(self, operation: OperationId) -> IssuedEvidence | None:
        row = self._transaction.row(EVIDENCE["newest_evidence"], {"operation": operation})
        return None if row is None else _issued(row)


def _issued(row: Mapping[str, Any]) -> IssuedEvidence:
    return IssuedEvidence(
        operation=OperationId(row["operation_id"]),
        event=EventId(row["event_id"]),
        sequence=row["sequence"],
        issued_at=row["issued_at"],
        events=tuple(row["events"]),
        core=row["core"],
    )
