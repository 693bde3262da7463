from attrs import define, field

from adapters.memory.storage.deployments import DeploymentTables
from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.evidence import IssuedEvidence, IssuedEvidences
from domain.errors import MisuseError
from domain.identifiers import OperationId, OrganisationId


@define(eq=False)
class EvidenceTables:
    #: By the number of their events.
    issued: Table[tuple[OrganisationId, int], IssuedEvidence] = field(
        factory=lambda: Table("evidence_packs")
    )


@define(eq=False)
class MemoryIssuedEvidences(IssuedEvidences):
    _transaction: Transaction
    _tables: EvidenceTables
    _deployments: DeploymentTables

    def add(self, issued: IssuedEvidence) -> None:
        mine = self._transaction.require_organisation()
        known = self._transaction.get(self._deployments.deployments, (mine, issued.operation))
        if known is None:
            raise MisuseError(f"there is no operation {issued.operation} in {mine}")
        if not self._transaction.insert(self._tables.issued, (mine, issued.sequence), issued):
            raise MisuseError(f"event {issued.sequence} is of another evidence")

    def of_event(self, sequence: int) -> IssuedEvidence | None:
        mine = self._transaction.organisation
        return (
            None if mine is None else self._transaction.get(self._tables.issued, (mine, sequence))
        )

    def newest(self, operation: OperationId) -> IssuedEvidence | None:
        mine = self._transaction.organisation
        of_it = [
            issued
            for (organisation, _), issued in self._transaction.items(self._tables.issued)
            if organisation == mine and issued.operation == operation
        ]
        return max(of_it, key=lambda issued: issued.sequence, default=None)
