"""Names of things: UUIDv7 inside, TypeIDs (``dep_01h…``) outside.

A TypeID is a prefix, an underscore and 26 letters of Crockford's base32 for the 128 bits, the
first of them at most ``7`` (TypeID specification 0.3).
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NewType
from uuid import UUID

OrganisationId = NewType("OrganisationId", UUID)
UserId = NewType("UserId", UUID)
MemberId = NewType("MemberId", UUID)
SessionId = NewType("SessionId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
AccountId = NewType("AccountId", UUID)
KeyChangeId = NewType("KeyChangeId", UUID)
OperationId = NewType("OperationId", UUID)
HoldId = NewType("HoldId", UUID)
LotId = NewType("LotId", UUID)
EventId = NewType("EventId", UUID)
TeamId = NewType("TeamId", UUID)
GiftId = NewType("GiftId", UUID)
ExportId = NewType("ExportId", UUID)
LegalHoldId = NewType("LegalHoldId", UUID)
EndpointId = NewType("EndpointId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
LetterId = NewType("LetterId", UUID)
FlowId = NewType("FlowId", UUID)
IdentityId = NewType("IdentityId", UUID)
InstallationId = NewType("InstallationId", UUID)

NetworkId = NewType("NetworkId", str)
"""CAIP-2: ``eip155:8453``, ``algorand:wGHE2Pwdvd7S12BL5FaOP20EGYesN73k``."""

KeyRef = NewType("KeyRef", str)
"""URI of a key at a custodian; the scheme names the adapter's folder: ``local-keys:…``."""

INSTALLATION = OrganisationId(UUID(int=0))
"""The reserved organisation that owns the treasury and the operator's events."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUE = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH = 26
_PAIRS = [one + other for one in _ALPHABET for other in _ALPHABET]
_SHIFTS = range(120, -1, -10)


class Prefix(StrEnum):
    ORGANISATION = "org"
    USER = "usr"
    MEMBER = "mem"
    SESSION = "ses"
    API_KEY = "key"
    ACCOUNT = "acct"
    KEY_CHANGE = "kch"
    DEPLOYMENT = "dep"
    TOKEN = "tok"  # noqa: S105 - a token on a chain
    #: An operation on a token, or one of the installation's.
    OPERATION = "op"
    HOLD = "hold"
    GRANT = "grt"
    EVENT = "evt"
    TEAM = "team"
    GIFT = "gift"
    EXPORT = "exp"
    LEGAL_HOLD = "lgh"
    WEBHOOK_ENDPOINT = "whk"
    WEBHOOK_DELIVERY = "whd"
    LETTER = "ltr"
    IDENTITY = "idn"
    INSTALLATION = "ins"


def public_id(prefix: Prefix, id: UUID) -> str:
    """The TypeID of *id*."""
    # Added, not formatted: a `StrEnum` is a `str` at once, and formats itself slowly.
    return prefix + "_" + _letters(id.int)


@lru_cache(maxsize=4096)
def _letters(value: int) -> str:
    # Two letters at a time, and not again and again: ids are in every line of every trail.
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])


def parse_id(prefix: Prefix, text: str) -> UUID | None:
    """The id that *text* names, or None where it is not a TypeID with this prefix."""
    head, separator, letters = text.rpartition("_")
    if not separator or head != prefix or len(letters) != _LENGTH or letters[0] > "7":
        return None
    value = 0
    for letter in letters:
        if letter not in _VALUE:
            return None
        value = value << 5 | _VALUE[letter]
    return UUID(int=value)


def kind_of(text: str) -> Prefix | None:
    """What *text* is the id of, or None where it is no TypeID of ours."""
    head = text.rpartition("_")[0]
    found = next((prefix for prefix in Prefix if prefix == head), None)
    return found if found is not None and parse_id(found, text) is not None else None


def instant_of(id: UUID) -> datetime | None:
    """The instant a UUIDv7 carries (milliseconds), or None for any other UUID (RFC 9562, 5.7)."""
    if id.version != 7:
        return None
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=id.int >> 80)
    except OverflowError:
        return None
