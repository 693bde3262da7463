"""A small reader of JSON Schema 2020-12: the keywords that kinds of tokens use, and no others."""

import re
from collections.abc import Mapping
from typing import Any

KEYWORDS = {
    "type", "required", "properties", "additionalProperties", "examples", "description",
    "default", "pattern", "minLength", "maxLength", "minimum", "maximum", "enum", "items",
    "minItems", "maxItems", "uniqueItems", "format",
}  # fmt: skip
TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
    "integer": int,
}  # fmt: skip


class UnreadableSchemaError(Exception):
    """A keyword that this reader does not know: it must not be passed over."""


def faults(value: Any, schema: Mapping[str, Any], at: str = "") -> list[str]:
    """Where *value* is not as *schema* says, by JSON pointers."""
    if strange := schema.keys() - KEYWORDS:
        raise UnreadableSchemaError(f"{at or '/'}: {sorted(strange)}")
    if not any(_is_a(value, each) for each in _types(schema)):
        return [at]
    if "enum" in schema and value not in schema["enum"]:
        return [at]
    if isinstance(value, str):
        return [] if _text_is_good(value, schema) else [at]
    if type(value) is int:
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        return [] if low <= value <= high else [at]
    if isinstance(value, list):
        return _list_faults(value, schema, at)
    return _object_faults(value, schema, at) if isinstance(value, dict) else []


def _types(schema: Mapping[str, Any]) -> list[str]:
    named = schema.get("type", list(TYPES))
    return [named] if isinstance(named, str) else named


def _is_a(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and (name != "integer" or type(value) is int)


def _text_is_good(value: str, schema: Mapping[str, Any]) -> bool:
    return (
        schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        # As ECMA-262 reads a pattern: `$` is the very end.
        and re.search(schema.get("pattern", "").replace("$", r"\Z"), value) is not None
    )


def _list_faults(value: list[Any], schema: Mapping[str, Any], at: str) -> list[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return [at]
    if schema.get("uniqueItems") and any(each in value[:i] for i, each in enumerate(value)):
        return [at]
    items = schema.get("items", {})
    return [f for i, each in enumerate(value) for f in faults(each, items, f"{at}/{i}")]


def _object_faults(value: dict[str, Any], schema: Mapping[str, Any], at: str) -> list[str]:
    known = schema.get("properties", {})
    found = [f"{at}/{name}" for name in schema.get("required", ()) if name not in value]
    for name, each in value.items():
        if name in known:
            found += faults(each, known[name], f"{at}/{name}")
        elif isinstance(others := schema.get("additionalProperties", True), dict):
            found += faults(each, others, f"{at}/{name}")
        elif not others:
            found.append(f"{at}/{name}")
    return found
