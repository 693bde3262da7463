"""The JSON metadata of an ARC-3 asset: its fields, and the exact bytes that are published.

The bytes are frozen: members in the order of ARC-3's schema, ``name`` and ``decimals`` always
there; inside ``properties`` and ``localization.integrity`` by name; no blanks; UTF-8, in which
only what JSON demands is escaped.  They are made once, when the token is asked for, and kept.
"""

import json
from collections.abc import Iterator, Mapping

from adapters.algorand.standards.arc3.rules import (
    Base64,
    Color,
    Integrity,
    Json,
    Localization,
    MediaType,
    Properties,
    Prose,
    Rule,
    Url,
    orphans,
    strangers,
    wrong_type,
)
from application.ports.metadata import LARGEST
from domain.errors import FieldFault

FIELD = "metadata"

_FILE = "SHA-256 of that file: sha256- and base64."

#: In ARC-3's order, behind ``name`` and ``decimals``.
FIELDS: Mapping[str, Rule] = {
    "description": Prose("What the token stands for."),
    "image": Url("A picture of what the token stands for."),
    "image_integrity": Integrity(_FILE),
    "image_mimetype": MediaType("Of the image.", "image"),
    "background_color": Color("Behind the image: six hexadecimal digits without #."),
    "external_url": Url("A page about the token."),
    "external_url_integrity": Integrity(_FILE),
    "external_url_mimetype": MediaType("Of that page: nearly always text/html."),
    "animation_url": Url("A film, a sound or a model."),
    "animation_url_integrity": Integrity(_FILE),
    "animation_url_mimetype": MediaType("Of that file."),
    "properties": Properties("Anything else."),
    "extra_metadata": Base64(
        "Bytes in base64 that a contract may check against the asset's metadata hash, which is "
        "made differently where this field is there, even if it is empty."
    ),
    "localization": Localization("The same document in other languages."),
}


def faults_in(metadata: Json) -> Iterator[FieldFault]:
    """All that is wrong with what was asked for; pointers begin at the token."""
    pointer = f"/{FIELD}"
    if not isinstance(metadata, Mapping):
        yield wrong_type(pointer, "an object")
        return
    yield from strangers(metadata, tuple(FIELDS), pointer)
    for name, rule in FIELDS.items():
        if name in metadata:
            yield from rule.faults(metadata[name], f"{pointer}/{name}")
    yield from orphans({name: ... for name in metadata if name in FIELDS}, pointer)


def document(name: str, decimals: int, metadata: Mapping[str, Json]) -> bytes | FieldFault:
    """The bytes to publish, of metadata without faults."""
    content = {"name": name, "decimals": decimals}
    content |= {field: _ordered(field, metadata[field]) for field in FIELDS if field in metadata}
    made = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    if len(made) > LARGEST:
        message = f"makes {len(made)} bytes of metadata, which are more than {LARGEST}"
        return FieldFault(f"/{FIELD}", "too_long", message)
    return made


def schema() -> dict[str, object]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: rule.schema() for name, rule in FIELDS.items()},
        "default": {},
        "description": "What ARC-3 readers show beside name and decimals, which are added; it is "
        "published where the asset's URL points, and never changes.",
    }


def _ordered(field: str, value: Json) -> Json:
    if field == "properties":
        return _by_name(value)
    if field == "localization":
        order = ("uri", "default", "locales", "integrity")
        return {name: _by_name(value[name]) for name in order if name in value}
    return value


def _by_name(value: Json) -> Json:
    """Objects with their members by name (code points); what has an order keeps it."""
    if isinstance(value, Mapping):
        return {name: _by_name(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_by_name(each) for each in value]
    return value
