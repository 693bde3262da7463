"""Figures of this process for Prometheus, made of spans that have ended and of what is asked."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from threading import Lock

from attrs import define, field
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from adapters.telemetry.definitions import (
    BY_NAME,
    DEFINITIONS,
    DEPTHS,
    PREFIX,
    Definition,
    Source,
    Type,
)
from adapters.telemetry.tracing import FinishedSpan
from application.ports.clock import Clock
from application.ports.storage.figures import Depth, Figures
from application.ports.storage.work import StoreUnavailableError
from application.ports.telemetry import SpanKind

log = logging.getLogger(__name__)

#: The database is asked that often at most, however many ask us.
ASK_AGAIN_SECONDS = 5.0


class Metrics:
    """Hears of every span; adds up those that the table has a figure for."""

    def __init__(self) -> None:
        # A series more for each counter, which says when this process began to count.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs has no annotation
        self.registry = CollectorRegistry()
        self._counters = {
            each.name: Counter(
                f"{PREFIX}{each.name}", each.meaning, each.labels, registry=self.registry
            )
            for each in DEFINITIONS
            if each.type is Type.COUNTER
        }
        self._histograms = {
            each.name: Histogram(
                f"{PREFIX}{each.name}",
                each.meaning,
                each.labels,
                buckets=each.buckets,
                registry=self.registry,
            )
            for each in DEFINITIONS
            if each.type is Type.HISTOGRAM
        }

    def __call__(self, span: FinishedSpan) -> None:
        """Called in whatever thread the span was of; does not raise."""
        if span.kind is SpanKind.SERVER:
            self._request(span)
        elif (tell := _OF_SPANS.get(span.name.partition(" ")[0])) is not None:
            tell(self, span)

    def _request(self, span: FinishedSpan) -> None:
        method, route = _said(span, "method"), _said(span, "route")
        self._count("http_requests", method, route, _said(span, "status"))
        if "is_stream" not in span.facts:
            self._time("http_request_seconds", span, method, route)

    def _turn(self, span: FinishedSpan) -> None:
        self._count("deployment_turns", _said(span, "state"), span.failure or "")
        self._time("deployment_turn_seconds", span)

    def _node(self, span: FinishedSpan) -> None:
        where = (_said(span, "network"), _said(span, "node"), _said(span, "call"))
        self._count("node_calls", *where, span.failure or "")
        self._time("node_call_seconds", span, *where)

    def _custodian(self, span: FinishedSpan) -> None:
        whom = (_said(span, "custodian"), _said(span, "call"))
        self._count("custodian_calls", *whom, span.failure or "")
        self._time("custodian_call_seconds", span, *whom)

    def _webhook(self, span: FinishedSpan) -> None:
        status = _said(span, "status")
        outcome = f"{status[0]}xx" if status else "no_answer"
        self._count("webhook_attempts", _said(span, "event_type"), outcome)
        self._time("webhook_attempt_seconds", span)

    def _ledger(self, span: FinishedSpan) -> None:
        self._count("ledger_turns", span.failure or "")
        self._time("ledger_turn_seconds", span)
        self._histograms["ledger_turn_commands"].observe(int(span.facts.get("commands", 0)))

    def _seal(self, span: FinishedSpan) -> None:
        self._count("seal_rounds", span.failure or "")
        self._counters["sealed_events"].inc(int(span.facts.get("sealed", 0)))

    def _periodic(self, span: FinishedSpan) -> None:
        task = _said(span, "task")
        self._count("periodic_runs", task, span.failure or "")
        self._time("periodic_run_seconds", span, task)

    def _task(self, span: FinishedSpan) -> None:
        topic = _said(span, "topic")
        self._count("tasks", topic, span.failure or "")
        self._time("task_seconds", span, topic)

    def _alarm(self, span: FinishedSpan) -> None:
        self._count("alarms", _said(span, "code"))

    def _count(self, name: str, *labels: str) -> None:
        self._counters[name].labels(*labels).inc()

    def _time(self, name: str, span: FinishedSpan, *labels: str) -> None:
        histogram = self._histograms[name]
        (histogram.labels(*labels) if labels else histogram).observe(span.seconds)


#: By the first word of a span's name.
_OF_SPANS: Mapping[str, Callable[[Metrics, FinishedSpan], None]] = {
    "advance_deployment": Metrics._turn,
    "node": Metrics._node,
    "custodian": Metrics._custodian,
    "send_webhook": Metrics._webhook,
    "serve_turn": Metrics._ledger,
    "seal_round": Metrics._seal,
    "periodic": Metrics._periodic,
    "task": Metrics._task,
    "alarm": Metrics._alarm,
}


def _said(span: FinishedSpan, fact: str) -> str:
    return str(span.facts.get(fact, ""))


@define(eq=False)
class ConnectionFigures(Collector):
    """How many connections a process has, and who waits for one."""

    #: ``used``, ``idle`` and ``waiting``.
    count: Callable[[], Mapping[str, int]]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = self.count()
        connections = _family("database_connections")
        for state in ("used", "idle"):
            connections.add_metric([state], found[state])
        yield connections
        waiting = _family("database_waiting")
        waiting.add_metric([], found["waiting"])
        yield waiting

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [_family("database_connections"), _family("database_waiting")]


@define(eq=False)
class QueueFigures(Collector):
    """What the database says of the queues; asked when somebody asks us, and not too often."""

    figures: Figures
    clock: Clock
    seconds: Callable[[], float] = time.monotonic
    _asked_at: float | None = None
    _last: Sequence[Depth] | None = None
    _lock: Lock = field(factory=Lock)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = _family("figures_up")
        try:
            now = self.clock.now()
        except StoreUnavailableError:
            # Nobody knows the time before the database has answered once.
            up.add_metric([], 0)
            yield up
            return
        depths = self._read(now)
        up.add_metric([], int(depths is not None))
        yield up
        yield from _told(depths or (), now)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [_family(each.name) for each in DEFINITIONS if each.source is Source.DATABASE]

    def _read(self, now: datetime) -> Sequence[Depth] | None:
        """None: nobody could say."""
        with self._lock:
            at = self.seconds()
            if self._asked_at is None or at - self._asked_at >= ASK_AGAIN_SECONDS:
                self._asked_at = at
                try:
                    self._last = self.figures.read(now)
                except StoreUnavailableError as error:
                    self._last = None
                    log.warning("there are no figures of the queues: %s", error)
            return self._last


def _told(depths: Sequence[Depth], now: datetime) -> Iterator[GaugeMetricFamily]:
    families: dict[str, GaugeMetricFamily] = {}
    for depth in depths:
        how_many, how_old = DEPTHS[depth.of]
        labels = [depth.label] if depth.label else []
        if how_many is not None:
            families.setdefault(how_many, _family(how_many)).add_metric(labels, depth.count)
        if how_old is not None:
            age = 0.0 if depth.since is None else max(0.0, (now - depth.since).total_seconds())
            families.setdefault(how_old, _family(how_old)).add_metric(labels, age)
    yield from families.values()


def _family(name: str) -> GaugeMetricFamily:
    definition: Definition = BY_NAME[name]
    return GaugeMetricFamily(
        definition.full_name, definition.meaning, labels=list(definition.labels)
    )
