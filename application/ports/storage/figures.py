"""How full the queues are, over all organisations: numbers, and nothing of anybody."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class Depth:
    """How many of a kind there are, and since when the oldest of them."""

    #: ``operations_open``, ``operations_due``, ``outbox``…: of a closed list (docs/metrics.md).
    of: str
    #: Tells those of one list apart: a state, a network.
    label: str = ""
    count: int
    #: None: there is none, or nobody knows.
    since: datetime | None = None


class Figures(Protocol):
    def read(self, now: datetime) -> Sequence[Depth]:
        """As of *now*, by the business clock.

        Raises:
            StoreUnavailableError: or whoever asks may not.
        """
        ...

    def close(self) -> None: ...
