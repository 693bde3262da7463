from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from attrs import define, evolve, field, frozen

from adapters.memory.storage.transaction import Table, Transaction, page_of
from application.ports.storage.exports import Exports
from application.ports.storage.paging import Page, PageRequest
from application.ports.storage.work import LeaseLostError
from domain.errors import MisuseError
from domain.export import Export, ExportState, Part
from domain.identifiers import ExportId, OrganisationId

Key = tuple[OrganisationId, ExportId]


@frozen
class _Lease:
    token: UUID
    #: By the store's own clock.
    until: float


@define(eq=False)
class ExportTables:
    exports: Table[Key, Export] = field(factory=lambda: Table("exports"))
    leases: Table[Key, _Lease] = field(factory=lambda: Table("export_leases"))


@define(eq=False)
class MemoryExports(Exports):
    _transaction: Transaction
    _tables: ExportTables
    _new_token: Callable[[], UUID]

    def add(self, export: Export) -> None:
        organisation = self._transaction.require_organisation(export.organisation)
        if not self._transaction.insert(self._tables.exports, (organisation, export.id), export):
            raise MisuseError(f"there is an export {export.id} already")

    def get(self, id: ExportId) -> Export | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.exports, (organisation, id))

    def page(self, asked: PageRequest) -> Page[Export]:
        mine = [
            evolve(export, parts=())
            for export in self._mine()
            if asked.after is None or export.id < asked.after
        ]
        newest_first = sorted(mine, key=lambda export: export.id, reverse=True)
        return Page(*page_of(newest_first, asked.limit))

    def under_way(self) -> int:
        return sum(export.is_under_way for export in self._mine())

    def lease(self, id: ExportId, lease: timedelta) -> UUID | None:
        key = (self._transaction.require_organisation(), id)
        self._transaction.hold(self._tables.exports, key)
        export = self._transaction.get(self._tables.exports, key)
        if export is None or not export.is_under_way or not self._is_free(key):
            return None
        token = self._new_token()
        self._keep(key, token, lease)
        return token

    def progress(
        self, id: ExportId, token: UUID, lease: timedelta, *, written: int, total: int
    ) -> None:
        key, export = self._leased(id, token)
        self._transaction.put(
            self._tables.exports, key, evolve(export, written=written, total=total)
        )
        self._keep(key, token, lease)

    def add_part(self, id: ExportId, token: UUID, part: Part) -> None:
        key, export = self._leased(id, token)
        if part.number != len(export.parts) + 1:
            raise MisuseError(f"{part.number} is not the next part of {export.name}")
        self._transaction.put(
            self._tables.exports, key, evolve(export, parts=(*export.parts, part))
        )

    def finish(self, export: Export, token: UUID) -> None:
        key, before = self._leased(export.id, token)
        if export.parts != before.parts:
            raise MisuseError(f"{export.name} has other parts")
        self._transaction.put(self._tables.exports, key, export)
        self._transaction.delete(self._tables.leases, key)

    def give_back(self, id: ExportId, token: UUID) -> None:
        key = (self._transaction.require_organisation(), id)
        self._transaction.hold(self._tables.exports, key)
        found = self._transaction.get(self._tables.leases, key)
        if found is not None and found.token == token:
            self._transaction.delete(self._tables.leases, key)

    def expire(self, id: ExportId) -> bool:
        key = (self._transaction.require_organisation(), id)
        self._transaction.hold(self._tables.exports, key)
        export = self._transaction.get(self._tables.exports, key)
        if export is None or export.state is not ExportState.FINISHED:
            return False
        expired = evolve(export, state=ExportState.EXPIRED)
        self._transaction.put(self._tables.exports, key, expired)
        return True

    def waiting(self, limit: int) -> list[tuple[OrganisationId, ExportId]]:
        found = [
            (export.requested_at, key)
            for key, export in self._transaction.items(self._tables.exports)
            if export.is_under_way and self._is_free(key)
        ]
        return [key for _, key in sorted(found)][:limit]

    def over(self, now: datetime, limit: int) -> list[tuple[OrganisationId, ExportId]]:
        found = [
            (export.expires_at, key)
            for key, export in self._transaction.items(self._tables.exports)
            if export.state is ExportState.FINISHED
            and export.expires_at is not None
            and export.expires_at <= now
        ]
        return [key for _, key in sorted(found)][:limit]

    def _mine(self) -> list[Export]:
        return [
            export
            for (organisation, _), export in self._transaction.items(self._tables.exports)
            if organisation == self._transaction.organisation
        ]

    def _is_free(self, key: Key) -> bool:
        lease = self._transaction.get(self._tables.leases, key)
        return lease is None or lease.until <= self._transaction.now()

    def _keep(self, key: Key, token: UUID, lease: timedelta) -> None:
        until = self._transaction.now() + lease.total_seconds()
        self._transaction.put(self._tables.leases, key, _Lease(token, until))

    def _leased(self, id: ExportId, token: UUID) -> tuple[Key, Export]:
        key = (self._transaction.require_organisation(), id)
        self._transaction.hold(self._tables.exports, key)
        export = self._transaction.get(self._tables.exports, key)
        lease = self._transaction.get(self._tables.leases, key)
        if export is None or lease is None or lease.token != token or self._is_free(key):
            raise LeaseLostError(f"somebody else may be at the export {id}")
        return key, export
