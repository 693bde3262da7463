"""Fields of a specification: one rule each, from which the check and its JSON Schema are made.

A value comes from outside and is exactly of its type: ``True`` is no integer and ``1`` no amount.
Amounts are decimal strings, because JSON's numbers lose digits above 2^53.  The protocol limits
texts by their bytes in UTF-8, which a JSON Schema cannot: it says so in words.
"""

import base64
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from algosdk.encoding import decode_address, encode_address, is_valid_address
from attrs import frozen

from domain.errors import FieldFault

UINT64_MAX = 2**64 - 1
UINT256_MAX = 2**256 - 1

Value = str | int | bool | None

_AMOUNT = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_ADDRESS = re.compile(r"[A-Z2-7]{58}", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{43}=", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
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
    """Some text; null stands for none where the default is none."""

    name: str
    #: In bytes.
    longest: int
    explanation: str
    default: Missing | None = MISSING

    def read(self, value: object) -> str | FieldFault | None:
        if value is None and self.default is None:
            return None
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
        if len(value.encode()) > self.longest:
            return fault(self.name, "too_long", f"has more than {self.longest} bytes in UTF-8")
        return value

    def schema(self) -> dict[str, object]:
        described: dict[str, object] = {
            "type": "string",
            "minLength": 1,
            # No letter has less than one byte.
            "maxLength": self.longest,
            "description": f"{self.explanation} At most {self.longest} bytes in UTF-8.",
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
    """Base units, up to 2^64 - 1 or to 2^256 - 1."""

    name: str
    least: int = 1
    bits: int = 64
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


@frozen(kw_only=True)
class Hash(Field):
    """32 bytes, in base64 once they are stored; null: none."""

    name: str
    explanation: str
    default: None = None

    def read(self, value: object) -> str | FieldFault | None:
        if value is None:
            return None
        if not isinstance(value, str):
            return wrong_type(self.name, "a string or null")
        if _HEX.fullmatch(value):
            raw = bytes.fromhex(value)
        elif _BASE64.fullmatch(value):
            raw = base64.b64decode(value)
        else:
            message = "must be 32 bytes, in base64 or as 64 hexadecimal digits"
            return fault(self.name, "invalid_hash", message)
        canonical = base64.b64encode(raw).decode()
        if len(value) == len(canonical) and value != canonical:
            return fault(self.name, "invalid_hash", "is not base64: its last letter says too much")
        if not any(raw):
            return fault(
                self.name, "invalid_hash", "is all zero, which on chain is none: use null"
            )
        return canonical

    def schema(self) -> dict[str, object]:
        return {
            "type": ["string", "null"],
            "pattern": f"^({_BASE64.pattern}|{_HEX.pattern})$",
            "default": None,
            "description": f"{self.explanation} 32 bytes, in base64 or as 64 hexadecimal digits.",
        }


@frozen(kw_only=True)
class Role(Field):
    """Who has a power over the asset: the issuing account, another address, or nobody."""

    ISSUER: ClassVar[str] = "issuer"

    name: str
    explanation: str
    default: str = ISSUER

    def read(self, value: object) -> str | FieldFault | None:
        if value is None or value == self.ISSUER:
            return value if value is None else self.ISSUER
        if not isinstance(value, str):
            return wrong_type(self.name, "a string or null")
        if not _ADDRESS.fullmatch(value) or not is_valid_address(value):
            message = f"must be {self.ISSUER}, null, or an address of 58 letters and digits"
            return fault(self.name, "not_an_address", message)
        raw = decode_address(value)
        if encode_address(raw) != value:
            return fault(self.name, "not_an_address", "is not spelt as its bytes are")
        if not any(raw):
            message = "is the zero address, which on chain is nobody: use null"
            return fault(self.name, "not_an_address", message)
        return value

    def schema(self) -> dict[str, object]:
        return {
            "type": ["string", "null"],
            "pattern": f"^({self.ISSUER}|{_ADDRESS.pattern})$",
            "default": self.ISSUER,
            "description": f"{self.explanation} null: nobody, for ever.",
        }


@frozen(kw_only=True)
class Address(Field):
    """An account; null, and nothing said: the issuing account, or nobody in particular."""

    name: str
    explanation: str
    default: None = None

    def read(self, value: object) -> str | FieldFault | None:
        if value is None:
            return None
        found = Role(name=self.name, explanation="").read(value)
        if found == Role.ISSUER:
            return fault(self.name, "not_an_address", "must be null or an address")
        return found

    def schema(self) -> dict[str, object]:
        return {
            "type": ["string", "null"],
            "pattern": f"^{_ADDRESS.pattern}$",
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
