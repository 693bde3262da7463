from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import TypeVar
from uuid import UUID, uuid4

from attrs import define, evolve, field

from adapters.memory.storage.abuse import (
    AbuseTables,
    MemorySpendings,
    MemoryThrottles,
    MemoryTurnThrottles,
)
from adapters.memory.storage.access import (
    AccessTables,
    MemoryAccessEpoch,
    MemoryApiKeys,
    MemoryLoginAttempts,
    MemoryMembers,
    MemoryOrganisations,
    MemorySessions,
    MemorySubjectKeys,
    MemoryUsers,
)
from adapters.memory.storage.accounts import (
    AccountTables,
    MemoryAccounts,
    MemoryKeyChanges,
    MemorySealedSecrets,
)
from adapters.memory.storage.approvals import ApprovalTables, MemoryApprovals
from adapters.memory.storage.audit import AuditTables, MemoryAuditLog, MemoryOutbox
from adapters.memory.storage.billing import BillingTables, MemoryBilling
from adapters.memory.storage.budgets import BudgetTables, MemoryNativeBudgets
from adapters.memory.storage.deployments import (
    DeploymentTables,
    MemoryClaims,
    MemoryDeployments,
    MemoryNetworks,
    MemorySigners,
)
from adapters.memory.storage.evidence import EvidenceTables, MemoryIssuedEvidences
from adapters.memory.storage.exports import ExportTables, MemoryExports
from adapters.memory.storage.fees import FeeTables, MemoryFeeLines, MemoryRates
from adapters.memory.storage.idempotency import IdempotencyTables, MemoryIdempotencyKeys
from adapters.memory.storage.ledger import LedgerTables, MemoryLedger, MemoryTurnLedger
from adapters.memory.storage.letters import LetterTables, MemoryLetters
from adapters.memory.storage.licence import LicenceTables, MemoryLicences
from adapters.memory.storage.people import (
    MemoryGifts,
    MemoryQuotas,
    MemoryTeams,
    MemoryUsage,
    PeopleTables,
)
from adapters.memory.storage.retention import (
    MemoryArchives,
    MemoryLegalHolds,
    MemoryPartitions,
    RetentionTables,
)
from adapters.memory.storage.seals import MemorySeals, MemorySealStore, SealTables
from adapters.memory.storage.sign_in import MemoryFlows, MemoryIdentities, SignInTables
from adapters.memory.storage.tokens import MemoryTokenWatches, TokenTables
from adapters.memory.storage.transaction import Locks, Transaction
from adapters.memory.storage.webhooks import MemoryWebhooks, WebhookTables
from adapters.memory.storage.wrapped import MemoryWrappedSecrets
from application.ports.clock import Clock
from application.ports.storage.together import Joint, SharedStore, Wanted
from application.ports.storage.work import Lock, Scope, Work
from domain.catalogue import TariffName
from domain.errors import MisuseError
from domain.identifiers import INSTALLATION, OrganisationId
from domain.ledger import Wallet
from domain.organisation import Organisation

T = TypeVar("T")


@define(eq=False)
class MemoryWork(Work):
    organisations: MemoryOrganisations
    members: MemoryMembers
    users: MemoryUsers
    subject_keys: MemorySubjectKeys
    access_epoch: MemoryAccessEpoch
    sessions: MemorySessions
    api_keys: MemoryApiKeys
    login_attempts: MemoryLoginAttempts
    letters: MemoryLetters
    identities: MemoryIdentities
    sign_in_flows: MemoryFlows
    throttles: MemoryThrottles
    spendings: MemorySpendings
    accounts: MemoryAccounts
    key_changes: MemoryKeyChanges
    secrets: MemorySealedSecrets
    wrapped: MemoryWrappedSecrets
    idempotency: MemoryIdempotencyKeys
    deployments: MemoryDeployments
    approvals: MemoryApprovals
    claims: MemoryClaims
    signers: MemorySigners
    networks: MemoryNetworks
    token_watches: MemoryTokenWatches
    ledger: MemoryLedger
    billing: MemoryBilling
    licences: MemoryLicences
    teams: MemoryTeams
    quotas: MemoryQuotas
    gifts: MemoryGifts
    usage: MemoryUsage
    rates: MemoryRates
    fees: MemoryFeeLines
    native_budgets: MemoryNativeBudgets
    exports: MemoryExports
    archives: MemoryArchives
    legal_holds: MemoryLegalHolds
    webhooks: MemoryWebhooks
    audit: MemoryAuditLog
    seals: MemorySeals
    evidence: MemoryIssuedEvidences
    outbox: MemoryOutbox


