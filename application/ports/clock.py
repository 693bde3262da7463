from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Business time: to processes, the database's, as they carry it with them.

    Leases do not use it: the database itself measures them.
    """

    def now(self) -> datetime:
        """The current instant, timezone-aware, in UTC, in whole microseconds."""
        ...
