"""Rules for the values inside an ARC-3 document: what each may be, and all that is wrong with it.

ARC-3's own words are the source (ARCs/arc-0003.md); where it leaves a choice this is stricter:
addresses are absolute, `https` or `ipfs`, and numbers are whole.  Nothing here is ever fetched.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

from attrs import frozen

from domain.errors import FieldFault

#: JSON as `json.loads` makes it.
Json = Any

#: Whole numbers that every reader of JSON keeps (RFC 8259, section 6).
MOST = 2**53 - 1
LONGEST_URL = 2_048
LONGEST_TEXT = 4_096
LONGEST_NAME = 100
MOST_VALUES = 1_000
DEEPEST = 6
MOST_LOCALES = 200

ID, LOCALE = "{id}", "{locale}"

# RFC 3986: what a URI is made of.
_URI = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+", re.ASCII)
_CID = re.compile(r"[A-Za-z0-9]{46,128}", re.ASCII)
# A gateway shows IPFS by path (ipfs.io/ipfs/bafk…) or by name (bafk….ipfs.dweb.link).
_GATEWAY_PATH = re.compile(r"/ip[fn]s(/|$)", re.ASCII | re.IGNORECASE)
_GATEWAY_HOST = re.compile(r"\.ip[fn]s\.", re.ASCII)
# RFC 6838, section 4.2.
_MEDIA_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE = re.compile(rf"{_MEDIA_NAME}/{_MEDIA_NAME}", re.ASCII)
_INTEGRITY = re.compile(r"sha256-([A-Za-z0-9+/]{43}=)", re.ASCII)
_COLOR = re.compile(r"[0-9A-Fa-f]{6}", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}", re.ASCII)

INTEGRITY, MEDIA_TYPE = "_integrity", "_mimetype"


class Rule(Protocol):
    """What one value must be like."""

    def faults(self, value: Json, pointer: str) -> Iterator[FieldFault]: ...

    def schema(self) -> dict[str, object]: ...


@frozen
class Prose(Rule):
    """Text of several lines."""

    explanation: str

    def faults(self, value: Json, pointer: str) -> Iterator[FieldFault]:
        if not isinstance(value, str):
            yield wrong_type(pointer, "a string")
        elif not _is_prose(value):
            message = "control characters other than line feed and tab are not allowed"
            yield FieldFault(pointer, "control_character", message)
        elif len(value.encode()) > LONGEST_TEXT:
            message = f"has more than {LONGEST_TEXT} bytes in UTF-8"
            yield FieldFault(pointer, "too_long", message)

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": LONGEST_TEXT, "description": self.explanation}


@frozen
class Url(Rule):
    explanation: str
    #: ``{locale}`` must be in it.
    with_locale: bool = False

    def faults(self, value: Json, pointer: str) -> Iterator[FieldFault]:
        if not isinstance(value, str):
            yield wrong_type(pointer, "a string")
            return
        if len(value) > LONGEST_URL:
            yield FieldFault(pointer, "too_long", f"has more than {LONGEST_URL} characters")
        elif self.with_locale and LOCALE not in value:
            yield FieldFault(pointer, "invalid_url", f"must contain {LOCALE}")
        else:
            # Whoever reads it puts something in their place before anything else (ARC-3).
            plain = value.replace(ID, "1")
            why = _not_a_url(plain.replace(LOCALE, "en") if self.with_locale else plain)
            if why is not None:
                yield FieldFault(pointer, "invalid_url", why)

    def schema(self) -> dict[str, object]:
        return {
            "type": "string",
            "pattern": r"^(https|ipfs)://\S+$",
            "maxLength": LONGEST_URL,
            "description": f"{self.explanation} https:// or ipfs://, and no gateway; {ID} stands "
            "for the asset's id.",
        }


@frozen
class Integrity(Rule):
    explanation: str

    def faults(self, value: Json, pointer: str) -> Iterator[FieldFault]:
        if not isinstance(value, str):
            yield wrong_type(pointer, "a string")
            return
        matched = _INTEGRITY.fullmatch(value)
        if matched is None or decoded(matched[1]) is None:
            message = "must be sha256- and 32 bytes in base64"
            yield FieldFault(pointer, "invalid_integrity", message)

    def schema(self) -> dict[str, object]:
        pattern = f"^{_INTEGRITY.pattern}$"
        return {"type": "string", "pattern": pattern, "description": self.explanation}


@frozen
class MediaType(Rule):
    explanation: str
    #: ``image``; empty: any.
    top: str = ""

    def faults(self, value: Json, pointer: str) -> Iterator[FieldFault]:
        if not isinstance(value, str):
            yield wrong_type(pointer, "a string")
        elif not _MEDIA_TYPE.fullmatch(value) or not value.startswith(self._start):
            message = f"must be a media type {self._start or 'type/'}…, without parameters"
            yield FieldFault(pointer, "invalid_media_type", message)

    @property
    def _start(self) -> str:
        return f"{self.top}/" if self.top else ""

    def schema(self) -> dict[str, object]:
        name = "[^/; ]+"
        pattern = f"^{self.top or name}/{name}$"
        return {"type": "string", "pattern": pattern, "description": self.explanation}


@frozen
class Color(Rule):
    explanation: str

    def faults(self, value: Json, pointer: str) -> Iterator[FieldFault]:
        if not isinstance(value, str):
            yield wrong_type(pointer, "a string")
        elif not _COLOR.fullmatch(value):
            message = "must be six hexadecimal digits without #"
            yield FieldFault(pointer, "invalid_color", message)

    def schema(self) -> dict[str, object]:
        pattern = f"^{_COLOR.pattern}$"
        return {"type": "string", "pattern": pattern, "description": self.explanation}


@frozen
class Base64(Rule):
    explanation: str

    def faults(self, value: Json, pointer: str) -> Iterator[FieldFault]:
        if not isinstance(value, str):
            yield wrong_type(pointer, "a string")
        elif len(value) > LONGEST_TEXT:
            yield FieldFault(pointer, "too_long", f"has more than {LONGEST_TEXT} characters")
        elif decoded(value) is None:
            yield FieldFault(pointer, "invalid_base64", "must be base64 with its padding")

    def schema(self) -> dict[str, object]:
        return {
            "type": "string",
            "pattern": "^[A-Za-z0-9+/]*={0,2}$",
            "maxLength": LONGEST_TEXT,
            "description": self.explanation,
        }


@frozen
class Properties(Rule):
    """ARC-3: "Values may be strings, numbers, object or arrays"."""

    explanation: str

    def faults(self, value: Json, pointer: str) -> Iterator[FieldFault]:
        if not isinstance(value, Mapping):
            yield wrong_type(pointer, "an object")
            return
        if _count(value, DEEPEST) > MOST_VALUES:
            yield FieldFault(pointer, "too_many", f"holds more than {MOST_VALUES} values")
            return
        yield from self._of_object(value, pointer, 1)

    def _of_object(
        self, value: Mapping[str, Json], pointer: str, depth: int
    ) -> Iterator[FieldFault]:
        for name, item in value.items():
            inner = below(pointer, name)
            if not name or len(name) > LONGEST_NAME or not _is_prose(name):
                message = f"must have 1 to {LONGEST_NAME} characters, none of them a control"
                yield FieldFault(inner, "invalid_name", message)
            yield from self._of_value(item, inner, depth + 1)
        yield from orphans(value, pointer)
        yield from self._of_files(value, pointer)

    @staticmethod
    def _of_files(value: Mapping[str, Json], pointer: str) -> Iterator[FieldFault]:
        """What is told of a file, and that it is a file of which it is told."""
        described = {_described_by(name) for name in value}
        for name, item in value.items():
            if name.endswith(INTEGRITY):
                yield from Integrity("").faults(item, below(pointer, name))
            if name.endswith(MEDIA_TYPE):
                yield from MediaType("").faults(item, below(pointer, name))
            if name in described:
                yield from Url("").faults(item, below(pointer, name))

    def _of_value(self, value: Json, pointer: str, depth: int) -> Iterator[FieldFault]:
        match value:
            case bool() | None:
                yield wrong_type(pointer, "a string, a number, an object or an array (ARC-3)")
            case str():
                yield from Prose("").faults(value, pointer)
            case int() if abs(value) > MOST:
                message = "must be within 2^53 - 1: say it as a string"
                yield FieldFault(pointer, "out_of_range", message)
            case int():
                pass
            case float():
                yield wrong_type(pointer, "a whole number: say others as strings")
            case Mapping() | list() if depth > DEEPEST:
                message = f"is nested more than {DEEPEST} levels deep"
                yield FieldFault(pointer, "too_deep", message)
            case Mapping():
                yield from self._of_object(value, pointer, depth)
            case list():
                for place, item in enumerate(value):
                    yield from self._of_value(item, f"{pointer}/{place}", depth + 1)
            case _:
                yield wrong_type(pointer, "JSON")

    def schema(self) -> dict[str, object]:
        return {
            "type": "object",
            "description": f"{self.explanation} Strings, whole numbers, objects and arrays, up to "
            f"{DEEPEST} levels deep and {MOST_VALUES} values.",
        }


@frozen
class Localization(Rule):
    explanation: str

    _URI: ClassVar = Url(
        "Where each locale's document is; {locale} stands for the locale.", with_locale=True
    )
    _DIGEST: ClassVar = Integrity("Of the locale's document.")

    def faults(self, value: Json, pointer: str) -> Iterator[FieldFault]:
        if not isinstance(value, Mapping):
            yield wrong_type(pointer, "an object")
            return
        known = ("uri", "default", "locales", "integrity")
        yield from strangers(value, known, pointer)
        for name in known[:3]:
            if name not in value:
                yield FieldFault(below(pointer, name), "missing", "is required")
        if "uri" in value:
            yield from self._URI.faults(value["uri"], f"{pointer}/uri")
        if "default" in value:
            yield from _locale_faults(value["default"], f"{pointer}/default")
        if "locales" in value:
            yield from self._of_locales(value["locales"], f"{pointer}/locales")
        if "integrity" in value:
            yield from self._of_integrity(value, f"{pointer}/integrity")

    @staticmethod
    def _of_locales(value: Json, pointer: str) -> Iterator[FieldFault]:
        if not isinstance(value, list):
            yield wrong_type(pointer, "an array")
        elif not value:
            yield FieldFault(pointer, "too_short", "must name a locale")
        elif len(value) > MOST_LOCALES:
            yield FieldFault(pointer, "too_many", f"has more than {MOST_LOCALES} locales")
        else:
            for place, locale in enumerate(value):
                yield from _locale_faults(locale, f"{pointer}/{place}")
                if locale in value[:place]:
                    message = "is in the list already"
                    yield FieldFault(f"{pointer}/{place}", "duplicate_field", message)

    def _of_integrity(self, value: Mapping[str, Json], pointer: str) -> Iterator[FieldFault]:
        digests, locales = value["integrity"], value.get("locales")
        if not isinstance(digests, Mapping):
            yield wrong_type(pointer, "an object")
            return
        listed = locales if isinstance(locales, list) else []
        known = [each for each in listed if each != value.get("default")]
        for name, digest in digests.items():
            if name not in known:
                message = "must be one of locales, and not the default one"
                yield FieldFault(below(pointer, name), "invalid_locale", message)
            yield from self._DIGEST.faults(digest, below(pointer, name))

    def schema(self) -> dict[str, object]:
        locale = {"type": "string", "pattern": f"^{_LOCALE.pattern}$"}
        return {
            "type": "object",
            "additionalProperties": False,
            "required": ["uri", "default", "locales"],
            "properties": {
                "uri": self._URI.schema(),
                "default": locale | {"description": "The locale of this document."},
                "locales": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MOST_LOCALES,
                    "uniqueItems": True,
                    "items": locale,
                    "description": "Every locale that there is a document of.",
                },
                "integrity": {
                    "type": "object",
                    "additionalProperties": self._DIGEST.schema(),
                    "description": "Digests by locale, of all but the default one.",
                },
            },
            "description": self.explanation,
        }


def orphans(values: Mapping[str, Json], pointer: str) -> Iterator[FieldFault]:
    """ARC-3: ``x_integrity`` and ``x_mimetype`` stand only beside a URI ``x``."""
    for name in values:
        stem = _described_by(name)
        if stem is not None and stem not in values:
            yield FieldFault(below(pointer, stem), "missing", f"is required by {name}")


def strangers(
    value: Mapping[str, Json], known: Sequence[str], pointer: str
) -> Iterator[FieldFault]:
    for name in value:
        if name not in known:
            message = f"is not a field here; known: {', '.join(known)}"
            yield FieldFault(below(pointer, name), "unknown_field", message)


def below(pointer: str, name: str) -> str:
    """RFC 6901."""
    return f"{pointer}/" + name.replace("~", "~0").replace("/", "~1")


def wrong_type(pointer: str, wanted: str) -> FieldFault:
    return FieldFault(pointer, "wrong_type", f"must be {wanted}")


def decoded(text: str) -> bytes | None:
    """The bytes, where *text* is their one spelling in base64."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def _described_by(name: str) -> str | None:
    """The field of which *name* tells the digest or the media type."""
    for ending in (INTEGRITY, MEDIA_TYPE):
        if name.endswith(ending) and name != ending:
            return name.removesuffix(ending)
    return None


