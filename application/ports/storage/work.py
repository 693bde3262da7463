"""One transaction: its scope, its repositories, and the order in which it takes locks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import IntEnum
from typing import Protocol, TypeVar

from attrs import define, frozen

from application.ports.storage.abuse import Spendings, Throttles
from application.ports.storage.access import (
    AccessEpoch,
    ApiKeys,
    LoginAttempts,
    Members,
    Organisations,
    Sessions,
    Users,
)
from application.ports.storage.accounts import Accounts, KeyChanges, SealedSecrets
from application.ports.storage.approvals import Approvals
from application.ports.storage.audit import AuditLog, Outbox
from application.ports.storage.billing import Billing
from application.ports.storage.budgets import NativeBudgets
from application.ports.storage.deployments import Claims, Deployments, Networks, Signers
from application.ports.storage.evidence import IssuedEvidences
from application.ports.storage.exports import Exports
from application.ports.storage.fees import FeeLines, Rates
from application.ports.storage.idempotency import IdempotencyKeys
from application.ports.storage.ledger import Ledger
from application.ports.storage.letters import Letters
from application.ports.storage.licence import Licences
from application.ports.storage.people import Gifts, Quotas, Teams, Usage
from application.ports.storage.retention import Archives, LegalHolds
from application.ports.storage.seals import Seals
from application.ports.storage.sign_in import Flows, Identities
from application.ports.storage.subjects import SubjectKeys
from application.ports.storage.tokens import TokenWatches
from application.ports.storage.webhooks import Webhooks
from application.ports.storage.wrapped import WrappedSecrets
from domain.errors import LockOrderError
from domain.identifiers import INSTALLATION, OrganisationId, UserId

T = TypeVar("T")


class StoreUnavailableError(Exception):
    """The store does not answer.  A commit may or may not have happened; read again."""


class LeaseLostError(Exception):
    """Another worker may be at it by now.  Nothing of this transaction is kept."""


class FenceLostError(Exception):
    """Somebody else has taken the signer since.  Nothing of this transaction is kept."""


@frozen
class Scope:
    """In whose name a transaction reads and writes."""

    organisation: OrganisationId | None = None
    #: Set where a user acts for themselves: logging in, refreshing, switching.
    user: UserId | None = None

    @classmethod
    def installation(cls) -> Scope:
        """The operator's own: treasury signers' slots, operator events."""
        return cls(organisation=INSTALLATION)


class Lock(IntEnum):
    """The one list of lock order: a transaction takes locks from the top down, never back.

    Several locks of one rank are taken in ascending order of their ids.
    """

    IDEMPOTENCY_KEY = 1
    LOGIN_ATTEMPTS = 2
    LEGAL_HOLDS = 3
    SUBJECT_KEY = 4
    LETTER = 5
    MEMBERS = 6
    SESSION = 7
    THROTTLE = 8
    ACCOUNT = 9
    BILLING = 10
    OPERATION = 11
    WALLET = 12
    SIGNER = 13
    NETWORK = 14
    TOKEN_WATCH = 15
    WEBHOOK_ENDPOINT = 16
    AUDIT_HEAD = 17


@define
class LockSequence:
    """Refuses, in every store alike, a lock that comes before one already held."""

    _highest: Lock | None = None

    def take(self, lock: Lock) -> None:
        """Raises: LockOrderError: a lock of later rank is held already."""
        if self._highest is not None and lock < self._highest:
            msg = f"{lock.name} is asked for while {self._highest.name} is held"
            raise LockOrderError(msg)
        self._highest = lock


class Work(Protocol):
    """One transaction's view of the store."""

    @property
    def organisations(self) -> Organisations: ...
    @property
    def members(self) -> Members: ...
    @property
    def users(self) -> Users: ...
    @property
    def subject_keys(self) -> SubjectKeys: ...
    @property
    def access_epoch(self) -> AccessEpoch: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def api_keys(self) -> ApiKeys: ...
    @property
    def login_attempts(self) -> LoginAttempts: ...
    @property
    def letters(self) -> Letters: ...
    @property
    def identities(self) -> Identities: ...
    @property
    def sign_in_flows(self) -> Flows: ...
    @property
    def throttles(self) -> Throttles: ...
    @property
    def spendings(self) -> Spendings: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def key_changes(self) -> KeyChanges: ...
    @property
    def secrets(self) -> SealedSecrets: ...
    @property
    def wrapped(self) -> WrappedSecrets: ...
    @property
    def idempotency(self) -> IdempotencyKeys: ...
    @property
    def deployments(self) -> Deployments: ...
    @property
    def approvals(self) -> Approvals: ...
    @property
    def claims(self) -> Claims: ...
    @property
    def signers(self) -> Signers: ...
    @property
    def networks(self) -> Networks: ...
    @property
    def token_watches(self) -> TokenWatches: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def billing(self) -> Billing: ...
    @property
    def licences(self) -> Licences: ...
    @property
    def teams(self) -> Teams: ...
    @property
    def quotas(self) -> Quotas: ...
    @property
    def gifts(self) -> Gifts: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def rates(self) -> Rates: ...
    @property
    def fees(self) -> FeeLines: ...
    @property
    def native_budgets(self) -> NativeBudgets: ...
    @property
    def exports(self) -> Exports: ...
    @property
    def archives(self) -> Archives: ...
    @property
    def legal_holds(self) -> LegalHolds: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def audit(self) -> AuditLog: ...
    @property
    def seals(self) -> Seals: ...
    @property
    def evidence(self) -> IssuedEvidences: ...
    @property
    def outbox(self) -> Outbox: ...


class Store(Protocol):
    def begin(self, scope: Scope) -> AbstractContextManager[Work]:
        """A transaction: committed when the block ends, undone when it raises.

        Raises:
            StoreUnavailableError: no connection, or it broke.  When raised on leaving the block
                the outcome of the commit is unknown.  A store may have no connection before
                anything is asked.
        """
        ...

    def ask(self, scope: Scope, question: Callable[[Work], T]) -> T:
        """What *question* tells, which asks one repository one thing and changes nothing.

        Raises: StoreUnavailableError, MisuseError: it locks or changes something.
        """
        with self.begin(scope) as work:
            return question(work)