@define(eq=False)
class MemoryStore(SharedStore):
    #: Seconds on the store's own clock: leases run on it.
    lease_clock: Callable[[], float] = time.monotonic
    #: Where lease tokens and the ids of outbox rows come from.
    new_id: Callable[[], UUID] = uuid4
    _locks: Locks = field(factory=Locks)
    _tickets: Iterator[int] = field(factory=count)
    _abuse: AbuseTables = field(factory=AbuseTables)
    _access: AccessTables = field(factory=AccessTables)
    _accounts: AccountTables = field(factory=AccountTables)
    _audit: AuditTables = field(factory=AuditTables)
    _billing: BillingTables = field(factory=BillingTables)
    _budgets: BudgetTables = field(factory=BudgetTables)
    _deployments: DeploymentTables = field(factory=DeploymentTables)
    _evidence: EvidenceTables = field(factory=EvidenceTables)
    _exports: ExportTables = field(factory=ExportTables)
    _retention: RetentionTables = field(factory=RetentionTables)
    _fees: FeeTables = field(factory=FeeTables)
    _idempotency: IdempotencyTables = field(factory=IdempotencyTables)
    _ledger: LedgerTables = field(factory=LedgerTables)
    _approvals: ApprovalTables = field(factory=ApprovalTables)
    _letters: LetterTables = field(factory=LetterTables)
    _licence: LicenceTables = field(factory=LicenceTables)
    _people: PeopleTables = field(factory=PeopleTables)
    _seals: SealTables = field(factory=SealTables)
    _sign_in: SignInTables = field(factory=SignInTables)
    _tokens: TokenTables = field(factory=TokenTables)
    _webhooks: WebhookTables = field(factory=WebhookTables)

    def __attrs_post_init__(self) -> None:
        """The installation's own organisation is there from the start, as after a migration."""
        self._access.organisations.rows[INSTALLATION] = Organisation(
            id=INSTALLATION,
            name="Installation",
            tariff=TariffName("enterprise"),
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        self._ledger.wallets.rows[INSTALLATION] = Wallet(organisation=INSTALLATION)
        self._audit.heads.rows[INSTALLATION] = 0

    @contextmanager
    def begin(self, scope: Scope) -> Iterator[Work]:
        transaction = Transaction(scope, self.lease_clock, self._locks)
        try:
            yield self._work(transaction)
            transaction.commit()
        finally:
            transaction.close()

    def ask(self, scope: Scope, question: Callable[[Work], T]) -> T:
        transaction = Transaction(scope, self.lease_clock, self._locks)
        try:
            answer = question(self._work(transaction))
            if transaction.holds_any:
                raise MisuseError("a question changes nothing")
            return answer
        finally:
            transaction.close()

    def known(self, wanted: Mapping[OrganisationId, Wanted], clock: Clock) -> None:
        """What this store knows is what there is: nothing is remembered beside it."""

    @contextmanager
    def together(self, wanted: Mapping[OrganisationId, Wanted], clock: Clock) -> Iterator[Joint]:
        with ExitStack() as stack:
            transactions: dict[OrganisationId, Transaction] = {}
            for id in sorted(wanted):
                transaction = Transaction(Scope(organisation=id), self.lease_clock, self._locks)
                stack.callback(transaction.close)
                for asker in sorted(wanted[id].askers):
                    MemoryThrottles(transaction, self._abuse).lock(asker)
                if len(wanted) == 1 or transaction.try_hold(self._ledger.wallets, id):
                    transaction.lock(Lock.WALLET, self._ledger.wallets, id)
                    transaction.lock(Lock.AUDIT_HEAD, self._audit.heads, id)
                    transactions[id] = transaction
            now = clock.now()
            yield Joint(
                works={
                    id: evolve(
                        self._work(each),
                        throttles=MemoryTurnThrottles(each, self._abuse),
                        ledger=MemoryTurnLedger(each, self._ledger, wanted[id].holds, now),
                    )
                    for id, each in transactions.items()
                },
                now=now,
                busy=frozenset(wanted) - transactions.keys(),
            )
            # All or none: what was put off is looked at before anything is kept.
            for transaction in transactions.values():
                transaction.check()
            for transaction in transactions.values():
                transaction.commit()

    def partitions(self) -> MemoryPartitions:
        """What the owner of the tables does."""
        return MemoryPartitions(self._audit, self._retention, self._locks)

    def seal_store(self) -> MemorySealStore:
        """What seals the events of this store."""
        return MemorySealStore(self._audit, self._seals, self._locks)

    def _work(self, transaction: Transaction) -> MemoryWork:
        organisations = self._access.organisations
        epoch = MemoryAccessEpoch(transaction, self._access)
        return MemoryWork(
            organisations=MemoryOrganisations(
                transaction, self._access, self._ledger.wallets, self._audit.heads
            ),
            members=MemoryMembers(transaction, self._access),
            users=MemoryUsers(transaction, self._access),
            subject_keys=MemorySubjectKeys(transaction, self._access),
            access_epoch=epoch,
            sessions=MemorySessions(transaction, self._access, epoch),
            api_keys=MemoryApiKeys(transaction, self._access, epoch),
            login_attempts=MemoryLoginAttempts(transaction, self._access),
            letters=MemoryLetters(transaction, self._letters, epoch),
            identities=MemoryIdentities(transaction, self._sign_in),
            sign_in_flows=MemoryFlows(transaction, self._sign_in, epoch),
            throttles=MemoryThrottles(transaction, self._abuse),
            spendings=MemorySpendings(transaction, self._abuse),
            accounts=MemoryAccounts(transaction, self._accounts, organisations),
            key_changes=MemoryKeyChanges(transaction, self._accounts),
            secrets=MemorySealedSecrets(transaction, self._accounts),
            wrapped=MemoryWrappedSecrets(
                transaction, self._access, self._accounts, self._letters, self._webhooks
            ),
            idempotency=MemoryIdempotencyKeys(transaction, self._idempotency),
            deployments=MemoryDeployments(
                transaction, self._deployments, self._accounts, self._ledger, organisations
            ),
            approvals=MemoryApprovals(transaction, self._approvals),
            claims=MemoryClaims(transaction, self._deployments, self.new_id),
            signers=MemorySigners(transaction, self._deployments),
            networks=MemoryNetworks(transaction, self._deployments),
            token_watches=MemoryTokenWatches(
                transaction, self._tokens, self._deployments, self.new_id
            ),
            ledger=MemoryLedger(transaction, self._ledger),
            billing=MemoryBilling(transaction, self._billing, self._ledger),
            licences=MemoryLicences(transaction, self._licence),
            teams=MemoryTeams(transaction, self._people, self._access),
            quotas=MemoryQuotas(transaction, self._people, self._access, self._ledger),
            gifts=MemoryGifts(transaction, self._people),
            usage=MemoryUsage(transaction, self._ledger),
            rates=MemoryRates(transaction, self._fees),
            fees=MemoryFeeLines(transaction, self._fees),
            native_budgets=MemoryNativeBudgets(transaction, self._budgets),
            exports=MemoryExports(transaction, self._exports, self.new_id),
            archives=MemoryArchives(transaction, self._retention, self._audit, self._ledger),
            legal_holds=MemoryLegalHolds(transaction, self._retention, self._audit),
            webhooks=MemoryWebhooks(transaction, self._webhooks, self._audit, self.new_id),
            audit=MemoryAuditLog(transaction, self._audit),
            seals=MemorySeals(transaction, self._seals, self._audit),
            evidence=MemoryIssuedEvidences(transaction, self._evidence, self._deployments),
            outbox=MemoryOutbox(
                transaction, self._audit, lambda: next(self._tickets), self.new_id
            ),
        )
