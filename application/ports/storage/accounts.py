"""Issuing accounts, and everything secret at rest."""

from typing import Protocol

from application.ports.custody import Wrapped
from application.ports.storage.paging import Page, PageRequest
from domain.account import Account
from domain.identifiers import AccountId, KeyChangeId, OrganisationId
from domain.key_change import KeyChange
from domain.network import Family


class Accounts(Protocol):
    """Accounts of the scope's organisation."""

    def add(self, account: Account) -> bool:
        """Store a new account; False where the organisation has one of that family and mode."""
        ...

    def get(self, id: AccountId) -> Account | None: ...

    def lock(self, id: AccountId) -> Account | None: ...

    def put(self, account: Account) -> None: ...

    def find(self, family: Family, *, live: bool) -> Account | None:
        """The organisation's account of that family and mode."""
        ...

    def chosen(self) -> str | None:
        """Scheme of the custodian that the organisation issues with where a request names none."""
        ...

    def choose(self, custodian: str | None) -> None: ...

    def requested(self, limit: int) -> list[tuple[OrganisationId, AccountId]]:
        """Accounts of all organisations that a custodian has still made no key for, and shall;
        ids only, in any scope.
        """
        ...


class KeyChanges(Protocol):
    """What is done to the keys of the scope's organisation.  Write under the account's lock."""

    def add(self, change: KeyChange) -> bool:
        """Store a new one; False, and nothing stored, where the account has one that is open."""
        ...

    def get(self, id: KeyChangeId) -> KeyChange | None: ...

    def put(self, change: KeyChange) -> None: ...

    def open_of(self, account: AccountId) -> KeyChange | None: ...

    def page(self, account: AccountId, asked: PageRequest) -> Page[KeyChange]:
        """Newest first."""
        ...

    def open(self, limit: int) -> list[tuple[OrganisationId, KeyChangeId]]:
        """Those of all organisations that are open, oldest first; in any scope, ids only."""
        ...


class SealedSecrets(Protocol):
    """Secrets of the scope's organisation, wrapped; a name is used once."""

    def get(self, name: str) -> Wrapped | None: ...

    def add(self, name: str, wrapped: Wrapped) -> bool:
        """Store it; False, and nothing stored, where the name is taken."""
        ...

    def replace(self, name: str, wrapped: Wrapped) -> None: ...
