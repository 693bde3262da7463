from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from attrs import define, evolve, field, frozen

from adapters.memory.storage.deployments import DeploymentTables
from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.tokens import TokenWatch, TokenWatches, WatchClaim, WatchLease
from application.ports.storage.work import LeaseLostError, Lock
from domain.deployment import State
from domain.errors import MisuseError
from domain.identifiers import OperationId, OrganisationId
from domain.operation import OperationKind

Key = tuple[OrganisationId, OperationId]


@frozen
class _Lease:
    token: UUID
    #: By the store's own clock.
    until: float


@define(eq=False)
class TokenTables:
    watches: Table[Key, TokenWatch] = field(factory=lambda: Table("token_watches"))
    leases: Table[Key, _Lease] = field(factory=lambda: Table("token_watch_leases"))


@define(eq=False)
class MemoryTokenWatches(TokenWatches):
    _transaction: Transaction
    _tables: TokenTables
    _deployments: DeploymentTables
    _new_token: Callable[[], UUID]

    def add(self, watch: TokenWatch) -> bool:
        organisation = self._transaction.require_organisation(watch.organisation)
        key = (organisation, watch.deployment)
        watched = self._transaction.get(self._deployments.deployments, key)
        if watched is None or watched.deployment.live is not watch.live:
            raise MisuseError(f"there is no deployment {watch.deployment} in this mode")
        return self._transaction.insert(self._tables.watches, key, watch)

    def get(self, id: OperationId) -> TokenWatch | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.watches, (organisation, id))

    def lock(self, id: OperationId) -> TokenWatch | None:
        self._transaction.enter(Lock.TOKEN_WATCH, id)
        if self.get(id) is None or self._transaction.organisation is None:
            return None
        self._transaction.hold(self._tables.watches, (self._transaction.organisation, id))
        return self.get(id)

    def put(self, watch: TokenWatch, claim: WatchClaim) -> None:
        organisation = self._transaction.require_organisation(watch.organisation)
        key = (organisation, watch.deployment)
        if (claim.organisation, claim.deployment) != key:
            raise MisuseError(f"{claim} is not of {watch.deployment}")
        self._transaction.hold(self._tables.watches, key)
        before = self._transaction.get(self._tables.watches, key)
        lease = self._transaction.get(self._tables.leases, key)
        is_mine = lease is not None and lease.token == claim.token
        if before is None or lease is None or not is_mine or self._is_free(key):
            raise LeaseLostError(str(watch.deployment))
        stored = evolve(watch, live=before.live)
        self._transaction.update(self._tables.watches, key, stored)
        self._transaction.delete(self._tables.leases, key)

    def take(self, now: datetime, limit: int, lease: WatchLease) -> list[WatchClaim]:
        taken: list[WatchClaim] = []
        for key in self._fairly(now):
            if len(taken) == limit:
                break
            if not self._transaction.try_hold(self._tables.watches, key):
                continue
            # Between the look and the hold somebody else may have taken it.
            watch = self._transaction.get(self._tables.watches, key)
            if watch is not None and self._is_free(key) and watch.due_at <= now:
                taken.append(self._leased(key, watch, lease))
        return taken

    def claim(self, id: OperationId, lease: WatchLease) -> WatchClaim | None:
        watch = self.lock(id)
        organisation = self._transaction.organisation
        if watch is None or organisation is None or not self._is_free((organisation, id)):
            return None
        return self._leased((organisation, id), watch, lease)

    def unwatched(self, limit: int) -> list[tuple[OrganisationId, OperationId]]:
        found = [
            key
            for key, row in self._transaction.items(self._deployments.deployments)
            if row.deployment.kind is OperationKind.DEPLOYMENT
            and row.deployment.state is State.COMPLETED
            and self._transaction.get(self._tables.watches, key) is None
        ]
        return sorted(found)[:limit]

    def all(
        self, after: tuple[OrganisationId, OperationId] | None, limit: int
    ) -> Sequence[tuple[OrganisationId, OperationId]]:
        keys = sorted(key for key, _ in self._transaction.items(self._tables.watches))
        return [key for key in keys if after is None or key > after][:limit]

    def _leased(self, key: Key, watch: TokenWatch, lease: WatchLease) -> WatchClaim:
        token = self._new_token()
        until = self._transaction.now() + lease.length.total_seconds()
        self._transaction.put(self._tables.leases, key, _Lease(token, until))
        self._transaction.put(self._tables.watches, key, evolve(watch, due_at=lease.again))
        return WatchClaim(organisation=key[0], deployment=key[1], token=token)

    def _fairly(self, now: datetime) -> list[Key]:
        """What is due: every organisation's longest due first, then every one's second, …"""
        due = sorted(
            (watch.due_at, key)
            for key, watch in self._transaction.items(self._tables.watches)
            if watch.due_at <= now and self._is_free(key)
        )
        turns: Counter[OrganisationId] = Counter()
        ranked: list[tuple[int, datetime, Key]] = []
        for due_at, key in due:
            turns[key[0]] += 1
            ranked.append((turns[key[0]], due_at, key))
        return [key for _, _, key in sorted(ranked)]

    def _is_free(self, key: Key) -> bool:
        lease = self._transaction.get(self._tables.leases, key)
        return lease is None or lease.until <= self._transaction.now()
