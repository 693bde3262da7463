"""The store: one psycopg connection per transaction.

`begin` takes one round trip (``BEGIN`` and the scope travel together), and so does its end.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property

import psycopg
from attrs import define, frozen
from psycopg import Connection, Cursor
from psycopg.rows import DictRow
from psycopg_pool import ConnectionPool

from adapters.postgres import health, queries
from adapters.postgres.abuse import PostgresSpendings, PostgresThrottles
from adapters.postgres.access import (
    PostgresApiKeys,
    PostgresLoginAttempts,
    PostgresOrganisations,
    PostgresSessions,
    PostgresUsers,
)
from adapters.postgres.accounts import PostgresAccounts, PostgresSealedSecrets
from adapters.postgres.audit import PostgresAuditLog, PostgresOutbox
from adapters.postgres.billing import PostgresBilling
from adapters.postgres.deployments import PostgresClaims, PostgresDeployments
from adapters.postgres.errors import translated
from adapters.postgres.evidence import PostgresIssuedEvidences
from adapters.postgres.exports import PostgresExports
from adapters.postgres.fees import PostgresFeeLines, PostgresRates
from adapters.postgres.idempotency import PostgresIdempotencyKeys
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.licence import PostgresLicences
from adapters.postgres.people import (
    PostgresGifts,
    PostgresQuotas,
    PostgresTeams,
    PostgresUsage,
)
from adapters.postgres.seals import PostgresSeals
from adapters.postgres.signers import PostgresNetworks, PostgresSigners
from adapters.postgres.together import (
    Account,
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
from adapters.postgres.transaction import Statement, Transaction
from application.ports.clock import Clock
from application.ports.storage.together import Joint, SharedStore, Wanted
from application.ports.storage.work import Scope, Work
from domain.identifiers import OrganisationId

SCOPE = queries.load("scope.sql")


@define(slots=False)
class PostgresWork(Work):
    _transaction: Transaction

    @cached_property
    def organisations(self) -> PostgresOrganisations:
        return PostgresOrganisations(self._transaction)

    @cached_property
    def users(self) -> PostgresUsers:
        return PostgresUsers(self._transaction)

    @cached_property
    def sessions(self) -> PostgresSessions:
        return PostgresSessions(self._transaction)

    @cached_property
    def api_keys(self) -> PostgresApiKeys:
        return PostgresApiKeys(self._transaction)

    @cached_property
    def login_attempts(self) -> PostgresLoginAttempts:
        return PostgresLoginAttempts(self._transaction)

    @cached_property
    def throttles(self) -> PostgresThrottles:
        return PostgresThrottles(self._transaction)

    @cached_property
    def spendings(self) -> PostgresSpendings:
        return PostgresSpendings(self._transaction)

    @cached_property
    def accounts(self) -> PostgresAccounts:
        return PostgresAccounts(self._transaction)

    @cached_property
    def secrets(self) -> PostgresSealedSecrets:
        return PostgresSealedSecrets(self._transaction)

    @cached_property
    def idempotency(self) -> PostgresIdempotencyKeys:
        return PostgresIdempotencyKeys(self._transaction)

    @cached_property
    def deployments(self) -> PostgresDeployments:
        return PostgresDeployments(self._transaction)

    @cached_property
    def claims(self) -> PostgresClaims:
        return PostgresClaims(self._transaction)

    @cached_property
    def signers(self) -> PostgresSigners:
        return PostgresSigners(self._transaction)

    @cached_property
    def networks(self) -> PostgresNetworks:
        return PostgresNetworks(self._transaction)

    @cached_property
    def token_watches(self) -> PostgresTokenWatches:
        return PostgresTokenWatches(self._transaction)

    @cached_property
    def ledger(self) -> PostgresLedger:
        return PostgresLedger(self._transaction)

    @cached_property
    def billing(self) -> PostgresBilling:
        return PostgresBilling(self._transaction)

    @cached_property
    def licences(self) -> PostgresLicences:
        return PostgresLicences(self._transaction)

    @cached_property
    def teams(self) -> PostgresTeams:
        return PostgresTeams(self._transaction)

    @cached_property
    def quotas(self) -> PostgresQuotas:
        return PostgresQuotas(self._transaction)

    @cached_property
    def gifts(self) -> PostgresGifts:
        return PostgresGifts(self._transaction)

    @cached_property
    def usage(self) -> PostgresUsage:
        return PostgresUsage(self._transaction)

    @cached_property
    def rates(self) -> PostgresRates:
        return PostgresRates(self._transaction)

    @cached_property
    def fees(self) -> PostgresFeeLines:
        return PostgresFeeLines(self._transaction)

    @cached_property
    def exports(self) -> PostgresExports:
        return PostgresExports(self._transaction)

    @cached_property
    def audit(self) -> PostgresAuditLog:
        return PostgresAuditLog(self._transaction)

    @cached_property
    def seals(self) -> PostgresSeals:
        return PostgresSeals(self._transaction)

    @cached_property
    def evidence(self) -> PostgresIssuedEvidences:
        return PostgresIssuedEvidences(self._transaction)

    @cached_property
    def outbox(self) -> PostgresOutbox:
        return PostgresOutbox(self._transaction)


@define(slots=False)
class PostgresTurnWork(PostgresWork):
    """One organisation's part of a shared transaction."""

    _account: Account

    @cached_property
    def organisations(self) -> PostgresOrganisations:
        return TurnOrganisations(self._transaction, account=self._account)

    @cached_property
    def billing(self) -> PostgresBilling:
        return TurnBilling(self._transaction, account=self._account)

    @cached_property
    def licences(self) -> PostgresLicences:
        return TurnLicences(self._transaction, account=self._account)

    @cached_property
    def quotas(self) -> PostgresQuotas:
        return TurnQuotas(self._transaction, account=self._account)

    @cached_property
    def throttles(self) -> PostgresThrottles:
        return TurnThrottles(self._transaction, account=self._account)

    @cached_property
    def spendings(self) -> PostgresSpendings:
        return TurnSpendings(self._transaction, account=self._account)

    @cached_property
    def idempotency(self) -> PostgresIdempotencyKeys:
        return TurnIdempotencyKeys(self._transaction, account=self._account)

    @cached_property
    def ledger(self) -> PostgresLedger:
        return TurnLedger(self._transaction, account=self._account)

    @cached_property
    def audit(self) -> PostgresAuditLog:
        return TurnAuditLog(self._transaction, account=self._account)


