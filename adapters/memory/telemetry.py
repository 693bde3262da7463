"""Spans that are kept, for tests that ask what was told."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

from attrs import define, field

from application.ports.telemetry import Fact, Span, SpanKind, Telemetry
from domain.trace import TraceContext


@define(eq=False)
class KeptSpan(Span):
    name: str
    kind: SpanKind
    _context: TraceContext
    parent: TraceContext | None
    facts: dict[str, Fact] = field(factory=dict)
    ids: dict[str, str] = field(factory=dict)
    failure: str | None = None
    is_over: bool = False

    @property
    def context(self) -> TraceContext:
        return self._context

    def named(self, name: str) -> None:
        self.name = name

    def says(self, **facts: Fact) -> None:
        self.facts.update({name: fact for name, fact in facts.items() if fact is not None})

    def concerns(self, **ids: str | None) -> None:
        self.ids.update({name: id for name, id in ids.items() if id is not None})

    def failed(self, why: str) -> None:
        self.failure = why


_INNERMOST: ContextVar[KeptSpan | None] = ContextVar("innermost kept span", default=None)


@define(eq=False)
class MemoryTelemetry(Telemetry):
    """Its ids are numbers in the order of asking."""

    #: In the order in which they began.
    spans: list[KeptSpan] = field(factory=list)
    _lock: Lock = field(factory=Lock)

    @contextmanager
    def span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        after: TraceContext | None = None,
        **facts: Fact,
    ) -> Iterator[Span]:
        outer = _INNERMOST.get()
        parent = after or (outer.context if outer else None)
        with self._lock:
            number = len(self.spans) + 1
            context = TraceContext(
                trace_id=parent.trace_id if parent else f"{number:032x}",
                span_id=f"{number:016x}",
                is_sampled=parent.is_sampled if parent else True,
            )
            kept = KeptSpan(name, kind, context, parent)
            self.spans.append(kept)
        kept.says(**facts)
        before = _INNERMOST.set(kept)
        try:
            yield kept
        except BaseException as error:
            kept.failure = kept.failure or type(error).__name__
            raise
        finally:
            _INNERMOST.reset(before)
            kept.is_over = True

    def current(self) -> TraceContext | None:
        innermost = _INNERMOST.get()
        return innermost.context if innermost else None
