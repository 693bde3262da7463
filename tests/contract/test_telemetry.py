"""What every telemetry promises to those whose work it watches."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from application.ports.telemetry import SpanKind, Telemetry
from domain.trace import TraceContext

ASKED = TraceContext(trace_id="a" * 32, span_id="b" * 16)


def test_outside_of_all_spans_there_is_none(telemetry: Telemetry):
    assert telemetry.current() is None
    with telemetry.span("work"):
        assert telemetry.current() is not None
    assert telemetry.current() is None


def test_what_nobody_asked_for_begins_a_trace_of_its_own(telemetry: Telemetry):
    with telemetry.span("one") as one:
        pass
    with telemetry.span("other") as other:
        pass
    assert one.context.trace_id != other.context.trace_id


def test_what_was_asked_for_belongs_to_whoever_asked(telemetry: Telemetry):
    with telemetry.span("work", kind=SpanKind.CONSUMER, after=ASKED) as span:
        assert telemetry.current() == span.context
    assert span.context.trace_id == ASKED.trace_id
    assert span.context.span_id != ASKED.span_id


def test_a_span_belongs_to_the_one_around_it(telemetry: Telemetry):
    with telemetry.span("outer") as outer:
        with telemetry.span("inner") as inner:
            assert telemetry.current() == inner.context
        assert telemetry.current() == outer.context
    assert inner.context.trace_id == outer.context.trace_id
    assert inner.context.span_id != outer.context.span_id


def test_whoever_asked_comes_before_whoever_is_around(telemetry: Telemetry):
    with telemetry.span("outer"), telemetry.span("inner", after=ASKED) as inner:
        pass
    assert inner.context.trace_id == ASKED.trace_id


@pytest.mark.parametrize("is_sampled", [True, False])
def test_whether_others_record_it_is_handed_on(telemetry: Telemetry, is_sampled: bool):
    asked = TraceContext(trace_id="a" * 32, span_id="b" * 16, is_sampled=is_sampled)
    with telemetry.span("outer", after=asked), telemetry.span("inner") as inner:
        pass
    assert inner.context.is_sampled is is_sampled


def test_an_error_goes_through_and_the_span_is_over(telemetry: Telemetry):
    with pytest.raises(ValueError, match="bad"), telemetry.span("work"):
        raise ValueError("bad")
    assert telemetry.current() is None


def test_threads_are_not_in_each_others_spans(telemetry: Telemetry):
    with telemetry.span("here"), ThreadPoolExecutor(1) as threads:
        assert threads.submit(telemetry.current).result() is None


def test_a_handler_in_a_thread_of_the_server_is_in_the_requests_span(telemetry: Telemetry):
    async def request() -> tuple[TraceContext, TraceContext | None]:
        with telemetry.span("request") as span:
            return span.context, await asyncio.to_thread(telemetry.current)

    async def requests() -> list[tuple[TraceContext, TraceContext | None]]:
        return await asyncio.gather(*(request() for _ in range(4)))

    found = asyncio.run(requests())
    assert all(mine == seen for mine, seen in found)
    assert len({mine.trace_id for mine, _ in found}) == 4
