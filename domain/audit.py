"""Audit events: what happened, as bytes that never change.

The transition, the audit event and the notification are one thing.  An event's body is the RFC
8785 form of a restricted JSON (no floats, integers below 2^53, ASCII keys), stored as bytes and
never serialised again.  Its leaf is frozen from the first migration, so that what is written
today can be sealed by whatever comes::

    "tallystick.audit.v1\\0" ‖ salt (16 bytes) ‖ body

Bodies hold ids only: no e-mail, no name, no IP address.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, cast
from uuid import UUID

from attrs import AttrsInstance, field, fields, frozen, has, validators

from domain.errors import MisuseError
from domain.identifiers import EventId, OrganisationId, Prefix, public_id

LEAF_DOMAIN = b"tallystick.audit.v1\0"
SALT_BYTES = 16
SCHEMA = 1
API_VERSION = "2026-11-01"

JsonValue = str | int | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]

_SAFE_INTEGER = 2**53 - 1

#: What RFC 8785 escapes, and nothing else, as RFC 8785 does.  The encoder's own, without its way
#: there: there are ten in every line of every trail.
_quoted: Callable[[str], str] = encode_basestring


KINDS = ("member", "api_key", "worker", "operator", "payments")


@frozen
class Actor:
    """Who did it: a kind, and the id where that kind has one."""

    kind: str = field(validator=validators.in_(KINDS))
    id: str | None = None


WORKER = Actor("worker")
OPERATOR = Actor("operator")
#: Whoever takes money for us: what they say is signed or was asked for.
PAYMENTS = Actor("payments")


#: Says of its own number that it was given to nothing, or to what is not there any more.
NUMBER_VOIDED = "number.voided"


@frozen(kw_only=True)
class AuditDraft:
    """An event that has everything but its place in the organisation's sequence."""

    id: EventId
    organisation: OrganisationId
    at: datetime
    actor: Actor
    #: ``<noun>.<past participle>``: ``deployment.confirmed``.
    action: str
    #: Public id of what it happened to: ``dep_…``.
    subject: str
    live: bool
    #: Public id of what caused it, across requests and jobs: the operation, or the request.
    correlation: str
    request_id: str | None
    details: Mapping[str, JsonValue]
    salt: bytes = field(repr=False)

    @salt.validator
    def _is_whole(self, _attribute: object, salt: bytes) -> None:
        if len(salt) != SALT_BYTES:
            raise ValueError(f"a salt has {SALT_BYTES} bytes")

    def numbered(self, sequence: int) -> AuditEvent:
        """The event in its place; *sequence* is 1 more than the organisation's last one, or one
        that no event has.
        """
        return AuditEvent(
            id=self.id,
            organisation=self.organisation,
            sequence=sequence,
            at=self.at,
            action=self.action,
            subject=self.subject,
            live=self.live,
            salt=self.salt,
            body=_encoded(self._body(sequence)),
        )

    def _body(self, sequence: int) -> str:
        actor, request = self.actor, self.request_id
        try:
            # The keys stand in their order, and those of what is fixed need no quoting.
            return (
                f'{{"action":{_quoted(self.action)},'
                f'"actor":{{"id":{"null" if actor.id is None else _quoted(actor.id)},'
                f'"kind":{_quoted(actor.kind)}}},"api_version":"{API_VERSION}",'
                f'"at":"{timestamp(self.at)}","correlation_id":{_quoted(self.correlation)},'
                f'"details":{_object(self.details)},"id":"{public_id(Prefix.EVENT, self.id)}",'
                f'"live":{"true" if self.live else "false"},'
                f'"organisation":"{public_id(Prefix.ORGANISATION, self.organisation)}",'
                f'"request_id":{"null" if request is None else _quoted(request)},'
                f'"schema":{SCHEMA},"sequence":{_integer(sequence)},'
                f'"subject":{_quoted(self.subject)}}}'
            )
        except TypeError as error:
            raise MisuseError(f"event {self.id} says what has no canonical form") from error


