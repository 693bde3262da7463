"""How long a trail is kept where, month by month, and what may stop it from going.

A month of all organisations' events is *hot* in the database, then *archived* in files beside it,
then *dropped* from the database, and *deleted* when it has been kept long enough.  Leaf hashes are
never dropped.  A legal hold keeps every month that it touches where it is.

::

    hot ──▶ archived ──▶ dropped ──▶ deleted
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from attrs import evolve, field, frozen, validators

from domain.audit import AuditEvent, JsonValue, canonical, timestamp
from domain.errors import MisuseError
from domain.export import Part, Tree
from domain.identifiers import (
    EventId,
    InstallationId,
    LegalHoldId,
    OrganisationId,
    Prefix,
    parse_id,
    public_id,
)

FORMAT = "tallystick.archive/1"
HOT_MONTHS = 13
KEPT_MONTHS = 7 * 12

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


@frozen(order=True)
class Month:
    """A calendar month, in UTC."""

    #: Months since the year 0.
    index: int = field(validator=[validators.ge(12), validators.lt(12 * 9999)])

    @property
    def first(self) -> datetime:
        return datetime(self.index // 12, self.index % 12 + 1, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant that is not in it."""
        return Month(self.index + 1).first

    def __str__(self) -> str:
        return f"{self.index // 12:04}-{self.index % 12 + 1:02}"

    def is_over_for(self, months: int, now: datetime) -> bool:
        return Month.of(now).index - self.index > months

    @classmethod
    def of(cls, instant: datetime) -> Month:
        utc = instant.astimezone(UTC)
        return cls(utc.year * 12 + utc.month - 1)

    @classmethod
    def parse(cls, text: str) -> Month | None:
        found = _MONTH.fullmatch(text)
        return cls(int(found[1]) * 12 + int(found[2]) - 1) if found and found[1] > "0000" else None


@frozen(kw_only=True)
class LegalHold:
    """What must not go before somebody lifts it: of an organisation, a subject, a time."""

    #: The installation's own means everybody.
    organisation: OrganisationId
    id: LegalHoldId
    #: Public id; None: whatever the organisation has.
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    reason: str
    placed_at: datetime
    lifted_at: datetime | None = None
    lifted_because: str | None = None

    @classmethod
    def placed_by(cls, event: AuditEvent) -> LegalHold | None:
        """As the event says that placed it; None: it is about none."""
        id, told = parse_id(Prefix.LEGAL_HOLD, event.subject), event.content()["details"]
        if id is None or not isinstance(told, Mapping):
            return None
        since, until = (
            None if (text := told.get(name)) is None else datetime.fromisoformat(str(text))
            for name in ("since", "until")
        )
        subject = told.get("subject")
        return cls(
            organisation=event.organisation,
            id=LegalHoldId(id),
            subject=None if subject is None else str(subject),
            since=since,
            until=until,
            reason=str(told.get("reason", "")),
            placed_at=event.at,
        )

    @property
    def name(self) -> str:
        return public_id(Prefix.LEGAL_HOLD, self.id)

    @property
    def is_placed(self) -> bool:
        return self.lifted_at is None

    def holds_month(self, month: Month) -> bool:
        """A month is one thing, of all organisations: a hold on a part keeps the whole."""
        return (
            self.is_placed
            and (self.since is None or self.since < month.end)
            and (self.until is None or self.until > month.first)
        )

    def holds_subject(self, subject: str) -> bool:
        """Whether it forbids erasing what is known of *subject*, of the same organisation."""
        return self.is_placed and self.subject in {None, subject}

    @property
    def details(self) -> dict[str, JsonValue]:
        """What the event that placed it says of it."""
        return {
            "reason": self.reason,
            "since": None if self.since is None else timestamp(self.since),
            "subject": self.subject,
            "until": None if self.until is None else timestamp(self.until),
        }

    def lifted(self, now: datetime, because: str) -> LegalHold:
        """Raises: MisuseError: it is lifted already."""
        if not self.is_placed:
            raise MisuseError(f"{self.name} was lifted at {self.lifted_at}")
        return evolve(self, lifted_at=now, lifted_because=because)


