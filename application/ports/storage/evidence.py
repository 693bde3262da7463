"""What was handed out as evidence."""

from datetime import datetime
from typing import Protocol

from attrs import field, frozen, validators

from domain.identifiers import EventId, OperationId


@frozen(kw_only=True)
class IssuedEvidence:
    """What our records said of an operation when somebody asked for it; it stays as it was."""

    operation: OperationId
    #: The event that holds its digest, and that event's place in the organisation's trail.
    event: EventId
    sequence: int
    issued_at: datetime
    #: Numbers of the organisation's other events that belong to it, ascending.
    events: tuple[int, ...] = field(validator=validators.min_len(1))
    #: Canonical JSON (`domain.evidence`).
    core: bytes = field(repr=False)


class IssuedEvidences(Protocol):
    """Those of the scope's organisation.  They are added and read; nothing else."""

    def add(self, issued: IssuedEvidence) -> None:
        """Raises: MisuseError: that event is of another one, or there is no such operation."""
        ...

    def of_event(self, sequence: int) -> IssuedEvidence | None:
        """What the organisation's event of that number commits to."""
        ...

    def newest(self, operation: OperationId) -> IssuedEvidence | None: ...
