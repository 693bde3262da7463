from attrs import define, field

from adapters.memory.storage.transaction import Table, Transaction, page_of
from application.ports.custody import Wrapped
from application.ports.storage.accounts import Accounts, KeyChanges, SealedSecrets
from application.ports.storage.paging import Page, PageRequest
from application.ports.storage.work import Lock
from domain.account import Account, AccountState, Origin
from domain.errors import MisuseError
from domain.identifiers import AccountId, KeyChangeId, OrganisationId
from domain.key_change import KeyChange
from domain.network import Family
from domain.organisation import Organisation


@define(eq=False)
class AccountTables:
    accounts: Table[tuple[OrganisationId, AccountId], Account] = field(
        factory=lambda: Table("accounts")
    )
    #: A unique index: one account per organisation, family and mode.
    one_each: Table[tuple[OrganisationId, Family, bool], AccountId] = field(
        factory=lambda: Table("accounts_one_each")
    )
    choices: Table[OrganisationId, str | None] = field(factory=lambda: Table("custodian_choices"))
    changes: Table[tuple[OrganisationId, KeyChangeId], KeyChange] = field(
        factory=lambda: Table("key_changes")
    )
    #: A unique index: one open change per account.
    open_changes: Table[tuple[OrganisationId, AccountId], KeyChangeId] = field(
        factory=lambda: Table("key_changes_open")
    )
    secrets: Table[tuple[OrganisationId, str], Wrapped] = field(
        factory=lambda: Table("sealed_secrets")
    )


@define(eq=False)
class MemoryAccounts(Accounts):
    _transaction: Transaction
    _tables: AccountTables
    _organisations: Table[OrganisationId, Organisation]

    def add(self, account: Account) -> bool:
        organisation = self._transaction.require_organisation(account.organisation)
        if self._transaction.get(self._organisations, organisation) is None:
            raise MisuseError(f"there is no organisation {organisation}")
        place = (organisation, account.family, account.live)
        if not self._transaction.insert(self._tables.one_each, place, account.id):
            return False
        if not self._transaction.insert(
            self._tables.accounts, (organisation, account.id), account
        ):
            raise MisuseError(f"there is an account {account.id} already")
        return True

    def get(self, id: AccountId) -> Account | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.accounts, (organisation, id))

    def lock(self, id: AccountId) -> Account | None:
        self._transaction.enter(Lock.ACCOUNT, id)
        if self.get(id) is None or self._transaction.organisation is None:
            return None
        self._transaction.hold(self._tables.accounts, (self._transaction.organisation, id))
        return self.get(id)

    def put(self, account: Account) -> None:
        organisation = self._transaction.require_organisation(account.organisation)
        before = self.get(account.id)
        if before is None:
            raise MisuseError(f"there is no account {account.id}")
        if (before.family, before.live) != (account.family, account.live):
            raise MisuseError("an account keeps its family and its mode")
        is_given_up = before.awaits_passphrase and account.origin is Origin.CUSTODIAN_INSTEAD
        if before.origin is not account.origin and not is_given_up:
            raise MisuseError("an account keeps its origin")
        if account.state is AccountState.READY and None in {
            account.key,
            account.public_key,
            account.address,
        }:
            raise MisuseError("a ready account has its key")
        self._transaction.update(self._tables.accounts, (organisation, account.id), account)

    def find(self, family: Family, *, live: bool) -> Account | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        id = self._transaction.get(self._tables.one_each, (organisation, family, live))
        return None if id is None else self.get(id)

    def chosen(self) -> str | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.choices, organisation)

    def choose(self, custodian: str | None) -> None:
        organisation = self._transaction.require_organisation()
        self._transaction.put(self._tables.choices, organisation, custodian)

    def requested(self, limit: int) -> list[tuple[OrganisationId, AccountId]]:
        waiting = [
            account
            for _, account in self._transaction.items(self._tables.accounts)
            if account.state is AccountState.REQUESTED and not account.awaits_passphrase
        ]
        waiting.sort(key=lambda account: (account.created_at, account.id.int))
        return [(account.organisation, account.id) for account in waiting[:limit]]


@define(eq=False)
class MemoryKeyChanges(KeyChanges):
    _transaction: Transaction
    _tables: AccountTables

    def add(self, change: KeyChange) -> bool:
        organisation = self._transaction.require_organisation(change.organisation)
        if self._transaction.get(self._tables.accounts, (organisation, change.account)) is None:
            raise MisuseError(f"there is no account {change.account}")
        place = (organisation, change.account)
        if not self._transaction.insert(self._tables.open_changes, place, change.id):
            return False
        self._transaction.put(self._tables.changes, (organisation, change.id), change)
        return True

    def get(self, id: KeyChangeId) -> KeyChange | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.changes, (organisation, id))

    def put(self, change: KeyChange) -> None:
        organisation = self._transaction.require_organisation(change.organisation)
        self._transaction.update(self._tables.changes, (organisation, change.id), change)
        if not change.state.is_open:
            self._transaction.delete(self._tables.open_changes, (organisation, change.account))

    def open_of(self, account: AccountId) -> KeyChange | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        id = self._transaction.get(self._tables.open_changes, (organisation, account))
        return None if id is None else self.get(id)

    def page(self, account: AccountId, asked: PageRequest) -> Page[KeyChange]:
        found = [
            change
            for (organisation, _), change in self._transaction.items(self._tables.changes)
            if (organisation, change.account) == (self._transaction.organisation, account)
        ]
        found.sort(key=lambda change: change.id.int, reverse=True)
        after = asked.after
        rest = [each for each in found if after is None or each.id.int < after.int]
        return Page(*page_of(rest, asked.limit))

    def open(self, limit: int) -> list[tuple[OrganisationId, KeyChangeId]]:
        waiting = [
            change
            for _, change in self._transaction.items(self._tables.changes)
            if change.state.is_open
        ]
        waiting.sort(key=lambda change: (change.requested_at, change.id.int))
        return [(change.organisation, change.id) for change in waiting[:limit]]


@define(eq=False)
class MemorySealedSecrets(SealedSecrets):
    _transaction: Transaction
    _tables: AccountTables

    def get(self, name: str) -> Wrapped | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.secrets, (organisation, name))

    def add(self, name: str, wrapped: Wrapped) -> bool:
        organisation = self._transaction.require_organisation()
        return self._transaction.insert(self._tables.secrets, (organisation, name), wrapped)

    def replace(self, name: str, wrapped: Wrapped) -> None:
        organisation = self._transaction.require_organisation()
        self._transaction.update(self._tables.secrets, (organisation, name), wrapped)
