"""Who is who."""

from datetime import datetime

from attrs import frozen

from adapters.postgres import queries, rows
from adapters.postgres.transaction import Transaction
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
    ApiKeyId,
    MemberId,
    OrganisationId,
    SessionId,
    UserId,
)
from domain.organisation import ERASED, ApiKey, Member, Organisation, Session, User

ACCESS = queries.load("access.sql")


@frozen
class PostgresOrganisations(Organisations):
    _transaction: Transaction

    def add(self, organisation: Organisation, owner: Member) -> None:
        if owner.organisation != organisation.id:
            raise MisuseError(f"the owner of {organisation.id} is a member of another one")
        row = {**rows.organisation_to_row(organisation), **rows.member_to_row(owner)}
        inserts = ("insert_organisation", "insert_member", "insert_wallet", "insert_audit_head")
        self._transaction.batch([(ACCESS[insert], row) for insert in inserts])

    def get(self) -> Organisation | None:
        (found,) = self._transaction.read((ACCESS["select_organisation"], {}))
        return rows.organisation_from_row(found[0]) if found else None

    def set_tariff(self, tariff: TariffName) -> None:
        self._transaction.update("organisation", ACCESS["set_tariff"], {"tariff": tariff})

    def after(self, id: OrganisationId, at_most: int) -> list[OrganisationId]:
        asked = {"after": id, "limit": at_most}
        found = self._transaction.rows(ACCESS["list_organisations"], asked)
        return [OrganisationId(row["id"]) for row in found]

    def tariffs_in_use(self) -> dict[TariffName, int]:
        found = self._transaction.rows(ACCESS["tariffs_in_use"])
        return {TariffName(row["tariff"]): row["organisations"] for row in found}

    def of_user(self) -> list[tuple[Organisation, Member]]:
        found = self._transaction.rows(ACCESS["select_organisations_of_user"])
        return [(rows.organisation_from_row(row), rows.member_from_row(row)) for row in found]

    def memberships_of_user(self) -> list[tuple[OrganisationId, MemberId]]:
        found = self._transaction.rows(ACCESS["memberships_of_user"])
        return [(row["organisation_id"], row["id"]) for row in found]

    def member(self, user: UserId) -> Member | None:
        row = self._transaction.row(ACCESS["select_member"], {"of_user": user})
        return rows.member_from_row(row) if row else None


@frozen
class PostgresMembers(Members):
    _transaction: Transaction

    def add(self, member: Member) -> None:
        self._transaction.write(ACCESS["insert_member"], rows.member_to_row(member))

    def all(self) -> list[Member]:
        return [member for member in self._mine() if member.removed_at is None]

    def ever(self) -> list[Member]:
        return self._mine()

    def lock(self) -> list[Member]:
        self._transaction.enter(Lock.MEMBERS, "")
        self._transaction.row(ACCESS["lock_members"])
        return self._mine()

    def put(self, member: Member) -> None:
        row = rows.member_to_row(member)
        self._transaction.update(f"member {member.id}", ACCESS["update_member"], row)

    def _mine(self) -> list[Member]:
        return [rows.member_from_row(row) for row in self._transaction.rows(ACCESS["members"])]


@frozen
class PostgresUsers(Users):
    _transaction: Transaction

    def add(self, user: User) -> None:
        if self._transaction.row(ACCESS["insert_user"], rows.user_to_row(user)) is None:
            raise EmailTakenError(f"the address of user {user.id} is taken")

    def find_login(self, email: str) -> UserId | None:
        row = self._transaction.row(ACCESS["find_login"], {"email": email})
        return row["id"] if row else None

    def get(self) -> User | None:
        row = self._transaction.row(ACCESS["select_user"])
        return rows.user_from_row(row) if row else None

    def set_password(self, password_hash: str) -> None:
        row = {"password_hash": password_hash}
        self._transaction.update("user", ACCESS["set_password"], row)

    def verify(self, now: datetime) -> bool:
        return self._transaction.change(ACCESS["insert_verification"], {"now": now}) == 1

    def verified_at(self) -> datetime | None:
        row = self._transaction.row(ACCESS["select_verification"])
        return row["verified_at"] if row else None

    def is_verified(self, member: MemberId) -> bool:
        row = self._transaction.row(ACCESS["is_verified"], {"member": member})
        return bool(row and row["is_verified"])

    def erase(self, pseudonym: str) -> None:
        row = {"pseudonym": pseudonym, "password_hash": ERASED}
        self._transaction.update("user", ACCESS["erase_user"], row)


@frozen
class PostgresSubjectKeys(SubjectKeys):
    _transaction: Transaction

    def add(self, key: SubjectKey) -> bool:
        row = rows.subject_key_to_row(key)
        return self._transaction.change(ACCESS["insert_subject_key"], row) == 1

    def get(self, user: UserId) -> SubjectKey | None:
        row = self._transaction.row(ACCESS["select_subject_key"], {"of_user": user})
        return rows.subject_key_from_row(row) if row else None

    def lock(self) -> SubjectKey | None:
        self._transaction.enter(Lock.SUBJECT_KEY, str(self._transaction.scope.user))
        row = self._transaction.row(ACCESS["lock_subject_key"])
        return rows.subject_key_from_row(row) if row else None

    def destroy(self, now: datetime) -> None:
        self._transaction.update("subject key", ACCESS["destroy_subject_key"], {"now": now})


