"""Log in with an e-mail address and a password.

Whether an address is known shows neither in the answer nor in its time: unknown ones are counted,
locked and compared alike.  Failures are counted by address and network, and by network alone, for
whoever tries many addresses.
"""

import hashlib

from attrs import field, frozen

from application.access.register import canonical_email
from application.access.sessions import OpenSession, new_session
from application.audit.personal import KnowPeople
from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.passwords import Passwords
from application.ports.storage.work import Scope, Store, Work
from domain.abuse import MOST_FAILURES_FROM_A_NETWORK, LoginFailures, counted
from domain.audit import Actor
from domain.errors import Refusal
from domain.identifiers import OrganisationId, Prefix, UserId, public_id
from domain.organisation import Member, User

_WRONG = Refusal(code="invalid_credentials", detail="the address or the password is not right")


@frozen(kw_only=True)
class Credentials:
    email: str
    password: str = field(repr=False)
    #: Needed by users of several organisations only.
    organisation: OrganisationId | None
    #: The caller's network, e.g. ``192.0.2.0/24``.
    source: str
    request_id: str


@frozen(kw_only=True)
class LogIn:
    store: Store
    clock: Clock
    identifiers: Identifiers
    passwords: Passwords
    people: KnowPeople

    def __call__(self, credentials: Credentials) -> OpenSession | Refusal:
        email = canonical_email(credentials.email)
        attempts = attempts_key(email, credentials.source)
        with self.store.begin(Scope()) as work:
            refusal, is_last = self._verdict(work, attempts, network_key(credentials.source))
            user_id = work.users.find_login(email)
        if refusal is not None:
            return refusal
        user = self._user(user_id)
        known = user.password_hash if user is not None else None
        if not self.passwords.verify(known, credentials.password):
            # Whose trail it is, is looked up only where there is something to tell: else known
            # addresses would take longer.
            return self._count(attempts, user if is_last else None, credentials)
        if user is None:
            return _WRONG
        return self._open(attempts, user, credentials)

    def _user(self, id: UserId | None) -> User | None:
        with self.store.begin(Scope(user=id)) as work:
            user = work.users.get() if id is not None else None
        return None if user is None or user.is_erased else user

    def _count(self, attempts: bytes, user: User | None, credentials: Credentials) -> Refusal:
        """Count the failure; where it locks, say so in the trail of *user*'s organisation."""
        person = self.people(user.id, credentials.source) if user is not None else None
        members = self._memberships(user.id) if user is not None else []
        first = members[0] if members else None
        organisation = first.organisation if first is not None else None
        network = network_key(credentials.source)
        with self.store.begin(Scope(organisation=organisation)) as work:
            found = _locked(work, attempts, network)
            now = self.clock.now()
            before = found[attempts]
            if refusal := before.verdict(now):
                # Others failed while this password was compared: it does not count, nor tell.
                return refusal
            failures = before.failed(now)
            work.login_attempts.put(attempts, failures)
            by_network = counted(found[network], MOST_FAILURES_FROM_A_NETWORK, now)
            if isinstance(by_network, LoginFailures):
                work.login_attempts.put(network, by_network)
            locks = failures.locked_until is not None and failures.locked_until > now
            if first is not None and locks:
                trail = self._trail(first, credentials.request_id)
                trail.add("user.locked", public_id(Prefix.USER, first.user), now, person=person)
                trail.write(work)
        return _WRONG

    def _verdict(self, work: Work, attempts: bytes, network: bytes) -> tuple[Refusal | None, bool]:
        """Why it is refused unseen; and whether one more failure locks."""
        found, now = _locked(work, attempts, network), self.clock.now()
        if refusal := found[attempts].verdict(now):
            return refusal, False
        by_network = counted(found[network], MOST_FAILURES_FROM_A_NETWORK, now)
        if isinstance(by_network, LoginFailures):
            return None, found[attempts].failed(now).verdict(now) is not None
        refusal = Refusal(
            code="rate_limited",
            detail="too many log-ins have failed from this network",
            retry_after=by_network,
        )
        return refusal, False

    def _open(
        self, attempts: bytes, user: User, credentials: Credentials
    ) -> OpenSession | Refusal:
        members = self._memberships(user.id)
        chosen = [m for m in members if credentials.organisation in {None, m.organisation}]
        if len(chosen) != 1:
            return Refusal(
                code="organisation_needed",
                detail="say in `organisation` which one this session is for",
            )
        (member,) = chosen
        person = self.people(user.id, credentials.source)
        with self.store.begin(Scope(organisation=member.organisation, user=user.id)) as work:
            now = self.clock.now()
            if refusal := work.login_attempts.lock(attempts).verdict(now):
                return refusal
            key = work.subject_keys.lock()
            if key is None or key.destroyed_at is not None:
                # Erased while the password was compared.
                return _WRONG
            now_known = work.users.get()
            if now_known is None or now_known.password_hash != user.password_hash:
                # Changed while it was compared: what was right is so no more.
                return _WRONG
            work.login_attempts.forget(attempts)
            opened = new_session(self.identifiers, user.id, member.organisation, now)
            work.sessions.add(opened.session)
            trail = self._trail(member, credentials.request_id)
            session = public_id(Prefix.SESSION, opened.session.id)
            trail.add("session.opened", session, now, person=person)
            trail.write(work)
        return opened

    def _memberships(self, user: UserId) -> list[Member]:
        with self.store.begin(Scope(user=user)) as work:
            return [member for _, member in work.organisations.of_user()]

    def _trail(self, member: Member, request_id: str) -> Trail:
        return Trail(
            identifiers=self.identifiers,
            organisation=member.organisation,
            actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
            request_id=request_id,
        )


def _locked(work: Work, *keys: bytes) -> dict[bytes, LoginFailures]:
    """In the order of their keys, whichever is first."""
    return {key: work.login_attempts.lock(key) for key in sorted(keys)}


def network_key(source: str) -> bytes:
    return hashlib.sha256(f"failures from\0{source}".encode(errors="surrogatepass")).digest()


def attempts_key(email: str, source: str) -> bytes:
    return hashlib.sha256(f"{email}\0{source}".encode(errors="surrogatepass")).digest()
