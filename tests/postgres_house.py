"""The house on PostgreSQL, with keys in envelopes; the chain beneath it is said elsewhere.

Its checks have eyes of their own: SQL as the superuser.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import psycopg
from attrs import define, field

from adapters import local_keys
from adapters.memory.clock import MemoryClock
from adapters.postgres import connect as connect_store
from adapters.postgres import metadata as published_in
from adapters.system import SystemIdentifiers
from application.accounts.create_key import CreateAccountKey
from application.operator.treasury import CreateTreasury
from application.ports.chain import Chain, ChainUnavailableError
from application.ports.custody import Custodian
from application.ports.metadata import MetadataStore
from domain.errors import Refusal
from domain.identifiers import OperationId
from domain.operation import Signer
from entrypoints.worker.loop import DeploymentLoop
from tests.application.house import House
from tests.application.mortal import Fate
from tests.catalogue import UNLIMITED
from tests.contract.subjects.postgres import application_url

GRANTED = 100_000


class PostgresHouse(House, ABC):
    """One organisation that may do much; the treasury, its funds and the groundwork are there.

    The business clock is moved by the test; leases run on the database's, and end when the test
    says so.
    """

    custodian_scheme = "local-keys"

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = MemoryClock(datetime.now(UTC))
        self.identifiers = SystemIdentifiers(self.clock)
        self.store = connect_store(application_url(url), min_size=1, max_size=64)
        self.store.open()
        self.chain = self._chain()
        self.custodian = self._custodian()
        self.move_in()
        self.set_tariff(self.registered.organisation.id, UNLIMITED, "for the test")
        self.grant(GRANTED)

    @property
    def metadata(self) -> MetadataStore:  # type: ignore[override]  # no faults to be told
        return published_in(self.store, "https://meta.example.com")

    @abstractmethod
    def _chain(self) -> Chain:
        """As assembled in the product; pauses of nodes that failed run on the test's clock."""

    def _custodian(self) -> Custodian:
        return local_keys.connect(self.store, {1: bytes(32)})

    @abstractmethod
    def _fund(self, address: str) -> None: ...

    def _treasury(self) -> Signer:
        parts: dict[str, Any] = {
            "store": self.store,
            "chains": self.chains,
            "clock": self.clock,
            "identifiers": self.identifiers,
        }
        key = CreateAccountKey(**parts, custodians={self.custodian_scheme: self.custodian})
        create = CreateTreasury(**parts, create_key=key, custodian=self.custodian_scheme)
        treasury = create(self.network)
        assert not isinstance(treasury, Refusal), treasury
        self._fund(treasury.signer.address)
        for _ in range(200):
            if treasury.installation is None or not self._is_installing():
                return treasury.signer
            self.life(Fate({}))
            self.mine_if_asked()
            self.pass_time(timedelta(seconds=6))
        raise AssertionError("the groundwork was not laid")

    def _is_installing(self) -> bool:
        return bool(self.sql("SELECT FROM operations WHERE due_at IS NOT NULL"))

    def mine_if_asked(self) -> None:
        """Where nodes make blocks by themselves there is nothing to do."""

    # Time and the world.

    def lives_once(self, fate: Fate) -> None:
        self.life(fate)
        self.leases_run_out()
        self.pass_time(timedelta(seconds=9))
        if self.is_halted:
            with suppress(ChainUnavailableError):
                self.operator_looks()

    def leases_run_out(self) -> None:
        """Eight seconds pass for the database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for table in ("operations", "signers", "token_watches"):
                connection.execute(
                    f"UPDATE {table} SET lease_until = clock_timestamp() - interval '1 second'"
                    " WHERE lease_until IS NOT NULL"
                )

    # Eyes of our own.

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query, parameters).fetchall()

    def state_of(self, id: OperationId) -> str:
        ((state,),) = self.sql("SELECT state::text FROM operations WHERE id = %s", id)
        return str(state)

    def is_paid_once(self, id: OperationId) -> None:
        """One token, one hold that was captured, one posting each."""
        assert self.state_of(id) == "Completed"
        assert self.tokens(id) == 1
        self._hold_is(id, "captured")

    def is_given_back(self, id: OperationId) -> None:
        assert self.state_of(id) == "Failed"
        assert self.tokens(id) == 0
        self._hold_is(id, "released")

    def _hold_is(self, id: OperationId, ending: str) -> None:
        holds = self.sql("SELECT state::text, amount FROM holds WHERE subject = %s", id)
        assert holds == [(ending, 5)]
        lines = self.sql(
            "SELECT action, amount FROM journal WHERE subject = %s ORDER BY sequence", id
        )
        assert lines == [("credits.held", 5), (f"credits.{ending}", 5)]

    def books_are_right(self) -> None:
        """No open hold, no gap, no credit from nowhere."""
        organisation = self.registered.organisation.id
        assert self.sql("SELECT count(*) FROM holds WHERE state = 'held'") == [(0,)]
        ((available, held),) = self.sql(
            "SELECT available, held FROM wallets WHERE organisation_id = %s", organisation
        )
        spent = self._sum("credit = 'spent'")
        assert (held, available + spent) == (0, self._sum("debit::text LIKE 'issued:%%'"))
        for table in ("journal", "audit_events"):
            ((lines, first, last, distinct),) = self.sql(
                f"SELECT count(*), min(sequence), max(sequence), count(DISTINCT sequence)"
                f" FROM {table} WHERE organisation_id = %s",
                organisation,
            )
            assert (lines, first, last) == (distinct, 1, lines), table
        assert self.sql(
            "SELECT count(*) FROM audit_events WHERE organisation_id = %s"
            " AND action LIKE 'credits.%%'",
            organisation,
        ) == self.sql("SELECT count(*) FROM journal WHERE organisation_id = %s", organisation)

    def _sum(self, condition: str) -> int:
        ((amount,),) = self.sql(
            f"SELECT coalesce(sum(amount), 0)::bigint FROM journal"
            f" WHERE organisation_id = %s AND {condition}",
            self.registered.organisation.id,
        )
        return int(amount)

    def is_over(self) -> bool:
        return not self.sql("SELECT FROM operations WHERE due_at IS NOT NULL")


# Threads, not turns.


@define(eq=False)
class RunningClock(MemoryClock):
    """Goes on from its instant by itself, for workers that wait."""

    started: float = field(factory=time.monotonic)

    def now(self) -> datetime:
        return self.instant + timedelta(seconds=time.monotonic() - self.started)


@contextmanager
def time_runs(house: House) -> Iterator[None]:
    """In it the house's clock goes on by itself."""
    stopped = house.clock
    assert isinstance(stopped, MemoryClock)
    house.clock = RunningClock(stopped.now())
    yield
    stopped.advance(house.clock.now() - stopped.now())
    house.clock = stopped


def workers(
    house: House, number: int, *, until: Callable[[], bool], seconds: float = 60.0
) -> None:
    """Real workers' loops in threads of their own, until *until* is true."""
    stop = Event()
    loops = [
        DeploymentLoop(
            store=house.store,
            clock=house.clock,
            advance=house.advance(),
            full=house.full,
            telemetry=house.telemetry,
            worker=uuid4(),
            threads=4,
        )
        for _ in range(number)
    ]
    threads = [Thread(target=loop.run, args=(stop,)) for loop in loops]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    try:
        while not until() and time.monotonic() < deadline:
            stop.wait(0.05)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert until(), house.open_deployments()
