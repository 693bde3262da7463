"""A payment fails while requests, workers and metered calls are under way (I16), on PostgreSQL.

Threads, not turns.  Afterwards nothing unsigned of what is off is held, whoever came first; what
was signed before is finished and paid, and nothing of what was given back was ever signed.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from threading import Barrier, Event, RLock, Thread
from typing import Any
from uuid import uuid4

import pytest

from adapters.system.group_commit import GroupCommit
from application.audit.trail import Trail
from application.credits.licence import follow_licence
from application.deployments.request import Accepted
from application.metered.serve import ServeTurn
from application.metered.spend import SpendCredits
from application.metered.usage import HoldUsage
from application.ports.chain import Chain
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import FenceLostError, LeaseLostError
from domain.abuse import AbuseRules
from domain.audit import WORKER
from domain.catalogue import KindClass
from domain.deployment import State
from domain.errors import Refusal
from domain.licence import LicenceState
from tests.application.house import PROVING, WitnessedChain
from tests.application.paying import DAY, payment_fails, record, subscribe
from tests.application.test_licence import Kinds
from tests.catalogue import UNLIMITED
from tests.contract.subjects.postgres import database
from tests.postgres_house import PostgresHouse

ROUNDS = 20 if PROVING else 4
WORKERS = 3

#: Held, off, and nothing signed: what there must not be once a failed payment was recorded.
UNSIGNED = """
    SELECT hold.id
      FROM holds AS hold
      LEFT JOIN operations AS operation ON operation.hold_id = hold.id
     WHERE hold.state = 'held'
       AND hold.kind_class <> 'core'
       AND (hold.lease_until IS NOT NULL OR operation.state = 'Queued')
"""
#: Given back, and an effect of it signed.
SIGNED_ALL_THE_SAME = """
    SELECT operation.id
      FROM operations AS operation
      JOIN holds AS hold ON hold.id = operation.hold_id
      JOIN attempts AS attempt ON attempt.operation_id = operation.id
     WHERE hold.state = 'released'
       AND attempt.role = 'effect'
