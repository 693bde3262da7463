"""Go on with a session: a refresh token for the next one.

A token is good once.  For `GRACE` after its use the same successor is given again, for an answer
that got lost; later, its use means that two have it, and the session is revoked.
"""

from datetime import datetime, timedelta

from attrs import evolve, frozen

from application.access.sessions import CHANCE_BYTES, OpenSession, RefreshToken
from application.audit.personal import KnowPeople, Person
from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.custody import KeyWrapping, Wrapped
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from application.secret_hash import is_same
from domain.audit import Actor
from domain.errors import Refusal
from domain.identifiers import Prefix, public_id
from domain.organisation import Member, Session

GRACE = timedelta(seconds=10)

_WRONG = Refusal(code="invalid_refresh_token", detail="this refresh token is not good (any more)")


@frozen(kw_only=True)
class Refresh:
    store: Store
    clock: Clock
    identifiers: Identifiers
    wrapping: KeyWrapping
    people: KnowPeople

    def __call__(
        self, text: str, request_id: str, source: str | None = None
    ) -> OpenSession | Refusal:
        """*source*: the network the request came from, where it came over one."""
        token = RefreshToken.parse(text)
        if token is None:
            return _WRONG
        with self.store.begin(Scope(user=token.user)) as work:
            standing = work.sessions.standing(token.session)
        if standing is None:
            return _WRONG
        _, organisation, member = standing
        # Made and wrapped before the transaction: wrapping may ask a service.
        successor = token.successor(self.identifiers.secret(CHANCE_BYTES))
        wrapped = self.wrapping.wrap(successor.secret, _context(token))
        person = self.people(token.user, source)
        with self.store.begin(Scope(organisation=organisation.id, user=token.user)) as work:
            session = work.sessions.lock(token.session)
            now = self.clock.now()
            if session is None or session.revoked_at is not None or session.expires_at <= now:
                return _WRONG
            if is_same(token.hash, session.refresh_hash):
                return self._rotate(work, session, successor, wrapped, now)
            if is_same(token.hash, session.previous_hash) and now - session.rotated_at <= GRACE:
                stored = session.successor
            elif token.is_of(session):
                return self._revoke(work, session, member, person, request_id, now)
            else:
                return _WRONG
        return self._repeat(session, token, stored)

    def _rotate(
        self,
        work: Work,
        session: Session,
        successor: RefreshToken,
        wrapped: Wrapped,
        now: datetime,
    ) -> OpenSession:
        rotated = evolve(
            session,
            refresh_hash=successor.hash,
            previous_hash=session.refresh_hash,
            successor=wrapped.wrapping.encode() + b"\0" + wrapped.ciphertext,
            rotated_at=now,
        )
        work.sessions.put(rotated)
        return OpenSession(session=rotated, refresh_token=successor.text)

    def _repeat(
        self, session: Session, token: RefreshToken, stored: bytes | None
    ) -> OpenSession | Refusal:
        if stored is None:
            return _WRONG
        name, _, ciphertext = stored.partition(b"\0")
        wrapped = Wrapped(wrapping=name.decode(), ciphertext=ciphertext)
        secret = self.wrapping.unwrap(wrapped, _context(token))
        return OpenSession(session=session, refresh_token=evolve(token, secret=secret).text)

    def _revoke(
        self,
        work: Work,
        session: Session,
        member: Member,
        person: Person,
        request_id: str,
        now: datetime,
    ) -> Refusal:
        work.sessions.put(evolve(session, revoked_at=now))
        trail = Trail(
            identifiers=self.identifiers,
            organisation=session.organisation,
            actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
            request_id=request_id,
        )
        trail.add(
            "session.revoked",
            public_id(Prefix.SESSION, session.id),
            now,
            details={"reason": "refresh_token_reused"},
            person=person,
        )
        trail.write(work)
        return Refusal(
            code="refresh_token_reused",
            detail="this refresh token was used before; the session is revoked",
        )


def _context(token: RefreshToken) -> bytes:
    return b"session.successor\0" + token.session.bytes
