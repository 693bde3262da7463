"""Exports: what was asked for, how far it is, and who is at it."""

from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from application.ports.storage.paging import Page, PageRequest
from domain.export import Export, Part
from domain.identifiers import ExportId, OrganisationId


class Exports(Protocol):
    """Exports of the scope's organisation.  Whoever makes one holds its lease, by its token."""

    def add(self, export: Export) -> None: ...

    def get(self, id: ExportId) -> Export | None: ...

    def page(self, asked: PageRequest) -> Page[Export]:
        """Newest first, without parts."""
        ...

    def under_way(self) -> int:
        """How many."""
        ...

    def lease(self, id: ExportId, lease: timedelta) -> UUID | None:
        """A token for an export that is under way and that nobody has; else None."""
        ...

    def progress(
        self, id: ExportId, token: UUID, lease: timedelta, *, written: int, total: int
    ) -> None:
        """Say how far it is, and keep it for another *lease*.  Raises: LeaseLostError."""
        ...

    def add_part(self, id: ExportId, token: UUID, part: Part) -> None:
        """Raises: LeaseLostError."""
        ...

    def finish(self, export: Export, token: UUID) -> None:
        """Store its end, and give back the lease.  Raises: LeaseLostError."""
        ...

    def give_back(self, id: ExportId, token: UUID) -> None:
        """End a lease; no error where it is lost already."""
        ...

    def expire(self, id: ExportId) -> bool:
        """Whether it was finished, and nobody else has expired it."""
        ...

    def waiting(self, limit: int) -> list[tuple[OrganisationId, ExportId]]:
        """Those that nobody is at, of all organisations; in any scope, ids only."""
        ...

    def over(self, now: datetime, limit: int) -> list[tuple[OrganisationId, ExportId]]:
        """Those that expire, of all organisations; in any scope, ids only."""
        ...
