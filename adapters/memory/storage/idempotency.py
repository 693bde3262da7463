from collections.abc import Collection, Mapping
from datetime import datetime

from attrs import define, field

from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.idempotency import (
    IdempotencyKey,
    IdempotencyKeys,
    Remembered,
    RequestInFlightError,
)
from application.ports.storage.work import Lock
from domain.errors import MisuseError
from domain.identifiers import OrganisationId


@define(eq=False)
class IdempotencyTables:
    keys: Table[tuple[OrganisationId, IdempotencyKey], Remembered] = field(
        factory=lambda: Table("idempotency_keys")
    )


@define(eq=False)
class MemoryIdempotencyKeys(IdempotencyKeys):
    _transaction: Transaction
    _tables: IdempotencyTables

    def take(self, key: IdempotencyKey, now: datetime) -> Remembered | None:
        organisation = self._transaction.require_organisation()
        self._transaction.enter(Lock.IDEMPOTENCY_KEY, (key.live, key.route, key.key))
        if not self._transaction.try_hold(self._tables.keys, (organisation, key)):
            raise RequestInFlightError(key.key)
        remembered = self._transaction.get(self._tables.keys, (organisation, key))
        if remembered is None or remembered.expires_at < now:
            return None
        return remembered

    def remember(self, key: IdempotencyKey, remembered: Remembered) -> None:
        organisation = self._transaction.require_organisation()
        if not self._transaction.holds(self._tables.keys, (organisation, key)):
            raise MisuseError(f"{key} was not taken in this transaction")
        self._transaction.put(self._tables.keys, (organisation, key), remembered)

    def recall(
        self, keys: Collection[IdempotencyKey], now: datetime
    ) -> dict[IdempotencyKey, Remembered]:
        organisation = self._transaction.require_organisation()
        found = {
            key: self._transaction.get(self._tables.keys, (organisation, key)) for key in keys
        }
        return {
            key: remembered
            for key, remembered in found.items()
            if remembered is not None and remembered.expires_at >= now
        }

    def keep(self, remembered: Mapping[IdempotencyKey, Remembered]) -> None:
        organisation = self._transaction.require_organisation()
        for key, each in remembered.items():
            self._transaction.put(self._tables.keys, (organisation, key), each)

    def purge(self, before: datetime) -> int:
        purged = 0
        for place, remembered in self._transaction.items(self._tables.keys):
            if remembered.expires_at >= before:
                continue
            # A request that holds the key is about to replace it.
            if self._transaction.try_hold(self._tables.keys, place):
                self._transaction.delete(self._tables.keys, place)
                purged += 1
        return purged
