from collections import Counter
from datetime import datetime
from typing import Literal
from uuid import UUID

from attrs import define, evolve, field

from adapters.memory.storage.transaction import Table, Transaction, page_of
from application.ports.storage.access import (
    AccessEpoch,
    ApiKeys,
    EmailTakenError,
    FoundKey,
    KeyStanding,
    LoginAttempts,
    Members,
    Organisations,
    Sessions,
    Users,
)
from application.ports.storage.paging import Page, PageRequest
from application.ports.storage.subjects import SubjectKey, SubjectKeys
from application.ports.storage.work import Lock
from domain.abuse import LoginFailures
from domain.catalogue import TariffName
from domain.errors import MisuseError
from domain.identifiers import (
    INSTALLATION,
    ApiKeyId,
    MemberId,
    OrganisationId,
    SessionId,
    UserId,
)
from domain.ledger import Wallet
from domain.organisation import ERASED, ApiKey, Member, Organisation, Session, User


@define(eq=False)
class AccessTables:
    organisations: Table[OrganisationId, Organisation] = field(
        factory=lambda: Table("organisations")
    )
    #: One membership per user and organisation.
    members: Table[tuple[OrganisationId, UserId], Member] = field(factory=lambda: Table("members"))
    users: Table[UserId, User] = field(factory=lambda: Table("users"))
    #: A unique index.
    emails: Table[str, UserId] = field(factory=lambda: Table("emails"))
    verifications: Table[UserId, datetime] = field(factory=lambda: Table("verifications"))
    subject_keys: Table[UserId, SubjectKey] = field(factory=lambda: Table("subject_keys"))
    sessions: Table[SessionId, Session] = field(factory=lambda: Table("sessions"))
    api_keys: Table[ApiKeyId, ApiKey] = field(factory=lambda: Table("api_keys"))
    login_attempts: Table[bytes, LoginFailures] = field(factory=lambda: Table("login_attempts"))
    #: One row; none: nought.
    epoch: Table[Literal["epoch"], int] = field(factory=lambda: Table("installation"))
    #: Of sessions, letters and sign-ins: a column of theirs.
    epochs: Table[UUID, int] = field(factory=lambda: Table("epochs"))


@define(eq=False)
class MemoryAccessEpoch(AccessEpoch):
    _transaction: Transaction
    _tables: AccessTables

    def current(self) -> int:
        return self._transaction.get(self._tables.epoch, "epoch") or 0

    def advance(self) -> int:
        if self._transaction.organisation != INSTALLATION:
            raise MisuseError(f"{self._transaction.scope} ends nobody's access")
        self._transaction.hold(self._tables.epoch, "epoch")
        following = self.current() + 1
        self._transaction.put(self._tables.epoch, "epoch", following)
        return following

    def stamp(self, id: UUID) -> None:
        """What was added is of the present one."""
        self._transaction.put(self._tables.epochs, id, self.current())

    def is_over(self, id: UUID) -> bool:
        return (self._transaction.get(self._tables.epochs, id) or 0) < self.current()


@define(eq=False)
class MemoryOrganisations(Organisations):
    _transaction: Transaction
    _tables: AccessTables
    _wallets: Table[OrganisationId, Wallet]
    _audit_heads: Table[OrganisationId, int]

    def add(self, organisation: Organisation, owner: Member) -> None:
        id = self._transaction.require_organisation(organisation.id)
        if owner.organisation != id:
            raise MisuseError(f"the owner of {id} is a member of {owner.organisation}")
        if self._transaction.get(self._tables.users, owner.user) is None:
            raise MisuseError(f"there is no user {owner.user}")
        if not self._transaction.insert(self._tables.organisations, id, organisation):
            raise MisuseError(f"there is an organisation {id} already")
        self._transaction.insert(self._tables.members, (id, owner.user), owner)
        self._transaction.insert(self._wallets, id, Wallet(organisation=id))
        self._transaction.insert(self._audit_heads, id, 0)

    def get(self) -> Organisation | None:
        if self._transaction.organisation is None:
            return None
        return self._transaction.get(self._tables.organisations, self._transaction.organisation)

    def set_tariff(self, tariff: TariffName) -> None:
        id = self._transaction.require_organisation()
        self._transaction.hold(self._tables.organisations, id)
        organisation = self.get()
        if organisation is None:
            raise MisuseError(f"there is no organisation {id}")
        changed = evolve(organisation, tariff=tariff)
        self._transaction.update(self._tables.organisations, id, changed)

    def after(self, id: OrganisationId, at_most: int) -> list[OrganisationId]:
        found = self._transaction.items(self._tables.organisations)
        return sorted(each for each, _ in found if each > id)[:at_most]

    def tariffs_in_use(self) -> dict[TariffName, int]:
        found = self._transaction.items(self._tables.organisations)
        return dict(Counter(each.tariff for id, each in found if id != INSTALLATION))

    def of_user(self) -> list[tuple[Organisation, Member]]:
        found = (
            (self._transaction.get(self._tables.organisations, member.organisation), member)
            for member in self._of_user()
            if member.removed_at is None
        )
        return [(organisation, member) for organisation, member in found if organisation]

    def memberships_of_user(self) -> list[tuple[OrganisationId, MemberId]]:
        return [(member.organisation, member.id) for member in self._of_user()]

    def _of_user(self) -> list[Member]:
        mine = [
            member
            for (_, user), member in self._transaction.items(self._tables.members)
            if user == self._transaction.user
        ]
        return sorted(mine, key=lambda member: (member.created_at, member.id.int))

    def member(self, user: UserId) -> Member | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        found = self._transaction.get(self._tables.members, (organisation, user))
        return None if found is None or found.removed_at is not None else found


