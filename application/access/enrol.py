"""Enrol somebody: a user, their organisation, its first credits, and the accounts it issues from.

Whoever is enrolled has a verified address, or is at home where nobody asks for it.
"""

from collections.abc import Callable
from datetime import datetime

from attrs import field, frozen

from application.access.links import say_linked
from application.access.sessions import OpenSession, new_session
from application.accounts.ask import AccountPlace, ask_for_accounts
from application.audit.personal import KnowPeople, Person
from application.audit.trail import Trail
from application.credits.allowance import orders_due
from application.credits.post import post_all
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.access import EmailTakenError
from application.ports.storage.subjects import SubjectKey
from application.ports.storage.work import Scope, Store, Work
from domain.account import Origin
from domain.audit import Actor
from domain.catalogue import Catalogue
from domain.errors import Refusal
from domain.identifiers import MemberId, OrganisationId, Prefix, UserId, public_id
from domain.organisation import Member, Organisation, Role, User
from domain.sign_in import Identity


class _IdentityTakenError(Exception):
    """Somebody has it: nothing of the transaction is kept."""


Proof = Callable[[Work, datetime], Refusal | None]


@frozen(kw_only=True)
class Newcomer:
    user: UserId
    #: As addresses are compared.
    email: str = field(repr=False)
    password_hash: str = field(repr=False)
    #: The organisation's name.
    organisation: str
    request_id: str
    #: The network it comes from, where it comes over one.
    source: str | None = field(default=None, repr=False)
    #: By which they came, instead of a letter.
    identity: Identity | None = None


@frozen(kw_only=True)
class Registered:
    user: User
    organisation: Organisation
    member: Member
    open: OpenSession


@frozen(kw_only=True)
class Enrol:
    store: Store
    catalogue: Catalogue
    clock: Clock
    identifiers: Identifiers
    people: KnowPeople
    #: The custodian that creates new keys, by the scheme of its key references.
    custodian: str
    #: Of the configured networks.
    places: frozenset[AccountPlace]
    #: Of the accounts' first keys.
    origin: Origin = Origin.CUSTODIAN

    def __call__(self, newcomer: Newcomer, proof: Proof) -> Registered | Refusal:
        """*proof* is asked in the transaction, before anything is written."""
        person, key = self.people.newcomer(newcomer.user, newcomer.email, newcomer.source)
        organisation_id = OrganisationId(self.identifiers.next())
        member_id = MemberId(self.identifiers.next())
        scope = Scope(organisation=organisation_id, user=newcomer.user)
        try:
            with self.store.begin(scope) as work:
                now = self.clock.now()
                if refusal := proof(work, now):
                    return refusal
                registered = self._registered(newcomer, organisation_id, member_id, now)
                self._store(work, newcomer, registered, person, key, now)
        except EmailTakenError:
            return Refusal(code="email_taken", detail="somebody has registered with this address")
        except _IdentityTakenError:
            return Refusal(code="sso_already_linked", detail="the identity is somebody else's")
        return registered

    def _registered(
        self, newcomer: Newcomer, organisation: OrganisationId, member: MemberId, now: datetime
    ) -> Registered:
        return Registered(
            user=User(
                id=newcomer.user,
                email=newcomer.email,
                password_hash=newcomer.password_hash,
                created_at=now,
            ),
            organisation=Organisation(
                id=organisation,
                name=newcomer.organisation,
                tariff=self.catalogue.first_tariff,
                created_at=now,
            ),
            member=Member(
                organisation=organisation,
                id=member,
                user=newcomer.user,
                role=Role.OWNER,
                created_at=now,
            ),
            open=new_session(self.identifiers, newcomer.user, organisation, now),
        )

    def _store(
        self,
        work: Work,
        newcomer: Newcomer,
        registered: Registered,
        person: Person,
        key: SubjectKey,
        now: datetime,
    ) -> None:
        organisation, member = registered.organisation, registered.member
        subject = public_id(Prefix.ORGANISATION, organisation.id)
        trail = Trail(
            identifiers=self.identifiers,
            organisation=organisation.id,
            actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
            request_id=newcomer.request_id,
        )
        work.users.add(registered.user)
        if newcomer.identity is not None and not work.identities.add(newcomer.identity):
            raise _IdentityTakenError
        work.users.verify(now)
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
        if newcomer.identity is not None:
            say_linked(trail, newcomer.identity, person, now, by="registration")
        ask_for_accounts(
            work, trail, organisation.id, self.custodian, self.places, now, self.origin
        )
        post_all(work, orders_due(work, trail, self.catalogue, now), now)
        trail.write(work)
