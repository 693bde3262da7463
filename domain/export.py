"""An export: the events of a trail that somebody asked for, as files to take away.

What belongs to it is decided when it is asked for: the events up to the trail's end at that
moment that its filter describes.  They never change, so making it may stop after any part and go
on with the next.  The manifest names every part by its digest, and the digest of the manifest is
in the event ``export.finished``: the event is sealed like any other, and that is the signature.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from attrs import evolve, field, frozen, validators

from domain.audit import EventFilter, JsonValue, canonical, details_of, timestamp
from domain.checkpoint import Checkpoint, Note
from domain.errors import MisuseError
from domain.identifiers import EventId, ExportId, OrganisationId, Prefix, public_id
from domain.merkle import HASH_BYTES

FORMAT = "tallystick.export/1"


class ExportFormat(StrEnum):
    JSON_LINES = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class ExportState(StrEnum):
    UNDER_WAY = "under_way"
    FINISHED = "finished"
    #: Its files are gone; what it was is still known.
    EXPIRED = "expired"


@frozen(kw_only=True)
class Part:
    """One file."""

    #: From 1.
    number: int = field(validator=validators.ge(1))
    name: str
    #: In bytes.
    size: int = field(validator=validators.gt(0))
    sha256: bytes = field(
        validator=[validators.min_len(HASH_BYTES), validators.max_len(HASH_BYTES)]
    )
    events: int = field(validator=validators.gt(0))
    first_sequence: int
    last_sequence: int

    def shown(self) -> dict[str, JsonValue]:
        return {
            "bytes": self.size,
            "events": self.events,
            "first_sequence": self.first_sequence,
            "last_sequence": self.last_sequence,
            "name": self.name,
            "sha256": self.sha256.hex(),
        }


@frozen(kw_only=True)
class Tree:
    """The log as it was signed last."""

    log: int
    #: A signed note of a checkpoint.
    note: str

    @property
    def size(self) -> int:
        return Checkpoint.parse(Note.parse(self.note).text).size

    def shown(self) -> dict[str, JsonValue]:
        return {"checkpoint": self.note, "log": self.log, "size": self.size}


@frozen(kw_only=True)
class Export:
    organisation: OrganisationId
    id: ExportId
    format: ExportFormat
    wanted: EventFilter
    #: Public id of a member or an API key, or ``operator``.
    requested_by: str
    requested_at: datetime
    #: The trail's end when it was asked for; 0: there was nothing.
    last_sequence: int = field(validator=validators.ge(0))
    state: ExportState = ExportState.UNDER_WAY
    #: Events that belong to it; None: nobody has counted yet.
    total: int | None = None
    #: Events that are in files, also in one that is not ready.
    written: int = 0
    parts: tuple[Part, ...] = ()
    #: SHA-256 of the manifest.
    digest: bytes | None = None
    #: ``export.finished``.
    event: EventId | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def name(self) -> str:
        return public_id(Prefix.EXPORT, self.id)

    @property
    def folder(self) -> str:
        """Where its files are."""
        return f"{public_id(Prefix.ORGANISATION, self.organisation)}/{self.name}"

    @property
    def is_under_way(self) -> bool:
        return self.state is ExportState.UNDER_WAY

    @property
    def position(self) -> int:
        """Everything up to it is in a part that is ready."""
        return self.parts[-1].last_sequence if self.parts else 0

    @property
    def in_parts(self) -> int:
        return sum(part.events for part in self.parts)

    def place_of(self, part: Part) -> str:
        """By its content: two who make the same part at once do not disturb each other."""
        return f"{self.folder}/{part.sha256.hex()}-{part.name}"

    @property
    def place_of_manifest(self) -> str:
        """Likewise.  Raises: MisuseError: there is none yet."""
        if self.digest is None:
            raise MisuseError(f"{self.name} has no manifest yet")
        return f"{self.folder}/{self.digest.hex()}-manifest.json"

    def manifest(self, tree: Tree | None, begins: datetime | None = None) -> bytes:
        """What the export is, to the last byte.  *begins*: since when the trail was at hand."""
        if self.total is None:
            raise MisuseError(f"{self.name} was never counted")
        parts: list[JsonValue] = [part.shown() for part in self.parts]
        return canonical(
            {
                "begins": None if begins is None else timestamp(begins),
                "encoding": self.format.value,
                "events": self.in_parts,
                "export": self.name,
                "filters": shown(self.wanted),
                "format": FORMAT,
                "last_sequence": self.last_sequence,
                "organisation": public_id(Prefix.ORGANISATION, self.organisation),
                "parts": parts,
                "requested_at": timestamp(self.requested_at),
                "requested_by": self.requested_by,
                "tree": None if tree is None else tree.shown(),
            }
        )

    def finished(
        self, manifest: bytes, event: EventId, now: datetime, expires_at: datetime
    ) -> Export:
        """Raises: MisuseError: it was, or something is missing."""
        if not self.is_under_way or self.in_parts != self.total:
            raise MisuseError(f"{self.name} has {self.in_parts} of {self.total} events")
        return evolve(
            self,
            state=ExportState.FINISHED,
            written=self.in_parts,
            digest=sha256(manifest).digest(),
            event=event,
            finished_at=now,
            expires_at=expires_at,
        )


def shown(wanted: EventFilter) -> dict[str, JsonValue]:
    """What was asked about."""
    return details_of(wanted)