@frozen
class PostgresStore(SharedStore):
    """Built closed; the process opens and closes it."""

    _pool: ConnectionPool[Connection[DictRow]]

    def open(self) -> None:
        """Start to connect, without waiting for it."""
        with translated():
            self._pool.open()

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def begin(self, scope: Scope) -> Iterator[Work]:
        with self.transaction(scope) as transaction:
            yield PostgresWork(transaction)

    @contextmanager
    def transaction(self, scope: Scope) -> Iterator[Transaction]:
        with self._entered([_scoped(scope)]) as (connection, _):
            yield Transaction(connection, scope)

    @contextmanager
    def _entered(
        self, statements: Sequence[Statement]
    ) -> Iterator[tuple[Connection[DictRow], list[Cursor[DictRow]]]]:
        connection, found = self._enter(statements)
        try:
            try:
                yield connection, found
            except BaseException:
                # What went wrong is told by the exception; a broken connection undoes as well.
                with suppress(psycopg.Error):
                    connection.rollback()
                raise
            with translated():
                connection.commit()
        finally:
            self._pool.putconn(connection)

    @contextmanager
    def together(self, wanted: Mapping[OrganisationId, Wanted], clock: Clock) -> Iterator[Joint]:
        askers = sum(len(each.askers) for each in wanted.values())
        for opens in (False, True):
            with self._entered(locking(wanted, opens=opens)) as (connection, found):
                throttles = found[-2 if len(wanted) > 1 else -4].fetchall()
                if len(throttles) < askers and not opens:
                    # Somebody's first command.  Counters come before wallets: once more, then.
                    continue
                now = clock.now()
                turn = Turn.begun(connection, throttles, found[-1], wanted, now)
                works = {
                    id: PostgresTurnWork(transaction_of(turn, id), account)
                    for id, account in turn.accounts.items()
                }
                yield Joint(works=works, now=now, busy=frozenset(wanted) - works.keys())
                turn.flush()
                return

    def ping(self) -> None:
        """Raises: StoreUnavailableError."""
        with self.begin(Scope()):
            pass

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

    def _enter(
        self, statements: Sequence[Statement]
    ) -> tuple[Connection[DictRow], list[Cursor[DictRow]]]:
        """A connection with a transaction begun on it, and what each of *statements* found.

        The pool may hold connections that died with the server; nothing has happened on them yet,
        so the next one will do.
        """
        dead = 0
        with translated():
            while True:
                connection = self._pool.getconn()
                try:
                    with connection.pipeline():
                        found = [
                            connection.execute(query, parameters)
                            for query, parameters in statements
                        ]
                except BaseException as error:
                    is_dead = connection.closed
                    self._pool.putconn(connection)
                    dead += 1
                    if (
                        not (isinstance(error, psycopg.OperationalError) and is_dead)
                        or dead > self._pool.max_size
                    ):
                        raise
                else:
                    return connection, found


def _scoped(scope: Scope) -> Statement:
    return SCOPE["enter"], {
        "organisation": _setting(scope.organisation),
        "user": _setting(scope.user),
    }


def _setting(id: object) -> str:
    """A setting has no null; the policies read an empty one as none."""
    return "" if id is None else str(id)
