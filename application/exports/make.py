"""Make an export, part by part.

A part is written without a name, and then in one transaction it is one of the export's.  Whoever
takes over from somebody who died begins with the part that is missing.  Events are read a page at
a time: neither their number nor the size of the export is ever in memory.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from attrs import define, evolve, field, frozen

from application.audit.trail import Trail
from application.exports.columns import cells, columns_of
from application.ports.clock import Clock
from application.ports.files import FileDraft, Files, FilesUnavailableError
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from application.ports.tables import TableDraft, TableFormat
from domain.audit import WORKER, AuditEvent, JsonValue, timestamp
from domain.export import Export, ExportFormat, Part, Tree
from domain.identifiers import ExportId, OrganisationId

PAGE = 1_000
LEASE = timedelta(minutes=1)

#: How to write a format; asked for when it is needed.
Formats = Callable[[ExportFormat], TableFormat]


@frozen(kw_only=True)
class MakeExport:
    store: Store
    files: Files
    formats: Formats
    clock: Clock
    identifiers: Identifiers
    #: How large a part may become, in bytes.
    part_limit: int
    #: How long a finished export is kept.
    kept_for: timedelta

    def __call__(
        self,
        organisation: OrganisationId,
        id: ExportId,
        tell: Callable[[int, int], None] = lambda _written, _total: None,
    ) -> Export | None:
        """The export as it is afterwards; None: there is none.

        Somebody else may be at it: then nothing is done.  *tell* is told how many events are
        written, of how many.

        Raises: LeaseLostError, FilesUnavailableError.
        """
        scope = Scope(organisation=organisation)
        with self.store.begin(scope) as work:
            token = work.exports.lease(id, LEASE)
            export = work.exports.get(id)
        if export is None or token is None:
            return export
        try:
            return self._make(export, token, tell)
        except FilesUnavailableError:
            # Whoever comes next need not wait for the lease's end.
            with self.store.begin(scope) as work:
                work.exports.give_back(id, token)
            raise

    def _make(self, export: Export, token: UUID, tell: Callable[[int, int], None]) -> Export:
        if export.total is None:
            with self.store.begin(Scope(organisation=export.organisation)) as work:
                total = work.audit.count(export.wanted, through=export.last_sequence)
            export = evolve(export, total=total)
        while part := self._write(export, token, tell):
            with self.store.begin(Scope(organisation=export.organisation)) as work:
                work.exports.add_part(export.id, token, part)
            export = evolve(export, parts=(*export.parts, part))
        return self._finish(export, token)

    def _write(self, export: Export, token: UUID, tell: Callable[[int, int], None]) -> Part | None:
        """The next part; None: there is no more."""
        encoding = self.formats(export.format)
        with self.files.draft() as draft:
            sink = Digesting(draft)
            writing = _Writing(export, encoding.begin(sink, columns_of(export.format)))
            is_full = False
            while not is_full and (events := self._page(export, token, writing)):
                is_full = not writing.add(events, self.part_limit)
                tell(export.in_parts + writing.count, export.total or 0)
            if not writing.count:
                return None
            writing.table.close()
            part = Part(
                number=len(export.parts) + 1,
                name=f"part-{len(export.parts) + 1:05}.{encoding.ending}",
                size=sink.size,
                sha256=sink.digest,
                events=writing.count,
                first_sequence=writing.first,
                last_sequence=writing.last,
            )
            draft.keep(export.place_of(part))
        return part

    def _page(self, export: Export, token: UUID, writing: "_Writing") -> list[AuditEvent]:
        total = export.total or 0
        written = export.in_parts + writing.count
        with self.store.begin(Scope(organisation=export.organisation)) as work:
            work.exports.progress(export.id, token, LEASE, written=written, total=total)
            return work.audit.find(
                export.wanted, after=writing.last, through=export.last_sequence, limit=PAGE
            )

    def _finish(self, export: Export, token: UUID) -> Export:
        scope = Scope(organisation=export.organisation)
        with self.store.begin(scope) as work:
            # Files take time: the lease must not end between here and the last transaction.
            work.exports.progress(
                export.id, token, LEASE, written=export.in_parts, total=export.total or 0
            )
            tree = _newest_tree(work)
            begins = work.archives.begins()
        if begins is not None:
            # A month may have left the database since the events were counted.
            export = evolve(export, total=export.in_parts)
        manifest = export.manifest(tree, begins)
        now = self.clock.now()
        trail = Trail(identifiers=self.identifiers, organisation=export.organisation, actor=WORKER)
        details: dict[str, JsonValue] = {
            "digest": hashlib.sha256(manifest).hexdigest(),
            "events": export.in_parts,
            "format": export.format.value,
            "parts": len(export.parts),
        }
        event = trail.add("export.finished", export.name, now, details=details)
        finished = export.finished(manifest, event, now, now + self.kept_for)
        ready: dict[str, JsonValue] = {"expires_at": timestamp(now + self.kept_for), **details}
        trail.add("audit.export_ready", export.name, now, details=ready)
        with self.files.draft() as draft:
            draft.write(manifest)
            draft.keep(finished.place_of_manifest)
        with self.store.begin(scope) as work:
            work.exports.finish(finished, token)
            trail.write(work)
        return finished


def _newest_tree(work: Work) -> Tree | None:
    """The log as it was signed last; None: it never was."""
    logs = work.seals.logs()
    signed = work.seals.latest(logs[-1].number) if logs else None
    return Tree(log=logs[-1].number, note=signed.note) if signed else None


@define
class Digesting:
    """What is written is counted and hashed on its way."""

    _draft: FileDraft
    size: int = field(init=False, default=0)
    _hash: "hashlib._Hash" = field(init=False, factory=hashlib.sha256)

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        return self._draft.write(data)

    @property
    def digest(self) -> bytes:
        return self._hash.digest()


@define
class _Writing:
    """A part under way."""

    _export: Export
    table: TableDraft
    count: int = field(init=False, default=0)
    first: int = field(init=False, default=0)
    #: The last event that is written, or was before the part.
    last: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.last = self._export.position

    def add(self, events: list[AuditEvent], at_most: int) -> bool:
        """False: there is no room for all of them."""
        columns = columns_of(self._export.format)
        for event in events:
            if not self.table.add(cells(event, columns), at_most):
                return False
            self.first = self.first or event.sequence
            self.last = event.sequence
            self.count += 1
        return True
