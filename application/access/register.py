"""Register: a user, their organisation, its first credits, and the accounts it will issue from."""

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from application.access.sessions import OpenSession, new_session
from application.audit.personal import KnowPeople, Person
from application.audit.trail import Trail
from application.credits.allowance import orders_due
from application.credits.post import post_all
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.passwords import Passwords
from application.ports.storage.access import EmailTakenError
from application.ports.storage.subjects import SubjectKey
from application.ports.storage.work import Scope, Store, Work
from domain.account import Account
from domain.audit import Actor
from domain.catalogue import Catalogue
from domain.errors import FieldFault, Refusal
from domain.identifiers import (
    AccountId,
    MemberId,
    OrganisationId,
    Prefix,
    UserId,
    public_id,
)
from domain.network import Family
from domain.organisation import Member, Organisation, Role, User

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
LONGEST_EMAIL = 254


@frozen(kw_only=True)
class Registration:
    email: str
    password: str = field(repr=False)
    organisation: str
    request_id: str
    #: The network it comes from, where it comes over one.
    source: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class Registered:
    user: User
    organisation: Organisation
    member: Member
    open: OpenSession


@frozen(kw_only=True)
class Register:
    store: Store
    catalogue: Catalogue
    clock: Clock
    identifiers: Identifiers
    passwords: Passwords
    people: KnowPeople
    #: The custodian that creates new keys, by the scheme of its key references.
    custodian: str
    #: Families of the development networks: there accounts are created at once.  Elsewhere they
    #: wait for the verification of an address.
    families: frozenset[Family]

    def __call__(self, registration: Registration) -> Registered | Refusal:
        email = canonical_email(registration.email)
        if faults := faults_of(email, registration.password, registration.organisation):
            return Refusal(
                code="validation_failed", detail="the registration has faults", faults=faults
            )
        password_hash = self.passwords.hash(registration.password)
        user_id = UserId(self.identifiers.next())
        person, key = self.people.newcomer(user_id, email, registration.source)
        organisation_id = OrganisationId(self.identifiers.next())
        member_id = MemberId(self.identifiers.next())
        try:
            with self.store.begin(Scope(organisation=organisation_id, user=user_id)) as work:
                now = self.clock.now()
                registered = Registered(
                    user=User(
                        id=user_id, email=email, password_hash=password_hash, created_at=now
                    ),
                    organisation=Organisation(
                        id=organisation_id,
                        name=registration.organisation.strip(),
                        tariff=self.catalogue.first_tariff,
                        created_at=now,
                    ),
                    member=Member(
                        organisation=organisation_id,
                        id=member_id,
                        user=user_id,
                        role=Role.OWNER,
                        created_at=now,
                    ),
                    open=new_session(self.identifiers, user_id, organisation_id, now),
                )
                self._store(work, registered, person, key, registration.request_id, now)
        except EmailTakenError:
            return Refusal(code="email_taken", detail="somebody has registered with this address")
        return registered

    def _store(
        self,
        work: Work,
        registered: Registered,
        person: Person,
        key: SubjectKey,
        request_id: str,
        now: datetime,
    ) -> None:
        organisation, member = registered.organisation, registered.member
        subject = public_id(Prefix.ORGANISATION, organisation.id)
        trail = Trail(
            identifiers=self.identifiers,
            organisation=organisation.id,
            actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
            request_id=request_id,
        )
        work.users.add(registered.user)
        work.subject_keys.add(key)
        work.organisations.add(organisation, member)
        work.sessions.add(registered.open.session)
        trail.add("organisation.created", subject, now, details={"tariff": organisation.tariff})
        trail.add(
            "member.added",
            public_id(Prefix.MEMBER, member.id),
            now,
            details={"role": member.role.value, "user": public_id(Prefix.USER, member.user)},
            person=person,
        )
        for family in sorted(self.families, key=lambda family: family.value):
            self._request_account(work, trail, organisation.id, family, now)
        post_all(work, orders_due(work, trail, self.catalogue, now), now)
        trail.write(work)

    def _request_account(
        self,
        work: Work,
        trail: Trail,
        organisation: OrganisationId,
        family: Family,
        now: datetime,
    ) -> None:
        account = Account(
            organisation=organisation,
            id=AccountId(self.identifiers.next()),
            family=family,
            live=False,
            custodian=self.custodian,
            created_at=now,
        )
        work.accounts.add(account)
        name = public_id(Prefix.ACCOUNT, account.id)
        work.outbox.add("account.requested", name)
        trail.add("account.requested", name, now, details={"family": family.value})


def canonical_email(text: str) -> str:
    """As addresses are compared: without blanks around, in lower case."""
    return text.strip().lower()


def faults_of(email: str, password: str, organisation: str) -> tuple[FieldFault, ...]:
    checks: Mapping[str, tuple[str, str | None]] = {
        "/email": ("invalid_email", _email_fault(email)),
        "/password": ("weak_password", _password_fault(password, email)),
        "/organisation": ("invalid_name", _name_fault(organisation)),
    }
    return tuple(
        FieldFault(pointer, code, message)
        for pointer, (code, message) in checks.items()
        if message is not None
    )


def _email_fault(email: str) -> str | None:
    local, at, domain = email.rpartition("@")
    is_plain = email.isprintable() and " " not in email and len(email) <= LONGEST_EMAIL
    if not (local and at and is_plain and "@" not in local and _is_host(domain)):
        return "an e-mail address looks like name@example.com"
    return None


def _is_host(domain: str) -> bool:
    labels = domain.split(".")
    return len(labels) > 1 and all(
        label and not label.startswith("-") and not label.endswith("-") for label in labels
    )


def _password_fault(password: str, email: str) -> str | None:
    # NIST SP 800-63B: length counts, composition rules do not.
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
    if len(set(password)) < 5 or password.lower() == email:
        return "this password would be guessed at once"
    try:
        password.encode()
    except UnicodeEncodeError:
        return "a password is Unicode text"
    return None


def _name_fault(name: str) -> str | None:
    if not (1 <= len(name.strip()) <= 100 and name.isprintable()):
        return "a name has 1 to 100 characters and no control characters"
    return None