@frozen(kw_only=True)
class AuditEvent:
    id: EventId
    organisation: OrganisationId
    #: Gap-free per organisation, from 1.
    sequence: int
    #: UTC, microseconds.
    at: datetime
    action: str
    subject: str
    live: bool
    salt: bytes = field(repr=False)
    #: Canonical bytes; what is hashed, exported and shown.
    body: bytes

    @property
    def leaf(self) -> bytes:
        """What the Merkle tree hashes."""
        return LEAF_DOMAIN + self.salt + self.body

    def content(self) -> dict[str, JsonValue]:
        """The body, read back."""
        content: dict[str, JsonValue] = json.loads(self.body)
        return content


@frozen(kw_only=True)
class EventFilter:
    """Which events are asked for; None: whatever it is."""

    #: ``deployment.completed``, or its noun alone for all of them: ``deployment``.
    action: str | None = None
    #: Public id of what it happened to.
    subject: str | None = None
    #: Public id of who did it, or a kind of actor: ``mem_…``, ``worker``.
    actor: str | None = None
    #: From *since*, which is in it, to *until*, which is not.
    since: datetime | None = None
    until: datetime | None = None
    live: bool | None = None
    #: Public id of what caused it.
    correlation: str | None = None


def canonical(value: JsonValue) -> bytes:
    """RFC 8785 bytes of restricted JSON.

    Raises:
        MisuseError: a float, an unsafe integer, a key outside ASCII, or text that is not Unicode.
    """
    return _encoded(_written(value))


def _written(value: object) -> str:
    return _WRITERS.get(type(value), _of_a_subclass)(value)


def _of_a_subclass(value: object) -> str:
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return write(value)
    raise MisuseError(f"{type(value).__name__} has no canonical form")


def _null(_: None) -> str:
    return "null"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _integer(value: int) -> str:
    if not -_SAFE_INTEGER <= value <= _SAFE_INTEGER:
        raise MisuseError("an integer of 2^53 or more must be written as text")
    return int.__repr__(value)


def _list(values: Sequence[object]) -> str:
    return f"[{','.join([_written(value) for value in values])}]"


def _object(value: Mapping[str, object]) -> str:
    members = {key: _named(key) for key in value}
    written = [
        members[key] + _WRITERS.get(type(value[key]), _of_a_subclass)(value[key])
        for key in sorted(members)
    ]
    return f"{{{','.join(written)}}}"


@lru_cache(maxsize=1_024, typed=True)
def _named(key: object) -> str:
    # The same few, in every line of every trail.
    if not (isinstance(key, str) and key.isascii()):
        raise MisuseError(f"{key!r} is not an ASCII key")
    return f"{_quoted(key)}:"


#: By the exact type; a flag is an integer as well, and stands before it.
_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): _null,
    str: _quoted,
    bool: _flag,
    int: _integer,
    dict: _object,
    list: _list,
    tuple: _list,
    Mapping: _object,
}


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise MisuseError("a lone surrogate cannot be written") from error


def details_of(value: AttrsInstance) -> dict[str, JsonValue]:
    """The fields of an event, in restricted JSON: what its audit body says of it.

    Raw bytes of transactions are left out (their ids name them); absent values too.
    """
    return {
        attribute.name: _plain(item)
        for attribute in fields(type(value))
        if attribute.repr and (item := getattr(value, attribute.name)) is not None
    }


def _plain(value: object) -> JsonValue:
    match value:
        case None | bool() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return str(value.value)
        case int():
            return value if abs(value) <= _SAFE_INTEGER else str(value)
        case UUID():
            return str(value)
        case datetime():
            return timestamp(value)
        case bytes():
            return value.hex()
        case list() | tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case _ if has(type(value)):
            return details_of(cast("AttrsInstance", value))
        case _:
            raise MisuseError(f"{type(value).__name__} has no place in an audit body")


def timestamp(instant: datetime) -> str:
    """RFC 3339 in UTC with microseconds: ``2026-11-20T12:00:00.000000Z``."""
    if instant.tzinfo is None:
        raise MisuseError("an instant without a zone is not an instant")
    return _spelled(instant.astimezone(UTC))


@lru_cache(maxsize=64)
def _spelled(utc: datetime) -> str:
    # A transaction has one instant, and all of its lines say it.
    return f"{utc.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
