"""The store: one psycopg connection per transaction.

`begin` sends nothing: ``BEGIN`` and the scope travel with the first statements, and what is
written last with ``COMMIT``.
"""

import logging
import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Generic, TypeVar

import psycopg
from attrs import define, field, frozen
from psycopg import Connection
from psycopg.pq import ConnStatus
from psycopg.rows import DictRow
from psycopg_pool import ConnectionPool

from adapters.postgres import health, queries
from adapters.postgres.abuse import PostgresSpendings, PostgresThrottles
from adapters.postgres.access import (
    PostgresAccessEpoch,
    PostgresApiKeys,
    PostgresLoginAttempts,
    PostgresMembers,
    PostgresOrganisations,
    PostgresSessions,
    PostgresSubjectKeys,
    PostgresUsers,
)
from adapters.postgres.accounts import (
    PostgresAccounts,
    PostgresKeyChanges,
    PostgresSealedSecrets,
)
from adapters.postgres.approvals import PostgresApprovals
from adapters.postgres.audit import PostgresAuditLog, PostgresOutbox
from adapters.postgres.billing import PostgresBilling
from adapters.postgres.budgets import PostgresNativeBudgets
from adapters.postgres.deployments import PostgresClaims, PostgresDeployments
from adapters.postgres.dialogue import Dialogue, Question, end, undo
from adapters.postgres.errors import first_line, translated
from adapters.postgres.evidence import PostgresIssuedEvidences
from adapters.postgres.exports import PostgresExports
from adapters.postgres.fees import PostgresFeeLines, PostgresRates
from adapters.postgres.idempotency import PostgresIdempotencyKeys
from adapters.postgres.known import Entry, Known, remembered
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.letters import PostgresLetters
from adapters.postgres.licence import PostgresLicences
from adapters.postgres.outlines import KeptOutlines
from adapters.postgres.people import (
    PostgresGifts,
    PostgresQuotas,
    PostgresTeams,
    PostgresUsage,
)
from adapters.postgres.retention import PostgresArchives, PostgresLegalHolds
from adapters.postgres.seals import PostgresSeals
from adapters.postgres.sign_in import PostgresFlows, PostgresIdentities
from adapters.postgres.signed import KeptBytes
from adapters.postgres.signers import PostgresNetworks, PostgresSigners
from adapters.postgres.statements import Found, Statement, Statements
from adapters.postgres.together import (
    Account,
    KnownTurn,
    Turn,
    TurnAuditLog,
    TurnBilling,
    TurnIdempotencyKeys,
    TurnLedger,
    TurnLicences,
    TurnOrganisations,
    TurnQuotas,
    TurnSpendings,
    TurnThrottles,
    locking,
    transaction_of,
)
from adapters.postgres.tokens import PostgresTokenWatches
from adapters.postgres.transaction import Transaction
from adapters.postgres.webhooks import PostgresWebhooks
from adapters.postgres.wrapped import PostgresWrappedSecrets
from adapters.postgres.writing import Turns
from application.ports.clock import Clock
from application.ports.storage.together import Joint, SharedStore, StaleError, Wanted
from application.ports.storage.work import Scope, StoreUnavailableError, Work
from domain.errors import MisuseError
from domain.identifiers import OrganisationId

log = logging.getLogger("tallystick.store")

_PING = queries.load("scope.sql")["ping"]

#: What a turn that is not kept may hear: something is otherwise, or somebody else is at it.
_TURN_IS_STALE = "TU001"
_USUAL = (
    psycopg.errors.IntegrityError,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)

S = TypeVar("S", bound="PostgresWork")
R = TypeVar("R")


class once(Generic[S, R]):  # noqa: N801 - reads as `property` does
    """As `functools.cached_property`, without its lock: a work belongs to one thread."""

    def __init__(self, made: Callable[[S], R]) -> None:
        self._made = made
        self._name = made.__name__

    def __get__(self, work: S, owner: type[S]) -> R:
        value = work.__dict__[self._name] = self._made(work)
        return value


