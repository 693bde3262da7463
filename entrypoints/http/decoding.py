"""What comes in: one decoder for all bodies and queries.

A request is declared as a `Shape` of fields.  From it come the check, which lists *all* faults
with their JSON pointers, unknown fields included, and the JSON Schema of the documentation.
Values are exactly of their type: ``True`` is no integer and ``10.9`` no 10.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, NoReturn, Protocol, TypeVar, cast

from attrs import frozen
from litestar import Request

from domain.errors import FieldFault
from entrypoints.http.problems import invalid, refused

AnyRequest = Request[Any, Any, Any]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MAX_DEPTH = 12
_LONGEST_NAME = 100

#: Categories of letters that no reader sees as they are: controls, formats, lone surrogates, line
#: and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Members(dict[str, object]):
    """A JSON object, and the names it had more than once."""

    duplicates: tuple[str, ...] = ()

    @classmethod
    def of(cls, pairs: list[tuple[str, object]]) -> "Members":
        members = cls(pairs)
        if len(members) != len(pairs):
            counts = Counter(name for name, _ in pairs)
            members.duplicates = tuple(name for name, count in counts.items() if count > 1)
        return members


def parse(request: AnyRequest, body: bytes) -> Members:
    """The JSON object that *body* is; no body at all is one without members.

    Raises:
        RefusedError: it is none.
    """
    if not body:
        return Members()
    if request.content_type[0] != "application/json":
        raise refused("unsupported_media_type", "the body is not declared as application/json")
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=Members.of, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise refused("malformed_json", "the body is not JSON in UTF-8") from error
    if not isinstance(value, Members):
        raise refused("body_not_an_object", "the body is JSON, and not an object")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@frozen
class Faulty:
    """A value that is not as it should be, and all that is wrong with it."""

    faults: Sequence[FieldFault]


class Rule(Protocol[T_co]):
    """What one value must be like."""

    def read(self, value: object, pointer: str) -> T_co | Faulty:
        """The value at *pointer* as it is used inside."""
        ...

    def schema(self) -> dict[str, object]:
        """The same rule as JSON Schema."""
        ...


@frozen
class Field(Generic[T_co]):
    """A member of a shape; its key to the decoded values."""

    name: str
    rule: Rule[T_co]
    description: str
    required: bool = False
    example: object = None


@frozen
class Decoded:
    """The values of a request, by their fields."""

    values: Mapping[str, object]
    #: The body as it was parsed.
    body: Mapping[str, object]

    def __getitem__(self, field: Field[T]) -> T:
        return cast("T", self.values[field.name])

    def get(self, field: Field[T]) -> T | None:
        return cast("T | None", self.values.get(field.name))


@frozen
class Shape:
    """All fields of one request; there are no others."""

    name: str
    fields: Sequence[Field[object]]
    #: Pairs that exclude each other.
    exclusive: Sequence[tuple[Field[object], Field[object]]] = ()
    #: How many of them there must be at least, for the description only.
    least: int = 0

    def decode(self, request: AnyRequest, body: bytes) -> Decoded:
        """The values of *body*.

        Raises:
            RefusedError: with every fault there is.
        """
        return self._faultless(parse(request, body))

    def query(self, request: AnyRequest) -> Decoded:
        """As `decode`, of the query."""
        return self._faultless(Members.of(list(request.query_params.multi_items())))

    def _faultless(self, members: Members) -> Decoded:
        decoded, faults = self.examine(members)
        if faults:
            raise invalid(faults)
        return decoded

    def examine(self, members: Mapping[str, object]) -> tuple[Decoded, list[FieldFault]]:
        """The good values and all faults, for those who have more to examine."""
        faults = list(_structural_faults(members, "", 1))
        values: dict[str, object] = {}
        for field in self.fields:
            pointer = pointer_to("", field.name)
            if field.name in members:
                value = field.rule.read(members[field.name], pointer)
                if isinstance(value, Faulty):
                    faults += value.faults
                else:
                    values[field.name] = value
            elif field.required:
                faults.append(FieldFault(pointer, "missing", "is required"))
        faults += _unknown(members, [field.name for field in self.fields], "")
        for one, other in self.exclusive:
            if one.name in members and other.name in members:
                message = f"excludes {one.name}"
                faults.append(
                    FieldFault(pointer_to("", other.name), "conflicting_fields", message)
                )
        return Decoded(values, members), faults

    def schema(self) -> dict[str, object]:
        described: dict[str, object] = {
            "type": "object",
            "additionalProperties": False,
            "required": [field.name for field in self.fields if field.required],
            "properties": {
                field.name: field.rule.schema() | {"description": field.description}
                for field in self.fields
            },
        }
        if self.least:
            described["minProperties"] = self.least
        apart = [{"required": [one.name, other.name]} for one, other in self.exclusive]
        if apart:
            described["not"] = apart[0] if len(apart) == 1 else {"anyOf": apart}
        example = {f.name: f.example for f in self.fields if f.example is not None}
        return described | ({"example": example} if example else {})


def _unknown(
    members: Mapping[str, object], known: Iterable[str], pointer: str
) -> Iterable[FieldFault]:
    names = sorted(known)
    for name in members:
        if name not in names:
            message = f"is not a field here; known: {', '.join(names) or 'none'}"
            yield FieldFault(pointer_to(pointer, name), "unknown_field", message)


def _structural_faults(value: object, pointer: str, depth: int) -> Iterable[FieldFault]:
    """What is wrong anywhere in a body, whatever its fields mean."""
    if depth > MAX_DEPTH:
        yield FieldFault(pointer, "too_deep", f"is nested more than {MAX_DEPTH} levels deep")
    elif isinstance(value, Members):
        for name in value.duplicates:
            yield FieldFault(pointer_to(pointer, name), "duplicate_field", "is there twice")
        for name, item in value.items():
            if not is_unicode(name):
                message = "the field's name is broken Unicode"
                yield FieldFault(pointer_to(pointer, name), "control_character", message)
            yield from _structural_faults(item, pointer_to(pointer, name), depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _structural_faults(item, f"{pointer}/{index}", depth + 1)


def pointer_to(parent: str, name: str) -> str:
    """RFC 6901.  A name that no field of ours could have is shortened."""
    shown = name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"
    return f"{parent}/{shown.replace('~', '~0').replace('/', '~1')}"


def is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def is_visible(text: str) -> bool:
    return not any(unicodedata.category(letter) in _INVISIBLE for letter in text)


HEX = re.compile(r"[0-9a-f]*", re.ASCII)
PRINTABLE_ASCII = re.compile(r"[\x20-\x7e]*", re.ASCII)
