import logging
import time
from collections.abc import Callable
from threading import Lock

from attrs import define, field

from application.ports.alarms import Alarms

log = logging.getLogger("tallystick.alarm")

#: What is still so is said again after this long.
AGAIN_AFTER_SECONDS = 600.0
#: How many alarms are remembered; past it all are forgotten, and said again.
_REMEMBERED = 10_000


@define(eq=False)
class LogAlarms(Alarms):
    """An alarm is an error in the log, for whoever watches it; said once in a while."""

    _seconds: Callable[[], float] = time.monotonic
    _said: dict[tuple[str, str], float] = field(factory=dict)
    _lock: Lock = field(factory=Lock)

    def sound(self, code: str, subject: str, detail: str) -> None:
        now = self._seconds()
        with self._lock:
            last = self._said.get((code, subject))
            if last is not None and now - last < AGAIN_AFTER_SECONDS:
                return
            if len(self._said) >= _REMEMBERED:
                self._said.clear()
            self._said[code, subject] = now
        log.error("alarm %s: %s: %s", code, subject, detail)