@define(slots=False)
class PostgresWork(Work):
    _transaction: Transaction
    #: Of the store, which every work of it shares.
    _signed: KeptBytes
    _outlined: KeptOutlines

    @once
    def organisations(self) -> PostgresOrganisations:
        return PostgresOrganisations(self._transaction)

    @once
    def members(self) -> PostgresMembers:
        return PostgresMembers(self._transaction)

    @once
    def users(self) -> PostgresUsers:
        return PostgresUsers(self._transaction)

    @property
    def subject_keys(self) -> PostgresSubjectKeys:
        return PostgresSubjectKeys(self._transaction)

    @property
    def access_epoch(self) -> PostgresAccessEpoch:
        return PostgresAccessEpoch(self._transaction)

    @once
    def sessions(self) -> PostgresSessions:
        return PostgresSessions(self._transaction)

    @once
    def api_keys(self) -> PostgresApiKeys:
        return PostgresApiKeys(self._transaction)

    @once
    def login_attempts(self) -> PostgresLoginAttempts:
        return PostgresLoginAttempts(self._transaction)

    @once
    def letters(self) -> PostgresLetters:
        return PostgresLetters(self._transaction)

    @property
    def identities(self) -> PostgresIdentities:
        return PostgresIdentities(self._transaction)

    @property
    def sign_in_flows(self) -> PostgresFlows:
        return PostgresFlows(self._transaction)

    @once
    def throttles(self) -> PostgresThrottles:
        return PostgresThrottles(self._transaction)

    @once
    def spendings(self) -> PostgresSpendings:
        return PostgresSpendings(self._transaction)

    @once
    def accounts(self) -> PostgresAccounts:
        return PostgresAccounts(self._transaction)

    @once
    def key_changes(self) -> PostgresKeyChanges:
        return PostgresKeyChanges(self._transaction)

    @once
    def secrets(self) -> PostgresSealedSecrets:
        return PostgresSealedSecrets(self._transaction)

    @once
    def wrapped(self) -> PostgresWrappedSecrets:
        return PostgresWrappedSecrets(self._transaction)

    @once
    def idempotency(self) -> PostgresIdempotencyKeys:
        return PostgresIdempotencyKeys(self._transaction)

    @once
    def deployments(self) -> PostgresDeployments:
        return PostgresDeployments(self._transaction, self._signed, self._outlined)

    @once
    def approvals(self) -> PostgresApprovals:
        return PostgresApprovals(self._transaction)

    @once
    def native_budgets(self) -> PostgresNativeBudgets:
        return PostgresNativeBudgets(self._transaction)

    @once
    def claims(self) -> PostgresClaims:
        return PostgresClaims(self._transaction)

    @once
    def signers(self) -> PostgresSigners:
        return PostgresSigners(self._transaction)

    @once
    def networks(self) -> PostgresNetworks:
        return PostgresNetworks(self._transaction)

    @once
    def token_watches(self) -> PostgresTokenWatches:
        return PostgresTokenWatches(self._transaction)

    @once
    def ledger(self) -> PostgresLedger:
        return PostgresLedger(self._transaction)

    @once
    def billing(self) -> PostgresBilling:
        return PostgresBilling(self._transaction)

    @once
    def licences(self) -> PostgresLicences:
        return PostgresLicences(self._transaction)

    @once
    def teams(self) -> PostgresTeams:
        return PostgresTeams(self._transaction)

    @once
    def quotas(self) -> PostgresQuotas:
        return PostgresQuotas(self._transaction)

    @once
    def gifts(self) -> PostgresGifts:
        return PostgresGifts(self._transaction)

    @once
    def usage(self) -> PostgresUsage:
        return PostgresUsage(self._transaction)

    @once
    def rates(self) -> PostgresRates:
        return PostgresRates(self._transaction)

    @once
    def fees(self) -> PostgresFeeLines:
        return PostgresFeeLines(self._transaction)

    @once
    def exports(self) -> PostgresExports:
        return PostgresExports(self._transaction)

    @once
    def archives(self) -> PostgresArchives:
        return PostgresArchives(self._transaction)

    @once
    def legal_holds(self) -> PostgresLegalHolds:
        return PostgresLegalHolds(self._transaction)

    @once
    def webhooks(self) -> PostgresWebhooks:
        return PostgresWebhooks(self._transaction)

    @once
    def audit(self) -> PostgresAuditLog:
        return PostgresAuditLog(self._transaction)

    @once
    def seals(self) -> PostgresSeals:
        return PostgresSeals(self._transaction)

    @once
    def evidence(self) -> PostgresIssuedEvidences:
        return PostgresIssuedEvidences(self._transaction)

    @once
    def outbox(self) -> PostgresOutbox:
        return PostgresOutbox(self._transaction)


