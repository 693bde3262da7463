from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Business time.  Leases do not use it: they run on the database's."""

    def now(self) -> datetime:
        """The current instant, timezone-aware, in UTC, in whole microseconds."""
        ...