@define(eq=False)
class MemoryMembers(Members):
    _transaction: Transaction
    _tables: AccessTables

    def add(self, member: Member) -> None:
        organisation = self._transaction.require_organisation(member.organisation)
        if not self._transaction.insert(self._tables.members, (organisation, member.user), member):
            raise MisuseError(f"{member.user} is or was a member of {organisation}")

    def all(self) -> list[Member]:
        return [member for member in self._mine() if member.removed_at is None]

    def ever(self) -> list[Member]:
        return self._mine()

    def lock(self) -> list[Member]:
        self._transaction.enter(Lock.MEMBERS, "")
        organisation = self._transaction.organisation
        if organisation is None:
            return []
        self._transaction.hold(self._tables.organisations, organisation)
        return self._mine()

    def put(self, member: Member) -> None:
        organisation = self._transaction.require_organisation(member.organisation)
        self._transaction.update(self._tables.members, (organisation, member.user), member)

    def _mine(self) -> list[Member]:
        found = (
            member
            for (organisation, _), member in self._transaction.items(self._tables.members)
            if organisation == self._transaction.organisation
        )
        return sorted(found, key=lambda member: (member.created_at, member.id))


@define(eq=False)
class MemoryUsers(Users):
    _transaction: Transaction
    _tables: AccessTables

    def add(self, user: User) -> None:
        if self._transaction.user != user.id:
            raise MisuseError(f"user {user.id} is outside the scope of {self._transaction.user}")
        if not self._transaction.insert(self._tables.emails, user.email, user.id):
            raise EmailTakenError
        if not self._transaction.insert(self._tables.users, user.id, user):
            raise MisuseError(f"there is a user {user.id} already")

    def find_login(self, email: str) -> UserId | None:
        return self._transaction.get(self._tables.emails, email)

    def get(self) -> User | None:
        if self._transaction.user is None:
            return None
        return self._transaction.get(self._tables.users, self._transaction.user)

    def set_password(self, password_hash: str) -> None:
        user = self._mine()
        changed = evolve(user, password_hash=password_hash)
        self._transaction.update(self._tables.users, user.id, changed)

    def verify(self, now: datetime) -> bool:
        return self._transaction.insert(self._tables.verifications, self._mine().id, now)

    def verified_at(self) -> datetime | None:
        user = self._transaction.user
        return None if user is None else self._transaction.get(self._tables.verifications, user)

    def is_verified(self, member: MemberId) -> bool:
        return any(
            each.removed_at is None
            and self._transaction.get(self._tables.verifications, each.user) is not None
            for (organisation, _), each in self._transaction.items(self._tables.members)
            if organisation == self._transaction.organisation and each.id == member
        )

    def erase(self, pseudonym: str) -> None:
        user = self._mine()
        self._transaction.delete(self._tables.emails, user.email)
        self._transaction.insert(self._tables.emails, pseudonym, user.id)
        erased = evolve(user, email=pseudonym, password_hash=ERASED)
        self._transaction.update(self._tables.users, user.id, erased)

    def _mine(self) -> User:
        user = self.get()
        if user is None:
            raise MisuseError(f"there is no user in {self._transaction.scope}")
        return user


