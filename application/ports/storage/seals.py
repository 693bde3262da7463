"""The log that audit events are sealed into: what its readers ask, and what its one writer does.

A log is one tree over the events of all organisations.  Leaves keep their position for ever; a
checkpoint says how many there were and what their root was.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from attrs import evolve, frozen

from domain.checkpoint import Checkpoint
from domain.identifiers import EventId, KeyRef, OrganisationId
from domain.merkle import Hashes, Node
from domain.signing import PublicKey


@frozen(kw_only=True)
class Log:
    #: Counts from 1.  A new one is opened where an old one cannot be gone on with.
    number: int
    #: Names it in every checkpoint, and its key in every note.
    origin: str
    key: KeyRef
    public_key: PublicKey
    #: Of whose transactions its events are; None: some were restored from another cluster, and
    #: are not all sealed yet.
    cluster: str | None
    opened_at: datetime
    closed_at: datetime | None = None
    closed_because: str | None = None

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    def closed(self, at: datetime, because: str) -> "Log":
        return evolve(self, closed_at=at, closed_because=because)


@frozen(kw_only=True)
class SignedCheckpoint:
    checkpoint: Checkpoint
    #: C2SP signed-note: the checkpoint's text and its signature.
    note: str
    signed_at: datetime


@frozen(kw_only=True)
class Leaf:
    """An event's place in a log."""

    organisation: OrganisationId
    sequence: int
    event: EventId
    #: RFC 6962 leaf hash.
    hash: bytes
    position: int


@frozen(kw_only=True)
class Backlog:
    #: How many events are not sealed.  An organisation whose head was set back counts, before it
    #: has any, as one.
    events: int
    #: Since when the oldest of them waits, by its own clock.
    since: datetime | None


class Seals(Protocol):
    """What was sealed.  Leaves are those of the scope's organisation; all else is everybody's."""

    def logs(self) -> list[Log]:
        """By number."""
        ...

    def size(self, log: int) -> int:
        """How many leaves there are, signed for or not."""
        ...

    def backlog(self, log: int) -> Backlog:
        """What of all organisations' is not sealed."""
        ...

    def latest(self, log: int) -> SignedCheckpoint | None: ...

    def checkpoint(self, log: int, size: int) -> SignedCheckpoint | None:
        """That of exactly *size* leaves."""
        ...

    def covering(self, log: int, position: int) -> SignedCheckpoint | None:
        """The first whose tree has the leaf at *position*."""
        ...

    def checkpoints(self, log: int, *, after: int = -1, limit: int) -> list[SignedCheckpoint]:
        """Of more than *after* leaves, by size."""
        ...

    def hashes(self, log: int) -> Hashes:
        """Complete nodes, read as they are asked for, as long as the transaction lasts.

        What it gives raises MisuseError for a node that is not complete.
        """
        ...

    def leaf(self, log: int, sequence: int) -> Leaf | None:
        """The place of the organisation's event *sequence*; None: it is not sealed yet."""
        ...

    def leaves(self, log: int, *, after: int = 0, limit: int) -> list[Leaf]:
        """Of the organisation's events with a number above *after*, by number."""
        ...


class SealerBusyError(Exception):
    """Another sealer is at work."""


@frozen(kw_only=True)
class Trouble:
    """Why an organisation is not sealed from a number on."""

    #: ``missing``: the head counts an event that is not there.  ``repeated``: a number has two.
    #: ``beyond_head``: the head does not count one that is sealed.
    #: ``foreign``: no transaction of this cluster can have written it.
    kind: str
    organisation: OrganisationId
    #: Where it begins.
    sequence: int


@frozen(kw_only=True)
class Unsealed:
    """An event that is next; of its body nothing is known but a hash."""

    organisation: OrganisationId
    sequence: int
    event: EventId
    hash: bytes

    def at(self, position: int) -> Leaf:
        return Leaf(
            organisation=self.organisation,
            sequence=self.sequence,
            event=self.event,
            hash=self.hash,
            position=position,
        )


class SealSession(Protocol):
    """The one sealer, for as long as its session lasts.  Each call is a transaction of its own.

    Raises:
        StoreUnavailableError: from every method.  What was being written is or is not: read again.
    """

    def cluster(self) -> str:
        """Names the database cluster: a copy restored from a dump is in another."""
        ...

    def timeline(self) -> int:
        """Which of the cluster's histories this is: a promoted standby, and a backup that was
        restored to a point in time, begin one of their own.
        """
        ...

    def horizon(self) -> int:
        """All transactions below it are over.  While it stands still nothing new settles."""
        ...

    def logs(self) -> list[Log]: ...

    def open_log(self, log: Log) -> None:
        """Raises: MisuseError: one is open, or the number or the origin was used."""
        ...

    def close_log(self, log: int, at: datetime, because: str) -> None: ...

    def settle(self, log: int, cluster: str | None) -> None:
        """Write down of whose transactions the log's events are from now on."""
        ...

    def size(self, log: int) -> int:
        """How many leaves there are."""
        ...

    def hashes(self, log: int) -> Hashes:
        """Complete nodes, read from the tiles each time they are asked for."""
        ...

    def sealed_through(
        self, log: int, organisations: Iterable[OrganisationId]
    ) -> dict[OrganisationId, int]:
        """The last sealed number of each; 0: none."""
        ...

    def latest(self, log: int) -> SignedCheckpoint | None: ...

    def backlog(self, log: int) -> Backlog: ...

    def unsealed(
        self, log: int, *, batch: int, takes_restored: bool
    ) -> Iterator[Sequence[Unsealed] | Trouble]:
        """What has settled, as of one instant: batches in the order of the log; troubles first.
        No batch is empty.

        Of an organisation with a trouble, what is before it.
        `append` may be called between batches.
        """
        ...

    def append(self, log: int, leaves: Sequence[Leaf], nodes: Iterable[Node]) -> None:
        """All of it or nothing.  *leaves* follow the last one; *nodes* are what they complete.

        Raises: MisuseError: an event has a leaf already, or a position does.
        """
        ...

    def publish(self, log: int, signed: SignedCheckpoint) -> None:
        """Once more is as good as once.

        Raises: MisuseError: there is another one of that size.
        """
        ...


class SealStore(Protocol):
    def session(self) -> AbstractContextManager[SealSession]:
        """The exclusive right to seal.

        Raises:
            SealerBusyError: somebody else has it.
            StoreUnavailableError: no connection.
        """
        ...
