import logging

from attrs import frozen

from application.ports.alarms import Alarms

log = logging.getLogger("tallystick.alarm")


@frozen
class LogAlarms(Alarms):
    """An alarm is an error in the log, for whoever watches it."""

    def sound(self, code: str, subject: str, detail: str) -> None:
        log.error("alarm %s: %s: %s", code, subject, detail)
