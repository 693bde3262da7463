"""What was told of licences, as rows."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from adapters.postgres import queries
from adapters.postgres.transaction import Transaction
from application.ports.storage.licence import LicenceRecord, Licences
from domain.identifiers import OrganisationId
from domain.licence import LicenceState

LICENCE = queries.load("licence.sql")


@frozen
class PostgresLicences(Licences):
    _transaction: Transaction

    def get(self) -> LicenceRecord:
        (found,) = self._transaction.read((LICENCE["select_licence"], {}))
        if not found:
            return LicenceRecord()
        row = found[0]
        return LicenceRecord(
            arranged_at=row["arranged_at"], told=LicenceState(row["told"]), due_at=row["due_at"]
        )

    def put(self, record: LicenceRecord) -> None:
        row = {
            "arranged_at": record.arranged_at,
            "told": record.told.value,
            "due_at": record.due_at,
        }
        self._transaction.write(LICENCE["put_licence"], row)

    def due(self, now: datetime, limit: int) -> Sequence[OrganisationId]:
        found = self._transaction.rows(LICENCE["due_licences"], {"now": now, "limit": limit})
        return [row["organisation_id"] for row in found]
