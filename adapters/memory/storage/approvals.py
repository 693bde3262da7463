from attrs import define, field

from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.approvals import Approvals
from domain.approval import Approval
from domain.identifiers import OperationId, OrganisationId


@define(eq=False)
class ApprovalTables:
    policies: Table[OrganisationId, bool] = field(factory=lambda: Table("approval_policies"))
    approvals: Table[tuple[OrganisationId, OperationId], Approval] = field(
        factory=lambda: Table("approvals")
    )


@define(eq=False)
class MemoryApprovals(Approvals):
    _transaction: Transaction
    _tables: ApprovalTables

    def are_needed(self) -> bool:
        organisation = self._transaction.organisation
        if organisation is None:
            return False
        return self._transaction.get(self._tables.policies, organisation) or False

    def need(self, *, needed: bool) -> None:
        organisation = self._transaction.require_organisation()
        self._transaction.put(self._tables.policies, organisation, needed)

    def get(self, deployment: OperationId) -> Approval | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.approvals, (organisation, deployment))

    def put(self, approval: Approval) -> None:
        organisation = self._transaction.require_organisation(approval.organisation)
        self._transaction.put(
            self._tables.approvals, (organisation, approval.deployment), approval
        )
