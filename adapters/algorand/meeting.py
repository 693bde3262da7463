"""A node is met before it is believed."""

import time

from adapters.algorand.reads import Reader

MEET_AGAIN_AFTER_SECONDS = 5.0


class Meeting:
    """Its genesis is compared first, again every few seconds, and again after every silence."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        #: When it last showed the right genesis, by a clock that only goes forward.
        self._met: float | None = None

    def hold(self) -> None:
        """Raises: WrongChainError, ChainUnavailableError."""
        now = time.monotonic()
        if self._met is not None and now - self._met < MEET_AGAIN_AFTER_SECONDS:
            return
        self._met = None
        self._reader.parameters()
        self._met = now

    def forget(self) -> None:
        self._met = None
