"""What a service asks of an organisation's wallet: metered holds, from beginning to end."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from attrs import field, frozen, validators

from application.access.caller import Caller
from application.ports.storage.idempotency import IdempotencyKey
from domain.errors import Refusal
from domain.identifiers import HoldId, OrganisationId
from domain.ledger import Hold

#: How long a hold lives when nothing else is said, and at most before it has to be renewed.
LEASE = timedelta(seconds=30)
LONGEST_LEASE = timedelta(seconds=300)

ROUTE = "POST /v1/usage/holds"

_lease = [validators.gt(timedelta(0)), validators.le(LONGEST_LEASE)]


@frozen(kw_only=True)
class HoldUsage:
    """Hold what *operation* costs, times *units*."""

    #: Names the hold: `hold_of` makes its id of it.
    key: IdempotencyKey
    #: SHA-256 over body and API version.
    fingerprint: bytes = field(validator=[validators.min_len(32), validators.max_len(32)])
    #: By its name in the catalogue.
    operation: str
    units: int = field(default=1, validator=validators.gt(0))
    #: The most that the call may put out.
    output_units: int | None = None
    lease: timedelta = field(default=LEASE, validator=_lease)


@frozen(kw_only=True)
class RenewUsage:
    id: HoldId
    lease: timedelta = field(default=LEASE, validator=_lease)


@frozen(kw_only=True)
class CaptureUsage:
    id: HoldId
    #: None: all of it.
    amount: int | None = None


@frozen(kw_only=True)
class ReleaseUsage:
    id: HoldId
    #: On our side: what would have expired meanwhile lives another day.
    failed: bool = False


Usage = HoldUsage | RenewUsage | CaptureUsage | ReleaseUsage


@frozen(kw_only=True)
class Asked:
    caller: Caller
    usage: Usage
    #: The mode it is asked in; a session without one acts in test.
    live: bool
    #: Which hold it is about.
    hold: HoldId = field(init=False)

    @hold.default
    def _named(self) -> HoldId:
        if isinstance(self.usage, HoldUsage):
            return hold_of(self.caller.organisation, self.usage.key)
        return self.usage.id


@frozen(kw_only=True)
class Served:
    hold: Hold
    #: When it was served.
    at: datetime
    #: Repeats what was done before.
    replayed: bool = False


Answer = Served | Refusal


def hold_of(organisation: OrganisationId, key: IdempotencyKey) -> HoldId:
    """The id of the hold that *key* names: the hold itself remembers its key (I8).

    UUIDv8 (RFC 9562, 5.8) of a SHA-256 over who asks, the mode and the key; its last bit is the
    mode.
    """
    named = f"{key.route}|{'live' if key.live else 'test'}|{key.key}"
    made = _uuid8(hashlib.sha256(organisation.bytes + named.encode()).digest())
    return HoldId(UUID(int=made.int & ~1 | key.live))


def is_live(hold: HoldId) -> bool:
    """The mode that a metered hold was taken in."""
    return bool(hold.int & 1)


def mode_refusal(caller: Caller, hold: HoldId) -> Refusal | None:
    """An API key is for the holds of its own mode."""
    if caller.live is None or caller.live is is_live(hold):
        return None
    wanted = "live" if is_live(hold) else "test"
    return Refusal(code="mode_mismatch", detail=f"this hold needs a {wanted} key")


def subject_of(usage: HoldUsage) -> UUID:
    """What the hold pays for: the request itself, by its fingerprint."""
    return _uuid8(usage.fingerprint)


def _uuid8(digest: bytes) -> UUID:
    value = int.from_bytes(digest[:16], "big")
    value &= ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=value | 0x8 << 76 | 0x2 << 62)
