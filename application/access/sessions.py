"""Sessions: opening one, and the tokens that keep it going.

A refresh token is opaque to its holder: user id, session id and a secret, of which the store has
the hash only.  It is single use.  The secret ends in a part that all tokens of a session share:
by it an old one is known as ours, however long ago it was used.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import datetime, timedelta
from uuid import UUID

from attrs import evolve, field, frozen

from application.ports.identifiers import Identifiers
from application.secret_hash import hash_secret, is_same
from domain.identifiers import OrganisationId, SessionId, UserId
from domain.organisation import Session

SESSION_LIFE = timedelta(days=30)
CHANCE_BYTES = 32
FAMILY_BYTES = 16
SECRET_BYTES = CHANCE_BYTES + FAMILY_BYTES
HASH_BYTES = 32
_IDS = 32


@frozen(kw_only=True)
class RefreshToken:
    user: UserId
    session: SessionId
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "RefreshToken | None":
        """None for whatever is not a refresh token of ours."""
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (NotBase64, ValueError):
            return None
        if len(raw) != _IDS + SECRET_BYTES:
            return None
        return cls(
            user=UserId(UUID(bytes=raw[:16])),
            session=SessionId(UUID(bytes=raw[16:32])),
            secret=raw[32:],
        )

    @property
    def text(self) -> str:
        raw = self.user.bytes + self.session.bytes + self.secret
        return urlsafe_b64encode(raw).rstrip(b"=").decode()

    @property
    def family(self) -> bytes:
        return self.secret[-FAMILY_BYTES:]

    @property
    def hash(self) -> bytes:
        """Of the family first, then of the whole secret: 32 bytes each."""
        return hash_secret(self.family) + hash_secret(self.secret)

    def is_of(self, session: Session) -> bool:
        """Whether it is, or was, a token of *session*."""
        return is_same(hash_secret(self.family), session.refresh_hash[:HASH_BYTES])

    def successor(self, chance: bytes) -> "RefreshToken":
        """The next one of the family; *chance* is `CHANCE_BYTES` that nobody can guess."""
        return evolve(self, secret=chance + self.family)


@frozen(kw_only=True)
class OpenSession:
    """A session, and the refresh token that only its holder gets to see."""

    session: Session
    refresh_token: str = field(repr=False)


def new_session(
    identifiers: Identifiers, user: UserId, organisation: OrganisationId, now: datetime
) -> OpenSession:
    token = RefreshToken(
        user=user,
        session=SessionId(identifiers.next()),
        secret=identifiers.secret(SECRET_BYTES),
    )
    session = Session(
        id=token.session,
        user=user,
        organisation=organisation,
        created_at=now,
        expires_at=now + SESSION_LIFE,
        refresh_hash=token.hash,
        rotated_at=now,
    )
    return OpenSession(session=session, refresh_token=token.text)