class ArchiveState(StrEnum):
    ARCHIVED = "archived"
    DROPPED = "dropped"
    DELETED = "deleted"


@frozen(kw_only=True)
class ArchivedTable:
    name: str
    rows: int
    #: By encoding: the same rows in each.
    parts: tuple[Part, ...]

    def shown(self) -> dict[str, JsonValue]:
        return {
            "parts": [part.shown() for part in self.parts],
            "rows": self.rows,
            "table": self.name,
        }


@frozen(kw_only=True)
class Manifest:
    """What an archive is, to the last byte."""

    installation: InstallationId
    month: Month
    tables: tuple[ArchivedTable, ...]
    #: Of the leaves of the month's events; None: there was none.
    first_position: int | None
    last_position: int | None
    tree: Tree

    @property
    def bytes(self) -> bytes:
        return canonical(
            {
                "first_position": self.first_position,
                "format": FORMAT,
                "installation": public_id(Prefix.INSTALLATION, self.installation),
                "last_position": self.last_position,
                "month": str(self.month),
                "tables": [table.shown() for table in self.tables],
                "tree": self.tree.shown(),
            }
        )


def parts_in(manifest: bytes, table: str) -> tuple[Part, ...]:
    """The files of *table* that a manifest of ours names."""
    told: dict[str, Any] = json.loads(manifest)
    return tuple(
        Part(
            number=number,
            name=part["name"],
            size=part["bytes"],
            sha256=bytes.fromhex(part["sha256"]),
            events=part["events"],
            first_sequence=part["first_sequence"],
            last_sequence=part["last_sequence"],
        )
        for each in told["tables"]
        if each["table"] == table
        for number, part in enumerate(each["parts"], start=1)
    )


@frozen(kw_only=True)
class Archive:
    month: Month
    state: ArchiveState = ArchiveState.ARCHIVED
    #: As it was written.
    manifest: bytes = field(repr=False)
    events: int
    lines: int
    #: ``partition.archived``, of the installation's trail.
    event: EventId
    archived_at: datetime
    dropped_at: datetime | None = None
    #: Its files are being deleted, or are gone: what is held after that came too late.
    deletion_begun_at: datetime | None = None
    deleted_at: datetime | None = None
    certificate: str | None = None

    @property
    def digest(self) -> bytes:
        return sha256(self.manifest).digest()

    @property
    def folder(self) -> str:
        return str(self.month)

    def dropped(self, now: datetime) -> Archive:
        self._require(ArchiveState.ARCHIVED)
        return evolve(self, state=ArchiveState.DROPPED, dropped_at=now)

    @property
    def is_being_deleted(self) -> bool:
        return self.state is ArchiveState.DROPPED and self.deletion_begun_at is not None

    def deletion_begun(self, now: datetime) -> Archive:
        """Whoever goes on where somebody stopped leaves the beginning where it was."""
        self._require(ArchiveState.DROPPED)
        return evolve(self, deletion_begun_at=self.deletion_begun_at or now)

    def deleted(self, now: datetime, certificate: str) -> Archive:
        self._require(ArchiveState.DROPPED)
        return evolve(self, state=ArchiveState.DELETED, deleted_at=now, certificate=certificate)

    def _require(self, state: ArchiveState) -> None:
        if self.state is not state:
            raise MisuseError(f"the archive of {self.month} is {self.state}, not {state}")


def certificate(
    archive: Archive, installation: InstallationId, now: datetime, kept_months: int
) -> str:
    """What is said for ever of a month that is gone: one fact in a line."""
    if archive.dropped_at is None:
        raise MisuseError(f"{archive.month} was never dropped")
    facts = {
        "format": "tallystick.deletion/1",
        "installation": public_id(Prefix.INSTALLATION, installation),
        "month": str(archive.month),
        "audit events": archive.events,
        "manifest sha256": archive.digest.hex(),
        "archived at": timestamp(archive.archived_at),
        "dropped from the database at": timestamp(archive.dropped_at),
        "deleted at": timestamp(now),
        "months of retention": kept_months,
        "kept": "leaf hashes, this certificate, events about legal holds, and the journal",
    }
    return "".join(f"{name}: {value}\n" for name, value in facts.items())
