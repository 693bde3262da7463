"""Passwords: forgotten, and changed.

Asking for a new one takes the same work for every address.  Once there is a new one, whatever the
old one let in is over: sessions, tokens in letters, and identities that were linked with it.
"""

from datetime import datetime

from attrs import field, frozen

from application.access.caller import Caller
from application.access.links import say_unlinked, unlink_all
from application.access.log_in import attempts_key
from application.access.mail_limits import count_letter
from application.access.own_password import WRONG, CheckOwnPassword
from application.access.register import LetterWritten, canonical_email, password_fault
from application.access.verify import WRONG_TOKEN, FindLetter
from application.audit.personal import KnowPeople
from application.audit.trail import Trail
from application.mail.write import WriteLetter, put_in_the_post
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.passwords import Passwords
from application.ports.storage.letters import Letter
from application.ports.storage.work import Scope, Store, Work
from domain.abuse import LoginFailures
from domain.audit import Actor
from domain.errors import FieldFault, Refusal
from domain.identifiers import INSTALLATION, OrganisationId, Prefix, UserId, public_id
from domain.letter import LetterKind, is_plain_address
from domain.organisation import Member, User

_NO_MAIL = Refusal(
    code="mail_not_configured", detail="this installation has nothing to send mail by"
)
#: Stands for an address that no mail can be sent to, in a letter that is never sent.
_NOWHERE = "nobody@invalid"


@frozen(kw_only=True)
class AskForPassword:
    """Write whoever has an address a letter with which a new password is chosen."""

    store: Store
    clock: Clock
    identifiers: Identifiers
    write: WriteLetter
    has_mail: bool

    def __call__(self, address: str, source: str) -> LetterWritten | Refusal:
        if not self.has_mail:
            return _NO_MAIL
        email = canonical_email(address)
        with self.store.begin(Scope()) as work:
            allowed = count_letter(work, self.clock, email, source)
            known = work.users.find_login(email)
        if isinstance(allowed, Refusal):
            return allowed
        is_for_somebody = known is not None and allowed.to_address
        letter = self.write(
            LetterKind.PASSWORD_RESET if is_for_somebody else LetterKind.TO_NOBODY,
            email if is_plain_address(email) else _NOWHERE,
            user=known or UserId(self.identifiers.next()),
        )
        with self.store.begin(Scope(organisation=INSTALLATION)) as work:
            put_in_the_post(work, letter)
        return LetterWritten()


@frozen(kw_only=True)
class NewPassword:
    token: str = field(repr=False)
    password: str = field(repr=False)
    source: str
    request_id: str


@frozen(kw_only=True)
class ResetPassword:
    """With the token of that letter, which also shows that mail arrives."""

    store: Store
    clock: Clock
    identifiers: Identifiers
    passwords: Passwords
    people: KnowPeople
    find: FindLetter
    write: WriteLetter

    def __call__(self, asked: NewPassword) -> Refusal | None:
        letter = self.find(asked.token, LetterKind.PASSWORD_RESET)
        if letter is None or letter.user is None:
            return WRONG_TOKEN
        user, member = _user_and_member(self.store, letter.user)
        if user is None or user.is_erased:
            return WRONG_TOKEN
        if refusal := _refused_password(asked.password, user.email):
            return refusal
        password_hash = self.passwords.hash(asked.password)
        notice = _notice(self.write, user, member)
        person = self.people(user.id, asked.source)
        scope = Scope(organisation=notice.organisation, user=user.id)
        with self.store.begin(scope) as work:
            now = self.clock.now()
            attempts = attempts_key(user.email, asked.source)
            work.login_attempts.lock(attempts)
            key = work.subject_keys.lock()
            if key is None or key.destroyed_at is not None:
                return WRONG_TOKEN
            found = work.letters.lock(letter.id)
            if found is None or not found.is_good(now):
                return WRONG_TOKEN
            work.login_attempts.put(attempts, LoginFailures())
            ended = _change(work, password_hash, now)
            identities = unlink_all(work, now)
            is_news = work.users.verify(now)
            put_in_the_post(work, notice)
            if member is not None:
                trail = _trail(self.identifiers, member, asked.request_id)
                subject = public_id(Prefix.USER, user.id)
                if is_news:
                    trail.add("user.verified", subject, now, person=person)
                say_unlinked(trail, identities, person, now, reason="password_reset")
                trail.add(
                    "user.password_reset", subject, now, details={"sessions": ended}, person=person
                )
                trail.write(work)
        return None


@frozen(kw_only=True)
class ChangePassword:
    """By whoever is logged in and says the current one."""

    store: Store
    clock: Clock
    identifiers: Identifiers
    passwords: Passwords
    people: KnowPeople
    write: WriteLetter

    def __call__(self, caller: Caller, current: str, new: str) -> Refusal | None:
        if caller.user is None or caller.session is None:
            return Refusal(code="session_required", detail="an API key has no password")
        user, member = _user_and_member(self.store, caller.user)
        if user is None or user.is_erased:
            return WRONG
        if refusal := _refused_password(new, user.email):
            return refusal
        check = CheckOwnPassword(store=self.store, clock=self.clock, passwords=self.passwords)
        checked = check(user.id, current, caller.source or "")
        if isinstance(checked, Refusal):
            return checked
        password_hash = self.passwords.hash(new)
        notice = _notice(self.write, user, member)
        person = self.people(user.id, caller.source)
        scope = Scope(organisation=caller.organisation, user=user.id)
        with self.store.begin(scope) as work:
            now = self.clock.now()
            key = work.subject_keys.lock()
            again = work.users.get()
            if key is None or again is None or again.password_hash != checked.password_hash:
                # Erased, or changed by somebody else, while the password was compared.
                return WRONG
            letters = work.letters.end_of_user(now)
            work.users.set_password(password_hash)
            ended = work.sessions.revoke_all(now, but=caller.session)
            identities = unlink_all(work, now)
            trail = caller.trail(self.identifiers)
            say_unlinked(trail, identities, person, now, reason="password_changed")
            trail.add(
                "user.password_changed",
                public_id(Prefix.USER, user.id),
                now,
                details={"sessions": ended, "letters": letters},
                person=person,
            )
            trail.write(work)
        with self.store.begin(Scope(organisation=notice.organisation)) as work:
            put_in_the_post(work, notice)
        return None


def _change(work: Work, password_hash: str, now: datetime) -> int:
    """In the scope of the user; how many sessions have ended."""
    work.letters.end_of_user(now)
    work.users.set_password(password_hash)
    return work.sessions.revoke_all(now)


def _user_and_member(store: Store, id: UserId) -> tuple[User | None, Member | None]:
    """With their oldest membership, whose organisation's trail tells of them."""
    with store.begin(Scope(user=id)) as work:
        user = work.users.get()
        members = [member for _, member in work.organisations.of_user()]
    return user, members[0] if members else None


def _notice(write: WriteLetter, user: User, member: Member | None) -> Letter:
    organisation: OrganisationId = INSTALLATION if member is None else member.organisation
    return write(
        LetterKind.PASSWORD_CHANGED,
        user.email,
        user=user.id,
        organisation=organisation,
        carries_token=False,
    )


def _refused_password(password: str, email: str) -> Refusal | None:
    fault = password_fault(password, email)
    if fault is None:
        return None
    return Refusal(
        code="validation_failed",
        detail="the password will not do",
        faults=(FieldFault("/password", "weak_password", fault),),
    )


def _trail(identifiers: Identifiers, member: Member, request_id: str) -> Trail:
    return Trail(
        identifiers=identifiers,
        organisation=member.organisation,
        actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
        request_id=request_id,
    )
