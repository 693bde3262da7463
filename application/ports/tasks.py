from typing import Protocol

from domain.identifiers import OrganisationId


class TasksUnavailableError(Exception):
    """The queue does not answer.  The task may or may not be in it."""


class Tasks(Protocol):
    """Work that is rare enough for a general queue.  Every task may run more than once."""

    def defer(self, topic: str, organisation: OrganisationId, key: str) -> None:
        """Have *topic*'s task run for *key*, soon.  Raises: TasksUnavailableError."""
        ...
