"""Traces, as a real collector reads them."""

import time

import pytest

from adapters.telemetry import Tracing
from adapters.telemetry.otlp import Exporter, is_reached
from application.ports.telemetry import SpanKind
from domain.trace import TraceContext
from tests.adapters.telemetry.collector import collecting

ASKED = TraceContext(trace_id="a" * 32, span_id="b" * 16)
ABOUT = {"service.name": "tallystick-test"}


@pytest.fixture
def collector():
    with collecting() as collector:
        yield collector


def exporter_to(url, clean=str):
    return Exporter.to(url, {"x-team": "us"}, ABOUT, clean)


def fail_in(span):
    with span:
        time.sleep(0.01)
        raise ValueError("a secret")


def test_a_span_is_told_with_its_parent_its_facts_and_its_failure(collector):
    exporter = exporter_to(collector.url)
    tracing = Tracing(listeners=[exporter])
    with tracing.span("create_deployment", kind=SpanKind.SERVER, after=ASKED) as outer:
        outer.concerns(request_id="req_1")
        outer.says(method="POST", status=202)
        with pytest.raises(ValueError, match="secret"):
            fail_in(tracing.span("node submit", kind=SpanKind.CLIENT, call="submit"))
    exporter.close()
    inner, request = collector.spans
    assert (request.trace, request.id, request.parent) == (
        "a" * 32,
        outer.context.span_id,
        "b" * 16,
    )
    assert (request.kind, inner.kind) == (2, 3)
    assert request.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 202,
        "tallystick.request_id": "req_1",
    }
    assert (inner.trace, inner.parent) == (request.trace, request.id)
    assert inner.attributes == {"tallystick.call": "submit", "tallystick.request_id": "req_1"}
    assert (inner.status, inner.message) == (2, "ValueError")
    assert request.status == 0
    assert 10_000_000 <= inner.nanoseconds <= request.nanoseconds
    assert collector.headers[0]["x-team"] == "us"
    assert b"secret" not in b"".join(collector.bodies)


def test_what_nobody_asked_for_is_not_told(collector):
    exporter = exporter_to(collector.url)
    tracing = Tracing(listeners=[exporter])
    with tracing.span("periodic watch"), tracing.span("node head", kind=SpanKind.CLIENT):
        pass
    with tracing.span("node head", kind=SpanKind.CLIENT):
        pass
    with tracing.span("send_webhook", kind=SpanKind.PRODUCER):
        pass
    with tracing.span("periodic watch"), tracing.span("advance", after=ASKED):
        pass
    exporter.close()
    assert [each.name for each in collector.spans] == ["send_webhook", "advance"]


def test_what_the_client_does_not_record_we_do_not_either(collector):
    exporter = exporter_to(collector.url)
    tracing = Tracing(listeners=[exporter])
    unsampled = TraceContext(trace_id="c" * 32, span_id="b" * 16, is_sampled=False)
    with tracing.span("request", kind=SpanKind.SERVER, after=unsampled):
        pass
    with tracing.span("request", kind=SpanKind.SERVER, after=ASKED):
        pass
    exporter.close()
    assert {each.trace for each in collector.spans} == {"a" * 32}


def test_texts_are_cleaned_all_the_same(collector):
    exporter = exporter_to(collector.url, lambda text: text.replace("canary", "…"))
    with Tracing(listeners=[exporter]).span("x", kind=SpanKind.SERVER, detail="canary") as span:
        span.concerns(caller="canary")
    exporter.close()
    assert b"canary" not in b"".join(collector.bodies)


def test_a_collector_that_is_busy_is_asked_again(collector):
    collector.answers = [503]
    exporter = exporter_to(collector.url)
    with Tracing(listeners=[exporter]).span("x", kind=SpanKind.SERVER):
        pass
    exporter.close()
    assert [each.name for each in collector.spans] == ["x"]


def test_nobody_waits_for_a_collector_that_is_gone(caplog):
    exporter = exporter_to("http://127.0.0.1:9/v1/traces")
    tracing = Tracing(listeners=[exporter])
    begun = time.monotonic()
    for _ in range(5_000):
        with tracing.span("x", kind=SpanKind.SERVER):
            pass
    assert time.monotonic() - begun < 10
    ending = time.monotonic()
    exporter.close()
    assert time.monotonic() - ending < 6


def test_doctor_sees_whether_it_is_there(collector):
    assert is_reached(collector.url, {})
    assert not is_reached(collector.url + "/else", {})
    assert not is_reached("http://127.0.0.1:9/v1/traces", {})
