"""W3C Trace Context, level 1: https://www.w3.org/TR/trace-context/#traceparent-header."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.trace import TraceContext

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
#: The grammar of section 3.2.2, with its rules about zeros said again.
VERSION_00 = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@pytest.mark.parametrize(
    ("text", "is_sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"00-{TRACE}-{SPAN}-fe", False),
        # Section 3.2.4: of a later version, what is known of it.
        (f"01-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-holds", True),
    ],
)
def test_what_is_well_formed_is_read(text, is_sampled):
    assert TraceContext.parse(text) == TraceContext(
        trace_id=TRACE, span_id=SPAN, is_sampled=is_sampled
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 55,
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0g",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00_{TRACE}_{SPAN}_01",
        f"00-{TRACE}-{SPAN}-\u0660\u0661",
        f"cc-{TRACE}-{SPAN}-01-" + "x" * 10_000,
    ],
)
def test_what_is_malformed_is_no_trace(text):
    assert TraceContext.parse(text) is None


@given(st.text(alphabet="0123456789abcdef-fF ", min_size=50, max_size=60))
def test_nothing_else_is_read(text):
    if text.startswith("00"):
        assert (TraceContext.parse(text) is not None) == bool(VERSION_00.fullmatch(text))


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_what_is_written_is_what_is_read(trace, span, is_sampled):
    context = TraceContext(trace_id=f"{trace:032x}", span_id=f"{span:016x}", is_sampled=is_sampled)
    assert VERSION_00.fullmatch(context.traceparent)
    assert TraceContext.parse(context.traceparent) == context


@pytest.mark.parametrize("ids", [("0" * 32, SPAN), (TRACE, "0" * 16), ("A" * 32, SPAN), ("", "")])
def test_an_invalid_one_cannot_exist(ids):
    with pytest.raises(ValueError, match="must match"):
        TraceContext(trace_id=ids[0], span_id=ids[1])
