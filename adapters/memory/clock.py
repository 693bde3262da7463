from datetime import UTC, datetime, timedelta

from attrs import define

from application.ports.clock import Clock


@define(eq=False)
class MemoryClock(Clock):
    """Stands still until told otherwise."""

    instant: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def advance(self, by: timedelta) -> None:
        self.instant += by

    def seconds(self) -> float:
        """The same time for a store whose leases shall run on it."""
        return self.instant.timestamp()
