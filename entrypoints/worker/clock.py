"""A process that lives long asks the database every few seconds what time it is."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from attrs import define

from application.ports.storage.work import StoreUnavailableError
from entrypoints.worker.background import Periodic

log = logging.getLogger(__name__)

#: A clock that nobody sets goes wrong by some milliseconds meanwhile.
FOLLOW_EVERY = timedelta(seconds=10)
#: By more than this no clock moves that is only kept right.
_SET = timedelta(seconds=1)
_STOP_WITHIN_SECONDS = 1.0


@contextmanager
def followed(follow: Callable[[], timedelta], every: timedelta = FOLLOW_EVERY) -> Iterator[None]:
    """Until the block ends the clock of this process is the one that *follow* asks."""
    over = threading.Event()
    periodic = Periodic(name="clock", interval=every, act=Follower(follow))
    thread = threading.Thread(target=periodic.run, args=(over,), name="clock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_STOP_WITHIN_SECONDS)


@define
class Follower:
    """Says once that nobody answers: whoever works says it at every turn."""

    follow: Callable[[], timedelta]
    _is_silent: bool = False

    def __call__(self) -> None:
        try:
            moved = self.follow()
        except StoreUnavailableError as error:
            if not self._is_silent:
                log.warning("ours goes on, for the database's clock does not answer: %s", error)
            self._is_silent = True
            return
        self._is_silent = False
        if abs(moved) > _SET:
            apart = f"{moved} ahead" if moved > timedelta(0) else f"{-moved} behind"
            log.error(
                "the database's clock is %s of what ours said: it was set, or we slept; all that "
                "is recorded goes by it",
                apart,
            )
