"""There is one way to write each value, and whatever else is there is refused."""

import base64
import json
from contextlib import suppress

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tallystick_verifier import Refused
from tallystick_verifier.canonical import DEEPEST, read, unbase64, write
from tests.application.house import examples
from tests.verifier.packs import canonical

SAFE = 2**53 - 1
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.text(st.characters(max_codepoint=127), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)

#: Bytes, and why they are refused: by the command and by the page alike.
STRANGE = [
    (b"", "not_json"),
    (b"\xef\xbb\xbf{}", "not_json"),
    (b"\xff\xfe{\0}\0", "not_json"),
    (b"{} {}", "not_json"),
    (b"{}\n", "not_canonical"),
    (b" {}", "not_canonical"),
    (b"{}\0", "not_json"),
    (b"1.0", "not_json"),
    (b"1e3", "not_json"),
    (b"-0", "not_canonical"),
    (b"01", "not_json"),
    (b"+1", "not_json"),
    (b"NaN", "not_json"),
    (b"-Infinity", "not_json"),
    (b"9007199254740992", "not_json"),
    (b"-9007199254740992", "not_json"),
    (b"1" * 5000, "not_json"),
    (b'"\\u0041"', "not_canonical"),
    (b'"\\/"', "not_canonical"),
    (b'"\\u000A"', "not_canonical"),
    (b'"\\u00e4"', "not_canonical"),
    (b'"\\ud800"', "not_json"),
    (b'"\xed\xa0\x80"', "not_json"),
    (b'"\xc0\x80"', "not_json"),
    (b'"\n"', "not_json"),
    (b"'a'", "not_json"),
    (b'{"a":1,"a":1}', "duplicate_member"),
    (b'{"a":1,"\\u0061":1}', "duplicate_member"),
    (b'{"b":1,"a":1}', "not_canonical"),
    ('{"ä":1}'.encode(), "not_json"),
    (b"[1,]", "not_json"),
    (b"//\n1", "not_json"),
    (b"[" * 100_000, "not_json"),
    (b'{"a":' * 100_000, "not_json"),
    (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "not_json"),
    (b'["' + b"[" * 100 + b'",' + b"[" * DEEPEST + b"]" * DEEPEST + b"]", "not_json"),
    (b'{"a":1.0,"a":1}', "not_json"),
    (b'{"a":1,"a":1,"b":1.0}', "not_json"),
    (b'[{"a":1,"a":1},1.0]', "duplicate_member"),
    (b'[{"a":1,"a":1},]', "duplicate_member"),
    (b'{"a":1,"a":1,}', "not_json"),
    (b'{"__proto__":1,"__proto__":2}', "duplicate_member"),
    (b'{"a" 1}', "not_json"),
    (b"[1 2]", "not_json"),
    (b"tru", "not_json"),
    (b'"\\ud83d\\ude00"', "not_canonical"),
    (b'"\\u+123"', "not_json"),
    (b'"\\x41"', "not_json"),
    (b"1e400", "not_json"),
    (b"[NaN]", "not_json"),
    (b"1 ", "not_canonical"),
    ("[1]\u00a0".encode(), "not_json"),
]


def code_of(raw):
    with pytest.raises(Refused) as refused:
        read(raw, "here")
    return refused.value.code


@given(VALUES)
@example({"\x7f": '\x00\x1f\x7f\u2028\U0001f600"\\/'})
@examples(200)
def test_what_is_written_as_rfc_8785_says_is_read(value):
    raw = rfc8785.dumps(value)
    assert read(raw, "here") == value
    assert write(value) == raw == canonical(value)


@given(VALUES, st.randoms())
@examples(100)
def test_any_other_json_of_the_same_value_is_refused(value, random):
    other = json.dumps(value, indent=random.choice([None, 1]), ensure_ascii=random.random() < 0.5)
    raw = other.encode()
    if raw == canonical(value):
        assert read(raw, "here") == value
    else:
        assert code_of(raw) == "not_canonical"


@given(VALUES, st.data())
@examples(200)
def test_what_is_read_of_changed_bytes_is_another_value(value, data):
    raw = bytearray(canonical(value))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(Refused):
        assert canonical(read(bytes(raw), "here")) == bytes(raw)


@given(st.binary(max_size=40))
@settings(deadline=None)
def test_bytes_are_read_or_refused(raw):
    with suppress(Refused):
        assert write(read(raw, "here")) == raw


@pytest.mark.parametrize(
    ("raw", "code"),
    STRANGE,
    ids=lambda value: value[:20] if isinstance(value, bytes) else None,
)
def test_what_is_not_canonical_is_refused(raw, code):
    assert code_of(raw) == code


def test_it_may_be_as_deep_as_is_said():
    raw = b'["' + b"[" * 100 + b'\\"' + b"[" * 100 + b'",' + b"[" * (DEEPEST - 1)
    raw += b"]" * DEEPEST
    assert write(read(raw, "here")) == raw


@pytest.mark.parametrize(
    "text", ["A", "AA", "AA=", "AA==A", "AB==", "AAB=", "A A=", "AA==\n", "-_==", "====", "ÄÄ=="]
)
def test_base64_has_one_form(text):
    with pytest.raises(Refused) as refused:
        unbase64(text, "here")
    assert refused.value.code == "not_base64"


@given(st.binary())
def test_base64_is_read(raw):
    assert unbase64(base64.b64encode(raw).decode(), "here") == raw
