"""Signing in through somebody else's log-in: what is kept of it, and for how long.

An identity is what a provider calls a person: its issuer and, within it, a subject that never
changes.  An address is none: it is given to others when somebody leaves.  Of the subject we keep
a hash only; it is compared and never shown.
"""

import hashlib
from datetime import datetime, timedelta

from attrs import field, frozen

from domain.identifiers import FlowId, IdentityId, OrganisationId, SessionId, UserId

#: From the start until the provider has sent somebody back.
FLOW_LIFE = timedelta(minutes=10)
#: Started from one network in an hour.
MOST_STARTS_FROM_A_NETWORK = 600

ANY_DOMAIN = "*"

_HASH_BYTES = 32


def hash_subject(issuer: str, subject: str) -> bytes:
    """As identities are compared: both as the provider spells them, letter by letter."""
    text = f"identity\0{issuer}\0{subject}"
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


@frozen(kw_only=True)
class Identity:
    user: UserId
    id: IdentityId
    issuer: str
    #: `hash_subject`.  None: it is linked no more.
    subject_hash: bytes | None = field(repr=False)
    linked_at: datetime
    unlinked_at: datetime | None = None

    @subject_hash.validator
    def _is_forgotten_when_unlinked(self, _: object, value: bytes | None) -> None:
        if value is not None and len(value) != _HASH_BYTES:
            raise ValueError("a subject's hash has 32 bytes")
        if (value is None) is (self.unlinked_at is None):
            raise ValueError("what is linked has a subject, and what is not has none")


@frozen(kw_only=True)
class Flow:
    """Somebody was sent to the provider, and may come back once."""

    id: FlowId
    #: SHA-256 of the secret that whoever started it keeps.
    secret_hash: bytes = field(repr=False)
    #: Whom they were sent to: an answer of anybody else is none.
    issuer: str
    #: What the session is to act for; None: the only one there is.
    organisation: OrganisationId | None = None
    #: What an organisation is to be called, if they turn out to be new here.
    name: str | None = None
    #: Whoever links an identity to themselves, in which session; None: somebody signs in.
    user: UserId | None = None
    session: SessionId | None = field(default=None)
    started_at: datetime
    expires_at: datetime
    used_at: datetime | None = None

    @session.validator
    def _goes_with_a_user(self, _: object, value: SessionId | None) -> None:
        if (value is None) is not (self.user is None):
            raise ValueError("whoever links an identity is logged in")

    def is_good(self, now: datetime) -> bool:
        return self.used_at is None and now < self.expires_at


@frozen(kw_only=True)
class SignInRules:
    """What an installation takes a provider's word for."""

    #: Whose people come in; `ANY_DOMAIN`: everybody's.  Empty: whoever is linked already.
    allowed: frozenset[str] = frozenset()
    #: Whose addresses the provider hands out: whoever has one there is whoever has it here.
    trusted: frozenset[str] = frozenset()
    #: Whether somebody who is new here is registered.
    signs_up: bool = False

    def lets_in(self, email: str | None) -> bool:
        """*email*: the verified address; None: there is none."""
        if not self.allowed or ANY_DOMAIN in self.allowed:
            return True
        return email is not None and domain_of(email) in self.allowed

    def may_link(self, email: str) -> bool:
        """Whether a verified address is proof of who somebody is here."""
        return domain_of(email) in self.trusted

    def may_register(self, email: str) -> bool:
        return self.signs_up and bool(self.allowed) and self.lets_in(email)


def domain_of(email: str) -> str:
    """What stands behind the last @, as domains are compared."""
    return email.rpartition("@")[2].lower()
