"""What goes on here, for whoever watches.

A span is anything that begins, ends, and may fail: a request, a worker's turn, a question to a
node.  It becomes figures, a trace, and what log lines say of where they were written; which of
these, is none of the caller's business.  Nothing of it is needed for the work to be right.
"""

from contextlib import AbstractContextManager
from enum import Enum
from typing import Protocol

from domain.trace import TraceContext

#: What may be said of a span: short, and of a closed list or an id of ours; never a secret, a body
#: or a text from outside.
Fact = str | int | bool | None


class SpanKind(Enum):
    INTERNAL = "internal"
    #: Somebody outside waits for it.
    SERVER = "server"
    #: We wait for somebody outside.
    CLIENT = "client"
    #: What was asked for before, and is done now.
    CONSUMER = "consumer"
    #: What somebody outside goes on with, whenever they like.
    PRODUCER = "producer"


class Span(Protocol):
    @property
    def context(self) -> TraceContext:
        """What comes after it belongs here."""
        ...

    def named(self, name: str) -> None:
        """Call it so, where that was not known when it began."""
        ...

    def says(self, **facts: Fact) -> None:
        """Add to what is known of it; None adds nothing."""
        ...

    def concerns(self, **ids: str | None) -> None:
        """Public ids that log lines carry until it ends, and those of the spans in it."""
        ...

    def failed(self, why: str) -> None:
        """It did not do what it should; *why* is a code, or the name of an exception."""
        ...


class Telemetry(Protocol):
    def span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        after: TraceContext | None = None,
        **facts: Fact,
    ) -> AbstractContextManager[Span]:
        """It lasts as long as the block.

        It belongs to *after*; else to the span that it is inside of, in this thread; else it
        begins a trace.  An exception that leaves the block is its failure, by its class: texts of
        exceptions are for logs.
        """
        ...

    def current(self) -> TraceContext | None:
        """The innermost span of this thread; None: there is none."""
        ...
