"""Everything that is wrapped at rest, table by table."""

from uuid import UUID

from attrs import frozen

from adapters.postgres import queries, rows
from adapters.postgres.transaction import Transaction
from application.ports.custody import Wrapped
from application.ports.storage.wrapped import Sort, WrappedPlace, WrappedSecrets
from domain.identifiers import OrganisationId

WRAPPED = queries.load("wrapped.sql")

_FIRST = WrappedPlace(Sort.SECRET, OrganisationId(UUID(int=0)), "")


@frozen
class PostgresWrappedSecrets(WrappedSecrets):
    _transaction: Transaction

    def by_others(
        self, current: str, after: WrappedPlace | None, limit: int
    ) -> list[WrappedPlace]:
        behind = after or _FIRST
        found = self._transaction.rows(
            WRAPPED["by_others"],
            {
                "current": current,
                "sort": behind.sort.value,
                "after_organisation": behind.organisation,
                "name": behind.name,
                "limit": limit,
            },
        )
        return [
            WrappedPlace(Sort(row["sort"]), row["organisation_id"], row["name"]) for row in found
        ]

    def count_by_others(self, current: str) -> int:
        row = self._transaction.row(WRAPPED["count_by_others"], {"current": current})
        return row["count"] if row else 0

    def get(self, place: WrappedPlace) -> Wrapped | None:
        row = self._transaction.row(WRAPPED[f"select_{place.sort.value}"], {"name": place.name})
        return rows.wrapped_from_row(row) if row else None

    def replace(self, place: WrappedPlace, before: Wrapped, after: Wrapped) -> bool:
        parameters = {
            "name": place.name,
            "old_wrapping": before.wrapping,
            "old_ciphertext": before.ciphertext,
            **rows.wrapped_to_row(after),
        }
        return self._transaction.change(WRAPPED[f"update_{place.sort.value}"], parameters) == 1
