"""Figures as Prometheus reads them; what each is called is read off docs/metrics.md."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from attrs import define, field
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from adapters.memory.alarms import MemoryAlarms
from adapters.memory.clock import MemoryClock
from adapters.telemetry import Tracing
from adapters.telemetry.metrics import (
    ASK_AGAIN_SECONDS,
    ConnectionFigures,
    Metrics,
    QueueFigures,
)
from adapters.telemetry.serving import serving
from adapters.telemetry.watched import WatchedAlarms, WatchedTurn
from application.ports.storage.figures import Depth, Figures
from application.ports.storage.work import StoreUnavailableError
from application.ports.telemetry import SpanKind

PAGE = Path(__file__).resolve().parents[3] / "docs/metrics.md"
ROW = re.compile(r"^\| `(tallystick_\w+)` \| (counter|gauge|histogram) \| (.*?) \| ", re.MULTILINE)
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DEPTHS = [
    *(Depth(of="operations_open", label=state, count=0)
      for state in ("Submitted", "Pending", "Confirmed", "Indexed")),
    Depth(of="operations_open", label="Queued", count=3, since=NOW - 2 * MINUTE),
    Depth(of="operations_due", count=2, since=NOW - MINUTE),
    Depth(of="outbox", count=0),
    Depth(of="webhooks_pending", count=7, since=NOW - 60 * MINUTE),
    Depth(of="seal_backlog", count=5, since=NOW - MINUTE),
    Depth(of="checkpoint", count=100, since=NOW - 3 * MINUTE),
    Depth(of="anchor", label="eip155:1", count=9, since=NOW - 90 * MINUTE),
    Depth(of="treasury_balance", label="eip155:1", count=10**21),
    Depth(of="halted", label="eip155:1", count=1),
]  # fmt: skip


@define(eq=False)
class ToldFigures(Figures):
    depths: list[Depth] = field(factory=lambda: list(DEPTHS))
    is_down: bool = False
    asked: int = 0

    def read(self, now):
        self.asked += 1
        if self.is_down:
            raise StoreUnavailableError("gone")
        return self.depths

    def close(self):
        """Nothing to close."""


@define(eq=False)
class ToldClock(MemoryClock):
    """One that is somebody's who may not answer."""

    instant: datetime = NOW
    is_silent: bool = False

    def now(self):
        if self.is_silent:
            raise StoreUnavailableError("gone")
        return self.instant


@define
class World:
    metrics: Metrics = field(factory=Metrics)
    tracing: Tracing = field(init=False)
    figures: ToldFigures = field(factory=ToldFigures)
    clock: ToldClock = field(factory=ToldClock)
    seconds: float = 0.0

    def __attrs_post_init__(self):
        self.tracing = Tracing(listeners=[self.metrics])
        registry: CollectorRegistry = self.metrics.registry
        registry.register(QueueFigures(self.figures, self.clock, lambda: self.seconds))
        registry.register(ConnectionFigures(lambda: {"used": 2, "idle": 3, "waiting": 1}))

    def families(self):
        text = generate_latest(self.metrics.registry).decode()
        return {each.name: each for each in text_string_to_metric_families(text)}

    def value(self, name, **labels):
        (found,) = [
            sample.value
            for family in self.families().values()
            for sample in family.samples
            if sample.name == f"tallystick_{name}" and sample.labels == labels
        ]
        return found


@pytest.fixture
def world():
    return World()


def everything_happens(tracing):
    span = tracing.span
    with span("create_deployment", kind=SpanKind.SERVER, method="POST", route="/v1/x", status=202):
        pass
    with span("advance_deployment", kind=SpanKind.CONSUMER, state="Pending"):
        with span("node submit", network="eip155:1", node="node.example", call="submit"):
            pass
        with span("custodian sign", custodian="vault", call="sign"):
            pass
    with span("send_webhook", kind=SpanKind.PRODUCER, event_type="deployment.queued", status=204):
        pass
    with span("seal_round", sealed=40):
        pass
    with span("periodic sweep", task="sweep"):
        pass
    with span("task letter.written", kind=SpanKind.CONSUMER, topic="letter.written"):
        pass
    WatchedTurn(dict, tracing)({1: [1, 2], 2: [3]})
    WatchedAlarms(MemoryAlarms(), tracing).sound("seal_lag", "the log", "12 minutes")


