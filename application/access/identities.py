"""A person's identities at providers: link one, see them, unlink them.

Linking takes a session, the password, and the provider's word: whoever found a device that was
left logged in lacks the password, and would otherwise come back for ever.
"""

from attrs import evolve, frozen

from application.access.caller import Caller
from application.access.links import link, say_unlinked
from application.access.own_password import CheckOwnPassword
from application.access.sign_in_flow import ComingBack, FinishFlow, Started, StartFlow
from application.audit.personal import KnowPeople
from application.mail.write import WriteLetter
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.errors import Refusal
from domain.identifiers import IdentityId
from domain.sign_in import Identity, SignInRules

_SESSION = Refusal(code="session_required", detail="an API key has no identities")
_TAKEN = Refusal(
    code="sso_already_linked",
    detail="the identity is somebody's, or you have another one of this provider",
)
_NOT_VERIFIED = Refusal(
    code="address_not_verified",
    detail="an identity is linked when the provider has verified its address, and we yours",
)
_NOT_ALLOWED = Refusal(
    code="sso_not_allowed", detail="people of this address's domain do not sign in here"
)


@frozen(kw_only=True)
class StartLinking:
    start: StartFlow
    check: CheckOwnPassword

    def __call__(self, caller: Caller, password: str) -> Started | Refusal:
        if caller.user is None or caller.session is None:
            return _SESSION
        checked = self.check(caller.user, password, caller.source or "")
        if isinstance(checked, Refusal):
            return checked
        return self.start(caller.source or "", user=caller.user, session=caller.session)


@frozen(kw_only=True)
class FinishLinking:
    store: Store
    clock: Clock
    identifiers: Identifiers
    people: KnowPeople
    write: WriteLetter
    finish: FinishFlow
    rules: SignInRules

    def __call__(self, caller: Caller, back: ComingBack) -> Identity | Refusal:
        """In the session in which it was begun."""
        if caller.user is None or caller.session is None:
            return _SESSION
        finished = self.finish(back, session=caller.session)
        if isinstance(finished, Refusal):
            return finished
        _, who = finished
        if who.verified_email is None:
            return _NOT_VERIFIED
        if not self.rules.lets_in(who.verified_email):
            return _NOT_ALLOWED
        with self.store.begin(Scope(user=caller.user)) as work:
            user = work.users.get()
            places = [member for _, member in work.organisations.of_user()]
            is_verified = work.users.verified_at() is not None
        member = next((each for each in places if each.organisation == caller.organisation), None)
        if user is None or user.is_erased or member is None:
            return Refusal(code="invalid_token", detail="this session is over; log in again")
        if not is_verified:
            return _NOT_VERIFIED
        person = self.people(user.id, caller.source)
        linked = link(self.write, self.identifiers, user, member, who)
        with self.store.begin(Scope(organisation=caller.organisation, user=user.id)) as work:
            key = work.subject_keys.lock()
            session = work.sessions.lock(caller.session)
            now = self.clock.now()
            if key is None or key.destroyed_at is not None:
                return Refusal(code="invalid_token", detail="this session is over; log in again")
            if session is None or session.revoked_at is not None:
                # Logged out, or the password was changed, while the provider was asked.
                return Refusal(code="invalid_token", detail="this session is over; log in again")
            trail = caller.trail(self.identifiers)
            if not linked.store(work, trail, person, now, by="session"):
                return _TAKEN
            trail.write(work)
        return evolve(linked.identity, linked_at=now)


@frozen(kw_only=True)
class OwnIdentities:
    store: Store
    clock: Clock
    identifiers: Identifiers
    people: KnowPeople

    def all(self, caller: Caller) -> list[Identity] | Refusal:
        if caller.user is None:
            return _SESSION
        with self.store.begin(Scope(user=caller.user)) as work:
            return work.identities.all()

    def unlink(self, caller: Caller, id: IdentityId) -> Refusal | None:
        if caller.user is None:
            return _SESSION
        person = self.people(caller.user, caller.source)
        scope = Scope(organisation=caller.organisation, user=caller.user)
        with self.store.begin(scope) as work:
            found = [each for each in work.identities.all() if each.id == id]
            now = self.clock.now()
            if not (found and work.identities.end(id, now)):
                return Refusal(code="not_found", detail="there is no such identity")
            trail = caller.trail(self.identifiers)
            say_unlinked(trail, found, person, now, reason="by_its_user")
            trail.write(work)
        return None
