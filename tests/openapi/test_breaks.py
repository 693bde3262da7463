"""Each way of breaking a client is told, and what breaks nobody is not."""

import copy
import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "api_breaks.py"

BEFORE = {
    "paths": {
        "/things/{id}": {
            "get": {
                "operationId": "get_thing",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "as", "in": "query", "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {
                        "headers": {"ETag": {"schema": {"type": "string"}}},
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}},
                            "text/csv": {"schema": {"type": "string"}},
                        },
                    },
                    "304": {},
                    "404": {},
                },
            },
            "put": {
                "operationId": "put_thing",
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Wanted"}}
                    }
                },
                "responses": {"204": {}},
            },
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["name", "state", "shape"],
                "properties": {
                    "name": {"type": "string"},
                    "state": {"type": "string", "x-extensible-enum": ["new"]},
                    "shape": {"type": "string", "enum": ["round"]},
                    "size": {"type": "integer"},
                    "at": {"type": "string", "format": "date-time"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                    "of": {"anyOf": [{"$ref": "#/components/schemas/Thing"}, {"type": "null"}]},
                },
            },
            "Spare": {"type": "object"},
            "Wanted": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 10, "minLength": 1},
                    "shape": {"type": "string", "enum": ["round", "square"]},
                    "size": {"type": ["integer", "null"], "minimum": 1},
                    "note": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                    "tags": {"type": "object", "properties": {}, "additionalProperties": True},
                },
            },
        }
    },
}


@pytest.fixture(scope="module")
def breaks():
    specification = importlib.util.spec_from_file_location("api_breaks", TOOL)
    module = importlib.util.module_from_spec(specification)
    import sys

    sys.modules["api_breaks"] = module
    specification.loader.exec_module(module)
    return module.breaks


def changed(where, value):
    """`BEFORE` with *value* in the place *where*; None: without what is there."""
    document = copy.deepcopy(BEFORE)
    *path, last = where
    place = document
    for step in path:
        place = place[step]
    if value is None:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return document


PATH = ("paths", "/things/{id}")
GET, PUT = (*PATH, "get"), (*PATH, "put")
THING = ("components", "schemas", "Thing")
WANTED = ("components", "schemas", "Wanted")
OF_THING, OF_WANTED = (*THING, "properties"), (*WANTED, "properties")

BROKEN = {
    "operation removed": [(PATH, None), (PUT, None)],
    "operation renamed": [((*GET, "operationId"), "read_thing")],
    "token needed": [((*GET, "security"), [{"bearer": []}])],
    "parameter newly required": [
        ((*GET, "parameters", 1, "required"), True),
        ((*GET, "parameters", 2),
         {"name": "by", "in": "query", "required": True, "schema": {"type": "string"}}),
    ],
    "parameter removed": [((*GET, "parameters", 1), None)],
    "body newly required": [((*PUT, "requestBody", "required"), True)],
    "body removed": [((*PUT, "requestBody"), None)],
    "status removed": [((*GET, "responses", "304"), None), ((*GET, "responses", "404"), None)],
    "header removed": [((*GET, "responses", "200", "headers", "ETag"), None)],
    "media type removed": [((*GET, "responses", "200", "content", "text/csv"), None)],
    "component removed": [(("components", "schemas", "Spare"), None)],
    "field removed": [((*OF_THING, "name"), None), ((*OF_WANTED, "shape"), None)],
    "field newly required": [((*WANTED, "required"), ["name", "size"])],
    "field not promised any more": [((*THING, "required"), ["name", "shape"])],
    "type narrowed": [
        ((*OF_WANTED, "size", "type"), "integer"),
        ((*GET, "parameters", 1, "schema", "type"), "integer"),
    ],
    "type widened": [
        ((*OF_THING, "name", "type"), ["string", "null"]),
        ((*OF_THING, "size", "type"), "number"),
    ],
    "values removed": [
        ((*OF_WANTED, "shape", "enum"), ["round"]),
        ((*OF_WANTED, "name", "enum"), ["this"]),
    ],
    "values added to a closed list": [((*OF_THING, "shape", "enum"), ["round", "square"])],
    "limit narrowed": [
        ((*OF_WANTED, "name", "maxLength"), 9),
        ((*OF_WANTED, "name", "minLength"), 2),
        ((*OF_WANTED, "size", "minimum"), 2),
        ((*OF_WANTED, "size", "maximum"), 7),
    ],
    "form changed": [
        ((*OF_THING, "at", "format"), "date"),
        ((*OF_WANTED, "name", "pattern"), "^a"),
    ],
    "other fields refused": [
        ((*OF_WANTED, "tags", "additionalProperties"), False),
        ((*WANTED, "additionalProperties"), False),
    ],
    "variant removed": [((*OF_WANTED, "note", "anyOf"), [{"type": "string"}])],
    "variant added": [
        ((*OF_THING, "of", "anyOf"),
         [*BEFORE["components"]["schemas"]["Thing"]["properties"]["of"]["anyOf"],
          {"$ref": "#/components/schemas/Wanted"}]),
    ],
}  # fmt: skip
FINE = [
    ((*PATH, "post"), {"operationId": "post_thing", "responses": {}}),
    ((*GET, "parameters", 2), {"name": "by", "in": "query", "schema": {"type": "string"}}),
    ((*GET, "responses", "410"), {}),
    ((*OF_THING, "colour"), {"type": "string"}),
    ((*OF_THING, "state", "x-extensible-enum"), ["new", "old"]),
    ((*OF_WANTED, "colour"), {"type": "string"}),
    ((*OF_WANTED, "shape", "enum"), ["round", "square", "oval"]),
    ((*OF_WANTED, "name", "maxLength"), 11),
    ((*WANTED, "required"), []),
]


@pytest.mark.parametrize(
    ("kind", "where", "value"),
    [(kind, *change) for kind, changes in BROKEN.items() for change in changes],
    ids=lambda each: str(each)[:40],
)
def test_what_breaks_a_client_is_told(breaks, kind, where, value):
    told = breaks(BEFORE, changed(where, value))
    assert kind in {each.kind for each in told}, told


@pytest.mark.parametrize(("where", "value"), FINE, ids=lambda each: str(each)[:60])
def test_what_breaks_nobody_is_not_told(breaks, where, value):
    assert breaks(BEFORE, changed(where, value)) == []


def test_every_kind_of_break_has_a_case(breaks):
    import re

    kinds = set(re.findall(r'Break\("([^"]+)"', TOOL.read_text()))
    assert kinds == set(BROKEN)


def test_a_place_is_told_once_and_in_words(breaks):
    told = breaks(BEFORE, changed((*OF_THING, "name"), None))
    assert str(told[0]) == "field removed: GET /things/{id} 200.name"
    assert len(told) == len(set(told))


def test_what_is_described_now_breaks_nothing_of_itself(breaks):
    import json

    document = json.loads((TOOL.parents[1] / "docs" / "openapi.json").read_text())
    assert breaks(document, document) == []
