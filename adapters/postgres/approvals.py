"""Who must approve what is deployed, and who did."""

from attrs import frozen

from adapters.postgres import queries
from adapters.postgres.transaction import Transaction
from application.ports.storage.approvals import Approvals
from domain.approval import Approval, Verdict
from domain.identifiers import OperationId

APPROVALS = queries.load("approvals.sql")


@frozen
class PostgresApprovals(Approvals):
    _transaction: Transaction

    def are_needed(self) -> bool:
        (found,) = self._transaction.read((APPROVALS["are_needed"], {}))
        row = found[0] if found else None
        return bool(row and row["needed"])

    def need(self, *, needed: bool) -> None:
        self._transaction.write(APPROVALS["need"], {"needed": needed})

    def get(self, deployment: OperationId) -> Approval | None:
        row = self._transaction.row(APPROVALS["select"], {"id": deployment})
        if row is None:
            return None
        return Approval(
            organisation=row["organisation_id"],
            deployment=row["operation_id"],
            plan_hash=row["plan_hash"],
            asked_by=row["asked_by"],
            asked_at=row["asked_at"],
            expires_at=row["expires_at"],
            verdict=Verdict(row["verdict"]),
            decided_by=row["decided_by"],
            decided_at=row["decided_at"],
        )

    def put(self, approval: Approval) -> None:
        self._transaction.write(
            APPROVALS["upsert"],
            {
                "organisation_id": approval.organisation,
                "operation_id": approval.deployment,
                "plan_hash": approval.plan_hash,
                "asked_by": approval.asked_by,
                "asked_at": approval.asked_at,
                "expires_at": approval.expires_at,
                "verdict": approval.verdict.value,
                "decided_by": approval.decided_by,
                "decided_at": approval.decided_at,
            },
        )
