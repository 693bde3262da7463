"""What of the trail is where, and what must stay."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from attrs import frozen

from domain.identifiers import LegalHoldId, OrganisationId
from domain.ledger import JournalEntry
from domain.retention import Archive, LegalHold, Month


class LegalHolds(Protocol):
    """Legal holds on the scope's organisation.

    A hold is in force until the trail says that it was lifted, and its row too: by its row, and
    as the event says that placed it, whatever has become of either.  Events that have left the
    database are remembered.
    """

    def lock(self) -> None:
        """Until the transaction ends nobody places a hold, on whatever it be, and nobody else
        begins what one would forbid.
        """
        ...

    def add(self, hold: LegalHold) -> None: ...

    def get(self, id: LegalHoldId) -> LegalHold | None: ...

    def in_force(self, id: LegalHoldId) -> LegalHold | None:
        """The hold as it was placed, whatever its row says of being lifted, or if it has none;
        None: there is none, or the trail says that it was lifted.
        """
        ...

    def lift(self, hold: LegalHold) -> None:
        """Store that it was lifted, also where its row was lost; under the lock."""
        ...

    def all(self) -> list[LegalHold]:
        """Also those that were lifted, oldest first."""
        ...

    def over(self, month: Month) -> list[tuple[OrganisationId, LegalHoldId]]:
        """Those in force that touch *month*, of all organisations; in any scope, ids only."""
        ...

    def on(
        self, organisations: Collection[OrganisationId], subjects: Collection[str]
    ) -> list[tuple[OrganisationId, LegalHoldId]]:
        """Those in force of *organisations* that cover one of *subjects*; as `over`."""
        ...


@frozen(kw_only=True)
class Volume:
    """What the database has of a month, of all organisations."""

    events: int
    lines: int
    #: Events that came before there was room for their month: they are beside it, and stay.
    strays: int
    #: Whether the month's events have a place of their own, which can be dropped.
    is_there: bool


class Archives(Protocol):
    """Months of all organisations; in any scope."""

    def add(self, archive: Archive) -> bool:
        """Whether there was none of this month."""
        ...

    def replace(self, archive: Archive, before: Archive) -> bool:
        """Whether it stands in place of *before*: nobody has dropped or replaced that."""
        ...

    def get(self, month: Month) -> Archive | None: ...

    def put(self, archive: Archive) -> None:
        """Raises: MisuseError: there is none."""
        ...

    def all(self) -> list[Archive]:
        """By month."""
        ...

    def hot(self) -> list[Month]:
        """Months whose events have a place of their own in the database, in order."""
        ...

    def set_aside(self) -> list[Month]:
        """Months that somebody began to drop: still there, and in no query.  In order."""
        ...

    def volume(self, month: Month) -> Volume: ...

    def begins(self) -> datetime | None:
        """From when on the database has every event; None: from the beginning.

        No archive is believed by itself: the installation's trail must say that it was archived
        and dropped, with its manifest's digest, and the month must be gone.
        """
        ...

    def lines(
        self, since: datetime, until: datetime, *, after: int, limit: int
    ) -> Sequence[JournalEntry]:
        """Of the scope's organisation, oldest first, with numbers above *after*."""
        ...


@frozen
class Rows:
    """Which events a month has, each by the hash of its leaf."""

    count: int
    #: SHA-256 of the leaf hashes, by organisation and number.
    digest: bytes

    @classmethod
    def of(cls, leaves: Iterable[bytes]) -> Rows:
        count, digest = 0, sha256()
        for leaf in leaves:
            count += 1
            digest.update(leaf)
        return cls(count, digest.digest())


class PartitionsUnavailableError(Exception):
    """Nobody may drop a month here, or a table stayed locked.  It is as it was, or set aside."""


class PartitionChangedError(Exception):
    """The month has other rows than were archived.  Nothing has changed."""


class PartitionHeldError(Exception):
    """A legal hold was placed meanwhile.  Nothing has changed."""


class Partitions(Protocol):
    """What the owner of the tables does."""

    def drop(self, month: Month, archived: Rows) -> None:
        """Take the month's events out of the database; none are there: nothing is done.

        Looks for legal holds once more, under their lock, and keeps it until the month is gone.

        Raises:
            PartitionChangedError: they are not exactly those that were *archived*.
            PartitionHeldError
            PartitionsUnavailableError
        """
        ...

    def put_back(self, month: Month) -> None:
        """See that *month* is where queries find it, if somebody had set it aside.

        Raises: PartitionsUnavailableError.
        """
        ...
