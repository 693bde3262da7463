"""A node is met before it is believed."""

import time

from adapters.algorand.reads import Reader
from domain.errors import MisuseError

MEET_AGAIN_AFTER_SECONDS = 5.0


class Meeting:
    """Its genesis is compared first, again every few seconds, and again after every silence."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        #: When it last showed the right genesis, by a clock that only goes forward.
        self._met: float | None = None
        self._first_seen: int | None = None

    @property
    def first_seen(self) -> int:
        """The node's newest round when it was met for the first time."""
        if self._first_seen is None:
            raise MisuseError("the node has not been met")
        return self._first_seen

    def hold(self) -> None:
        """Raises: WrongChainError, ChainUnavailableError."""
        now = time.monotonic()
        if self._met is not None and now - self._met < MEET_AGAIN_AFTER_SECONDS:
            return
        self._met = None
        last_round = self._reader.parameters().last_round
        if self._first_seen is None:
            self._first_seen = last_round
        self._met = now

    def forget(self) -> None:
        self._met = None
