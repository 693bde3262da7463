"""Prove an event that has left the database: its row is in an archive, its leaf in the log.

The row is found in files of the archive, which need not be believed: what is not the leaf that was
sealed at that place is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import cast

from attrs import frozen

from application.evidence.dropped import Archived
from application.evidence.prove import Proof, Receipt, prove_one
from application.ports.storage.work import Scope, Store
from application.ports.tables import Cell, TableError
from application.retention.tables import ENCODINGS, EVENTS, ArchiveFiles
from domain.audit import AuditEvent
from domain.errors import Refusal
from domain.identifiers import (
    EventId,
    OrganisationId,
    Prefix,
    instant_of,
    parse_id,
    public_id,
)
from domain.retention import Month, parts_in

#: An id is made a little before or after the instant of its event.
_APART = timedelta(minutes=1)
_ID = [column.name for column in EVENTS].index("id")


@frozen(kw_only=True)
class ProveArchived(Archived):
    store: Store
    files: ArchiveFiles

    def __call__(
        self,
        organisation: OrganisationId,
        id: EventId,
        rows: Iterable[tuple[Cell, ...]] | None = None,
    ) -> Proof | Receipt | Refusal:
        """The event of *organisation*, from the database, or else from *rows* of an archive.

        Without *rows*, from the archive of the month in which the event's id was made.

        Raises: FilesUnavailableError, FileNotFoundError, TableError.
        """
        with self.store.begin(Scope(organisation=organisation)) as work:
            event = work.audit.get(id)
        if event is None:
            event = self.find(organisation, id) if rows is None else _find(rows, organisation, id)
        if event is None:
            name = public_id(Prefix.EVENT, id)
            return Refusal(code="not_found", detail=f"{name} is neither there nor in an archive")
        with self.store.begin(Scope(organisation=organisation)) as work:
            return prove_one(work.seals, event, None)

    def find(self, organisation: OrganisationId, id: EventId) -> AuditEvent | None:
        """In the archive of the month in which *id* was made; as it is there.

        Raises: FilesUnavailableError, FileNotFoundError, TableError.
        """
        return _find(self._rows(id), organisation, id)

    def _rows(self, id: EventId) -> Iterator[tuple[Cell, ...]]:
        made_at = instant_of(id)
        if made_at is None:
            return
        for month in sorted({Month.of(made_at - _APART), Month.of(made_at + _APART)}):
            with self.store.begin(Scope.installation()) as work:
                archive = work.archives.get(month)
            if archive is None:
                continue
            for part in parts_in(archive.manifest, "audit_events"):
                if part.name.endswith(f".{ENCODINGS[0].value}"):
                    yield from self.files.read(month, "audit_events", part)


def _find(
    rows: Iterable[tuple[Cell, ...]], organisation: OrganisationId, id: EventId
) -> AuditEvent | None:
    wanted = (public_id(Prefix.ORGANISATION, organisation), public_id(Prefix.EVENT, id))
    return next((_event(row) for row in rows if (row[0], row[_ID]) == wanted), None)


def _event(row: tuple[Cell, ...]) -> AuditEvent:
    """Raises: TableError."""
    told = dict(zip((column.name for column in EVENTS), row, strict=True))
    if empty := [name for name, cell in told.items() if cell is None]:
        raise TableError(f"an event without {', '.join(empty)}")
    return AuditEvent(
        organisation=cast(
            "OrganisationId", parse_id(Prefix.ORGANISATION, str(told["organisation"]))
        ),
        sequence=cast("int", told["sequence"]),
        id=cast("EventId", parse_id(Prefix.EVENT, str(told["id"]))),
        at=cast("datetime", told["at"]),
        action=str(told["action"]),
        subject=str(told["subject"]),
        live=bool(told["live"]),
        salt=cast("bytes", told["salt"]),
        body=cast("bytes", told["body"]),
    )
