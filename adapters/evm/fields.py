"""Fields of a specification: one rule each, from which the check and its JSON Schema are made.

A value comes from outside and is exactly of its type: ``True`` is no integer and ``1`` no amount.
Amounts are decimal strings, because JSON's numbers lose digits above 2^53.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from attrs import frozen
from eth_utils.address import is_checksum_address, to_checksum_address

from domain.errors import FieldFault

UINT256_MAX = 2**256 - 1

Value = str | int | None

_AMOUNT = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_ADDRESS = re.compile(r"0x(?:[0-9a-f]{40}|[0-9A-F]{40}|[0-9a-fA-F]{40})", re.ASCII)
#: Unicode categories that no reader sees as they are: controls, formats, lone surrogates, line and
#: paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


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
    name: str
    longest: int
    explanation: str
    default: Missing = MISSING

    def read(self, value: object) -> str | FieldFault:
        if not isinstance(value, str):
            return wrong_type(self.name, "a string")
        if any(unicodedata.category(letter) in _INVISIBLE for letter in value):
            return fault(self.name, "control_character", "invisible characters are not allowed")
        if not value:
            return fault(self.name, "too_short", "must not be empty")
        if value != value.strip():
            return fault(self.name, "surrounding_blank", "begins or ends with a blank")
        if not unicodedata.is_normalized("NFC", value):
            return fault(self.name, "not_normalized", "is not in Unicode normalisation form C")
        if len(value) > self.longest:
            return fault(self.name, "too_long", f"has more than {self.longest} characters")
        return value

    def schema(self) -> dict[str, object]:
        return {
            "type": "string",
            "minLength": 1,
            "maxLength": self.longest,
            "description": self.explanation,
        }


@frozen(kw_only=True)
class Whole(Field):
    name: str
    least: int
    most: int
    default: int
    explanation: str

    def read(self, value: object) -> int | FieldFault:
        if type(value) is not int:
            return wrong_type(self.name, "an integer")
        if not self.least <= value <= self.most:
            return out_of_range(self.name, f"must be from {self.least} to {self.most}")
        return value

    def schema(self) -> dict[str, object]:
        return {
            "type": "integer",
            "minimum": self.least,
            "maximum": self.most,
            "default": self.default,
            "description": self.explanation,
        }


@frozen(kw_only=True)
class Amount(Field):
    """Base units, up to 2^256 - 1."""

    pattern: ClassVar[str] = f"^({_AMOUNT.pattern})$"

    name: str
    least: int = 0
    default: str | Missing = MISSING
    explanation: str

    def read(self, value: object) -> str | FieldFault:
        if not isinstance(value, str):
            return wrong_type(self.name, "a string of decimal digits")
        if value.isascii() and value.isdigit() and len(value.lstrip("0")) > 78:
            return self._outside()
        if not _AMOUNT.fullmatch(value):
            message = "must be decimal digits without sign, point or leading zero"
            return fault(self.name, "not_an_amount", message)
        return value if self.least <= int(value) <= UINT256_MAX else self._outside()

    def _outside(self) -> FieldFault:
        return out_of_range(self.name, f"must be from {self.least} to 2^256 - 1")

    def schema(self) -> dict[str, object]:
        described: dict[str, object] = {
            "type": "string",
            "pattern": self.pattern,
            "description": f"{self.explanation} From {self.least} to 2^256 - 1, in base units.",
        }
        return (
            described
            if isinstance(self.default, Missing)
            else described | {"default": self.default}
        )


@frozen(kw_only=True)
class Address(Field):
    """An account; null stands for the issuing account."""

    name: str
    explanation: str
    default: None = None

    def read(self, value: object) -> str | FieldFault | None:
        if value is None:
            return None
        if not isinstance(value, str):
            return wrong_type(self.name, "a string or null")
        if not _ADDRESS.fullmatch(value) or int(value, 16) == 0:
            return fault(
                self.name, "not_an_address", "must be 0x and 40 hexadecimal digits, not all 0"
            )
        digits = value[2:]
        if digits not in {digits.lower(), digits.upper()} and not is_checksum_address(value):
            return fault(
                self.name, "not_an_address", "has a wrong EIP-55 checksum: a digit is wrong"
            )
        return to_checksum_address(value)

    def schema(self) -> dict[str, object]:
        return {
            "type": ["string", "null"],
            "pattern": "^0x[0-9a-fA-F]{40}$",
            "default": None,
            "description": self.explanation,
        }


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