def test_all_that_is_documented_is_served_as_documented(world):
    documented = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(PAGE.read_text("utf-8"))
    }
    assert len(documented) > 30
    everything_happens(world.tracing)
    served = {}
    for family in world.families().values():
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        served[name] = (family.type, labels)
        assert family.documentation, name
    assert served == documented


def test_requests_are_counted_and_timed_but_streams_are_not_timed(world):
    asked = {"method": "GET", "route": "/v1/deployments/{id}/events"}
    with world.tracing.span("follow", kind=SpanKind.SERVER, **asked, status=200, is_stream=True):
        pass
    with world.tracing.span("get", kind=SpanKind.SERVER, **asked, status=404):
        pass
    assert world.value("http_requests_total", **asked, status="200") == 1
    assert world.value("http_requests_total", **asked, status="404") == 1
    assert world.value("http_request_seconds_count", **asked) == 1


def test_what_fails_says_why(world):
    with pytest.raises(RuntimeError), world.tracing.span("periodic sweep", task="sweep"):
        raise RuntimeError("with a secret in it")
    with world.tracing.span("send_webhook", event_type="credits.low") as span:
        span.failed("timeout")
    with world.tracing.span("send_webhook", event_type="credits.low", status=503):
        pass
    assert world.value("periodic_runs_total", task="sweep", failure="RuntimeError") == 1
    for outcome in ("no_answer", "5xx"):
        assert (
            world.value("webhook_attempts_total", event_type="credits.low", outcome=outcome) == 1
        )
    assert b"secret" not in generate_latest(world.metrics.registry)


def test_a_turn_says_how_many_commands_shared_it(world):
    everything_happens(world.tracing)
    assert world.value("ledger_turns_total", failure="") == 1
    assert world.value("ledger_turn_commands_sum") == 3
    assert world.value("sealed_events_total") == 40
    assert world.value("alarms_total", code="seal_lag") == 1


def test_queues_say_how_many_and_how_old(world):
    assert world.value("figures_up") == 1
    assert world.value("operations_open", state="Queued") == 3
    assert world.value("operations_open_age_seconds", state="Queued") == 120
    assert world.value("operations_open_age_seconds", state="Pending") == 0
    assert world.value("operations_due_age_seconds") == 60
    assert world.value("outbox_age_seconds") == 0
    assert world.value("webhooks_pending") == 7
    assert world.value("seal_backlog_age_seconds") == 60
    assert world.value("checkpoint_age_seconds") == 180
    assert world.value("anchor_age_seconds", network="eip155:1") == 5400
    assert world.value("treasury_balance", network="eip155:1") == 10**21
    assert world.value("database_connections", state="used") == 2
    assert world.value("database_waiting") == 1


def test_what_nobody_could_say_is_missing_and_not_zero(world):
    world.figures.is_down = True
    assert world.value("figures_up") == 0
    assert "tallystick_outbox" not in world.families()
    assert "tallystick_http_requests" in world.families()


def test_figures_of_the_process_are_told_before_anybody_knows_the_time(world):
    world.clock.is_silent = True
    assert world.value("figures_up") == 0
    assert world.figures.asked == 0
    assert "tallystick_http_requests" in world.families()


def test_the_database_is_not_asked_as_often_as_we_are(world):
    for _ in range(10):
        world.families()
    assert world.figures.asked == 1
    world.seconds += ASK_AGAIN_SECONDS
    world.families()
    assert world.figures.asked == 2


def test_one_place_is_served_and_nothing_else(world):
    with serving(world.metrics.registry, "127.0.0.1", 0) as port:
        at = f"http://127.0.0.1:{port}"
        text = httpx.get(f"{at}/metrics?x=1")
        assert text.headers["Content-Type"].startswith("text/plain; version=")
        assert "tallystick_figures_up 1.0" in text.text
        modern = {"Accept": "application/openmetrics-text; version=1.0.0"}
        metrics = httpx.get(f"{at}/metrics", headers=modern)
        assert metrics.headers["Content-Type"].startswith("application/openmetrics-text")
        assert metrics.text.endswith("# EOF\n")
        assert httpx.get(f"{at}/healthz").json() == {"status": "ok"}
        assert httpx.get(f"{at}/").status_code == 404
        with (
            pytest.raises(OSError, match="in use"),
            serving(world.metrics.registry, "127.0.0.1", port),
        ):
            pass
