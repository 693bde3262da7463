"""Traces to a collector, by OTLP over HTTP: the optional packages of ``tallystick[traces]``.

Spans are gathered and sent in the background.  A collector that does not answer costs its spans,
and nobody's request: what does not fit the queue is dropped.
"""

from collections.abc import Callable, Iterator, Mapping
from threading import Thread
from types import MappingProxyType

from attrs import frozen
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from adapters.telemetry.tracing import FinishedSpan
from application.ports.telemetry import SpanKind as Kind
from domain.trace import TraceContext

#: How long a collector may take to answer.
_PATIENCE_SECONDS = 5.0
#: How long the last of them may take when a process ends.
_LAST_SECONDS = 3.0
#: How long what is gathered waits for more of it, and how much of it is kept.
_EVERY_MILLISECONDS = 2_000
_MOST_SPANS = 4_096

_KINDS = {
    Kind.INTERNAL: SpanKind.INTERNAL,
    Kind.SERVER: SpanKind.SERVER,
    Kind.CLIENT: SpanKind.CLIENT,
    Kind.CONSUMER: SpanKind.CONSUMER,
    Kind.PRODUCER: SpanKind.PRODUCER,
}
#: What OpenTelemetry calls facts of requests (semantic conventions for HTTP, 1.23).
_OF_REQUESTS: Mapping[str, str] = MappingProxyType(
    {
        "method": "http.request.method",
        "route": "http.route",
        "status": "http.response.status_code",
    }
)
_SCOPE = InstrumentationScope("tallystick")


@frozen(eq=False)
class Exporter:
    """Hears of every span; sends those that are part of something somebody asked for."""

    _exporter: OTLPSpanExporter
    _processor: BatchSpanProcessor
    _resource: Resource
    #: Takes secrets out of texts; there should be none.
    _clean: Callable[[str], str]

    @classmethod
    def to(
        cls,
        endpoint: str,
        headers: Mapping[str, str],
        about: Mapping[str, str],
        clean: Callable[[str], str],
    ) -> "Exporter":
        """*about* says whose spans these are: ``service.name`` and the like."""
        exporter = _exporter(endpoint, headers)
        processor = BatchSpanProcessor(
            exporter, max_queue_size=_MOST_SPANS, schedule_delay_millis=_EVERY_MILLISECONDS
        )
        return cls(exporter, processor, Resource(dict(about)), clean)

    def __call__(self, span: FinishedSpan) -> None:
        if span.is_routine:
            return
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=_context(span.context, is_remote=False),
                parent=_context(span.parent, is_remote=True) if span.parent else None,
                resource=self._resource,
                attributes=dict(self._attributes(span)),
                kind=_KINDS[span.kind],
                status=_status(span),
                start_time=span.began_at,
                end_time=span.began_at + span.took_nanoseconds,
                instrumentation_scope=_SCOPE,
            )
        )

    def close(self) -> None:
        """Send what there is, as far as the collector takes it in time."""
        sending = Thread(target=self._processor.shutdown, name="last traces", daemon=True)
        sending.start()
        sending.join(_LAST_SECONDS)
        if sending.is_alive():
            # It would be tried again for longer than a process may take to end.
            _shut(self._exporter)

    def _attributes(self, span: FinishedSpan) -> Iterator[tuple[str, str | int | bool]]:
        names = _OF_REQUESTS if span.kind is Kind.SERVER else {}
        for name, fact in span.facts.items():
            told = self._clean(fact) if isinstance(fact, str) else fact
            yield names.get(name, f"tallystick.{name}"), told
        for name, id in span.ids.items():
            yield f"tallystick.{name}", self._clean(id)


def is_reached(endpoint: str, headers: Mapping[str, str]) -> bool:
    """Whether a collector takes what has no spans in it."""
    exporter = _exporter(endpoint, headers)
    try:
        return exporter.export(()) is SpanExportResult.SUCCESS
    finally:
        _shut(exporter)


def _exporter(endpoint: str, headers: Mapping[str, str]) -> OTLPSpanExporter:
    return OTLPSpanExporter(endpoint=endpoint, headers=dict(headers), timeout=_PATIENCE_SECONDS)


def _shut(exporter: OTLPSpanExporter) -> None:
    exporter.shutdown()  # type: ignore[no-untyped-call]  # theirs has no annotation


def _context(context: TraceContext, *, is_remote: bool) -> SpanContext:
    flags = TraceFlags.SAMPLED if context.is_sampled else TraceFlags.DEFAULT
    return SpanContext(
        trace_id=int(context.trace_id, 16),
        span_id=int(context.span_id, 16),
        is_remote=is_remote,
        trace_flags=TraceFlags(flags),
    )


def _status(span: FinishedSpan) -> Status:
    if span.failure is None:
        return Status(StatusCode.UNSET)
    return Status(StatusCode.ERROR, span.failure)
