"""What a client of the API as it was would trip over: ``python tools/api_breaks.py``.

Compares docs/openapi.json with the one of the newest release, or with the last commit's as long as
nothing is released.  A break that is meant stands, as it is told, in docs/api-breaks.txt.

A request may be asked less than before and never more; an answer may have more than before and
never less.  What is unknown is refused in requests, so there a removed field is a break too.
Enumerations of answers that are open (``x-extensible-enum``) may grow.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
SNAPSHOT = "docs/openapi.json"
MEANT = ROOT / "docs" / "api-breaks.txt"

#: Of numbers and sizes: the lowest that is allowed, and the highest.
_LEAST = ("minLength", "minimum", "minItems", "minProperties")
_MOST = ("maxLength", "maximum", "maxItems", "maxProperties")

Schema = Mapping[str, Any]


class Break(NamedTuple):
    kind: str
    place: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.place}"


def breaks(before: Schema, now: Schema) -> list[Break]:
    """Everything that *now* takes away from whoever was written for *before*."""
    found = [
        *_components(before, now),
        *(
            each
            for path, method, operation in _operations(before)
            for each in _operation(
                f"{method.upper()} {path}", operation, path, method, before, now
            )
        ),
    ]
    return list(dict.fromkeys(found))


def _operations(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _components(before: Schema, now: Schema) -> Iterator[Break]:
    """Generated clients name their types after them."""
    for name in before["components"]["schemas"]:
        if name not in now["components"]["schemas"]:
            yield Break("component removed", name)


def _operation(
    name: str, old: Schema, path: str, method: str, before: Schema, now: Schema
) -> Iterator[Break]:
    new = now["paths"].get(path, {}).get(method)
    if new is None:
        yield Break("operation removed", name)
        return
    if old["operationId"] != new["operationId"]:
        yield Break("operation renamed", f"{name}: {old['operationId']}")
    if new.get("security") and not old.get("security"):
        yield Break("token needed", name)
    yield from _parameters(name, old, new, _Side(before, now, is_request=True))
    yield from _body(name, old, new, _Side(before, now, is_request=True))
    yield from _responses(name, old, new, _Side(before, now, is_request=False))


def _parameters(name: str, old: Schema, new: Schema, side: _Side) -> Iterator[Break]:
    known = {(each["in"], each["name"]): each for each in old.get("parameters", ())}
    there = {(each["in"], each["name"]): each for each in new.get("parameters", ())}
    for key, parameter in there.items():
        place = f"{name} {key[0]} {key[1]}"
        if parameter.get("required") and not known.get(key, {}).get("required"):
            yield Break("parameter newly required", place)
    for key, parameter in known.items():
        place = f"{name} {key[0]} {key[1]}"
        if key not in there:
            yield Break("parameter removed", place)
        else:
            yield from side.schema(place, parameter["schema"], there[key]["schema"])


def _body(name: str, old: Schema, new: Schema, side: _Side) -> Iterator[Break]:
    before, now = old.get("requestBody"), new.get("requestBody")
    if now is not None and now.get("required") and not (before or {}).get("required"):
        yield Break("body newly required", name)
    if before is None:
        return
    if now is None:
        yield Break("body removed", name)
        return
    yield from _content(f"{name} request", before["content"], now["content"], side)


def _responses(name: str, old: Schema, new: Schema, side: _Side) -> Iterator[Break]:
    for status, answer in old["responses"].items():
        there = new["responses"].get(status)
        if there is None:
            yield Break("status removed", f"{name} {status}")
            continue
        for header in answer.get("headers", {}):
            if header not in there.get("headers", {}):
                yield Break("header removed", f"{name} {status} {header}")
        before, now = answer.get("content", {}), there.get("content", {})
        yield from _content(f"{name} {status}", before, now, side)


def _content(place: str, old: Schema, new: Schema, side: _Side) -> Iterator[Break]:
    for kind, content in old.items():
        if kind not in new:
            yield Break("media type removed", f"{place} {kind}")
        elif "schema" in content and "schema" in new[kind]:
            yield from side.schema(place, content["schema"], new[kind]["schema"])


@dataclass
class _Side:
    """Compares schemas of one direction."""

    before: Schema
    now: Schema
    is_request: bool
    _under_way: set[tuple[str, str]] = field(default_factory=set)

    def schema(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        pair = (json.dumps(old, sort_keys=True), json.dumps(new, sort_keys=True))
        if pair in self._under_way:
            return  # a schema within itself
        self._under_way.add(pair)
        try:
            yield from self._flat(
                place, self._merged(old, self.before), self._merged(new, self.now)
            )
        finally:
            self._under_way.discard(pair)

    def _merged(self, schema: Schema, document: Schema) -> dict[str, Any]:
        """Without references, and with the parts of ``allOf`` in one."""
        flat = dict(schema)
        while "$ref" in flat:
            name = flat.pop("$ref").rpartition("/")[2]
            flat = {**document["components"]["schemas"][name], **flat}
        for part in flat.pop("allOf", ()):
            more = self._merged(part, document)
            flat["properties"] = {**flat.get("properties", {}), **more.pop("properties", {})}
            flat["required"] = [*flat.get("required", ()), *more.pop("required", ())]
            flat = {**more, **flat}
        return flat

    def _flat(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        yield from self._types(place, old, new)
        yield from self._enumerations(place, old, new)
        yield from self._limits(place, old, new)
        yield from self._fields(place, old, new)
        yield from self._variants(place, old, new)
        for name in ("items", "additionalProperties"):
            before, now = old.get(name), new.get(name)
            if isinstance(before, Mapping) and isinstance(now, Mapping):
                yield from self.schema(f"{place}[]", before, now)
        refuses = [each.get("additionalProperties") is False for each in (old, new)]
        if self.is_request and refuses == [False, True] and "properties" in old:
            yield Break("other fields refused", place)

    def _types(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        before, now = _types(old), _types(new)
        if self.is_request and not before <= now:
            yield Break("type narrowed", f"{place}: no {', '.join(sorted(before - now))}")
        if not self.is_request and not now <= before:
            yield Break("type widened", f"{place}: {', '.join(sorted(now - before))}")

    def _enumerations(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        before, now = _values(old), _values(new)
        if self.is_request and now is not None and (before is None or before - now):
            gone = "any" if before is None else ", ".join(sorted(before - now))
            yield Break("values removed", f"{place}: {gone}")
        if not self.is_request and before is not None and (now is None or now - before):
            come = "any" if now is None else ", ".join(sorted(now - before))
            yield Break("values added to a closed list", f"{place}: {come}")

    def _limits(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        if self.is_request:
            for name in _LEAST:
                if name in new and new[name] > old.get(name, float("-inf")):
                    yield Break("limit narrowed", f"{place}: {name}")
            for name in _MOST:
                if name in new and new[name] < old.get(name, float("inf")):
                    yield Break("limit narrowed", f"{place}: {name}")
            changed = [name for name in ("pattern", "format") if name in new]
        else:
            changed = [name for name in ("pattern", "format") if name in old]
        for name in changed:
            if old.get(name) != new.get(name):
                yield Break("form changed", f"{place}: {name}")

    def _fields(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        before, now = old.get("properties", {}), new.get("properties", {})
        needed, promised = set(new.get("required", ())), set(old.get("required", ()))
        for name, schema in before.items():
            where = f"{place}.{name}"
            if name not in now:
                yield Break("field removed", where)
            else:
                yield from self.schema(where, schema, now[name])
        if self.is_request:
            for name in sorted(needed - promised):
                yield Break("field newly required", f"{place}.{name}")
        else:
            for name in sorted((promised - needed) & set(now)):
                yield Break("field not promised any more", f"{place}.{name}")

    def _variants(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        for union in ("oneOf", "anyOf"):
            before, now = old.get(union, ()), new.get(union, ())
            for variant in before:
                if "$ref" in variant and variant in now:
                    yield from self.schema(place, variant, variant)
            gone = [each for each in before if not self._is_among(each, now)]
            come = [each for each in now if not self._is_among(each, before)]
            if self.is_request and gone:
                yield Break("variant removed", place)
            if not self.is_request and before and come and "discriminator" not in new:
                yield Break("variant added", place)

    def _is_among(self, variant: Schema, others: Sequence[Schema]) -> bool:
        """By name, where it has one, and then compared; else by what it is."""
        for other in others:
            if "$ref" in variant or "$ref" in other:
                if variant.get("$ref") == other.get("$ref"):
                    return True
            elif variant == other:
                return True
        return False


def _types(schema: Schema) -> set[str]:
    types = schema.get("type", ())
    known = {types} if isinstance(types, str) else set(types)
    for variant in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        known |= _types(variant) or {"object"}
    if "integer" in known and "number" in known:
        known.discard("integer")
    return known


def _values(schema: Schema) -> set[str] | None:
    """The only ones there are; None: no such list."""
    if "const" in schema:
        return {str(schema["const"])}
    return {str(each) for each in schema["enum"]} if "enum" in schema else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tools/api_breaks.py")
    parser.add_argument("--base", help="a commit; by default the newest release, else HEAD")
    base = parser.parse_args().base or _released() or "HEAD"
    before = _git("show", f"{base}:{SNAPSHOT}")
    if before is None:
        print(f"there is no {SNAPSHOT} at {base}: nothing to compare with")
        return 0
    meant = set(MEANT.read_text().splitlines())
    now = json.loads((ROOT / SNAPSHOT).read_text())
    found = [each for each in breaks(json.loads(before), now) if str(each) not in meant]
    for each in found:
        print(each)
    if found:
        print(f"compared with {base}; what is meant belongs into {MEANT.relative_to(ROOT)}")
    return 1 if found else 0


def _released() -> str | None:
    found = _git("describe", "--tags", "--abbrev=0", "--match", "v*")
    return found.strip() if found else None


def _git(*arguments: str) -> str | None:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
