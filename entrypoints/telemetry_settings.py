"""What is told of the work: ``[logs]``, ``[metrics]`` and ``[traces]``."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib.util import find_spec
from urllib.parse import urlsplit

from attrs import field, frozen

from entrypoints.network_settings import shown

_FORMAT = "TALLYSTICK_LOGS_FORMAT ([logs] format)"
_LEVEL = "TALLYSTICK_LOGS_LEVEL ([logs] level)"
_LISTEN = "TALLYSTICK_METRICS_LISTEN ([metrics] listen)"
_FIGURES = "TALLYSTICK_METRICS_DATABASE_URL ([metrics] database_url)"
_ENDPOINT = "TALLYSTICK_TRACES_ENDPOINT ([traces] endpoint)"
_HEADERS = "TALLYSTICK_TRACES_HEADERS ([traces] headers)"

_PLACE = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")
_HEADER = re.compile(r"(?P<name>[A-Za-z0-9-]+)\s*=\s*(?P<value>[!-~]+( [!-~]+)*)")
_LAST_PORT = 65535
#: What sends traces; nobody needs it who sends none.
_PACKAGES = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


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


@frozen
class Place:
    """Where a process listens."""

    host: str
    port: int


@frozen(kw_only=True)
class MetricsSettings:
    #: Of this process alone: each has its own.  None: figures are not served.
    listen: Place | None = None
    #: As a member of tallystick_metrics: how full the queues are.  None: another process says.
    database_url: str | None = field(default=None, repr=False)

    def redacted(self) -> dict[str, object]:
        listen = self.listen and f"{self.listen.host}:{self.listen.port}"
        return {"listen": listen, "database_url": shown(self.database_url)}


@frozen(kw_only=True)
class TraceSettings:
    #: Of a collector that takes OTLP over HTTP, with its path; None: nothing is sent anywhere.
    endpoint: str | None = None
    #: ``name=value`` with commas between them: what the collector knows us by.
    headers: Mapping[str, str] = field(factory=dict, repr=False)

    def redacted(self) -> dict[str, object]:
        return {"endpoint": self.endpoint, "headers": sorted(self.headers) or None}


@frozen(kw_only=True)
class TelemetrySettings:
    logs: LogSettings = field(factory=LogSettings)
    metrics: MetricsSettings = field(factory=MetricsSettings)
    traces: TraceSettings = field(factory=TraceSettings)

    def redacted(self) -> dict[str, dict[str, object]]:
        return {
            "logs": self.logs.redacted(),
            "metrics": self.metrics.redacted(),
            "traces": self.traces.redacted(),
        }


#: The value of a section's key.
Text = Callable[[str, str], str | None]


def read_telemetry(text: Text, environment: str) -> tuple[TelemetrySettings, list[str]]:
    """The settings, and every fault.  Asks nobody."""
    logs, of_logs = _logs(text("logs", "format"), text("logs", "level"), environment)
    metrics, of_metrics = _metrics(text("metrics", "listen"), text("metrics", "database_url"))
    traces, of_traces = _traces(text("traces", "endpoint"), text("traces", "headers"))
    read = TelemetrySettings(logs=logs, metrics=metrics, traces=traces)
    return read, [*of_logs, *of_metrics, *of_traces]


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


def _metrics(listen: str | None, database_url: str | None) -> tuple[MetricsSettings, list[str]]:
    found = _PLACE.fullmatch(listen) if listen else None
    faults = []
    if listen and (found is None or int(found["port"]) > _LAST_PORT):
        faults.append(f"{_LISTEN} must be a host and a port: 127.0.0.1:9464")
    if database_url and urlsplit(database_url).scheme not in {"postgresql", "postgres"}:
        faults.append(f"{_FIGURES} must be postgresql://… of the role that reads figures")
    if database_url and not listen:
        faults.append(f"{_FIGURES} needs {_LISTEN}: nobody would see the figures")
    place = Place(found["host"].strip("[]"), int(found["port"])) if found and not faults else None
    return MetricsSettings(listen=place, database_url=database_url or None), faults


def _traces(endpoint: str | None, headers: str | None) -> tuple[TraceSettings, list[str]]:
    faults = []
    if endpoint and not _is_plain_url(endpoint):
        faults.append(
            f"{_ENDPOINT} must be https://…/v1/traces of a collector, without a password"
        )
    if endpoint and not _are_there(_PACKAGES):
        faults.append(f"{_ENDPOINT} needs the packages of tallystick[traces]")
    written = [each.strip() for each in (headers or "").split(",") if each.strip()]
    found = [_HEADER.fullmatch(each) for each in written]
    if not all(found):
        faults.append(f"{_HEADERS} must be name=value, with commas between them")
    named = {each["name"]: each["value"] for each in found if each}
    return TraceSettings(endpoint=endpoint or None, headers=named), faults


def _is_plain_url(text: str) -> bool:
    """Of HTTP, and without a password in it: it is shown."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in text
    except ValueError:
        return False


def _are_there(packages: tuple[str, ...]) -> bool:
    try:
        return all(find_spec(each) for each in packages)
    except ModuleNotFoundError:
        return False
