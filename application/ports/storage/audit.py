"""What happened, and what is to be done about it elsewhere."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from attrs import frozen

from domain.audit import AuditDraft, AuditEvent
from domain.identifiers import EventId, OrganisationId


@frozen(kw_only=True)
class EventFilter:
    """Which events are asked for; None: whatever it is."""

    #: ``deployment.completed``, or its noun alone for all of them: ``deployment``.
    action: str | None = None
    #: Public id of what it happened to.
    subject: str | None = None
    #: Public id of who did it, or a kind of actor: ``mem_…``, ``worker``.
    actor: str | None = None
    #: From *since*, which is in it, to *until*, which is not.
    since: datetime | None = None
    until: datetime | None = None
    live: bool | None = None
    #: Public id of what caused it.
    correlation: str | None = None


EVERYTHING = EventFilter()


class AuditLog(Protocol):
    """Audit events of the scope's organisation.  They are added and read; nothing else."""

    def append(self, *drafts: AuditDraft) -> tuple[AuditEvent, ...]:
        """Give each its place in the organisation's gap-free sequence, and store it."""
        ...

    def get(self, id: EventId) -> AuditEvent | None: ...

    def numbered(self, sequences: Collection[int]) -> list[AuditEvent]:
        """Those of *sequences* that there are, oldest first."""
        ...

    def of_subject(
        self, subject: str, *, after: int = 0, limit: int | None = None
    ) -> list[AuditEvent]:
        """Events about *subject* with a sequence number above *after*, oldest first."""
        ...

    def prepare_months(self, now: datetime, ahead: int) -> None:
        """Make room for the events and journal lines of this month and of the *ahead* next."""
        ...

    def all(self, *, after: int = 0, limit: int) -> list[AuditEvent]:
        """Oldest first, sequence number above *after*."""
        ...

    def find(
        self, wanted: EventFilter, *, after: int = 0, through: int | None = None, limit: int
    ) -> list[AuditEvent]:
        """As `all`, those that *wanted* describes; with a number of at most *through*."""
        ...


@frozen(kw_only=True)
class OutboxRow:
    id: UUID
    organisation: OrganisationId
    #: Which task: ``account.requested``.
    topic: str
    #: What about: an id.
    key: str


class Outbox(Protocol):
    """Tasks caused by this transaction; a dispatcher hands them on after its commit."""

    def add(self, topic: str, key: str) -> None: ...

    def take(self, limit: int) -> list[OutboxRow]:
        """The oldest rows of all organisations that nobody else is handing on now.

        They are gone when the transaction commits.
        """
        ...
