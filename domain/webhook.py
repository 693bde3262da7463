"""Endpoints that members want to be told at, and what became of telling them.

::

    endpoint   Enabled ⇄ Disabled          Deleted from either, for ever
    delivery   Pending ─▶ Delivered | Failed | Skipped

An endpoint has one line: deliveries in the order of the trail, and whatever comes after waits for
the first.  So it sees events in their order, and a repeat only of what it has not confirmed.  What
a member asks for by hand (a test, a resend) goes beside the line, is tried once, and holds nobody
up.

A head that is refused for three days is *Failed*, and takes its endpoint with it: *Disabled*, with
what else is in the line kept for the day somebody enables it again.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, StrEnum

from attrs import evolve, field, frozen, validators

from domain.audit import API_VERSION
from domain.errors import MisuseError
from domain.identifiers import (
    DeliveryId,
    EndpointId,
    EventId,
    OrganisationId,
    Prefix,
    public_id,
)
from domain.notification import EventType, Notification

#: Before each attempt, after the one before it: 75 hours 35 minutes in all
#: (standardwebhooks.com, specification 1.0.0, and five hours more at its end).
SCHEDULE = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
#: So that what failed at one moment is not tried again at one moment: up to a tenth more.
JITTER = 10
#: No receiver puts us off for longer.
LONGEST_RETRY_AFTER = timedelta(hours=24)

#: Of an organisation, in one mode or both.
MOST_ENDPOINTS = 20
#: How long a secret signs beside its successor, if nothing else is said.
OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=7)
#: Beside the newest; each is a signature in every header.
MOST_OLD_SECRETS = 2
#: Bytes; the specification wants 24 to 64.
SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 - how all of them begin
PUBLIC_PREFIX = "whpk_"

#: How long the log is kept.
KEPT_FOR = timedelta(days=30)
#: What of an answer is kept, in characters.
LONGEST_EXCERPT = 1024

#: 410: whoever is there wants nothing any more.
GONE = 410


class EndpointState(Enum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


class Cause(StrEnum):
    """Why an endpoint is disabled."""

    ASKED = "asked"
    #: It answered 410.
    GONE = "gone"
    #: One delivery was refused until the schedule ended.
    EXHAUSTED = "exhausted"


class DeliveryState(Enum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    #: Somebody said it need not come any more, or the endpoint is deleted.
    SKIPPED = "skipped"


class Scheme(StrEnum):
    """How messages are signed (Standard Webhooks 1.0.0)."""

    #: HMAC-SHA256, with a secret that the receiver has too: every library knows it.
    SHARED = "v1"
    #: Ed25519, with a key of which the receiver has the public half only.
    PUBLIC = "v1a"


class Way(StrEnum):
    """How a delivery came about."""

    #: In the endpoint's line, by itself.
    EVENT = "event"
    RESEND = "resend"
    TEST = "test"


@frozen(kw_only=True)
class Endpoint:
    organisation: OrganisationId
    id: EndpointId
    url: str
    description: str = ""
    #: Names of `domain.notification`; none: all of them, those to come included.
    event_types: frozenset[str] = frozenset()
    live: bool
    #: For ever.
    scheme: Scheme = Scheme.SHARED
    #: Of the bodies that it gets.
    api_version: str = API_VERSION
    state: EndpointState = EndpointState.ENABLED
    disabled_because: Cause | None = None
    disabled_at: datetime | None = None
    #: Public id of a member or a key.
    created_by: str
    created_at: datetime
    #: The last number of the organisation's trail that was looked at for it.
    cursor: int
    #: What its next delivery gets; the log counts them.
    next_number: int = 1
    #: When it is looked at next; None: there is nothing to send.
    due_at: datetime | None = None
    #: Its line is not tried before; None: nothing of it has failed.
    held_until: datetime | None = None
    #: Attempts that failed since the last good one.
    failures: int = 0
    #: It failed or took long the last time: it gets fewer of a worker's hands.
    is_slow: bool = False

    @property
    def name(self) -> str:
        return public_id(Prefix.WEBHOOK_ENDPOINT, self.id)

    @property
    def is_enabled(self) -> bool:
        return self.state is EndpointState.ENABLED

    def wants(self, kind: EventType, *, live: bool) -> bool:
        if kind.has_mode and live is not self.live:
            return False
        return not self.event_types or kind.name in self.event_types

    def disabled(self, because: Cause, now: datetime) -> "Endpoint":
        return evolve(
            self, state=EndpointState.DISABLED, disabled_because=because, disabled_at=now
        )

    def enabled(self, now: datetime) -> "Endpoint":
        """Good as new: what is in the line is tried at once."""
        return evolve(
            self,
            state=EndpointState.ENABLED,
            disabled_because=None,
            disabled_at=None,
            due_at=now,
            held_until=None,
            failures=0,
            is_slow=False,
        )

    def may_send_its_line(self, now: datetime) -> bool:
        return self.held_until is None or self.held_until <= now

    def with_more(self, deliveries: int, now: datetime) -> "Endpoint":
        """After that many more stand in its line."""
        if not deliveries:
            return self
        due = max(now, self.held_until or now)
        return evolve(
            self,
            next_number=self.next_number + deliveries,
            due_at=due if self.due_at is None else min(self.due_at, due),
        )


@frozen(kw_only=True)
class Attempt:
    """One time that it was sent, and what came back."""

    #: Where to, at that time.
    url: str
    at: datetime
    took: timedelta
    #: None: nothing came back.
    status: int | None = None
    #: Why nothing did: ``refused``, ``unavailable``, ``timeout``…; None: something did.
    error: str | None = None
    #: Those that say something to whoever looks for a mistake.
    response_headers: Mapping[str, str] = field(factory=dict)
    #: The beginning of the answer, or what is known of the error.
    excerpt: str = field(default="", validator=validators.max_len(LONGEST_EXCERPT))
    #: How long the receiver wants to be left alone.
    retry_after: timedelta | None = None

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@frozen(kw_only=True)
class Delivery:
    organisation: OrganisationId
    endpoint: EndpointId
    id: DeliveryId
    #: Its place in the endpoint's log, and in its line.
    number: int
    way: Way = Way.EVENT
    event: EventId
    #: The event's number in the organisation's trail.
    sequence: int
    event_type: str
    #: Public id of what the event happened to.
    subject: str
    #: What is sent, to the byte.
    body: bytes = field(repr=False)
    created_at: datetime
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    finished_at: datetime | None = None
    #: Of the last attempt.
    last_status: int | None = None
    last_error: str | None = None

    @classmethod
    def of(
        cls,
        endpoint: Endpoint,
        told: Notification,
        *,
        id: DeliveryId,
        number: int,
        now: datetime,
        way: Way = Way.EVENT,
    ) -> "Delivery":
        return cls(
            organisation=endpoint.organisation,
            endpoint=endpoint.id,
            id=id,
            number=number,
            way=way,
            event=told.id,
            sequence=told.sequence,
            event_type=told.kind.name,
            subject=told.subject,
            body=told.body,
            created_at=now,
        )

    def again(self, *, id: DeliveryId, number: int, now: datetime) -> "Delivery":
        """The same message, to be sent once more by hand."""
        return evolve(
            self,
            id=id,
            number=number,
            way=Way.RESEND,
            created_at=now,
            state=DeliveryState.PENDING,
            attempts=0,
            finished_at=None,
            last_status=None,
            last_error=None,
        )

    @property
    def name(self) -> str:
        return public_id(Prefix.WEBHOOK_DELIVERY, self.id)

    @property
    def message(self) -> str:
        """The ``webhook-id``: the same in every attempt, at every endpoint, after every resend."""
        return public_id(Prefix.EVENT, self.event)

    @property
    def is_pending(self) -> bool:
        return self.state is DeliveryState.PENDING

    def finished(self, state: DeliveryState, now: datetime) -> "Delivery":
        return evolve(self, state=state, finished_at=now)


@frozen(kw_only=True)
class Verdict:
    """What an attempt makes of a delivery, and of the endpoint."""

    delivery: Delivery
    #: Whether whatever is behind it in the line may go.
    goes_on: bool
    #: Why the endpoint is to be disabled; None: it is not.
    disables: Cause | None = None
    #: When the line is to be looked at again; None: at once.
    again_at: datetime | None = None


def judge(delivery: Delivery, attempt: Attempt, chance: int) -> Verdict:
    """*chance*: from 0 to 65,535, for the jitter."""
    if not delivery.is_pending:
        raise MisuseError(f"{delivery.name} is over")
    now = attempt.at + attempt.took
    tried = evolve(
        delivery,
        attempts=delivery.attempts + 1,
        last_status=attempt.status,
        last_error=attempt.error,
    )
    if attempt.is_good:
        return Verdict(delivery=tried.finished(DeliveryState.DELIVERED, now), goes_on=True)
    failed = tried.finished(DeliveryState.FAILED, now)
    if attempt.status == GONE:
        return Verdict(delivery=failed, goes_on=False, disables=Cause.GONE)
    if delivery.way is not Way.EVENT:
        return Verdict(delivery=failed, goes_on=True)
    pause = pause_after(tried.attempts, chance, attempt.retry_after)
    if pause is None:
        return Verdict(delivery=failed, goes_on=False, disables=Cause.EXHAUSTED)
    return Verdict(delivery=tried, goes_on=False, again_at=now + pause)


def pause_after(
    attempts: int, chance: int, retry_after: timedelta | None = None
) -> timedelta | None:
    """How long to wait after that many attempts; None: there is no other.

    *retry_after* makes it longer, never shorter.
    """
    if attempts >= len(SCHEDULE):
        return None
    scheduled = SCHEDULE[attempts]
    pause = scheduled + scheduled * (chance & 0xFFFF) / (0x10000 * JITTER)
    if retry_after is None:
        return pause
    return max(pause, min(retry_after, LONGEST_RETRY_AFTER))


# What proves to a receiver who sent it: Standard Webhooks 1.0.0.


@frozen(kw_only=True)
class Secret:
    """One secret of an endpoint; it signs until it is over."""

    number: int
    #: Names the wrapping key, and what only it can read (`application.ports.custody`).
    wrapping: str
    ciphertext: bytes = field(repr=False)
    #: What receivers verify with, where it is not the secret itself: 32 bytes.
    public_key: bytes | None = None
    created_at: datetime
    #: None: it is the newest.
    expires_at: datetime | None = None

    def signs(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


def written(secret: bytes) -> str:
    """As it is shown: ``whsec_`` and base64."""
    return SECRET_PREFIX + b64encode(secret).decode()


def written_public(key: bytes) -> str:
    """Likewise: ``whpk_`` and base64."""
    return PUBLIC_PREFIX + b64encode(key).decode()


def read(text: str) -> bytes:
    """What `written` was given.  Raises: ValueError: it is none."""
    try:
        return b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except NotBase64 as error:
        raise ValueError("this is no secret of a webhook") from error


def shared_signature(secret: bytes, signed: bytes) -> bytes:
    return hmac.digest(secret, signed, hashlib.sha256)


def headers_of(
    message: str,
    sent_at: datetime,
    body: bytes,
    secrets: Sequence[bytes],
    scheme: Scheme = Scheme.SHARED,
    sign: Callable[[bytes, bytes], bytes] = shared_signature,
) -> dict[str, str]:
    """What says which message it is, and that it is ours: a signature of each secret.

    *sign* takes a secret and what is signed, by the *scheme*.
    """
    timestamp = str(int(sent_at.timestamp()))
    signed = b".".join((message.encode(), timestamp.encode(), body))
    signatures = [
        f"{scheme.value},{b64encode(sign(secret, signed)).decode()}" for secret in secrets
    ]
    return {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def logged_headers(message: str, sent_at: datetime, scheme: Scheme) -> dict[str, str]:
    """The same, for people to see."""
    hidden = {"webhook-signature": f"{scheme.value},…"}
    return headers_of(message, sent_at, b"", ()) | hidden
