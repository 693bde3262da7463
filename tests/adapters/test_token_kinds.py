"""What `GET /v1/token_kinds` says of every kind of every standard: complete, and true."""

import json

import pytest

from adapters.algorand.standards import publishing_at
from adapters.evm.standards import kinds as evm_kinds
from domain.errors import Refusal
from domain.token import ORDERED, Order, Token
from entrypoints.http import representations
from tests.adapters.json_schema import UnreadableSchemaError, faults

KINDS = dict(
    sorted({**publishing_at(lambda _: "https://meta.example.com/m/x"), **evm_kinds()}.items())
)
#: What a kind adds that nobody may ask for.
COMPUTED = {
    name: {"url", "metadata_hash", "metadata_json"}
    for name in ("arc3_ft", "arc3_nft", "arc3_fnft")
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def schema(kind):
    return kind.description.schema


@pytest.fixture
def example(schema):
    (found,) = schema["examples"]
    return found


def refused(kind, parameters):
    """The fields with a fault, by the kind's own rules."""
    answer = kind.token(parameters)
    return [each.pointer for each in answer.faults] if isinstance(answer, Refusal) else []


#: What can be done with tokens of each kind.
ACTIONS = {
    f"{name} {action}": (kind, action)
    for name, kind in KINDS.items()
    for action in sorted(kind.description.actions)
}


@pytest.fixture(params=ACTIONS.values(), ids=ACTIONS)
def ordering(request):
    """The kind's own rules for one action, as a function of the parameters; and their schema."""
    kind, action = request.param
    (token,) = kind.description.schema["examples"]

    def order(parameters):
        return kind.order(kind.token(token), action, parameters)

    return order, kind.description.actions[action]


def test_it_is_explained_in_plain_words(kind):
    described = kind.description
    assert described.kind == kind.name
    assert described.standard
    assert described.title
    assert len(described.explanation.split()) > 10
    assert described.explanation.endswith(".")


def test_it_is_told_as_json(kind):
    told = representations.token_kind(kind.description, ["b", "a"])
    assert json.loads(json.dumps(told))["networks"] == ["a", "b"]
    assert set(told) == {
        "kind", "standard", "class", "title", "explanation", "networks", "schema", "actions",
    }  # fmt: skip


def test_every_field_says_what_it_is_and_of_which_type(schema):
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["properties"]
    for name, field in schema["properties"].items():
        assert field["type"], name
        assert len(field["description"].split()) > 2, name
        assert field["description"].endswith("."), name


def test_every_field_is_required_or_has_a_default_that_is_good(schema):
    for name, field in schema["properties"].items():
        assert (name in schema["required"]) != ("default" in field), name
        if "default" in field:
            assert faults(field["default"], field) == [], name
    assert set(schema["required"]) <= set(schema["properties"])


def test_its_example_is_what_both_the_schema_and_the_kind_take(kind, schema, example):
    assert faults(example, schema) == []
    assert isinstance(kind.token(example), Token)


def test_what_the_kind_completes_is_still_by_the_schema(kind, schema, example):
    completed = dict(kind.token(example).parameters)
    for name in COMPUTED.get(kind.name, ()):
        assert completed.pop(name), name
    assert faults(completed, schema) == []


def test_less_than_the_example_is_refused_by_both(kind, schema, example):
    for name in schema["required"]:
        less = {key: value for key, value in example.items() if key != name}
        assert faults(less, schema) == refused(kind, less) == [f"/{name}"]


def test_more_than_the_example_is_refused_by_both(kind, schema, example):
    more = example | {"colour": "red"}
    assert faults(more, schema) == refused(kind, more) == ["/colour"]


@pytest.mark.parametrize(
    "wrong",
    [[], {}, "", "-1", "01", 1.5, True, -1, 10**30, "x" * 5_000, " "],
    ids=lambda value: repr(value)[:12],
)
def test_what_the_schema_refuses_the_kind_refuses(kind, schema, example, wrong):
    """The schema may be kinder, as of bytes and of two fields, and never stricter."""
    for name in schema["properties"]:
        other = example | {name: wrong}
        if faults(other, schema):
            assert f"/{name}" in refused(kind, other), name


class TestAnAction:
    """What a kind says of its actions is as complete, and as true."""

    def test_is_offered_by_some_kind(self):
        assert {action for _, action in ACTIONS.values()} == set(ORDERED)

    def test_is_told_as_json(self, ordering):
        _, schema = ordering
        assert json.loads(json.dumps(schema)) == schema

    def test_says_of_every_field_what_it_is(self, ordering):
        _, schema = ordering
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
        for name, field in schema["properties"].items():
            assert field["type"], name
            assert field["description"].endswith("."), name
            assert (name in schema["required"]) != ("default" in field), name
            if "default" in field:
                assert faults(field["default"], field) == [], name
        assert set(schema["required"]) <= set(schema["properties"])

    def test_has_an_example_that_both_the_schema_and_the_kind_take(self, ordering):
        order, schema = ordering
        (example,) = schema["examples"]
        assert faults(example, schema) == []
        answer = order(example)
        assert isinstance(answer, Order)
        assert faults(dict(answer.parameters), schema) == []

    def test_is_refused_by_both_with_less_or_more(self, ordering):
        order, schema = ordering
        (example,) = schema["examples"]
        for name in schema["required"]:
            less = {key: value for key, value in example.items() if key != name}
            assert faults(less, schema) == pointers(order(less)) == [f"/{name}"]
        more = example | {"colour": "red"}
        assert faults(more, schema) == pointers(order(more)) == ["/colour"]

    @pytest.mark.parametrize(
        "wrong",
        [[], {}, "", "-1", "01", 1.5, True, -1, 10**30, "x" * 5_000, " "],
        ids=lambda value: repr(value)[:12],
    )
    def test_is_refused_by_the_kind_where_the_schema_refuses_it(self, ordering, wrong):
        order, schema = ordering
        (example,) = schema["examples"]
        for name in schema["properties"]:
            other = example | {name: wrong}
            if faults(other, schema):
                assert f"/{name}" in pointers(order(other)), name


def pointers(answer):
    assert not isinstance(answer, Refusal) or answer.code == "invalid_order"
    return [each.pointer for each in answer.faults] if isinstance(answer, Refusal) else []


class TestTheReader:
    """An oracle that accepts everything accepts this, too."""

    @pytest.mark.parametrize(
        ("value", "schema", "at"),
        [
            (1, {"type": "string"}, [""]),
            (True, {"type": "integer"}, [""]),
            (None, {"type": ["string", "null"]}, []),
            ("ab", {"maxLength": 1}, [""]),
            ("", {"minLength": 1}, [""]),
            ("a\n", {"pattern": "^a$"}, [""]),
            (3, {"minimum": 4}, [""]),
            (5, {"maximum": 4}, [""]),
            ("b", {"enum": ["a"]}, [""]),
            ([1], {"items": {"type": "string"}}, ["/0"]),
            ([1, 2], {"maxItems": 1}, [""]),
            ({}, {"required": ["a"]}, ["/a"]),
            ({"b": 1}, {"additionalProperties": False}, ["/b"]),
            ({"b": 1}, {"properties": {"b": {"type": "null"}}}, ["/b"]),
        ],
    )
    def test_finds_what_is_wrong(self, value, schema, at):
        assert faults(value, schema) == at

    def test_passes_over_nothing_it_does_not_know(self):
        with pytest.raises(UnreadableSchemaError):
            faults(1, {"multipleOf": 3})