@define(eq=False)
class MemorySubjectKeys(SubjectKeys):
    _transaction: Transaction
    _tables: AccessTables

    def add(self, key: SubjectKey) -> bool:
        if self._transaction.user != key.user:
            raise MisuseError(f"user {key.user} is outside the scope of {self._transaction.user}")
        return self._transaction.insert(self._tables.subject_keys, key.user, key)

    def get(self, user: UserId) -> SubjectKey | None:
        organisation = self._transaction.organisation
        is_member = organisation is not None and (
            self._transaction.get(self._tables.members, (organisation, user)) is not None
        )
        if user != self._transaction.user and not is_member:
            return None
        return self._transaction.get(self._tables.subject_keys, user)

    def lock(self) -> SubjectKey | None:
        user = self._transaction.user
        self._transaction.enter(Lock.SUBJECT_KEY, str(user))
        if user is None:
            return None
        self._transaction.hold(self._tables.subject_keys, user)
        return self._transaction.get(self._tables.subject_keys, user)

    def destroy(self, now: datetime) -> None:
        user = self._transaction.user
        key = None if user is None else self._transaction.get(self._tables.subject_keys, user)
        if user is None or key is None or key.destroyed_at is not None:
            raise MisuseError(f"{user} has no key to be destroyed")
        destroyed = evolve(key, wrapped=None, destroyed_at=now)
        self._transaction.update(self._tables.subject_keys, user, destroyed)


@define(eq=False)
class MemorySessions(Sessions):
    _transaction: Transaction
    _tables: AccessTables
    _epoch: MemoryAccessEpoch

    def add(self, session: Session) -> None:
        self._require_mine(session)
        if self._membership(session) is None:
            raise MisuseError(f"{session.user} is no member of {session.organisation}")
        if not self._transaction.insert(self._tables.sessions, session.id, session):
            raise MisuseError(f"there is a session {session.id} already")
        self._epoch.stamp(session.id)

    def get(self, id: SessionId) -> Session | None:
        session = self._transaction.get(self._tables.sessions, id)
        return session if session and session.user == self._transaction.user else None

    def lock(self, id: SessionId) -> Session | None:
        self._transaction.enter(Lock.SESSION, id)
        if self.get(id) is None:
            return None
        self._transaction.hold(self._tables.sessions, id)
        return None if self._epoch.is_over(id) else self.get(id)

    def put(self, session: Session) -> None:
        self._require_mine(session)
        if self.get(session.id) is None:
            raise MisuseError(f"there is no session {session.id}")
        self._transaction.update(self._tables.sessions, session.id, session)

    def all(self, now: datetime) -> list[Session]:
        alive = (
            each
            for each in self._unrevoked()
            if each.expires_at > now and not self._epoch.is_over(each.id)
        )
        return sorted(alive, key=lambda each: (each.created_at, each.id), reverse=True)

    def revoke_all(self, now: datetime, *, but: SessionId | None = None) -> int:
        mine = [session for session in self._unrevoked() if session.id != but]
        for session in sorted(mine, key=lambda each: each.id):
            self._transaction.enter(Lock.SESSION, session.id)
            self._transaction.hold(self._tables.sessions, session.id)
            found = self.get(session.id)
            if found is not None and found.revoked_at is None:
                self.put(evolve(found, revoked_at=now, successor=None))
        return len(mine)

    def _unrevoked(self) -> list[Session]:
        return [
            session
            for _, session in self._transaction.items(self._tables.sessions)
            if session.user == self._transaction.user and session.revoked_at is None
        ]

    def standing(self, id: SessionId) -> tuple[Session, Organisation, Member] | None:
        session = self.get(id)
        if session is None or self._epoch.is_over(id):
            return None
        scope = self._transaction.organisation
        organisation = self._transaction.get(self._tables.organisations, session.organisation)
        member = self._membership(session)
        if organisation is None or member is None or (scope or organisation.id) != organisation.id:
            return None
        return session, organisation, member

    def _membership(self, session: Session) -> Member | None:
        member = self._transaction.get(self._tables.members, (session.organisation, session.user))
        return None if member is None or member.removed_at is not None else member

    def _require_mine(self, session: Session) -> None:
        if self._transaction.user != session.user:
            msg = f"session {session.id} is outside the scope of {self._transaction.user}"
            raise MisuseError(msg)


