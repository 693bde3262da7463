"""An asset's parameters as one value, wherever they are read: an answer, a block, a plan.

Names are bytes here: on chain they need not be UTF-8, and a node tells such a name in base64 only.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from algosdk.encoding import encode_address
from attrs import fields, frozen

T = TypeVar("T")

_ROLES = ("manager", "reserve", "freeze", "clawback")


@frozen(kw_only=True)
class Asset:
    creator: str
    name: bytes
    unit_name: bytes
    #: In base units.
    total: int
    decimals: int
    url: bytes
    #: 32 bytes; empty: none.
    metadata_hash: bytes
    default_frozen: bool
    #: None: nobody, for ever.
    manager: str | None
    reserve: str | None
    freeze: str | None
    clawback: str | None

    @classmethod
    def from_answer(cls, params: Mapping[str, Any]) -> "Asset":
        """From a node's JSON.  Raises: KeyError, TypeError, ValueError: it is not of that form."""
        roles = {role: params.get(role) for role in _ROLES}
        if not all(isinstance(address, str | None) for address in roles.values()):
            raise TypeError("an address is a text")
        return cls(
            creator=_exactly(str, params["creator"]),
            name=_text(params, "name"),
            unit_name=_text(params, "unit-name"),
            total=_exactly(int, params["total"]),
            decimals=_exactly(int, params["decimals"]),
            url=_text(params, "url"),
            metadata_hash=base64.b64decode(params.get("metadata-hash") or "", validate=True),
            default_frozen=_exactly(bool, params.get("default-frozen", False)),
            **roles,
        )

    @classmethod
    def from_fields(cls, creator: bytes, apar: Mapping[str, Any]) -> "Asset":
        """From a transaction's ``apar``.  Raises: TypeError: it is not of that form."""
        return cls(
            creator=_address(creator) or "",
            name=_bytes_of(apar.get("an", "")),
            unit_name=_bytes_of(apar.get("un", "")),
            total=_exactly(int, apar.get("t", 0)),
            decimals=_exactly(int, apar.get("dc", 0)),
            url=_bytes_of(apar.get("au", "")),
            metadata_hash=_exactly(bytes, apar.get("am", b"")),
            default_frozen=_exactly(bool, apar.get("df", False)),
            **{role: _address(apar.get(role[0], b"")) for role in _ROLES},
        )

    def is_like(self, other: "Asset") -> bool:
        """Equal in all that can never change.  The manager may give away every role."""
        return all(
            getattr(self, each.name) == getattr(other, each.name)
            for each in fields(Asset)
            if each.name not in _ROLES
        )

    def differences(self, found: "Asset") -> Iterator[str]:
        """Where *found* is not what is planned here, in words."""
        for each in fields(Asset):
            planned, there = getattr(self, each.name), getattr(found, each.name)
            if planned != there:
                name = each.name.replace("_", " ")
                yield f"{name}: planned {_shown(planned)}, found {_shown(there)}"


def _shown(value: object) -> str:
    if value is None:
        return "nobody"
    if isinstance(value, bytes):
        return repr(value)[1:] if value else "nothing"
    return str(value)


def _text(params: Mapping[str, Any], name: str) -> bytes:
    encoded = params.get(f"{name}-b64")
    if encoded is None:
        return _bytes_of(params.get(name, ""))
    return base64.b64decode(encoded, validate=True)


def _bytes_of(text: object) -> bytes:
    return _exactly(str, text).encode(errors="surrogateescape")


def _address(raw: object) -> str | None:
    if raw == b"":
        return None
    if len(_exactly(bytes, raw)) != 32:
        raise TypeError(f"{raw!r} is no address")
    return str(encode_address(raw))


def _exactly(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
