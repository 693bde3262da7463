"""Take an archived month out of the database; and, years later, delete its archive.

What must be so before is looked at each time anew: the files are those that the manifest names,
the event that says so is sealed, no legal hold touches the month, and no earlier month is still
there, so that the trail begins at one place.  The row of the archive follows what was done: a
process that dies between finds it done, and notes it, whatever is held or damaged by then.

Holds are looked for under their lock.  The database's part goes in one transaction with that;
that files begin to be deleted is written in it, and whoever places a hold later reads it there.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from attrs import frozen

from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.files import Files
from application.ports.identifiers import Identifiers
from application.ports.storage.retention import (
    PartitionChangedError,
    PartitionHeldError,
    Partitions,
    Rows,
)
from application.ports.storage.work import Scope, Store
from application.retention.holds import refusal_for_month
from application.retention.tables import ENCODINGS, EVENTS, ArchiveFiles
from domain.audit import OPERATOR, JsonValue
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, InstallationId, Prefix, public_id
from domain.retention import KEPT_MONTHS, Archive, ArchiveState, Month, certificate, parts_in

_CHUNK_BYTES = 2**20
_LEAF = [column.name for column in EVENTS].index("leaf_hash")


@frozen(kw_only=True)
class DropMonth:
    store: Store
    files: ArchiveFiles
    partitions: Partitions
    clock: Clock
    identifiers: Identifiers
    installation: InstallationId

    def __call__(self, month: Month) -> Archive | Refusal:
        """Raises: PartitionsUnavailableError, FilesUnavailableError."""
        with self.store.begin(Scope.installation()) as work:
            archive = work.archives.get(month)
            aside = work.archives.set_aside()
            earlier = sorted(each for each in [*work.archives.hot(), *aside] if each < month)
            # One question, so that a month which is being put back is never thought gone.
            is_there = work.archives.volume(month).is_there
            held = refusal_for_month(work, month)
        if archive is None:
            return Refusal(code="not_archived", detail=f"{month} is not archived")
        if archive.state is not ArchiveState.ARCHIVED:
            return archive
        if not is_there:
            # Somebody dropped it, and died before saying so.
            return self._unready(archive, earlier) or self._note(archive)
        if refusal := held or self._unready(archive, earlier) or self._damaged(archive):
            if month in aside:
                self.partitions.put_back(month)
            return refusal
        try:
            self.partitions.drop(month, self._archived(archive))
        except PartitionHeldError:
            with self.store.begin(Scope.installation()) as work:
                held = refusal_for_month(work, month)
            # It may have been lifted again by now.
            return held or Refusal(code="legal_hold", detail=f"{month} was held: try again")
        except PartitionChangedError as error:
            return Refusal(code="month_changed", detail=str(error))
        return self._note(archive)

    def _unready(self, archive: Archive, earlier: Sequence[Month]) -> Refusal | None:
        if earlier:
            return Refusal(
                code="earlier_month_is_hot", detail=f"{earlier[0]} is still in the database"
            )
        if not self._is_sealed(archive):
            return Refusal(
                code="not_sealed", detail="partition.archived is not sealed and signed yet"
            )
        return None

    def _archived(self, archive: Archive) -> Rows:
        """Raises: TableError, FilesUnavailableError, FileNotFoundError."""
        return Rows.of(
            cast("bytes", row[_LEAF])
            for part in parts_in(archive.manifest, "audit_events")
            if part.name.endswith(f".{ENCODINGS[0].value}")
            for row in self.files.read(archive.month, "audit_events", part)
        )

    def _damaged(self, archive: Archive) -> Refusal | None:
        fault = fault_of(self.files.files, archive)
        return None if fault is None else Refusal(code="archive_unreadable", detail=fault)

    def _is_sealed(self, archive: Archive) -> bool:
        with self.store.begin(Scope.installation()) as work:
            event = work.audit.get(archive.event)
            logs = work.seals.logs()
            if event is None or not logs:
                return False
            leaf = work.seals.leaf(logs[-1].number, event.sequence)
            signed = work.seals.latest(logs[-1].number)
        return leaf is not None and signed is not None and leaf.position < signed.checkpoint.size

    def _note(self, archive: Archive) -> Archive:
        now = self.clock.now()
        with self.store.begin(Scope.installation()) as work:
            known = work.archives.get(archive.month)
            if known is None or known.state is not ArchiveState.ARCHIVED:
                return known or archive
            dropped = known.dropped(now)
            work.archives.put(dropped)
            trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=OPERATOR)
            details: dict[str, JsonValue] = {
                "digest": archive.digest.hex(),
                "events": archive.events,
                "month": str(archive.month),
            }
            subject = public_id(Prefix.INSTALLATION, self.installation)
            trail.add("partition.dropped", subject, now, details=details)
            trail.write(work)
        return dropped


@frozen(kw_only=True)
class PutBack:
    """Months that were set aside by somebody who died before dropping them are put back.

    As long as they are aside nobody finds their events, though all are there.
    """

    store: Store
    partitions: Partitions

    def __call__(self) -> list[Month]:
        """Which these were.  Raises: PartitionsUnavailableError."""
        with self.store.begin(Scope.installation()) as work:
            aside = work.archives.set_aside()
        for month in aside:
            self.partitions.put_back(month)
        return aside


@frozen(kw_only=True)
class DeleteArchive:
    store: Store
    files: Files
    clock: Clock
    identifiers: Identifiers
    installation: InstallationId
    #: How many months an archive is kept, from its month on.
    kept_months: int = KEPT_MONTHS

    def __call__(self, month: Month) -> Archive | Refusal:
        """The archive with its certificate, which lies in the folder too.

        Whoever dies between leaves a certificate that is not in the folder, and never one that
        is in no event: the next call lays it there.

        Raises: FilesUnavailableError.
        """
        now = self.clock.now()
        archive = self._begin(month, now)
        if isinstance(archive, Refusal):
            return archive
        if archive.state is not ArchiveState.DELETED:
            # First: a certificate says what has happened.
            self.files.remove(archive.folder)
            archive = self._note(archive, now)
        self._certify(archive)
        return archive

    def _note(self, archive: Archive, now: datetime) -> Archive:
        month = archive.month
        text = certificate(archive, self.installation, now, self.kept_months)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self.store.begin(Scope.installation()) as work:
            known = work.archives.get(month)
            if known is None or known.state is not ArchiveState.DROPPED:
                return known or archive
            deleted = known.deleted(now, text)
            work.archives.put(deleted)
            trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=OPERATOR)
            details: dict[str, JsonValue] = {
                "digest": digest,
                "manifest": archive.digest.hex(),
                "month": str(month),
            }
            subject = public_id(Prefix.INSTALLATION, self.installation)
            trail.add("archive.deleted", subject, now, details=details)
            trail.write(work)
        return deleted

    def _certify(self, archive: Archive) -> None:
        """Raises: FilesUnavailableError."""
        if archive.certificate is None:
            return
        text = archive.certificate.encode()
        name = f"certificates/{archive.month}-{hashlib.sha256(text).hexdigest()}.txt"
        file = self.files.open(name)
        if file is not None:
            file.close()
            return
        with self.files.draft() as draft:
            draft.write(text)
            draft.keep(name)

    def _begin(self, month: Month, now: datetime) -> Archive | Refusal:
        """The archive as of which it is written that its files are being deleted."""
        with self.store.begin(Scope.installation()) as work:
            work.legal_holds.lock()
            archive = work.archives.get(month)
            if archive is None or archive.state is ArchiveState.ARCHIVED:
                return Refusal(code="not_dropped", detail=f"{month} is still in the database")
            if archive.state is ArchiveState.DELETED:
                return archive
            if not month.is_over_for(self.kept_months, now):
                return Refusal(
                    code="month_is_kept", detail=f"{month} is kept for {self.kept_months} months"
                )
            if held := refusal_for_month(work, month):
                return held if archive.deletion_begun_at is None else _half_done(held, archive)
            begun = archive.deletion_begun(now)
            work.archives.put(begun)
        return begun


def _half_done(held: Refusal, archive: Archive) -> Refusal:
    begun = f"deleting its files began at {archive.deletion_begun_at}, before the hold"
    return Refusal(code=held.code, detail=f"{held.detail}; {begun}: what is left of them stays")


def fault_of(files: Files, archive: Archive) -> str | None:
    """What is wrong with the files of *archive*; None: they are what its manifest names."""
    manifest: dict[str, Any] = json.loads(archive.manifest)
    wanted = {
        f"{archive.month}/{part['sha256']}-{part['name']}": (part["bytes"], part["sha256"])
        for table in manifest["tables"]
        for part in table["parts"]
    }
    digest = archive.digest.hex()
    wanted[f"{archive.month}/{digest}-manifest.json"] = (len(archive.manifest), digest)
    for name, expected in wanted.items():
        file = files.open(name)
        if file is None:
            return f"{name} is not there"
        with file:
            found, size = hashlib.sha256(), 0
            while chunk := file.read(_CHUNK_BYTES):
                found.update(chunk)
                size += len(chunk)
        if (size, found.hexdigest()) != expected:
            return f"{name} is not the file that was archived"
    return None