@define(eq=False)
class MemoryApiKeys(ApiKeys):
    _transaction: Transaction
    _tables: AccessTables
    _epoch: MemoryAccessEpoch

    def add(self, key: ApiKey) -> None:
        organisation = self._transaction.require_organisation(key.organisation)
        members = self._transaction.items(self._tables.members)
        if not any(
            member.id == key.created_by and member.organisation == organisation
            for _, member in members
        ):
            raise MisuseError(f"{key.created_by} is no member of {organisation}")
        if not self._transaction.insert(self._tables.api_keys, key.id, key):
            raise MisuseError(f"there is a key {key.id} already")

    def find(self, id: ApiKeyId) -> FoundKey | None:
        key = self._transaction.get(self._tables.api_keys, id)
        if key is None:
            return None
        return FoundKey(organisation=key.organisation, id=key.id, epoch=self._epoch.current())

    def get(self, id: ApiKeyId) -> ApiKey | None:
        key = self._transaction.get(self._tables.api_keys, id)
        return key if key and key.organisation == self._transaction.organisation else None

    def recognise(self, id: ApiKeyId) -> KeyStanding | None:
        key = self._transaction.get(self._tables.api_keys, id)
        if key is None:
            return None
        organisation = self._transaction.get(self._tables.organisations, key.organisation)
        maker = next(
            member
            for _, member in self._transaction.items(self._tables.members)
            if member.id == key.created_by
        )
        if organisation is None:
            return None
        return KeyStanding(
            key=key, organisation=organisation, maker=maker, epoch=self._epoch.current()
        )

    def put(self, key: ApiKey) -> None:
        self._transaction.require_organisation(key.organisation)
        self._transaction.hold(self._tables.api_keys, key.id)
        known = self.get(key.id)
        if known is None:
            raise MisuseError(f"there is no key {key.id}")
        changed = evolve(
            key, revoked_at=known.revoked_at or key.revoked_at, auth_epoch=known.auth_epoch
        )
        self._transaction.update(self._tables.api_keys, key.id, changed)

    def enable(self, id: ApiKeyId, epoch: int) -> bool:
        if self.get(id) is None:
            return False
        self._transaction.hold(self._tables.api_keys, id)
        key = self.get(id)
        if key is None or key.revoked_at is not None or key.auth_epoch >= epoch:
            return False
        self._transaction.update(self._tables.api_keys, id, evolve(key, auth_epoch=epoch))
        return True

    def used(self, id: ApiKeyId, now: datetime) -> None:
        key = self.get(id)
        if key is not None:
            self._transaction.update(self._tables.api_keys, id, evolve(key, last_used_at=now))

    def list(self, page: PageRequest) -> Page[ApiKey]:
        mine = (
            key
            for _, key in self._transaction.items(self._tables.api_keys)
            if key.organisation == self._transaction.organisation
            and (page.after is None or key.id.int < page.after.int)
        )
        return Page(*page_of(sorted(mine, key=_by_id, reverse=True), page.limit))

    def revoke_of_erased(self, now: datetime) -> int:
        user = self._transaction.user
        key = None if user is None else self._transaction.get(self._tables.subject_keys, user)
        if key is None or key.destroyed_at is None:
            return 0
        members = {
            member.id
            for (_, of), member in self._transaction.items(self._tables.members)
            if of == user
        }
        alive = [
            each
            for _, each in self._transaction.items(self._tables.api_keys)
            if each.created_by in members and each.revoked_at is None
        ]
        for each in sorted(alive, key=_by_id):
            self._transaction.update(self._tables.api_keys, each.id, evolve(each, revoked_at=now))
        return len(alive)


@define(eq=False)
class MemoryLoginAttempts(LoginAttempts):
    _transaction: Transaction
    _tables: AccessTables

    def lock(self, key: bytes) -> LoginFailures:
        failures = self._transaction.lock(Lock.LOGIN_ATTEMPTS, self._tables.login_attempts, key)
        return failures or LoginFailures()

    def put(self, key: bytes, failures: LoginFailures) -> None:
        self._transaction.put(self._tables.login_attempts, key, failures)

    def forget(self, key: bytes) -> None:
        self._transaction.delete(self._tables.login_attempts, key)

    def purge(self, before: datetime) -> int:
        stale = [
            key
            for key, failures in self._transaction.items(self._tables.login_attempts)
            if failures.last_at is not None and failures.last_at < before
        ]
        for key in sorted(stale):
            self._transaction.delete(self._tables.login_attempts, key)
        return len(stale)


def _by_id(key: ApiKey) -> UUID:
    return key.id
