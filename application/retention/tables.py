"""What an archive has of each table, and how its files are written and read.

Each table is in JSON Lines, for ever readable by anything, and in Parquet, for asking questions;
part by part the same rows.  A file's place has its digest in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from uuid import UUID

from attrs import define, field, frozen

from application.exports.make import Digesting, Formats
from application.ports.files import FileDraft, Files
from application.ports.storage.seals import Leaf
from application.ports.tables import Cell, Column, Kind, TableDraft
from domain.audit import AuditEvent
from domain.export import ExportFormat, Part
from domain.identifiers import OrganisationId, Prefix, public_id
from domain.ledger import JournalEntry
from domain.retention import ArchivedTable, Month

ENCODINGS = (ExportFormat.JSON_LINES, ExportFormat.PARQUET)

EVENTS = (
    Column("organisation", Kind.TEXT),
    Column("sequence", Kind.WHOLE),
    Column("id", Kind.TEXT),
    Column("at", Kind.INSTANT),
    Column("action", Kind.TEXT),
    Column("subject", Kind.TEXT),
    Column("live", Kind.FLAG),
    #: Of its leaf in the log.
    Column("position", Kind.WHOLE),
    Column("leaf_hash", Kind.BYTES),
    Column("salt", Kind.BYTES),
    Column("body", Kind.JSON),
)
LINES = (
    Column("organisation", Kind.TEXT),
    Column("sequence", Kind.WHOLE),
    Column("at", Kind.INSTANT),
    Column("debit", Kind.TEXT),
    Column("credit", Kind.TEXT),
    Column("amount", Kind.WHOLE),
    Column("action", Kind.TEXT),
    Column("hold", Kind.TEXT),
    Column("grant", Kind.TEXT),
    Column("actor", Kind.TEXT),
    Column("subject", Kind.TEXT),
)
TABLES: Mapping[str, Sequence[Column]] = {"audit_events": EVENTS, "journal": LINES}


def event_row(event: AuditEvent, leaf: Leaf) -> tuple[Cell, ...]:
    return (
        public_id(Prefix.ORGANISATION, event.organisation),
        event.sequence,
        public_id(Prefix.EVENT, event.id),
        event.at,
        event.action,
        event.subject,
        event.live,
        leaf.position,
        leaf.hash,
        event.salt,
        event.body,
    )


def line_row(organisation: OrganisationId, entry: JournalEntry) -> tuple[Cell, ...]:
    posting = entry.posting
    return (
        public_id(Prefix.ORGANISATION, organisation),
        entry.sequence,
        entry.at,
        posting.debit.value,
        posting.credit.value,
        posting.amount,
        posting.action,
        _id(Prefix.HOLD, posting.hold),
        _id(Prefix.GRANT, posting.lot),
        entry.actor,
        None if entry.subject is None else str(entry.subject),
    )


def place_of(month: Month, part: Part) -> str:
    return f"{month}/{part.sha256.hex()}-{part.name}"


@frozen(kw_only=True)
class ArchiveFiles:
    files: Files
    formats: Formats
    #: How large a file may become, in bytes.
    part_limit: int

    def write(self, month: Month, table: str, rows: Iterable[tuple[Cell, ...]]) -> ArchivedTable:
        """Raises: FilesUnavailableError."""
        waiting = iter(rows)
        parts: list[Part] = []
        count = 0
        row = next(waiting, None)
        while row is not None:
            with ExitStack() as stack:
                twins = [
                    _Twin.begun(stack.enter_context(self.files.draft()), self.formats, each, table)
                    for each in ENCODINGS
                ]
                written = 0
                # The larger of the two says when both are full.
                while row is not None and all(twin.has_room(self.part_limit) for twin in twins):
                    for twin in twins:
                        twin.table.add(row)
                    written += 1
                    row = next(waiting, None)
                for twin in twins:
                    part = twin.ended(len(parts) // len(ENCODINGS) + 1, table, written, count)
                    twin.draft.keep(place_of(month, part))
                    parts.append(part)
            count += written
        return ArchivedTable(name=table, rows=count, parts=tuple(parts))

    def read(self, month: Month, table: str, part: Part) -> Iterator[tuple[Cell, ...]]:
        """Raises: TableError, FilesUnavailableError, FileNotFoundError."""
        encoding = ExportFormat(part.name.rpartition(".")[2])
        file = self.files.open(place_of(month, part))
        if file is None:
            raise FileNotFoundError(place_of(month, part))
        with file:
            yield from self.formats(encoding).read(file, TABLES[table])


@define
class _Twin:
    draft: FileDraft
    sink: Digesting
    table: TableDraft
    ending: str
    _is_empty: bool = field(init=False, default=True)

    def has_room(self, at_most: int) -> bool:
        """A file is full once it has so much: the last row may go beyond."""
        return self.sink.size < at_most

    def ended(self, number: int, table: str, rows: int, before: int) -> Part:
        self.table.close()
        return Part(
            number=number,
            name=f"{table}-{number:05}.{self.ending}",
            size=self.sink.size,
            sha256=self.sink.digest,
            events=rows,
            # Of rows, from 1: numbers of organisations begin again and again.
            first_sequence=before + 1,
            last_sequence=before + rows,
        )

    @classmethod
    def begun(
        cls, draft: FileDraft, formats: Formats, encoding: ExportFormat, table: str
    ) -> _Twin:
        sink, made = Digesting(draft), formats(encoding)
        return cls(draft, sink, made.begin(sink, TABLES[table]), made.ending)


def _id(prefix: Prefix, id: UUID | None) -> str | None:
    return None if id is None else public_id(prefix, id)
