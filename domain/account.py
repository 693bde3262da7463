"""Issuing accounts: where an organisation issues from, on one family of networks, in one mode."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from attrs import evolve, frozen

from domain.errors import IllegalTransitionError
from domain.identifiers import AccountId, KeyRef, OrganisationId
from domain.network import Family
from domain.signing import PublicKey


class AccountState(Enum):
    REQUESTED = "requested"
    READY = "ready"
    FAILED = "failed"
    DISABLED = "disabled"


@frozen(kw_only=True)
class Account:
    """Never a log-in, never a ledger account.

    A row starts requested; the worker creates its key, with credentials the API does not have.
    """

    organisation: OrganisationId
    id: AccountId
    family: Family
    live: bool
    #: Scheme of the custodian that shall hold, or holds, the key: ``local-keys``.
    custodian: str
    state: AccountState = AccountState.REQUESTED
    key: KeyRef | None = None
    public_key: PublicKey | None = None
    address: str | None = None
    created_at: datetime

    def with_key(self, key: KeyRef, public_key: PublicKey, address: str) -> Account:
        """The account once its key exists."""
        if self.state is not AccountState.REQUESTED:
            msg = f"account {self.id} is {self.state.value}: it has its key already"
            raise IllegalTransitionError(msg)
        return evolve(
            self, state=AccountState.READY, key=key, public_key=public_key, address=address
        )
