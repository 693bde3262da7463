"""Write a month of all organisations into files, and see that nothing is lost by it.

Everything is read in the scope of its organisation.  An event is archived with its leaf only: one
that is not sealed, or whose bytes are not those that were sealed, stops it.  Then the files are
read again, every leaf hash is recomputed from them and compared with the log, and only then the
manifest's digest goes into the trail as `partition.archived`.  Nothing is dropped here.

An event that comes for a month that is archived already, as the clock was set back, does not stop
anything: the month is archived anew, with all that it had and what came.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, zip_longest
from typing import cast

from attrs import define, field, frozen

from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.retention import Volume
from application.ports.storage.seals import Leaf, SignedCheckpoint
from application.ports.storage.work import Scope, Store
from application.ports.tables import Cell, TableError
from application.retention.tables import (
    ENCODINGS,
    EVENTS,
    ArchiveFiles,
    event_row,
    line_row,
)
from domain.audit import LEAF_DOMAIN, OPERATOR, EventFilter, JsonValue
from domain.errors import Refusal
from domain.export import Part, Tree
from domain.identifiers import (
    INSTALLATION,
    InstallationId,
    OrganisationId,
    Prefix,
    parse_id,
    public_id,
)
from domain.merkle import inclusion_proof, leaf_hash, verify_inclusion
from domain.retention import (
    HOT_MONTHS,
    Archive,
    ArchivedTable,
    ArchiveState,
    Manifest,
    Month,
    parts_in,
)

PAGE = 1_000
MANIFEST = "manifest.json"

_ORGANISATION, _SEQUENCE, _POSITION, _LEAF, _SALT, _BODY = (
    [column.name for column in EVENTS].index(name)
    for name in ("organisation", "sequence", "position", "leaf_hash", "salt", "body")
)

Tell = Callable[[int], None]


class RefusedError(Exception):
    """The month cannot be archived as it is.  Nothing has changed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refusal(code=code, detail=detail)


