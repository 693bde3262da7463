"""When issued tokens are looked at."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from attrs import frozen

from adapters.postgres import queries, rows
from adapters.postgres.transaction import Transaction
from application.ports.storage.tokens import TokenWatch, TokenWatches, WatchClaim, WatchLease
from application.ports.storage.work import LeaseLostError, Lock
from domain.errors import MisuseError
from domain.identifiers import OperationId, OrganisationId

WATCHES = queries.load("token_watches.sql")

#: Before every id there is.
_NIL = UUID(int=0)


@frozen
class PostgresTokenWatches(TokenWatches):
    _transaction: Transaction

    def add(self, watch: TokenWatch) -> bool:
        return self._transaction.change(WATCHES["insert"], rows.token_watch_to_row(watch)) == 1

    def get(self, id: OperationId) -> TokenWatch | None:
        row = self._transaction.row(WATCHES["select"], {"id": id})
        return rows.token_watch_from_row(row) if row else None

    def lock(self, id: OperationId) -> TokenWatch | None:
        self._transaction.enter(Lock.TOKEN_WATCH, id)
        row = self._transaction.row(WATCHES["lock"], {"id": id})
        return rows.token_watch_from_row(row) if row else None

    def put(self, watch: TokenWatch, claim: WatchClaim) -> None:
        if (claim.organisation, claim.deployment) != (watch.organisation, watch.deployment):
            raise MisuseError(f"{claim} is not of {watch.deployment}")
        row = {**rows.token_watch_to_row(watch), "token": claim.token}
        if self._transaction.change(WATCHES["update"], row) != 1:
            raise LeaseLostError(f"somebody else may be looking at {watch.deployment}")

    def take(self, now: datetime, limit: int, lease: WatchLease) -> list[WatchClaim]:
        self._transaction.enter_any(Lock.TOKEN_WATCH)
        parameters = {"now": now, "limit": limit, "lease": lease.length, "again": lease.again}
        return [rows.watch_claim_from_row(row) for row in self._rows("take", parameters)]

    def claim(self, id: OperationId, lease: WatchLease) -> WatchClaim | None:
        self._transaction.enter(Lock.TOKEN_WATCH, id)
        parameters = {"id": id, "lease": lease.length, "again": lease.again}
        row = self._transaction.row(WATCHES["claim"], parameters)
        return rows.watch_claim_from_row(row) if row else None

    def unwatched(self, limit: int) -> list[tuple[OrganisationId, OperationId]]:
        found = self._rows("unwatched", {"limit": limit})
        return [(row["organisation_id"], row["id"]) for row in found]

    def all(
        self, after: tuple[OrganisationId, OperationId] | None, limit: int
    ) -> Sequence[tuple[OrganisationId, OperationId]]:
        organisation, deployment = after or (_NIL, _NIL)
        parameters = {
            "organisation_id": organisation,
            "deployment_id": deployment,
            "limit": limit,
        }
        return [(row["organisation_id"], row["id"]) for row in self._rows("all", parameters)]

    def _rows(self, query: str, parameters: dict[str, object]) -> list[rows.Row]:
        return [*self._transaction.rows(WATCHES[query], parameters)]
