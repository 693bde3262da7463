"""Spans of this process.  Whoever wants to know of them is told when they end.

The span that a thread is in follows the flow of calls (`contextvars`), also where the server hands
a request on to one of its threads.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from attrs import define, field, frozen

from application.ports.telemetry import Fact, Span, SpanKind, Telemetry
from domain.trace import TraceContext

#: Of these, one that begins a trace was asked for by nobody.
_ROUTINE = frozenset({SpanKind.INTERNAL, SpanKind.CLIENT})
_TRACE_BYTES = 16
_SPAN_BYTES = 8


@frozen(kw_only=True)
class FinishedSpan:
    name: str
    kind: SpanKind
    context: TraceContext
    #: The span that it belongs to; None: it began the trace.
    parent: TraceContext | None
    #: Of the machine's clock, in nanoseconds since 1970.
    began_at: int
    #: By a clock that nobody sets.
    took_nanoseconds: int
    facts: Mapping[str, str | int | bool]
    ids: Mapping[str, str]
    #: A code, or the name of an exception; None: it did what it should.
    failure: str | None
    #: A look at a node or a queue, or part of one: nobody has asked for it.
    is_routine: bool = False

    @property
    def seconds(self) -> float:
        return self.took_nanoseconds / 1e9


@define(eq=False)
class _OpenSpan(Span):
    name: str
    kind: SpanKind
    _context: TraceContext
    parent: TraceContext | None
    #: Of the span that it is inside of.
    inherited: Mapping[str, str]
    facts: dict[str, str | int | bool]
    is_routine: bool
    ids: dict[str, str] = field(factory=dict)
    failure: str | None = None

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

    @property
    def all_ids(self) -> dict[str, str]:
        return {**self.inherited, **self.ids}


#: The span that the flow of calls is in.
_INNERMOST: ContextVar[_OpenSpan | None] = ContextVar("innermost span", default=None)


@define(eq=False)
class Tracing(Telemetry):
    #: Hear of every span when it ends, in its thread.  They do not raise.
    listeners: list[Callable[[FinishedSpan], None]] = field(factory=list)

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
        is_routine = kind in _ROUTINE if parent is None else after is None and _is_routine(outer)
        ids = outer.all_ids if outer else {}
        opened = _OpenSpan(name, kind, _following(parent), parent, ids, {}, is_routine)
        opened.says(**facts)
        began_at, began = time.time_ns(), time.perf_counter_ns()
        before = _INNERMOST.set(opened)
        try:
            yield opened
        except BaseException as error:
            opened.failure = opened.failure or type(error).__name__
            raise
        finally:
            _INNERMOST.reset(before)
            self._tell(opened, began_at, time.perf_counter_ns() - began)

    def current(self) -> TraceContext | None:
        innermost = _INNERMOST.get()
        return innermost.context if innermost else None

    def ids(self) -> Mapping[str, str]:
        """What a log line says of where it was written."""
        innermost = _INNERMOST.get()
        if innermost is None:
            return {}
        context = innermost.context
        return {
            "trace_id": context.trace_id,
            "span_id": context.span_id,
            **innermost.all_ids,
        }

    def _tell(self, span: _OpenSpan, began_at: int, took: int) -> None:
        if not self.listeners:
            return
        finished = FinishedSpan(
            name=span.name,
            kind=span.kind,
            context=span.context,
            parent=span.parent,
            began_at=began_at,
            took_nanoseconds=took,
            facts=span.facts,
            ids=span.all_ids,
            failure=span.failure,
            is_routine=span.is_routine,
        )
        for listener in self.listeners:
            listener(finished)


def _is_routine(outer: _OpenSpan | None) -> bool:
    return outer is not None and outer.is_routine


def _following(parent: TraceContext | None) -> TraceContext:
    """A span after *parent*, or the first of a trace."""
    return TraceContext(
        trace_id=parent.trace_id if parent else _random(_TRACE_BYTES),
        span_id=_random(_SPAN_BYTES),
        is_sampled=parent.is_sampled if parent else True,
    )


def _random(length: int) -> str:
    while not any(drawn := secrets.token_bytes(length)):
        pass
    return drawn.hex()