@frozen
class PostgresAccessEpoch(AccessEpoch):
    _transaction: Transaction

    def current(self) -> int:
        row = self._transaction.row(ACCESS["select_epoch"])
        return row["auth_epoch"] if row else 0

    def advance(self) -> int:
        row = self._transaction.row(ACCESS["advance_epoch"])
        if row is None or row["auth_epoch"] is None:
            raise MisuseError(f"{self._transaction.scope} ends nobody's access")
        return int(row["auth_epoch"])


@frozen
class PostgresSessions(Sessions):
    _transaction: Transaction

    def add(self, session: Session) -> None:
        self._transaction.write(ACCESS["insert_session"], rows.session_to_row(session))

    def get(self, id: SessionId) -> Session | None:
        row = self._transaction.row(ACCESS["select_session"], {"id": id})
        return rows.session_from_row(row) if row else None

    def lock(self, id: SessionId) -> Session | None:
        self._transaction.enter(Lock.SESSION, id)
        row = self._transaction.row(ACCESS["lock_session"], {"id": id})
        return rows.session_from_row(row) if row else None

    def put(self, session: Session) -> None:
        row = rows.session_to_row(session)
        self._transaction.update(f"session {session.id}", ACCESS["update_session"], row)

    def all(self, now: datetime) -> list[Session]:
        found = self._transaction.rows(ACCESS["list_sessions"], {"now": now})
        return [rows.session_from_row(row) for row in found]

    def revoke_all(self, now: datetime, *, but: SessionId | None = None) -> int:
        self._transaction.enter_any(Lock.SESSION)
        return self._transaction.change(ACCESS["revoke_sessions"], {"now": now, "but": but})

    def standing(self, id: SessionId) -> tuple[Session, Organisation, Member] | None:
        row = self._transaction.row(ACCESS["select_session_standing"], {"id": id})
        if row is None:
            return None
        return (
            rows.session_from_row(row),
            rows.organisation_from_row(row),
            rows.member_from_row(row),
        )


@frozen
class PostgresApiKeys(ApiKeys):
    _transaction: Transaction

    def add(self, key: ApiKey) -> None:
        self._transaction.write(ACCESS["insert_api_key"], rows.api_key_to_row(key))

    def find(self, id: ApiKeyId) -> FoundKey | None:
        row = self._transaction.row(ACCESS["find_api_key"], {"id": id})
        if row is None:
            return None
        return FoundKey(
            organisation=row["organisation_id"], id=row["id"], epoch=row["current_epoch"]
        )

    def get(self, id: ApiKeyId) -> ApiKey | None:
        row = self._transaction.row(ACCESS["select_api_key"], {"id": id})
        return rows.api_key_from_row(row) if row else None

    def recognise(self, id: ApiKeyId) -> KeyStanding | None:
        # For as long as the second one takes, the scope is that of the key's organisation.
        steps = ("enter_scope_of_key", "select_key_in_scope", "leave_scope_of_key")
        entered, found, _ = self._transaction.batch([(ACCESS[step], {"id": id}) for step in steps])
        epoch, row = entered.fetchone(), found.fetchone()
        if epoch is None or row is None:
            return None
        return KeyStanding(
            key=rows.api_key_from_row(row),
            organisation=rows.organisation_from_row(row),
            maker=rows.member_from_row(row),
            epoch=epoch["current_epoch"],
        )

    def put(self, key: ApiKey) -> None:
        row = rows.api_key_to_row(key)
        self._transaction.update(f"key {key.id}", ACCESS["update_api_key"], row)

    def enable(self, id: ApiKeyId, epoch: int) -> bool:
        named = {"id": id, "auth_epoch": epoch}
        return self._transaction.change(ACCESS["enable_api_key"], named) == 1

    def used(self, id: ApiKeyId, now: datetime) -> None:
        self._transaction.write(ACCESS["api_key_used"], {"id": id, "now": now})

    def list(self, page: PageRequest) -> Page[ApiKey]:
        parameters = {"after": page.after, "limit": page.limit + 1}
        found = self._transaction.rows(ACCESS["list_api_keys"], parameters)
        keys = tuple(rows.api_key_from_row(row) for row in found[: page.limit])
        return Page(keys, len(found) > page.limit)

    def revoke_of_erased(self, now: datetime) -> int:
        row = self._transaction.row(ACCESS["revoke_of_erased"], {"now": now})
        return row["revoked"] if row else 0


@frozen
class PostgresLoginAttempts(LoginAttempts):
    _transaction: Transaction

    def lock(self, key: bytes) -> LoginFailures:
        self._transaction.enter(Lock.LOGIN_ATTEMPTS, key)
        _, found = self._transaction.batch(
            [
                (ACCESS["lock_login_attempts"], {"key": key}),
                (ACCESS["select_login_attempts"], {"key": key}),
            ]
        )
        row = found.fetchone()
        return LoginFailures(**row) if row else LoginFailures()

    def put(self, key: bytes, failures: LoginFailures) -> None:
        self._transaction.write(
            ACCESS["upsert_login_attempts"],
            {
                "key": key,
                "count": failures.count,
                "last_at": failures.last_at,
                "locked_until": failures.locked_until,
            },
        )

    def forget(self, key: bytes) -> None:
        self._transaction.write(ACCESS["delete_login_attempts"], {"key": key})

    def purge(self, before: datetime) -> int:
        return self._transaction.change(ACCESS["purge_login_attempts"], {"before": before})
