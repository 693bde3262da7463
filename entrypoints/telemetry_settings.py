"""What is told of the work: ``[logs]``."""

from collections.abc import Callable
from enum import StrEnum

from attrs import field, frozen

_FORMAT = "TALLYSTICK_LOGS_FORMAT ([logs] format)"
_LEVEL = "TALLYSTICK_LOGS_LEVEL ([logs] level)"


class LogFormat(StrEnum):
    #: A line of JSON for each event, for programs.
    JSON = "json"
    #: The same, for people.
    HUMAN = "human"


class LogLevel(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@frozen(kw_only=True)
class LogSettings:
    format: LogFormat = LogFormat.JSON
    level: LogLevel = LogLevel.INFO

    def redacted(self) -> dict[str, object]:
        return {"format": self.format.value, "level": self.level.value}


@frozen(kw_only=True)
class TelemetrySettings:
    logs: LogSettings = field(factory=LogSettings)

    def redacted(self) -> dict[str, dict[str, object]]:
        return {"logs": self.logs.redacted()}


#: The value of a section's key.
Text = Callable[[str, str], str | None]


def read_telemetry(text: Text, environment: str) -> tuple[TelemetrySettings, list[str]]:
    """The settings, and every fault.  Asks nobody."""
    logs, faults = _logs(text("logs", "format"), text("logs", "level"), environment)
    return TelemetrySettings(logs=logs), faults


def _logs(
    written: str | None, level: str | None, environment: str
) -> tuple[LogSettings, list[str]]:
    usual = LogFormat.HUMAN if environment == "development" else LogFormat.JSON
    faults = [
        f"{name} must be one of {', '.join(among)}"
        for name, found, among in ((_FORMAT, written, LogFormat), (_LEVEL, level, LogLevel))
        if found and found not in set(among)
    ]
    if faults:
        return LogSettings(format=usual), faults
    return LogSettings(format=LogFormat(written or usual), level=LogLevel(level or "info")), []
