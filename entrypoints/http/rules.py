"""The rules that fields of requests are made of."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Generic, TypeVar
from uuid import UUID

from attrs import field, frozen

from domain.errors import FieldFault
from domain.identifiers import Prefix, parse_id
from entrypoints.http.decoding import (
    HEX,
    PRINTABLE_ASCII,
    Faulty,
    Rule,
    is_unicode,
    is_visible,
    pointer_to,
)

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
#: As `is_visible` has it, but for formats beyond the basic plane and for lone surrogates, which
#: every dialect of regular expressions writes in its own way.
_VISIBLE = (
    r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]*$"
)
_ASCII = "^[ -~]*$"
#: 1970 to 9998, whose days and months can be counted from.
YEARS = "(19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])"
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


@frozen(kw_only=True)
class Text(Rule[str]):
    most: int
    least: int = 1
    #: Where it travels in headers and logs of other systems.
    ascii_only: bool = False
    #: Passwords are whatever their owner types.
    any_characters: bool = False

    def read(self, value: object, pointer: str) -> str | Faulty:
        if not isinstance(value, str):
            return _wrong_type(pointer, "a string")
        faults = [FieldFault(pointer, code, message) for code, message in self._wrong(value)]
        return Faulty(faults) if faults else value

    def _wrong(self, value: str) -> Iterator[tuple[str, str]]:
        if len(value) < self.least:
            yield "too_short", f"has fewer than {self.least} characters"
        if len(value) > self.most:
            yield "too_long", f"has more than {self.most} characters"
        if not (is_unicode(value) if self.any_characters else is_visible(value)):
            yield "control_character", "invisible characters are not allowed"
        elif self.ascii_only and not PRINTABLE_ASCII.fullmatch(value):
            yield "not_printable_ascii", "has other than printable ASCII"

    def schema(self) -> dict[str, object]:
        described = {"type": "string", "minLength": self.least, "maxLength": self.most}
        if self.any_characters:
            return described
        return described | {"pattern": _ASCII if self.ascii_only else _VISIBLE}


@frozen(kw_only=True)
class Email(Rule[str]):
    """Of whoever logs in.  Whether it is one, the use case says, of its canonical form."""

    most: int

    def read(self, value: object, pointer: str) -> str | Faulty:
        return Text(most=self.most).read(value, pointer)

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "email", "maxLength": self.most}


@frozen(kw_only=True)
class ChosenPassword(Rule[str]):
    """One that is chosen now.  Whether it is good enough, the use case says."""

    least: int
    most: int

    def read(self, value: object, pointer: str) -> str | Faulty:
        return Text(most=self.most, any_characters=True).read(value, pointer)

    def schema(self) -> dict[str, object]:
        return {"type": "string", "minLength": self.least, "maxLength": self.most}


@frozen(kw_only=True)
class Flag(Rule[bool]):
    def read(self, value: object, pointer: str) -> bool | Faulty:
        return value if isinstance(value, bool) else _wrong_type(pointer, "true or false")

    def schema(self) -> dict[str, object]:
        return {"type": "boolean"}


@frozen(kw_only=True)
class Choice(Rule[E], Generic[E]):
    """One of an enumeration, by its value."""

    among: type[E]
    #: Members that exist and cannot be had here.
    withheld: frozenset[E] = frozenset()
    code: str = "not_offered"

    @property
    def offered(self) -> list[str]:
        return [str(each.value) for each in self.among if each not in self.withheld]

    def read(self, value: object, pointer: str) -> E | Faulty:
        if not isinstance(value, str):
            return _wrong_type(pointer, "a string")
        if value not in self.offered:
            return _fault(pointer, self.code, f"must be one of {', '.join(self.offered)}")
        return self.among(value)

    def schema(self) -> dict[str, object]:
        return {"type": "string", "enum": self.offered}


@frozen(kw_only=True)
class Ascending(Rule[frozenset[T]], Generic[T]):
    """A list without order, in which nothing is twice."""

    of: Rule[T]
    most: int

    def read(self, value: object, pointer: str) -> frozenset[T] | Faulty:
        if not isinstance(value, list):
            return _wrong_type(pointer, "a list")
        if len(value) > self.most:
            return _fault(pointer, "too_many", f"has more than {self.most} entries")
        items = [self.of.read(item, f"{pointer}/{i}") for i, item in enumerate(value)]
        faults = [fault for item in items if isinstance(item, Faulty) for fault in item.faults]
        good = frozenset(item for item in items if not isinstance(item, Faulty))
        return Faulty(faults) if faults else good

    def schema(self) -> dict[str, object]:
        return {"type": "array", "maxItems": self.most, "items": self.of.schema()}


@frozen(kw_only=True)
class PublicId(Rule[UUID]):
    prefix: Prefix

    def read(self, value: object, pointer: str) -> UUID | Faulty:
        if not isinstance(value, str):
            return _wrong_type(pointer, "a string")
        id = parse_id(self.prefix, value)
        if id is None:
            return _fault(pointer, "invalid_id", f"must be {self.prefix}_ and 26 letters")
        return id

    def schema(self) -> dict[str, object]:
        return {"type": "string", "pattern": f"^{self.prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"}


@frozen(kw_only=True)
class Hash(Rule[bytes]):
    """SHA-256 in lower case hexadecimal."""

    def read(self, value: object, pointer: str) -> bytes | Faulty:
        if not isinstance(value, str):
            return _wrong_type(pointer, "a string")
        if len(value) != 64 or not HEX.fullmatch(value):
            return _fault(pointer, "invalid_hash", "must be 64 hexadecimal digits")
        return bytes.fromhex(value)

    def schema(self) -> dict[str, object]:
        return {"type": "string", "pattern": "^[0-9a-f]{64}$"}


@frozen(kw_only=True)
class Instant(Rule[datetime]):
    def read(self, value: object, pointer: str) -> datetime | Faulty:
        if not isinstance(value, str):
            return _wrong_type(pointer, "a string")
        try:
            instant = datetime.fromisoformat(value)
            # An instant near the year 1 or 9999 may leave the calendar on its way to UTC.
            return self._in_utc(instant, pointer)
        except (ValueError, OverflowError):
            return _fault(pointer, "invalid_instant", "must be RFC 3339 with a zone")

    def _in_utc(self, instant: datetime, pointer: str) -> datetime | Faulty:
        if instant.tzinfo is None:
            return _fault(pointer, "invalid_instant", "must have a zone, like Z")
        return instant.astimezone(UTC)

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "date-time"}


@frozen(kw_only=True)
class Day(Rule[date]):
    """A calendar day, in UTC; of years whose days can be counted from."""

    def read(self, value: object, pointer: str) -> date | Faulty:
        if not isinstance(value, str):
            return _wrong_type(pointer, "a string")
        try:
            if _DAY.fullmatch(value) and "1970" <= value < "9999":
                return date.fromisoformat(value)
        except ValueError:
            pass
        return _fault(pointer, "invalid_date", "must be a day, like 2026-11-21")

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "date", "pattern": f"^{YEARS}-[0-9]{{2}}-[0-9]{{2}}$"}


@frozen(kw_only=True)
class OneOfIds(Rule[tuple[Prefix, UUID]]):
    """An id of one of several kinds."""

    prefixes: tuple[Prefix, ...]

    def read(self, value: object, pointer: str) -> tuple[Prefix, UUID] | Faulty:
        if not isinstance(value, str):
            return _wrong_type(pointer, "a string")
        for prefix in self.prefixes:
            id = parse_id(prefix, value)
            if id is not None:
                return prefix, id
        names = " or ".join(f"{prefix}_" for prefix in self.prefixes)
        return _fault(pointer, "invalid_id", f"must be {names} and 26 letters")

    def schema(self) -> dict[str, object]:
        names = "|".join(self.prefixes)
        return {"type": "string", "pattern": f"^({names})_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"}


@frozen(kw_only=True)
class Labels(Rule[Mapping[str, str]]):
    """A map of the client's own words."""

    most: int = 20
    key: Text = field(factory=lambda: Text(most=40))
    value: Text = field(factory=lambda: Text(most=500, least=0))

    def read(self, value: object, pointer: str) -> Mapping[str, str] | Faulty:
        if not isinstance(value, dict):
            return _wrong_type(pointer, "an object of strings")
        if len(value) > self.most:
            return _fault(pointer, "too_many", f"has more than {self.most} entries")
        faults: list[FieldFault] = []
        for name, item in value.items():
            place = pointer_to(pointer, name)
            for read in (self.key.read(name, place), self.value.read(item, place)):
                faults += read.faults if isinstance(read, Faulty) else ()
        return Faulty(faults) if faults else dict(value)

    def schema(self) -> dict[str, object]:
        return {
            "type": "object",
            "maxProperties": self.most,
            "propertyNames": self.key.schema(),
            "additionalProperties": self.value.schema(),
        }


