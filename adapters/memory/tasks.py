from attrs import define, field

from application.ports.tasks import Tasks, TasksUnavailableError
from domain.identifiers import OrganisationId


@define(eq=False)
class MemoryTasks(Tasks):
    """Keeps what is deferred until somebody takes it."""

    is_down: bool = False
    #: Topic, organisation and key, in the order in which they were deferred.
    deferred: list[tuple[str, OrganisationId, str]] = field(factory=list)

    def defer(self, topic: str, organisation: OrganisationId, key: str) -> None:
        if self.is_down:
            raise TasksUnavailableError("the queue does not answer")
        self.deferred.append((topic, organisation, key))