def _not_a_url(text: str) -> str | None:
    """Why nobody could follow it."""
    if not _URI.fullmatch(text):
        return "must be made of the characters of RFC 3986: others are percent-encoded"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return "is not a URL"
    if not text.startswith(("https://", "ipfs://")):
        return "must begin with https:// or ipfs://"
    if not parts.hostname:
        return "names no host"
    if parts.username is not None or parts.password is not None:
        return "must not carry a user's name or password"
    if parts.scheme == "ipfs":
        is_plain = _CID.fullmatch(parts.netloc) is not None
        return None if is_plain else "must name a content id of IPFS, like ipfs://bafk…"
    if _GATEWAY_PATH.match(parts.path) or _GATEWAY_HOST.search(parts.hostname):
        return "is a gateway's: say ipfs:// and the content id"
    return None


def _locale_faults(value: Json, pointer: str) -> Iterator[FieldFault]:
    if not isinstance(value, str):
        yield wrong_type(pointer, "a string")
    elif not _LOCALE.fullmatch(value):
        yield FieldFault(pointer, "invalid_locale", "must be a locale, like en or pt-BR")


def _is_prose(text: str) -> bool:
    return all(
        letter in "\n\t" or unicodedata.category(letter) not in {"Cc", "Cs"} for letter in text
    )


def _count(value: Json, depth: int) -> int:
    """Values in it, as far down as anybody looks."""
    if depth < 0:
        return 1
    if isinstance(value, Mapping):
        return 1 + sum(_count(each, depth - 1) for each in value.values())
    if isinstance(value, list):
        return 1 + sum(_count(each, depth - 1) for each in value)
    return 1
