"""Every object of the description by a name of its own.

Programs that write clients call a type without a name after where they met it first, and call it
otherwise when a field is added before.  So an object within another one becomes a component: the
one that is the same, where there is one, else one named after its place.
"""

import json
from collections.abc import Mapping

Schema = dict[str, object]

_PREFIX = "#/components/schemas/"
#: What says something of the place where an object stands, and nothing of the object.
_OF_THE_PLACE = frozenset({"description", "example", "default"})


def ref(name: str) -> Schema:
    return {"$ref": f"{_PREFIX}{name}"}


def or_null(schema: Schema) -> Schema:
    kind = schema.get("type")
    if isinstance(kind, str):
        return schema | {"type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def named(schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """*schemas*, in which no object is described within another one."""
    return _Naming(dict(schemas)).all()


class _Naming:
    def __init__(self, schemas: dict[str, Schema]) -> None:
        self._given = schemas
        self._made: dict[str, Schema] = {}
        #: Names of objects, by what they are.
        self._known: dict[str, str] = {}

    def all(self) -> dict[str, Schema]:
        done = {name: self._inside(schema, name) for name, schema in self._given.items()}
        # Once more, now that those are known which another component is the same as.
        self._known = {
            _written(schema): name for name, schema in done.items() if _is_object(schema)
        } | self._known
        self._made.clear()
        done = {name: self._inside(schema, name) for name, schema in self._given.items()}
        return done | self._made

    def _inside(self, schema: Schema, name: str) -> Schema:
        """*schema* as it is, and what is within it by names that begin with *name*."""
        found = dict(schema)
        properties = found.get("properties")
        if isinstance(properties, dict):
            found["properties"] = {
                each: self._placed(inner, name + _pascal(each))
                for each, inner in properties.items()
            }
        items = found.get("items")
        if isinstance(items, dict):
            found["items"] = self._placed(items, name.removesuffix("s"))
        for union in ("anyOf", "oneOf"):
            variants = found.get(union)
            if isinstance(variants, list) and union in found and not _names_fields_only(variants):
                found[union] = [self._placed(each, name) for each in variants]
        parts = found.get("allOf")
        if isinstance(parts, list):
            found["allOf"] = [self._inside(each, name) for each in parts]
        return found

    def _placed(self, schema: Schema, name: str) -> Schema:
        if not _is_object(schema):
            return self._inside(schema, name)
        kind = schema["type"]
        of_place = {each: value for each, value in schema.items() if each in _OF_THE_PLACE}
        bare = {each: value for each, value in schema.items() if each not in _OF_THE_PLACE}
        inner = self._inside(bare | {"type": "object"}, name)
        known = self._known.get(_written(inner))
        if known is None:
            if name in self._given or self._made.get(name, inner) != inner:
                raise ValueError(f"there are two objects named {name}")
            self._made[name] = inner
            known = name
        return (or_null(ref(known)) if kind != "object" else ref(known)) | of_place


def _is_object(schema: Schema) -> bool:
    return "properties" in schema and "type" in schema


def _names_fields_only(variants: list[Schema]) -> bool:
    return all(set(each) == {"required"} for each in variants)


def _written(schema: Schema) -> str:
    bare = {name: value for name, value in schema.items() if name not in _OF_THE_PLACE}
    return json.dumps(bare, sort_keys=True)


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
