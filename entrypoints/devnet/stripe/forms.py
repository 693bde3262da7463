"""Form-encoded requests: `items[0][price]=price_1` becomes nested values, and these are checked.

A request's parameters are described by a mapping from name to what it must be: one of the readers
below, a mapping for a nested object, or a list of one description.  An empty value unsets.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from entrypoints.devnet.stripe.errors import NotBuiltError, invalid
from entrypoints.devnet.stripe.records import Record

Reader = Callable[[Any, str], Any]
Description = Mapping[str, Any]


def decoded(text: str) -> Record:
    """Values are still text; objects whose names are 0, 1, … have become lists."""
    form: Record = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, *rest = name.replace("]", "").split("[")
        path = [head, *rest]
        inner = form
        for step in path[:-1]:
            inner = inner.setdefault(step, {})
            if not isinstance(inner, dict):
                raise invalid(f"Invalid request: {name} is both a value and an object", name)
        last = path[-1] or str(len(inner))
        inner[last] = value
    listed = _listed(form)
    assert isinstance(listed, dict)  # noqa: S101 - the form itself is never a list
    return listed


def _listed(value: Any, depth: int = 0) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(each, depth + 1) for name, each in value.items()}
    if depth and inner and all(name.isdecimal() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def text(value: Any, name: str) -> str | None:
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {value}", name)
    return value or None


def integer(value: Any, name: str) -> int | None:
    if value == "":
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer") from None


def boolean(value: Any, name: str) -> bool:
    if value not in {"true", "false"}:
        raise invalid(f"Invalid boolean: {value}", name)
    return bool(value == "true")


def metadata(value: Any, name: str) -> dict[str, str]:
    """Names whose value is empty are to be forgotten; an empty whole forgets all (`{"": ""}`)."""
    if value == "":
        return {"": ""}
    if isinstance(value, list):
        value = {str(place): each for place, each in enumerate(value)}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise invalid("Invalid metadata: it must be a hash of strings", name)
    for key, each in value.items():
        if len(key) > 40 or len(each) > 500:
            raise invalid(
                "Metadata keys can have up to 40 characters, and values up to 500",
                f"{name}[{key}]",
            )
    if len(value) > 50:
        raise invalid("You can only have up to 50 metadata keys", name)
    return value


def one_of(*words: str) -> Reader:
    def reader(value: Any, name: str) -> str:
        if value not in words:
            raise invalid(f"Invalid {name}: must be one of {', '.join(words)}", name)
        return str(value)

    return reader


def instants(value: Any, name: str) -> dict[str, int]:
    """A filter such as `created`: a moment, or bounds named gt, gte, lt and lte."""
    if not isinstance(value, dict):
        moment = integer(value, name)
        return {} if moment is None else {"gte": moment, "lte": moment}
    bounds = {}
    for bound, each in value.items():
        moment = integer(each, f"{name}[{bound}]")
        if bound not in {"gt", "gte", "lt", "lte"} or moment is None:
            raise invalid(f"Invalid {name}: unknown bound {bound}", f"{name}[{bound}]")
        bounds[bound] = moment
    return bounds


def is_within(moment: int, bounds: Mapping[str, int]) -> bool:
    return (
        moment > bounds.get("gt", moment - 1)
        and moment >= bounds.get("gte", moment)
        and moment < bounds.get("lt", moment + 1)
        and moment <= bounds.get("lte", moment)
    )


def merged(old: Mapping[str, str], new: Mapping[str, str] | None) -> dict[str, str]:
    """Metadata after an update: names are added or replaced, and forgotten by empty values."""
    if new is None:
        return dict(old)
    if new == {"": ""}:
        return {}
    return {name: value for name, value in {**old, **new}.items() if value}


def read(form: Record, description: Description, what: str, outer: str = "") -> Record:
    """What was sent, typed.  A name that is not described is answered with 501, never ignored.

    A name that ends in `!` in the description is required.
    """
    known = {name.rstrip("!"): wanted for name, wanted in description.items()}
    result = {}
    for name, value in form.items():
        full = f"{outer}[{name}]" if outer else name
        if name not in known:
            raise NotBuiltError(f"the parameter {full} of {what}")
        result[name] = _value(value, known[name], what, full)
    for name in description:
        if name.endswith("!") and result.get(name[:-1]) in (None, [], {}):
            full = f"{outer}[{name[:-1]}]" if outer else name[:-1]
            raise invalid(f"Missing required param: {full}.", full, "parameter_missing")
    return result


def _value(value: Any, wanted: Any, what: str, name: str) -> Any:
    if isinstance(wanted, Mapping):
        if value == "":
            return None
        if not isinstance(value, dict):
            raise invalid("Invalid object", name)
        return read(value, wanted, what, name)
    if isinstance(wanted, list):
        if value == "":
            return []
        if not isinstance(value, list):
            raise invalid("Invalid array", name)
        return [
            _value(each, wanted[0], what, f"{name}[{place}]") for place, each in enumerate(value)
        ]
    return wanted(value, name)
