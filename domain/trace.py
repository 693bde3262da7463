"""Where something belongs: the request that caused it, and its place in a trace.

W3C Trace Context (https://www.w3.org/TR/trace-context/, level 1)::

    00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
    version  trace id                   span id          flags

What is malformed is no trace: nobody refuses a request for it, and a fresh one takes its place.
"""

from __future__ import annotations

import re

from attrs import field, frozen, validators

#: A later version may have more fields, each behind a dash.
_WRITTEN = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
    r"(?P<more>-[!-~]*)?"
)
_FIRST, _FORBIDDEN = "00", "ff"
_SAMPLED = 1
#: Nobody's traceparent is longer; what is, is not read.
_LONGEST = 512


@frozen(kw_only=True)
class TraceContext:
    #: Names the trace: 32 hexadecimal digits, not all of them 0.
    trace_id: str = field(validator=validators.matches_re(r"(?!0{32})[0-9a-f]{32}"))
    #: Names the span in it that whatever comes after belongs to: 16 digits, likewise.
    span_id: str = field(validator=validators.matches_re(r"(?!0{16})[0-9a-f]{16}"))
    #: Somebody before us records this trace, and expects the same of us.
    is_sampled: bool = True

    @classmethod
    def parse(cls, text: str) -> TraceContext | None:
        """What *text* says; None: it is not well-formed."""
        found = _WRITTEN.fullmatch(text) if len(text) <= _LONGEST else None
        if found is None or found["version"] == _FORBIDDEN:
            return None
        if found["version"] == _FIRST and found["more"] is not None:
            return None
        try:
            return cls(
                trace_id=found["trace"],
                span_id=found["span"],
                is_sampled=bool(int(found["flags"], 16) & _SAMPLED),
            )
        except ValueError:
            return None

    @property
    def traceparent(self) -> str:
        return f"{_FIRST}-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"


@frozen(kw_only=True)
class Cause:
    """The request that something was asked for in."""

    request_id: str | None = None
    trace: TraceContext | None = None