@define(slots=False)
class PostgresTurnWork(PostgresWork):
    """One organisation's part of a shared transaction."""

    _account: Account

    @once
    def organisations(self) -> PostgresOrganisations:
        return TurnOrganisations(self._transaction, account=self._account)

    @once
    def billing(self) -> PostgresBilling:
        return TurnBilling(self._transaction, account=self._account)

    @once
    def licences(self) -> PostgresLicences:
        return TurnLicences(self._transaction, account=self._account)

    @once
    def quotas(self) -> PostgresQuotas:
        return TurnQuotas(self._transaction, account=self._account)

    @once
    def throttles(self) -> PostgresThrottles:
        return TurnThrottles(self._transaction, account=self._account)

    @once
    def spendings(self) -> PostgresSpendings:
        return TurnSpendings(self._transaction, account=self._account)

    @once
    def idempotency(self) -> PostgresIdempotencyKeys:
        return TurnIdempotencyKeys(self._transaction, account=self._account)

    @once
    def ledger(self) -> PostgresLedger:
        return TurnLedger(self._transaction, account=self._account)

    @once
    def audit(self) -> PostgresAuditLog:
        return TurnAuditLog(self._transaction, account=self._account)


@frozen
class PostgresStore(SharedStore):
    """Built closed; the process opens and closes it."""

    _pool: ConnectionPool[Connection[DictRow]]
    _known: Known = field(factory=Known)
    _turns: Turns = field(factory=Turns)
    _signed: KeptBytes = field(factory=KeptBytes)
    _outlined: KeptOutlines = field(factory=KeptOutlines)

    def open(self) -> None:
        """Start to connect, without waiting for it."""
        with translated():
            self._pool.open()

    def close(self) -> None:
        self._pool.close()

    def connections(self) -> Mapping[str, int]:
        """How many are used, how many idle, and how many threads wait for one."""
        told = self._pool.get_stats()
        size, idle = told.get("pool_size", 0), told.get("pool_available", 0)
        return {"used": size - idle, "idle": idle, "waiting": told.get("requests_waiting", 0)}

    @contextmanager
    def begin(self, scope: Scope) -> Iterator[Work]:
        with self.transaction(scope) as transaction:
            yield PostgresWork(transaction, self._signed, self._outlined)

    def ask(self, scope: Scope, question: Callable[[Work], R]) -> R:
        transaction = Transaction(Question(self._enter, self._pool.putconn, scope).ask, scope)
        answer = question(PostgresWork(transaction, self._signed, self._outlined))
        if transaction.last():
            raise MisuseError("a question changes nothing")
        return answer

    @contextmanager
    def transaction(self, scope: Scope) -> Iterator[Transaction]:
        dialogue = Dialogue(self._enter, self._pool.putconn, scope)
        transaction = Transaction(dialogue.ask, scope)
        try:
            yield transaction
            last = transaction.last()
            with translated():
                dialogue.commit(last)
        finally:
            transaction.close()
            dialogue.close()

    @contextmanager
    def _entered(
        self, first: Callable[[Connection[DictRow]], R]
    ) -> Iterator[tuple[Connection[DictRow], R]]:
        connection, found = self._enter(first)
        try:
            yield connection, found
            with translated():
                end(connection, b"COMMIT")
        finally:
            undo(connection)
            self._pool.putconn(connection)

    def known(
        self, wanted: Mapping[OrganisationId, Wanted], clock: Clock
    ) -> AbstractContextManager[Joint] | None:
        entries = self._known.take(wanted)
        now = clock.now()
        accounts: dict[OrganisationId, Account] = {}
        # In the order of their locks.
        for id, entry in sorted(entries.items(), key=_number_of):
            account = entry.account(wanted[id], now)
            if account is None:
                # It is locked next, and found to be so.
                self._known.put({id: entry})
            else:
                accounts[id] = account
        return self._believed(accounts, entries, now, clock) if accounts else None

    @contextmanager
    def _believed(
        self,
        accounts: dict[OrganisationId, Account],
        entries: Mapping[OrganisationId, Entry],
        now: datetime,
        clock: Clock,
    ) -> Iterator[Joint]:
        with translated():
            connection = self._living()
        try:
            # A connection may have been waited for, and a lease may have ended meanwhile.
            until = clock.now()
            if any(
                each.horizon is not None and each.horizon <= until for each in accounts.values()
            ):
                raise StaleError("a lease may have ended")
            turn = KnownTurn(connection, self._turns, accounts)
            works = {
                id: PostgresTurnWork(
                    transaction_of(turn, id), self._signed, self._outlined, account
                )
                for id, account in accounts.items()
            }
            yield Joint(works=works, now=now, busy=frozenset())
            try:
                mark = self._serve(turn)
            except StaleError:
                self._known.were_not(accounts)
                raise
            except StoreUnavailableError:
                # Nobody knows what became of it, nor what the server is when it comes back.
                self._bury()
                raise
        finally:
            self._pool.putconn(connection)
        after: dict[OrganisationId, Entry | None] = {}
        for id, account in accounts.items():
            # All of them are written, and nothing comes after it.
            account.wallet = account.after or account.wallet
            account.head += len(account.audit)
            account.wallet_mark = account.head_mark = mark
            after[id] = remembered(account, entries[id])
        self._known.were_so(accounts)
        self._known.put(after)

    def _living(self) -> Connection[DictRow]:
        """A connection that has not died in the pool, as far as it has told.

        Raises: StaleError: one had.
        """
        connection = self._pool.getconn()
        waiting = select.poll()
        waiting.register(connection.pgconn.socket, select.POLLIN)
        if not waiting.poll(0):
            return connection
        # Nothing was asked: what comes is the end, or a notice that somebody else may read.
        connection.close()
        self._pool.putconn(connection)
        self._bury()
        raise StaleError("a connection has died")

    def _bury(self) -> None:
        """After a connection's death: the server that comes back may have a backup's rows.

        They could have the marks of other ones, and their versions.
        """
        self._known.clear()
        self._outlined.clear()

    def _serve(self, turn: KnownTurn) -> str:
        """One message there, one back: a statement outside of any transaction is one."""
        with translated():
            try:
                return turn.write()
            except psycopg.Error as error:
                if turn.connection.pgconn.status != ConnStatus.OK:
                    raise psycopg.OperationalError(str(error)) from error
                # It is told in full, so it is undone, whatever it was.
                if error.sqlstate != _TURN_IS_STALE and not isinstance(error, _USUAL):
                    # With locks it may be served all the same, and nobody would look.  Only what
                    # it is: the rest may quote the row.
                    log.error("a turn was not written: %s", first_line(error))  # noqa: TRY400
                raise StaleError(str(error)) from error

    @contextmanager
    def together(self, wanted: Mapping[OrganisationId, Wanted], clock: Clock) -> Iterator[Joint]:
        askers = sum(len(each.askers) for each in wanted.values())
        entries = self._known.take(wanted)
        for opens in (False, True):
            locks = locking(wanted, opens=opens)
            with self._entered(lambda it: _asked(it, locks)) as (connection, found):  # noqa: B023 - called at once
                throttles = found[-2 if len(wanted) > 1 else -4].rows
                if len(throttles) < askers and not opens:
                    # Somebody's first command.  Counters come before wallets: once more, then.
                    continue
                now = clock.now()
                turn = Turn.begun(connection, self._turns, throttles, found[-1].rows, wanted, now)
                was_so = {
                    id: entries[id]
                    for id, account in turn.accounts.items()
                    if id in entries
                    and entries[id].wallet_mark == account.wallet_mark
                    and entries[id].head_mark == account.head_mark
                }
                works = {
                    id: PostgresTurnWork(
                        transaction_of(turn, id), self._signed, self._outlined, account
                    )
                    for id, account in turn.accounts.items()
                }
                yield Joint(works=works, now=now, busy=frozenset(wanted) - works.keys())
                turn.flush()
            self._known.put(
                {id: remembered(each, was_so.get(id)) for id, each in turn.accounts.items()}
            )
            return

    def ping(self) -> None:
        """Raises: StoreUnavailableError."""
        with self.transaction(Scope()) as transaction:
            transaction.row(_PING)

    def pending(self) -> list[str]:
        """Names of the migrations that this program has and the database has not.

        Raises: SchemaError, StoreUnavailableError.
        """
        with translated(), self._pool.connection() as connection:
            return health.pending(connection)

    def installation(self) -> health.Installation | None:
        """Whose database it is; None before the first `migrate`."""
        with translated(), self._pool.connection() as connection:
            return health.installation(connection)

    def instant(self) -> datetime:
        """What the database's clock says now.  Raises: StoreUnavailableError."""
        with translated(), self._pool.connection() as connection:
            return health.instant(connection)

    def _enter(self, first: Callable[[Connection[DictRow]], R]) -> tuple[Connection[DictRow], R]:
        """A connection on which *first* has begun a transaction, and what that has found.

        The pool may hold connections that died with the server; nothing has happened on them yet,
        so the next one will do.
        """
        dead = 0
        with translated():
            while True:
                connection = self._pool.getconn()
                try:
                    found = first(connection)
                except BaseException as error:
                    is_dead = connection.closed
                    undo(connection)
                    self._pool.putconn(connection)
                    if is_dead:
                        self._bury()
                    dead += 1
                    if (
                        not (isinstance(error, psycopg.OperationalError) and is_dead)
                        or dead > self._pool.max_size
                    ):
                        raise
                else:
                    return connection, found


def _number_of(entry: tuple[OrganisationId, Entry]) -> int:
    return entry[0].int


def _asked(connection: Connection[DictRow], statements: Sequence[Statement]) -> list[Found]:
    return Statements.of(connection).batch(statements, begins=True)
