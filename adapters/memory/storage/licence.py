from collections.abc import Sequence
from datetime import datetime

from attrs import define, field

from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.licence import LicenceRecord, Licences
from domain.identifiers import OrganisationId


@define(eq=False)
class LicenceTables:
    licences: Table[OrganisationId, LicenceRecord] = field(factory=lambda: Table("licences"))


@define(eq=False)
class MemoryLicences(Licences):
    _transaction: Transaction
    _tables: LicenceTables

    def get(self) -> LicenceRecord:
        mine = self._transaction.require_organisation()
        return self._transaction.get(self._tables.licences, mine) or LicenceRecord()

    def put(self, record: LicenceRecord) -> None:
        mine = self._transaction.require_organisation()
        self._transaction.put(self._tables.licences, mine, record)

    def due(self, now: datetime, limit: int) -> Sequence[OrganisationId]:
        due = [
            (record.due_at, organisation)
            for organisation, record in self._transaction.items(self._tables.licences)
            if record.due_at is not None and record.due_at <= now
        ]
        return [organisation for _, organisation in sorted(due)[:limit]]
