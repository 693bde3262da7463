"""What happened, and what is to be done about it elsewhere."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from attrs import frozen

from domain.audit import AuditDraft, AuditEvent, EventFilter
from domain.identifiers import EventId, OrganisationId

EVERYTHING = EventFilter()


class AuditLog(Protocol):
    """Audit events of the scope's organisation.  They are added and read; nothing else."""

    def append(self, *drafts: AuditDraft) -> tuple[AuditEvent, ...]:
        """Give each its place in the organisation's gap-free sequence, and store it."""
        ...

    def fill(self, sequence: int, draft: AuditDraft) -> AuditEvent | None:
        """Give it a number that was given, and that no event has; None: there is no such number.

        From then on until the end of the transaction nobody else gives numbers away.
        """
        ...

    def get(self, id: EventId) -> AuditEvent | None: ...

    def head(self) -> int:
        """The last number given; 0: there is no event."""
        ...

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

    def named(
        self, actions: Collection[str], *, after: int, through: int, limit: int
    ) -> list[AuditEvent]:
        """Those of *actions*, oldest first; above *after*, with a number of at most *through*."""
        ...

    def find(
        self, wanted: EventFilter, *, after: int = 0, through: int | None = None, limit: int
    ) -> list[AuditEvent]:
        """As `all`, those that *wanted* describes; with a number of at most *through*."""
        ...

    def count(self, wanted: EventFilter, *, through: int) -> int:
        """How many *wanted* describes, with a number of at most *through*."""
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