@frozen(kw_only=True)
class ArchiveMonth:
    store: Store
    files: ArchiveFiles
    clock: Clock
    identifiers: Identifiers
    installation: InstallationId
    #: How many months stay hot behind the current one.
    hot_months: int = HOT_MONTHS

    def __call__(self, month: Month, tell: Tell = lambda _: None) -> Archive | Refusal:
        """The month's archive; made once.  *tell* is told how many rows were written or read.

        Raises: FilesUnavailableError.
        """
        with self.store.begin(Scope.installation()) as work:
            known = work.archives.get(month)
            volume = work.archives.volume(month)
            is_found = volume.is_there and month not in work.archives.set_aside()
        if known is not None and not (is_found and _has_changed(known, volume)):
            return known
        if not month.is_over_for(self.hot_months, self.clock.now()):
            return Refusal(
                code="month_is_hot", detail=f"{month} stays for {self.hot_months} months"
            )
        if volume.strays:
            return Refusal(
                code="month_not_prepared",
                detail=f"{volume.strays} events of {month} came before there was room for it",
            )
        try:
            log, signed = self._signed()
            walk = _Walk(self.store, month, log, signed)
            events = self.files.write(month, "audit_events", walk.events(tell))
            lines = self.files.write(month, "journal", walk.lines(tell))
            _require_all(volume, events, lines)
            self._read_again(walk, events, tell)
            self._compare(month, lines)
            if known is not None:
                self._require_all_of(known, events)
        except RefusedError as error:
            return error.refusal
        tree = Tree(log=log, note=signed.note)
        manifest = Manifest(
            installation=self.installation,
            month=month,
            tables=(events, lines),
            first_position=walk.first_position,
            last_position=walk.last_position,
            tree=tree,
        )
        return self._keep(manifest, known)

    def _signed(self) -> tuple[int, SignedCheckpoint]:
        with self.store.begin(Scope.installation()) as work:
            logs = work.seals.logs()
            signed = work.seals.latest(logs[-1].number) if logs else None
        if signed is None:
            raise RefusedError("not_sealed", "nothing was ever sealed and signed")
        return logs[-1].number, signed

    def _read_again(self, walk: "_Walk", table: ArchivedTable, tell: Tell) -> None:
        """Recompute every leaf from the files.  Raises: RefusedError."""
        read = 0
        for part in table.parts:
            digest = hashlib.sha256()
            try:
                rows = self.files.read(walk.month, table.name, part)
                for organisation, some in groupby(rows, key=lambda row: row[_ORGANISATION]):
                    for page in _pages(some):
                        walk.compare(str(organisation), page)
                        digest.update(b"".join(cast("bytes", row[_LEAF]) for row in page))
                        read += len(page)
                        tell(len(page))
            except (TableError, FileNotFoundError) as error:
                raise RefusedError("archive_unreadable", f"{part.name}: {error}") from error
        if read != table.rows * len(ENCODINGS):
            raise RefusedError("archive_unreadable", f"{read} rows came back of {table.rows}")

    def _compare(self, month: Month, table: ArchivedTable) -> None:
        """Both encodings have the same rows.  Raises: RefusedError."""
        by_encoding = [
            [part for part in table.parts if part.name.endswith(f".{ending.value}")]
            for ending in ENCODINGS
        ]
        try:
            for twins in zip(*by_encoding, strict=True):
                rows = [self.files.read(month, table.name, part) for part in twins]
                for one, other in zip_longest(*rows):
                    if one != other:
                        raise RefusedError("archive_unreadable", f"{twins[0].name} has others")
        except (TableError, FileNotFoundError) as error:
            raise RefusedError("archive_unreadable", str(error)) from error

    def _require_all_of(self, before: Archive, events: ArchivedTable) -> None:
        """No event of an earlier archive of the month is missing.  Raises: RefusedError."""
        found = self._places(before.month, events.parts)
        try:
            for place in self._places(before.month, parts_in(before.manifest, events.name)):
                # Both are in one order: by organisation, then by number.
                if place not in found:
                    organisation, number = str(place[0]), place[1]
                    raise RefusedError(
                        "month_changed",
                        f"event {number!s} of {organisation} was archived, and is gone",
                    )
        except (TableError, FileNotFoundError) as error:
            raise RefusedError("archive_unreadable", str(error)) from error

    def _places(self, month: Month, parts: Iterable[Part]) -> Iterator[tuple[Cell, Cell, Cell]]:
        for part in parts:
            if part.name.endswith(f".{ENCODINGS[0].value}"):
                for row in self.files.read(month, "audit_events", part):
                    yield row[_ORGANISATION], row[_SEQUENCE], row[_LEAF]

    def _keep(self, manifest: Manifest, before: Archive | None) -> Archive:
        raw = manifest.bytes
        with self.files.files.draft() as draft:
            draft.write(raw)
            draft.keep(f"{manifest.month}/{hashlib.sha256(raw).hexdigest()}-{MANIFEST}")
        trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=OPERATOR)
        now = self.clock.now()
        events, lines = manifest.tables
        details: dict[str, JsonValue] = {
            "digest": hashlib.sha256(raw).hexdigest(),
            "events": events.rows,
            "lines": lines.rows,
            "month": str(manifest.month),
            "replaces": None if before is None else before.digest.hex(),
        }
        subject = public_id(Prefix.INSTALLATION, self.installation)
        event = trail.add("partition.archived", subject, now, details=details)
        archive = Archive(
            month=manifest.month,
            manifest=raw,
            events=events.rows,
            lines=lines.rows,
            event=event,
            archived_at=now,
        )
        with self.store.begin(Scope.installation()) as work:
            is_kept = (
                work.archives.add(archive)
                if before is None
                else work.archives.replace(archive, before)
            )
            if not is_kept:
                # Somebody else was faster, and made the same.
                return work.archives.get(manifest.month) or archive
            trail.write(work)
        return archive


