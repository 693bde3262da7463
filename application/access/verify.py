"""Verify an address: the token of a letter, and the password of whoever asked for it.

Of a registration that is the moment at which user and organisation come into being.  Whoever only
reads the mail lacks the password, and whoever registered somebody else's address lacks the mail.
"""

from datetime import datetime

from attrs import evolve, field, frozen

from application.access.caller import Caller
from application.access.enrol import Enrol, Newcomer, Proof, Registered
from application.access.log_in import Credentials, LogIn, attempts_key
from application.access.mail_limits import count_letter
from application.access.register import LetterWritten
from application.accounts.ask import ask_for_accounts
from application.audit.personal import KnowPeople
from application.audit.trail import Trail
from application.mail.write import LetterToken, ReadLetter, WriteLetter, put_in_the_post
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.passwords import Passwords
from application.ports.storage.letters import Letter, LetterState
from application.ports.storage.work import Scope, Store, Work
from domain.audit import Actor
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, LetterId, Prefix, UserId, public_id
from domain.letter import LetterKind
from domain.organisation import Member, Organisation, User

WRONG_TOKEN = Refusal(code="invalid_mail_token", detail="this token is not good (any more)")
_WRONG_PASSWORD = Refusal(
    code="invalid_credentials", detail="the password is not that of the registration"
)


@frozen(kw_only=True)
class Verification:
    token: str = field(repr=False)
    password: str = field(repr=False)
    #: The caller's network.
    source: str
    request_id: str


@frozen(kw_only=True)
class FindLetter:
    """The letter that a token is of."""

    store: Store
    clock: Clock

    def __call__(self, text: str, *kinds: LetterKind) -> Letter | None:
        """Where it is of one of *kinds* and its token may be used."""
        token = LetterToken.parse(text)
        if token is None:
            return None
        with self.store.begin(Scope(organisation=token.organisation)) as work:
            letter = work.letters.get(token.letter)
        if letter is None or letter.kind not in kinds or not token.opens(letter):
            return None
        return letter if letter.is_good(self.clock.now()) else None


@frozen(kw_only=True)
class VerifyAddress:
    store: Store
    clock: Clock
    identifiers: Identifiers
    passwords: Passwords
    people: KnowPeople
    find: FindLetter
    read: ReadLetter
    enrol: Enrol
    log_in: LogIn

    def __call__(self, asked: Verification) -> Registered | Refusal:
        letter = self.find(asked.token, LetterKind.REGISTRATION, LetterKind.VERIFICATION)
        if letter is None or letter.user is None:
            return WRONG_TOKEN
        if letter.kind is LetterKind.REGISTRATION:
            return self._finish(letter, letter.user, asked)
        return self._verify(letter, letter.user, asked)

    def _finish(self, letter: Letter, user: UserId, asked: Verification) -> Registered | Refusal:
        contents = self.read(letter)
        if contents is None:
            return WRONG_TOKEN
        attempts = attempts_key(letter.name, asked.source)
        with self.store.begin(Scope()) as work:
            refusal = work.login_attempts.lock(attempts).verdict(self.clock.now())
        if refusal is not None:
            return refusal
        if not self.passwords.verify(contents["password_hash"], asked.password):
            with self.store.begin(Scope()) as work:
                failures = work.login_attempts.lock(attempts).failed(self.clock.now())
                work.login_attempts.put(attempts, failures)
            return _WRONG_PASSWORD
        newcomer = Newcomer(
            user=user,
            email=contents["to"],
            password_hash=contents["password_hash"],
            organisation=contents["organisation"],
            request_id=asked.request_id,
            source=asked.source,
        )
        return self.enrol(newcomer, used(letter.id))

    def _verify(self, letter: Letter, id: UserId, asked: Verification) -> Registered | Refusal:
        with self.store.begin(Scope(user=id)) as work:
            user, places = work.users.get(), work.organisations.of_user()
        if user is None or user.is_erased or not places:
            return WRONG_TOKEN
        (organisation, member), *_ = places
        opened = self.log_in(
            Credentials(
                email=user.email,
                password=asked.password,
                organisation=organisation.id,
                source=asked.source,
                request_id=asked.request_id,
            )
        )
        if isinstance(opened, Refusal):
            return opened
        if refusal := self._say(letter, user, organisation, member, asked):
            return refusal
        for each, as_member in places:
            self._ask_for_accounts(each, as_member, asked.request_id)
        return Registered(user=user, organisation=organisation, member=member, open=opened)

    def _say(
        self,
        letter: Letter,
        user: User,
        organisation: Organisation,
        member: Member,
        asked: Verification,
    ) -> Refusal | None:
        person = self.people(user.id, asked.source)
        with self.store.begin(Scope(organisation=organisation.id, user=user.id)) as work:
            now = self.clock.now()
            if refusal := used(letter.id)(work, now):
                return refusal
            if work.users.verify(now):
                trail = self._trail(member, asked.request_id)
                trail.add("user.verified", public_id(Prefix.USER, user.id), now, person=person)
                trail.write(work)
        return None

    def _ask_for_accounts(
        self, organisation: Organisation, member: Member, request_id: str
    ) -> None:
        with self.store.begin(Scope(organisation=organisation.id)) as work:
            trail = self._trail(member, request_id)
            custodian, places = self.enrol.custodian, self.enrol.places
            now, origin = self.clock.now(), self.enrol.origin
            ask_for_accounts(work, trail, organisation.id, custodian, places, now, origin)
            trail.write(work)

    def _trail(self, member: Member, request_id: str) -> Trail:
        return Trail(
            identifiers=self.identifiers,
            organisation=member.organisation,
            actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
            request_id=request_id,
        )


@frozen(kw_only=True)
class AskToVerify:
    """Write whoever is logged in the letter that verifies their address."""

    store: Store
    clock: Clock
    write: WriteLetter
    has_mail: bool

    def __call__(self, caller: Caller) -> LetterWritten | Refusal:
        """Also where it is verified: then nothing is written."""
        if caller.user is None:
            return Refusal(code="session_required", detail="an API key has no address")
        if not self.has_mail:
            return Refusal(
                code="mail_not_configured", detail="this installation has nothing to send mail by"
            )
        with self.store.begin(Scope(user=caller.user)) as work:
            user, verified_at = work.users.get(), work.users.verified_at()
        if user is None or verified_at is not None:
            return LetterWritten()
        letter = self.write(LetterKind.VERIFICATION, user.email, user=user.id)
        with self.store.begin(Scope(organisation=INSTALLATION)) as work:
            allowed = count_letter(work, self.clock, user.email, caller.source)
            if isinstance(allowed, Refusal):
                return allowed
            if not allowed.to_address:
                return Refusal(
                    code="rate_limited", detail="this address has had its letters of this hour"
                )
            put_in_the_post(work, letter)
        return LetterWritten()


def used(id: LetterId) -> Proof:
    """Uses the letter's token up; refused where somebody has done so before."""

    def use(work: Work, now: datetime) -> Refusal | None:
        letter = work.letters.lock(id)
        if letter is None or not letter.is_good(now):
            return WRONG_TOKEN
        work.letters.put(spent(letter, now))
        return None

    return use


def spent(letter: Letter, now: datetime) -> Letter:
    """Its token is used; what it said is forgotten, and it is not sent any more."""
    is_queued = letter.state is LetterState.QUEUED
    state = LetterState.GIVEN_UP if is_queued else letter.state
    return evolve(letter, used_at=now, sealed=None, state=state, due_at=None)
