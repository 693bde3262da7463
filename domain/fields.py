"""Fields of a specification: one rule each, from which the check and its JSON Schema are made.

A value comes from outside and is exactly of its type: ``True`` is no integer and ``1`` no amount.
Amounts are decimal strings, because JSON's numbers lose digits above 2^53.  What only one family
of networks has, such as its addresses, stands in its adapter.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from attrs import frozen

from domain.errors import FieldFault, Refusal

UINT256_MAX = 2**256 - 1

Value = str | int | bool | None

_AMOUNT = re.compile(r"0|[1-9][0-9]*", re.ASCII)
#: Unicode categories that no reader sees as they are: controls, formats, lone surrogates, line and
#: paragraph separators.
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def readable(text: str, longest: int) -> str:
    """The first *longest* characters of *text*, without what no reader sees.

    That is replaced, not left out, so that the rest says nothing new; a database takes the result.
    """
    return "".join(
        "…" if unicodedata.category(letter) in INVISIBLE else letter for letter in text[:longest]
    )


class Missing:
    """Stands for *no default*: the field must be given."""


MISSING = Missing()


class Field(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def default(self) -> Value | Missing: ...

    def read(self, value: object) -> Value | FieldFault:
        """The canonical form of *value*, or what is wrong with it."""
        ...

    def schema(self) -> dict[str, object]: ...


@frozen(kw_only=True)
class Text(Field):
    """Some text; null stands for none where the default is none."""

    #: What `longest` counts.
    unit: ClassVar[str] = "characters"

    name: str
    longest: int
    explanation: str
    default: Missing | None = MISSING

    def read(self, value: object) -> str | FieldFault | None:
        if value is None and self.default is None:
            return None
        if not isinstance(value, str):
            return wrong_type(self.name, "a string")
        if any(unicodedata.category(letter) in INVISIBLE for letter in value):
            return fault(self.name, "control_character", "invisible characters are not allowed")
        if not value:
            return fault(self.name, "too_short", "must not be empty")
        if value != value.strip():
            return fault(self.name, "surrounding_blank", "begins or ends with a blank")
        if not unicodedata.is_normalized("NFC", value):
            return fault(self.name, "not_normalized", "is not in Unicode normalisation form C")
        if self.length(value) > self.longest:
            return fault(self.name, "too_long", f"has more than {self.longest} {self.unit}")
        return value

    def length(self, value: str) -> int:
        return len(value)

    def schema(self) -> dict[str, object]:
        described: dict[str, object] = {
            "type": "string",
            "minLength": 1,
            "maxLength": self.longest,
            "description": self.explanation,
        }
        if self.default is None:
            return described | {"type": ["string", "null"], "default": None}
        return described


@frozen(kw_only=True)
class Whole(Field):
    name: str
    least: int
    most: int
    explanation: str
    default: int | Missing = MISSING

    def read(self, value: object) -> int | FieldFault:
        if type(value) is not int:
            return wrong_type(self.name, "an integer")
        if not self.least <= value <= self.most:
            return out_of_range(self.name, f"must be from {self.least} to {self.most}")
        return value

    def schema(self) -> dict[str, object]:
        described: dict[str, object] = {
            "type": "integer",
            "minimum": self.least,
            "maximum": self.most,
            "description": self.explanation,
        }
        return (
            described
            if isinstance(self.default, Missing)
            else described | {"default": self.default}
        )


@frozen(kw_only=True)
class Amount(Field):
    """Base units, up to 2^bits - 1."""

    name: str
    least: int = 1
    bits: int = 256
    explanation: str
    default: str | Missing = MISSING

    def read(self, value: object) -> str | FieldFault:
        if not isinstance(value, str):
            return wrong_type(self.name, "a string of decimal digits")
        if value.isascii() and value.isdigit() and len(value.lstrip("0")) > self._digits:
            return self._outside()
        if not _AMOUNT.fullmatch(value):
            message = "must be decimal digits without sign, point or leading zero"
            return fault(self.name, "not_an_amount", message)
        return value if self.least <= int(value) < 2**self.bits else self._outside()

    @property
    def _digits(self) -> int:
        """Of the largest."""
        return len(str(2**self.bits - 1))

    def _outside(self) -> FieldFault:
        return out_of_range(self.name, f"must be from {self.least} to 2^{self.bits} - 1")

    def schema(self) -> dict[str, object]:
        described: dict[str, object] = {
            "type": "string",
            "pattern": f"^(0|[1-9][0-9]{{0,{self._digits - 1}}})$",
            "description": (
                f"{self.explanation} From {self.least} to 2^{self.bits} - 1, in base units."
            ),
        }
        return (
            described
            if isinstance(self.default, Missing)
            else described | {"default": self.default}
        )


@frozen(kw_only=True)
class Flag(Field):
    name: str
    explanation: str
    default: bool = False

    def read(self, value: object) -> bool | FieldFault:
        return value if isinstance(value, bool) else wrong_type(self.name, "true or false")

    def schema(self) -> dict[str, object]:
        return {"type": "boolean", "default": self.default, "description": self.explanation}


def read_all(
    fields: Sequence[Field], parameters: Mapping[str, object]
) -> tuple[dict[str, Value], tuple[FieldFault, ...]]:
    """Every field's canonical value with defaults filled in, and every fault there is."""
    values: dict[str, Value] = {}
    faults = []
    for each in fields:
        if each.name in parameters:
            found = each.read(parameters[each.name])
        elif isinstance(each.default, Missing):
            found = fault(each.name, "missing", "is required")
        else:
            found = each.default
        if isinstance(found, FieldFault):
            faults.append(found)
        else:
            values[each.name] = found
    known = {each.name for each in fields}
    faults += [
        fault(name, "unknown_field", "is not a field of this kind")
        for name in parameters
        if name not in known
    ]
    return values, tuple(faults)


def schema_of(fields: Sequence[Field], example: Mapping[str, object]) -> dict[str, object]:
    """JSON Schema 2020-12 of an object with these fields and no others, and one that is taken."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [each.name for each in fields if isinstance(each.default, Missing)],
        "properties": {each.name: each.schema() for each in fields},
        "examples": [dict(example)],
    }


def fault(name: str, code: str, message: str) -> FieldFault:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    return FieldFault(pointer, code, message)


def wrong_type(name: str, wanted: str) -> FieldFault:
    return fault(name, "wrong_type", f"must be {wanted}")


def out_of_range(name: str, message: str) -> FieldFault:
    return fault(name, "out_of_range", message)


def invalid(code: str, faults: Sequence[FieldFault]) -> Refusal:
    """All *faults* of a request, told together."""
    fields = "1 field is" if len(faults) == 1 else f"{len(faults)} fields are"
    return Refusal(code=code, detail=f"{fields} not valid", faults=tuple(faults))
