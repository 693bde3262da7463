"""A checkpoint on a public chain: which bytes, under which id, and when again.

What goes on chain commits to a log's state and tells nothing of what is in it, 78 bytes::

    "tlog/1" ‖ SHA-256(origin) (32) ‖ size (8, big endian) ‖ root (32)

An anchor is an operation of the installation, on the same machine as deployments, and its id
follows from what it anchors and where.  Whoever asks for it again, after however much was
forgotten, asks for the same operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from attrs import field, frozen, validators

from domain.catalogue import KindClass
from domain.checkpoint import Checkpoint
from domain.errors import MisuseError
from domain.identifiers import NetworkId, OperationId
from domain.token import KindDescription, Parameters, Token, TokenKind

MAGIC = b"tlog/1"
ANCHOR_BYTES = 78
#: What chains call an anchor where they speak of kinds of tokens.  Offered to nobody.
ANCHOR = TokenKind("checkpoint_anchor")
#: How a chain describes this kind, as it does those of tokens.
DESCRIPTION = KindDescription(
    kind=ANCHOR,
    standard="anchor",
    kind_class=KindClass.CORE,
    title="Anchor",
    explanation="A checkpoint of this installation's audit trail.",
    schema={"type": "object"},
)
#: The event that tells of one that is final; of the installation's own trail.
ANCHORED = "checkpoint.anchored"
#: The one step of an anchor.
STEP = "anchor"
#: So many intervals after it was due, an anchor is late.
LATE_AFTER = 3

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@frozen
class Anchor:
    """What is said on chain of one checkpoint."""

    checkpoint: Checkpoint

    @classmethod
    def of(cls, token: Token) -> Anchor:
        """What *token*, made by `as_token`, stands for.

        Raises: MisuseError: it is something else.
        """
        if token.kind != ANCHOR:
            raise MisuseError(f"a {token.kind} anchors nothing")
        return cls.stored(token.parameters)

    @classmethod
    def stored(cls, parameters: Mapping[str, object]) -> Anchor:
        """From its own `parameters`."""
        return cls(
            Checkpoint(
                origin=str(parameters["origin"]),
                size=int(str(parameters["size"])),
                root=bytes.fromhex(str(parameters["root"])),
            )
        )

    @property
    def content(self) -> bytes:
        """The bytes on chain."""
        return self.subject + self.checkpoint.root

    @property
    def subject(self) -> bytes:
        """What is anchored once on each network: this size of this log.  `content` begins so."""
        return MAGIC + self.log + self.checkpoint.size.to_bytes(8, "big")

    @property
    def log(self) -> bytes:
        """Names the log: 32 bytes."""
        return sha256(self.checkpoint.origin.encode()).digest()

    @property
    def parameters(self) -> Parameters:
        """In JSON's types: the size as decimal text, the root in lower-case hexadecimal."""
        found = self.checkpoint
        return {"origin": found.origin, "size": str(found.size), "root": found.root.hex()}

    def as_token(self) -> Token:
        """In the form in which operations say what they are about."""
        return Token(
            kind=ANCHOR,
            name=self.checkpoint.origin,
            symbol="",
            decimals=0,
            supply=0,
            parameters=self.parameters,
        )

    def operation(self, network: NetworkId, signed_at: datetime) -> OperationId:
        """The id of the operation that puts it on *network*: a UUIDv7 (RFC 9562, 5.7).

        Of the instant of the checkpoint's signature, before which nothing of it was on any chain;
        in place of chance it has the hash of what is anchored where.
        """
        digest = sha256(network.encode() + b"\0" + self.content).digest()
        chance = int.from_bytes(digest) >> 256 - 74
        time = (signed_at - _EPOCH) // _MILLISECOND
        high, low = chance >> 62, chance & (1 << 62) - 1
        return OperationId(UUID(int=time << 80 | 7 << 76 | high << 64 | 2 << 62 | low))


@frozen(kw_only=True)
class NewestAnchor:
    """The newest anchor of a log on one network, whatever has become of it."""

    size: int = field(validator=validators.ge(0))
    #: When it was asked for, not when it was final: the next one is an interval after that.
    requested_at: datetime
    #: Not over yet.
    is_open: bool


def is_due(
    *, size: int, last: NewestAnchor | None, written: int, every: timedelta, now: datetime
) -> bool:
    """Whether the log, of *size* now, is to be anchored again.

    *written* is how many events its anchors themselves have brought since *last*: a tree that has
    grown by these alone has nothing to tell.  However long nobody looked, one anchor makes up for
    it; and while one is under way there is no other.
    """
    if last is None:
        return size > 0
    if last.is_open or now - last.requested_at < every:
        return False
    return size - last.size > written


def is_late(
    *, size: int, covered: int, written: int, since: datetime, every: timedelta, now: datetime
) -> bool:
    """Whether what was sealed after the first *covered* leaves waits too long for an anchor.

    *since* is when the newest one that came to its end was asked for.
    """
    return size - covered > written and now - since >= LATE_AFTER * every
