"""Sign in through the provider's log-in: a session as for a password.

An identity that is linked is enough.  One that is not leads to somebody only by an address that
the provider says is theirs, and then:

- nobody has it here: they are registered, where that is allowed;
- somebody has it, verified, and the operator takes the provider's word for that domain: they are
  linked now, unless they have an identity of that provider, because addresses are given away;
- else they have to log in and link it themselves (`identities.py`).

An address that is not verified, there or here, never leads to anybody: whoever may write any
address into their profile would be everybody.
"""

from attrs import frozen

from application.access.enrol import Enrol, Newcomer
from application.access.links import identity_of, link
from application.access.register import canonical_email, email_fault
from application.access.sessions import OpenSession, new_session
from application.access.sign_in_flow import ComingBack, FinishFlow
from application.audit.personal import KnowPeople
from application.audit.trail import Trail
from application.mail.write import WriteLetter
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.identity_provider import Identified
from application.ports.passwords import Passwords
from application.ports.storage.work import Scope, Store, Work
from domain.audit import Actor
from domain.errors import Refusal
from domain.identifiers import Prefix, UserId, public_id
from domain.letter import is_plain_address
from domain.organisation import Member, User
from domain.sign_in import Flow, SignInRules, domain_of, hash_subject

NOT_ALLOWED = Refusal(
    code="sso_not_allowed", detail="people of this address's domain do not sign in here"
)
#: The same for an address that somebody has here and for one that nobody has.
NOT_LINKED = Refusal(code="sso_not_linked", detail="this identity is linked to nobody here")
_SECRET_BYTES = 32


@frozen(kw_only=True)
class SignIn:
    store: Store
    clock: Clock
    identifiers: Identifiers
    passwords: Passwords
    people: KnowPeople
    enrol: Enrol
    write: WriteLetter
    finish: FinishFlow
    rules: SignInRules

    def __call__(self, back: ComingBack) -> OpenSession | Refusal:
        finished = self.finish(back)
        if isinstance(finished, Refusal):
            return finished
        flow, who = finished
        email = usable(who.verified_email)
        if not self.rules.lets_in(email):
            return NOT_ALLOWED
        with self.store.begin(Scope()) as work:
            linked = work.identities.find(who.issuer, hash_subject(who.issuer, who.subject))
            known = work.users.find_login(email) if email is not None else None
        if linked is not None:
            return self._open(back, flow, who, linked)
        if email is None:
            return NOT_LINKED
        if known is None:
            return self._register(back, flow, who, email)
        if not self.rules.may_link(email):
            return NOT_LINKED
        return self._open(back, flow, who, known, by_address=True)

    def _register(
        self, back: ComingBack, flow: Flow, who: Identified, email: str
    ) -> OpenSession | Refusal:
        if not self.rules.may_register(email):
            return NOT_LINKED
        user = UserId(self.identifiers.next())
        # A password that nobody knows; a letter chooses another one.
        password = self.identifiers.secret(_SECRET_BYTES).hex()
        newcomer = Newcomer(
            user=user,
            email=email,
            password_hash=self.passwords.hash(password),
            organisation=(flow.name or "").strip() or domain_of(email),
            request_id=back.request_id,
            source=back.source,
            identity=identity_of(self.identifiers, user, who, self.clock.now()),
        )
        registered = self.enrol(newcomer, lambda _work, _now: None)
        if isinstance(registered, Refusal):
            # Somebody else came first, with the address or with the identity.
            return NOT_LINKED
        return registered.open

    def _open(
        self,
        back: ComingBack,
        flow: Flow,
        who: Identified,
        id: UserId,
        *,
        by_address: bool = False,
    ) -> OpenSession | Refusal:
        with self.store.begin(Scope(user=id)) as work:
            user = work.users.get()
            members = [member for _, member in work.organisations.of_user()]
        if user is None or user.is_erased:
            return NOT_LINKED
        chosen = [each for each in members if flow.organisation in {None, each.organisation}]
        if len(chosen) != 1:
            return Refusal(
                code="organisation_needed",
                detail="start again, and say in `organisation` which one the session is for",
            )
        (member,) = chosen
        return self._opened(back, who, user, member, by_address=by_address)

    def _opened(
        self, back: ComingBack, who: Identified, user: User, member: Member, *, by_address: bool
    ) -> OpenSession | Refusal:
        person = self.people(user.id, back.source)
        linked = link(self.write, self.identifiers, user, member, who) if by_address else None
        trail = Trail(
            identifiers=self.identifiers,
            organisation=member.organisation,
            actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
            request_id=back.request_id,
        )
        with self.store.begin(Scope(organisation=member.organisation, user=user.id)) as work:
            now = self.clock.now()
            key = work.subject_keys.lock()
            if key is None or key.destroyed_at is not None:
                # Erased while the provider was asked.
                return NOT_LINKED
            if linked is not None:
                if not linked.store(work, trail, person, now, by="verified_address"):
                    return NOT_LINKED
            elif not _is_linked(work, who):
                # Unlinked meanwhile.
                return NOT_LINKED
            opened = new_session(self.identifiers, user.id, member.organisation, now)
            work.sessions.add(opened.session)
            trail.add(
                "session.opened",
                public_id(Prefix.SESSION, opened.session.id),
                now,
                details={"by": "single_sign_on", "issuer": who.issuer},
                person=person,
            )
            trail.write(work)
        return opened


def usable(email: str | None) -> str | None:
    """A verified address as ours are compared; None: there is none that mail could be sent to."""
    found = canonical_email(email or "")
    return found if is_plain_address(found) and email_fault(found) is None else None


def _is_linked(work: Work, who: Identified) -> bool:
    subject = hash_subject(who.issuer, who.subject)
    return any(
        (each.issuer, each.subject_hash) == (who.issuer, subject) for each in work.identities.all()
    )