@define
class _Walk:
    """A month of all organisations, one after the other, held against the log."""

    _store: Store
    month: Month
    _log: int
    _signed: SignedCheckpoint
    first_position: int | None = field(init=False, default=None)
    last_position: int | None = field(init=False, default=None)

    def events(self, tell: Tell) -> Iterator[tuple[Cell, ...]]:
        wanted = EventFilter(since=self.month.first, until=self.month.end)
        for organisation in self._organisations():
            after = 0
            while True:
                with self._store.begin(Scope(organisation=organisation)) as work:
                    page = work.audit.find(wanted, after=after, limit=PAGE)
                if not page:
                    break
                leaves = self._leaves(organisation, page[0].sequence, page[-1].sequence)
                for event in page:
                    leaf = self._sealed(organisation, event.sequence, leaves)
                    if leaf.hash != leaf_hash(event.leaf):
                        self._tampered(organisation, event.sequence)
                    self._note(leaf.position)
                    yield event_row(event, leaf)
                tell(len(page))
                after = page[-1].sequence

    def lines(self, tell: Tell) -> Iterator[tuple[Cell, ...]]:
        for organisation in self._organisations():
            after = 0
            while True:
                with self._store.begin(Scope(organisation=organisation)) as work:
                    page = work.archives.lines(
                        self.month.first, self.month.end, after=after, limit=PAGE
                    )
                if not page:
                    break
                yield from (line_row(organisation, entry) for entry in page)
                tell(len(page))
                after = page[-1].sequence

    def compare(self, name: str, rows: Sequence[tuple[Cell, ...]]) -> None:
        """Rows of one organisation, as they were read from a file.  Raises: RefusedError."""
        organisation = OrganisationId(cast("OrganisationId", parse_id(Prefix.ORGANISATION, name)))
        numbers = [cast("int", row[_SEQUENCE]) for row in rows]
        leaves = self._leaves(organisation, numbers[0], numbers[-1])
        for number, row in zip(numbers, rows, strict=True):
            leaf = self._sealed(organisation, number, leaves)
            salt, body = cast("bytes", row[_SALT]), cast("bytes", row[_BODY])
            found = leaf_hash(LEAF_DOMAIN + salt + body)
            if not found == row[_LEAF] == leaf.hash or row[_POSITION] != leaf.position:
                self._tampered(organisation, number)
        # That the log's own nodes lead from such a leaf to what was signed.
        first = leaves[numbers[0]]
        checkpoint = self._signed.checkpoint
        with self._store.begin(Scope.installation()) as work:
            path = inclusion_proof(first.position, checkpoint.size, work.seals.hashes(self._log))
        if not verify_inclusion(
            first.hash, first.position, checkpoint.size, path, checkpoint.root
        ):
            raise RefusedError("not_sealed", f"leaf {first.position} is not under the checkpoint")

    def _organisations(self) -> Iterator[OrganisationId]:
        yield INSTALLATION
        after = INSTALLATION
        while True:
            with self._store.begin(Scope.installation()) as work:
                found = work.organisations.after(after, PAGE)
            if not found:
                return
            yield from found
            after = found[-1]

    def _leaves(self, organisation: OrganisationId, first: int, last: int) -> dict[int, Leaf]:
        with self._store.begin(Scope(organisation=organisation)) as work:
            found = work.seals.leaves(self._log, after=first - 1, limit=last - first + 1)
        return {leaf.sequence: leaf for leaf in found}

    def _sealed(
        self, organisation: OrganisationId, sequence: int, leaves: dict[int, Leaf]
    ) -> Leaf:
        leaf = leaves.get(sequence)
        if leaf is None or leaf.position >= self._signed.checkpoint.size:
            name = public_id(Prefix.ORGANISATION, organisation)
            raise RefusedError(
                "not_sealed", f"event {sequence} of {name} is not sealed and signed"
            )
        return leaf

    def _tampered(self, organisation: OrganisationId, sequence: int) -> None:
        name = public_id(Prefix.ORGANISATION, organisation)
        raise RefusedError(
            "differs_from_the_log", f"event {sequence} of {name} is not the one that was sealed"
        )

    def _note(self, position: int) -> None:
        known = self.first_position
        self.first_position = position if known is None else min(known, position)
        self.last_position = max(self.last_position or 0, position)


def _has_changed(archive: Archive, volume: Volume) -> bool:
    """Whether the database has other rows of a month than its archive; how many tells."""
    return archive.state is ArchiveState.ARCHIVED and (archive.events, archive.lines) != (
        volume.events,
        volume.lines,
    )


def _require_all(volume: Volume, events: ArchivedTable, lines: ArchivedTable) -> None:
    if (events.rows, lines.rows) != (volume.events, volume.lines):
        raise RefusedError(
            "month_changed",
            f"there are {volume.events} events and {volume.lines} lines, and {events.rows} and "
            f"{lines.rows} were found by organisation",
        )


def _pages(rows: Iterator[tuple[Cell, ...]]) -> Iterator[list[tuple[Cell, ...]]]:
    page: list[tuple[Cell, ...]] = []
    for row in rows:
        page.append(row)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page