"""


class OneAtATime:
    """The chain in memory is not made for several threads."""

    def __init__(self, chain: Any) -> None:
        self._chain, self._lock = chain, RLock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._chain, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                return found(*arguments, **named)

        return call


class BusyHouse(PostgresHouse):
    """Tokens are of a class that ends with the first failure."""

    def _chain(self) -> Chain:
        chain: Any = Kinds(OneAtATime(WitnessedChain(instant=True)), KindClass.COMPLIANCE)
        return chain

    def _fund(self, address: str) -> None:
        self.chain.fund(address, 10**18)

    @cached_property
    def spend(self) -> SpendCredits:
        serve = ServeTurn(
            store=self.store,
            catalogue=self.catalogue,
            rules=AbuseRules(premium_gap=timedelta(0), credits_per_hour=10**9),
            clock=self.clock,
            identifiers=self.identifiers,
        )
        return SpendCredits(together=GroupCommit(serve))

    def paid_again(self) -> None:
        """Whoever was given back is over; a month is paid."""
        subscribe(self)
        for _ in range(40):
            if self.is_over():
                return
            self.leases_run_out()
            self.work()
        raise AssertionError(self.open_deployments())

    def works_until(self, stop: Event) -> None:
        """A worker that takes one step at a time, so that others come between."""
        while not stop.is_set():
            for claim in self.claims(limit=4):
                try:
                    self.advance().step(claim)
                except (LeaseLostError, FenceLostError):
                    continue
                self.give_back([claim])


@pytest.fixture(scope="module")
def house() -> Iterator[BusyHouse]:
    with database() as url:
        made = BusyHouse(url)
        made.set_tariff(made.registered.organisation.id, UNLIMITED, "for the test")
        made.pass_time(DAY)
        try:
            yield made
        finally:
            made.store.close()


@contextmanager
def working(house: BusyHouse) -> Iterator[None]:
    stop = Event()
    threads = [Thread(target=house.works_until, args=(stop,)) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def hold_metered(house: BusyHouse) -> Refusal | None:
    """A metered premium call, asked for together with whoever else asks."""
    key = IdempotencyKey(live=False, route="POST /v1/usage/holds", key=uuid4().hex)
    usage = HoldUsage(
        key=key, fingerprint=bytes(32), operation="premium_call", lease=timedelta(minutes=5)
    )
    answer = house.spend(house.caller, usage, live=False)
    return answer if isinstance(answer, Refusal) else None


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_failed_payment_against_requests_and_metered_calls_i16(house: BusyHouse, number: int):
    house.paid_again()
    together = Barrier(9)

    def request(index: int) -> Accepted | Refusal:
        together.wait()
        return house.request(key=f"at once {number} {index}")

    def call() -> list[Refusal | None]:
        together.wait()
        return [hold_metered(house) for _ in range(4)]

    def fail() -> list[Any]:
        together.wait()
        payment_fails(house)
        return house.sql(UNSIGNED)

    with ThreadPoolExecutor(9) as threads:
        requests = [threads.submit(request, index) for index in range(4)]
        calls = [threads.submit(call) for _ in range(4)]
        left = threads.submit(fail).result()
        answers = [each.result() for each in requests]
        answers += [each for asked in calls for each in asked.result()]
    assert left == [], "at once after the commit"
    assert house.sql(UNSIGNED) == [], "and whoever asked later got nothing"
    refusals = {each.code for each in answers if isinstance(each, Refusal)}
    assert refusals <= {"licence_premium_off"}
    assert isinstance(house.request(key=f"later {number}"), Refusal)
    assert hold_metered(house) is not None
    house.paid_again()
    assert house.sql(SIGNED_ALL_THE_SAME) == []
    house.books_are_right()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_failed_payment_against_workers_that_are_about_to_sign_i16(
    house: BusyHouse, number: int
):
    house.paid_again()
    ids = [house.deploy(key=f"work {number} {index}").id for index in range(8)]
    with working(house):
        # Anywhere on the way: the more of them are signed, the later.
        while len(house.sql("SELECT FROM attempts WHERE operation_id = ANY(%s)", ids)) < number:
            pass
        payment_fails(house)
        assert house.sql(UNSIGNED) == []
        for _ in range(20):
            assert house.sql(UNSIGNED) == []
    for _ in range(40):
        house.leases_run_out()
        house.work()
        if house.is_over():
            break
    assert house.sql(SIGNED_ALL_THE_SAME) == []
    for id in ids:
        if house.get(id).state is State.COMPLETED:
            house.is_paid_once(id)
        else:
            house.is_given_back(id)
    house.books_are_right()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_licence_that_changes_to_and_fro_against_holds(house: BusyHouse, number: int):
    """Whatever is held at the end was held while it was paid, or is given back."""
    house.paid_again()
    together = Barrier(5)

    def change() -> LicenceState:
        together.wait()
        for _ in range(4):
            payment_fails(house)
            subscribe(house)
        return payment_fails(house).state

    def ask(index: int) -> list[Accepted | Refusal]:
        together.wait()
        return [house.request(key=f"to and fro {number} {index} {n}") for n in range(6)]

    with ThreadPoolExecutor(5) as threads:
        changed = threads.submit(change)
        asked = [threads.submit(ask, index) for index in range(4)]
        assert changed.result() is LicenceState.PAYMENT_FAILED
        answers = [each for answered in asked for each in answered.result()]
    assert {each.code for each in answers if isinstance(each, Refusal)} <= {"licence_premium_off"}
    assert house.sql(UNSIGNED) == []
    house.paid_again()
    house.books_are_right()


def test_two_who_record_the_failure_at_once_tell_it_once(house: BusyHouse):
    house.paid_again()
    house.deploy(key="two")
    before = told(house)
    with ThreadPoolExecutor(4) as threads:
        news = {"first_failure_at": house.clock.now()}
        for each in [threads.submit(record, house, **news) for _ in range(4)]:
            each.result()
    assert told(house) == before + 1
    house.paid_again()


def told(house: BusyHouse) -> int:
    ((number,),) = house.sql("SELECT count(*) FROM audit_events WHERE action = 'licence.changed'")
    return int(number)


def test_following_once_too_often_changes_nothing(house: BusyHouse):
    house.paid_again()
    payment_fails(house)
    before = told(house)
    trail = Trail(
        identifiers=house.identifiers,
        organisation=house.registered.organisation.id,
        actor=WORKER,
    )
    with house.store.begin(house.scope) as work:
        follow_licence(work, trail, house.clock.now())
        trail.write(work)
    assert told(house) == before
