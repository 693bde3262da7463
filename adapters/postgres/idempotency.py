"""Which requests have been answered already."""

from collections.abc import Collection, Mapping
from datetime import datetime

from attrs import asdict, astuple, field, frozen

from adapters.postgres import queries, rows
from adapters.postgres.transaction import Transaction
from application.ports.storage.idempotency import (
    IdempotencyKey,
    IdempotencyKeys,
    Remembered,
    RequestInFlightError,
)
from application.ports.storage.work import Lock
from domain.errors import MisuseError

IDEMPOTENCY = queries.load("idempotency.sql")


@frozen
class PostgresIdempotencyKeys(IdempotencyKeys):
    _transaction: Transaction
    _taken: set[IdempotencyKey] = field(factory=set)

    def take(self, key: IdempotencyKey, now: datetime) -> Remembered | None:
        self._transaction.enter(Lock.IDEMPOTENCY_KEY, astuple(key))
        parameters = {**asdict(key), "now": now}
        locked, found = self._transaction.batch(
            [
                (IDEMPOTENCY["try_lock"], parameters),
                (IDEMPOTENCY["select"], parameters),
            ]
        )
        lock = locked.fetchone()
        if lock is None or not lock["is_ours"]:
            raise RequestInFlightError(f"{key.route} with this key is being worked on")
        self._taken.add(key)
        row = found.fetchone()
        return rows.remembered_from_row(row) if row else None

    def remember(self, key: IdempotencyKey, remembered: Remembered) -> None:
        if key not in self._taken:
            raise MisuseError(f"{key} was not taken in this transaction")
        parameters = {**asdict(key), **rows.remembered_to_row(remembered)}
        self._transaction.write(IDEMPOTENCY["remember"], parameters)

    def recall(
        self, keys: Collection[IdempotencyKey], now: datetime
    ) -> dict[IdempotencyKey, Remembered]:
        if not keys:
            return {}
        parameters = {
            "live": [key.live for key in keys],
            "routes": [key.route for key in keys],
            "keys": [key.key for key in keys],
            "now": now,
        }
        return {
            key_from_row(row): rows.remembered_from_row(row)
            for row in self._transaction.rows(IDEMPOTENCY["recall"], parameters)
        }

    def keep(self, remembered: Mapping[IdempotencyKey, Remembered]) -> None:
        self._transaction.batch(
            [
                (IDEMPOTENCY["remember"], {**asdict(key), **rows.remembered_to_row(each)})
                for key, each in remembered.items()
            ]
        )

    def purge(self, before: datetime) -> int:
        row = self._transaction.row(IDEMPOTENCY["purge"], {"before": before})
        return row["count"] if row else 0


def key_from_row(row: rows.Row) -> IdempotencyKey:
    return IdempotencyKey(live=row["live"], route=row["route"], key=row["key"])