@frozen(kw_only=True)
class Parameters(Rule[Mapping[str, object]]):
    """A token in the words of its kind, whose own rules say what is right."""

    def read(self, value: object, pointer: str) -> Mapping[str, object] | Faulty:
        return value if isinstance(value, dict) else _wrong_type(pointer, "an object")

    def schema(self) -> dict[str, object]:
        return {"type": "object"}


@frozen(kw_only=True)
class Number(Rule[int]):
    """A whole number in a query, where everything is text."""

    least: int
    most: int
    code: str = "out_of_range"

    def read(self, value: object, pointer: str) -> int | Faulty:
        if not isinstance(value, str) or not _NUMBER.fullmatch(value):
            return _fault(pointer, self.code, "must be a whole number")
        if not self.least <= int(value) <= self.most:
            message = f"must be from {self.least} to {self.most}"
            return _fault(pointer, self.code, message)
        return int(value)

    def schema(self) -> dict[str, object]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@frozen(kw_only=True)
class Whole(Rule[int]):
    """A whole number in a body."""

    least: int
    most: int

    def read(self, value: object, pointer: str) -> int | Faulty:
        if not isinstance(value, int) or isinstance(value, bool):
            return _wrong_type(pointer, "a whole number")
        if not self.least <= value <= self.most:
            return _fault(pointer, "out_of_range", f"must be from {self.least} to {self.most}")
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@frozen(kw_only=True)
class Switch(Rule[bool]):
    """``true`` or ``false`` in a query."""

    def read(self, value: object, pointer: str) -> bool | Faulty:
        if value not in {"true", "false"}:
            return _fault(pointer, "wrong_type", "must be true or false")
        return value == "true"

    def schema(self) -> dict[str, object]:
        return {"type": "boolean"}


def _fault(pointer: str, code: str, message: str) -> Faulty:
    return Faulty([FieldFault(pointer, code, message)])


def _wrong_type(pointer: str, wanted: str) -> Faulty:
    return _fault(pointer, "wrong_type", f"must be {wanted}")
