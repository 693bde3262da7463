"""Issuing accounts, and everything secret at rest."""

from attrs import frozen

from adapters.postgres import account_rows, queries, rows
from adapters.postgres.transaction import Transaction
from application.ports.custody import Wrapped
from application.ports.storage.accounts import Accounts, KeyChanges, SealedSecrets
from application.ports.storage.paging import Page, PageRequest
from application.ports.storage.work import Lock
from domain.account import Account
from domain.identifiers import AccountId, KeyChangeId, OrganisationId
from domain.key_change import KeyChange
from domain.network import Family

ACCOUNTS = queries.load("accounts.sql")


@frozen
class PostgresAccounts(Accounts):
    _transaction: Transaction

    def add(self, account: Account) -> bool:
        row = account_rows.account_to_row(account)
        return self._transaction.change(ACCOUNTS["insert_account"], row) == 1

    def get(self, id: AccountId) -> Account | None:
        row = self._transaction.row(ACCOUNTS["select_account"], {"id": id})
        return account_rows.account_from_row(row) if row else None

    def lock(self, id: AccountId) -> Account | None:
        self._transaction.enter(Lock.ACCOUNT, id)
        row = self._transaction.row(ACCOUNTS["lock_account"], {"id": id})
        return account_rows.account_from_row(row) if row else None

    def put(self, account: Account) -> None:
        row = account_rows.account_to_row(account)
        self._transaction.update(f"account {account.id}", ACCOUNTS["update_account"], row)

    def find(self, family: Family, *, live: bool) -> Account | None:
        parameters = {"family": family.value, "live": live}
        (found,) = self._transaction.read((ACCOUNTS["find_account"], parameters))
        return account_rows.account_from_row(found[0]) if found else None

    def chosen(self) -> str | None:
        (found,) = self._transaction.read((ACCOUNTS["chosen"], {}))
        row = found[0] if found else None
        return row["custodian"] if row else None

    def choose(self, custodian: str | None) -> None:
        self._transaction.write(ACCOUNTS["choose"], {"custodian": custodian})

    def requested(self, limit: int) -> list[tuple[OrganisationId, AccountId]]:
        found = self._transaction.rows(ACCOUNTS["requested_accounts"], {"limit": limit})
        return [(row["organisation_id"], row["id"]) for row in found]


@frozen
class PostgresKeyChanges(KeyChanges):
    _transaction: Transaction

    def add(self, change: KeyChange) -> bool:
        row = account_rows.key_change_to_row(change)
        return self._transaction.change(ACCOUNTS["insert_change"], row) == 1

    def get(self, id: KeyChangeId) -> KeyChange | None:
        row = self._transaction.row(ACCOUNTS["select_change"], {"id": id})
        return account_rows.key_change_from_row(row) if row else None

    def put(self, change: KeyChange) -> None:
        row = account_rows.key_change_to_row(change)
        self._transaction.update(f"key change {change.id}", ACCOUNTS["update_change"], row)

    def open_of(self, account: AccountId) -> KeyChange | None:
        row = self._transaction.row(ACCOUNTS["open_change"], {"account": account})
        return account_rows.key_change_from_row(row) if row else None

    def page(self, account: AccountId, asked: PageRequest) -> Page[KeyChange]:
        parameters = {"account": account, "after": asked.after, "limit": asked.limit + 1}
        found = self._transaction.rows(ACCOUNTS["list_changes"], parameters)
        changes = tuple(map(account_rows.key_change_from_row, found[: asked.limit]))
        return Page(changes, len(found) > asked.limit)

    def open(self, limit: int) -> list[tuple[OrganisationId, KeyChangeId]]:
        found = self._transaction.rows(ACCOUNTS["open_changes"], {"limit": limit})
        return [(row["organisation_id"], row["id"]) for row in found]


@frozen
class PostgresSealedSecrets(SealedSecrets):
    _transaction: Transaction

    def get(self, name: str) -> Wrapped | None:
        row = self._transaction.row(ACCOUNTS["select_secret"], {"name": name})
        return rows.wrapped_from_row(row) if row else None

    def add(self, name: str, wrapped: Wrapped) -> bool:
        row = {"name": name, **rows.wrapped_to_row(wrapped)}
        return self._transaction.change(ACCOUNTS["insert_secret"], row) == 1

    def replace(self, name: str, wrapped: Wrapped) -> None:
        row = {"name": name, **rows.wrapped_to_row(wrapped)}
        self._transaction.update(f"secret {name}", ACCOUNTS["update_secret"], row)
