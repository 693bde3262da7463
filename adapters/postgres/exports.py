"""Exports: what was asked for, how far it is, and who is at it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attrs import evolve, frozen

from adapters.postgres import queries
from adapters.postgres.transaction import Transaction
from application.ports.storage.exports import Exports
from application.ports.storage.paging import Page, PageRequest
from application.ports.storage.work import LeaseLostError
from domain.audit import EventFilter
from domain.export import Export, ExportFormat, ExportState, Part
from domain.identifiers import EventId, ExportId, OrganisationId

EXPORTS = queries.load("exports.sql")

Row = Mapping[str, Any]


@frozen
class PostgresExports(Exports):
    _transaction: Transaction

    def add(self, export: Export) -> None:
        wanted = export.wanted
        self._transaction.write(
            EXPORTS["insert"],
            {
                "organisation_id": export.organisation,
                "id": export.id,
                "format": export.format.value,
                "since": wanted.since,
                "until": wanted.until,
                "actor": wanted.actor,
                "action": wanted.action,
                "subject": wanted.subject,
                "live": wanted.live,
                "correlation": wanted.correlation,
                "requested_by": export.requested_by,
                "requested_at": export.requested_at,
                "last_sequence": export.last_sequence,
            },
        )

    def get(self, id: ExportId) -> Export | None:
        row = self._transaction.row(EXPORTS["select"], {"id": id})
        if row is None:
            return None
        parts = self._transaction.rows(EXPORTS["parts"], {"id": id})
        return evolve(_export(row), parts=tuple(Part(**each) for each in parts))

    def page(self, asked: PageRequest) -> Page[Export]:
        parameters = {"after": asked.after, "limit": asked.limit + 1}
        found = self._transaction.rows(EXPORTS["list"], parameters)
        return Page(tuple(map(_export, found[: asked.limit])), len(found) > asked.limit)

    def under_way(self) -> int:
        row = self._transaction.row(EXPORTS["under_way"])
        return row["count"] if row else 0

    def lease(self, id: ExportId, lease: timedelta) -> UUID | None:
        row = self._transaction.row(EXPORTS["lease"], {"id": id, "lease": lease})
        return row["lease_token"] if row else None

    def progress(
        self, id: ExportId, token: UUID, lease: timedelta, *, written: int, total: int
    ) -> None:
        told = {"id": id, "token": token, "lease": lease, "written": written, "total": total}
        self._under_lease("progress", told)

    def add_part(self, id: ExportId, token: UUID, part: Part) -> None:
        row = {
            "number": part.number,
            "name": part.name,
            "size": part.size,
            "sha256": part.sha256,
            "events": part.events,
            "first_sequence": part.first_sequence,
            "last_sequence": part.last_sequence,
        }
        self._under_lease("insert_part", {"id": id, "token": token, **row})

    def finish(self, export: Export, token: UUID) -> None:
        row = {
            "organisation_id": export.organisation,
            "state": export.state.value,
            "total": export.total,
            "written": export.written,
            "digest": export.digest,
            "event_id": export.event,
            "finished_at": export.finished_at,
            "expires_at": export.expires_at,
        }
        self._under_lease("finish", {"id": export.id, "token": token, **row})

    def give_back(self, id: ExportId, token: UUID) -> None:
        self._transaction.write(EXPORTS["give_back"], {"id": id, "token": token})

    def expire(self, id: ExportId) -> bool:
        return self._transaction.change(EXPORTS["expire"], {"id": id}) == 1

    def waiting(self, limit: int) -> list[tuple[OrganisationId, ExportId]]:
        found = self._transaction.rows(EXPORTS["waiting"], {"limit": limit})
        return [(row["organisation_id"], row["id"]) for row in found]

    def over(self, now: datetime, limit: int) -> list[tuple[OrganisationId, ExportId]]:
        found = self._transaction.rows(EXPORTS["over"], {"now": now, "limit": limit})
        return [(row["organisation_id"], row["id"]) for row in found]

    def _under_lease(self, query: str, parameters: Mapping[str, Any]) -> None:
        if self._transaction.change(EXPORTS[query], parameters) != 1:
            raise LeaseLostError(f"somebody else may be at the export {parameters['id']}")


def _export(row: Row) -> Export:
    return Export(
        organisation=row["organisation_id"],
        id=row["id"],
        format=ExportFormat(row["format"]),
        wanted=EventFilter(
            since=row["since"],
            until=row["until"],
            actor=row["actor"],
            action=row["action"],
            subject=row["subject"],
            live=row["live"],
            correlation=row["correlation"],
        ),
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
        last_sequence=row["last_sequence"],
        state=ExportState(row["state"]),
        total=row["total"],
        written=row["written"],
        digest=row["digest"],
        event=None if row["event_id"] is None else EventId(row["event_id"]),
        finished_at=row["finished_at"],
        expires_at=row["expires_at"],
    )
