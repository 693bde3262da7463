from datetime import UTC, datetime

from attrs import frozen

from application.ports.clock import Clock


@frozen
class SystemClock(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)
