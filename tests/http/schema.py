"""A small reader of JSON Schema: as much of it as the descriptions of this API use."""

import re
from typing import Any

TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
}  # fmt: skip
KNOWN = {
    "type", "required", "properties", "items", "pattern", "format", "description", "anyOf",
    "allOf", "$ref", "x-extensible-enum", "enum", "minLength", "maxLength", "minimum", "maximum",
    "maxItems", "maxProperties", "propertyNames", "additionalProperties", "example", "default",
    "examples", "const", "oneOf", "discriminator",
}  # fmt: skip


def faults(value: Any, schema: dict[str, Any], schemas: dict[str, Any], at: str = "") -> list[str]:
    """Where *value* is not what *schema* promises."""
    assert set(schema) <= KNOWN, f"{at}: this reader does not know {set(schema) - KNOWN}"
    if "$ref" in schema:
        return faults(value, schemas[schema["$ref"].rpartition("/")[2]], schemas, at)
    if "allOf" in schema:
        return [f for each in schema["allOf"] for f in faults(value, each, schemas, at)]
    if "anyOf" in schema:
        tried = [faults(value, each, schemas, at) for each in schema["anyOf"]]
        return [] if [] in tried else tried[0]
    if "oneOf" in schema:
        tried = [faults(value, each, schemas, at) for each in schema["oneOf"]]
        return [] if tried.count([]) == 1 else [f"{at}: {tried.count([])} variants fit", *tried[0]]
    if "const" in schema and value != schema["const"]:
        return [f"{at}: {value!r} is not {schema['const']!r}"]
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(is_a(value, kind) for kind in kinds):
        return [f"{at}: {value!r} is not of type {kinds}"]
    found = []
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        found.append(f"{at}: {value!r} does not match {schema['pattern']}")
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            found += faults(item, schema["items"], schemas, f"{at}/{index}")
    if isinstance(value, dict) and "properties" in schema:
        found += [f"{at}/{name} is missing" for name in schema["required"] if name not in value]
        for name, item in value.items():
            if name in schema["properties"]:
                found += faults(item, schema["properties"][name], schemas, f"{at}/{name}")
    return found


def is_a(value: Any, kind: str) -> bool:
    if kind == "integer":
        return type(value) is int
    return isinstance(value, TYPES[kind])
