"""Canonical JSON (RFC 8785, restricted): read by writing it again and comparing bytes."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, NoReturn

from .report import Refused

Json = Any
"""What JSON can say, without floats; shapes are checked before anything is believed of it."""

DEEPEST = 32
_SAFE_INTEGER = 2**53 - 1
_MARK = re.compile(rb'\\.|["\[{\]}]', re.DOTALL)
#: Escapes what RFC 8785 escapes, and nothing else.
_quoted: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode


def read(raw: bytes, where: str) -> Json:
    """Raises: Refused."""
    if depth_of(raw) > DEEPEST:
        raise Refused("not_json", where, f"at most {DEEPEST} levels", "more")
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=lambda pairs: _object(pairs, where),
            parse_int=lambda digits: _integer(digits, where),
            parse_float=lambda digits: _stray(digits, where),
            parse_constant=lambda name: _stray(name, where),
        )
        written = write(value)
    except ValueError as error:
        raise Refused("not_json", where, "canonical JSON in UTF-8", error) from error
    if written != raw:
        at = next((n for n, (a, b) in enumerate(zip(written, raw, strict=False)) if a != b), -1)
        at = at if at >= 0 else min(len(written), len(raw))
        raise Refused(
            "not_canonical", f"{where}, byte {at}", written[at : at + 20], raw[at : at + 20]
        )
    return value


def write(value: Json) -> bytes:
    """Raises: ValueError: it has no canonical form."""
    return _written(value).encode()


def unbase64(text: str, where: str) -> bytes:
    """What *text* is the one base64 of: padded, no stray letters, no bits left over."""
    try:
        found = b64decode(text, validate=True)
    except ValueError as error:
        raise Refused("not_base64", where, "base64", error) from error
    if b64encode(found).decode() != text:
        raise Refused("not_base64", where, b64encode(found).decode(), text)
    return found


def depth_of(raw: bytes) -> int:
    """How deep brackets are nested: looked at first, for a decoder may fall over it."""
    deepest = depth = 0
    is_text = False
    for mark in _MARK.finditer(raw):
        if mark[0] == b'"':
            is_text = not is_text
        elif not is_text and len(mark[0]) == 1:
            depth += 1 if mark[0] in b"[{" else -1
            deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Json]], where: str) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Refused("duplicate_member", where, "each name once", name)
            seen.add(name)
    return found


def _integer(digits: str, where: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > _SAFE_INTEGER:
        _stray(digits, where)
    return int(digits)


def _stray(text: str, where: str) -> NoReturn:
    raise Refused("not_json", where, "integers below 2^53, and no other numbers", text)


def _written(value: Json) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(_written(item) for item in value)}]"
    if not all(name.isascii() for name in value):
        raise ValueError("a name is not in ASCII")
    members = (f"{_quoted(name)}:{_written(value[name])}" for name in sorted(value))
    return f"{{{','.join(members)}}}"
