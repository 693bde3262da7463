"""Metered holds through the group commit on PostgreSQL: races with the clock, with each other, and
deaths around the commit.
"""

import asyncio
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import psycopg
import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory.storage.store import MemoryStore
from adapters.postgres import connect
from adapters.system import GroupCommit, SystemClock, SystemIdentifiers
from application.access.caller import Caller
from application.metered.serve import ServeTurn
from application.metered.spend import SpendCredits
from application.metered.usage import (
    ROUTE,
    CaptureUsage,
    HoldUsage,
    ReleaseUsage,
    Served,
)
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import StoreUnavailableError
from domain.abuse import AbuseRules
from domain.audit import Actor
from domain.errors import Refusal
from domain.organisation import PERMISSIONS, Role
from tests.catalogue import FOR_TESTS
from tests.contract.subjects.postgres import application_url, database
from tests.contract.tenants import a_tenant

GRANTED = 5_000
PRICE = 2
#: What the free tariff gives every month, at the first hold.
ALLOWANCE = 25
RULES = AbuseRules(credits_per_hour=10**9)


@define
class Desk:
    """Callers of some organisations, over one store."""

    store: object
    tenants: list
    spend: SpendCredits = field(init=False)

    def __attrs_post_init__(self):
        clock = SystemClock()
        serve = ServeTurn(
            store=self.store,
            clock=clock,
            identifiers=SystemIdentifiers(clock),
            catalogue=FOR_TESTS,
            rules=RULES,
        )
        self.spend = SpendCredits(together=GroupCommit(serve))

    def ask(self, tenant, usage):
        return self.spend(self.caller_of(tenant), usage, live=False)

    async def soon(self, tenant, usage):
        return await self.spend.soon(self.caller_of(tenant), usage, live=False)

    def caller_of(self, tenant):
        return Caller(
            organisation=tenant.organisation,
            actor=Actor("member", "mem_1"),
            permissions=PERMISSIONS[Role.OWNER],
            live=None,
            request_id="req_1",
            member=tenant.member,
        )

    def hold(self, tenant, key=None, lease=timedelta(seconds=60)):
        return self.ask(tenant, usage_of(key or str(uuid4()), lease))


def usage_of(key, lease=timedelta(seconds=60)):
    return HoldUsage(
        key=IdempotencyKey(live=False, route=ROUTE, key=key),
        fingerprint=bytes(32),
        operation="report",
        lease=lease,
    )


@pytest.fixture(scope="module")
def store():
    with database() as url:
        opened = connect(application_url(url), min_size=2, max_size=40)
        opened.open()
        yield opened
        opened.close()


@pytest.fixture
def desk(store):
    return Desk(store, [a_tenant(store, granted=GRANTED) for _ in range(2)])


def outcome_of(answer):
    return answer.hold.state.value if isinstance(answer, Served) else answer.code


def are_balanced(store, tenant):
    """Wallet, lots, holds and journal agree; the log has a line for each of the journal's."""
    with store.begin(tenant.scope) as work:
        wallet = work.ledger.balance()
        journal = work.ledger.journal(before=None, limit=100_000).items
        told = [e for e in work.audit.all(limit=100_000) if e.action.startswith("credits.")]
        held = work.ledger.held()
    assert [entry.sequence for entry in journal] == list(range(wallet.version, 0, -1))
    lines = [e for e in told if "journal_sequence" in e.content()["details"]]
    # The tenant's first grant was made by hand, and told to nobody.
    assert len(lines) == len(journal) - 1
    assert wallet.available == sum(lot.remaining for lot in wallet.lots)
    assert wallet.held == sum(hold.amount for hold in held)
    return wallet


def test_capture_against_expiry_has_one_outcome_and_both_occur(desk, store):
    """The clock is read when the wallet is locked: nothing is captured after the lease (I7)."""
    found, captured = Counter(), 0
    chance = random.Random(7)
    lease = timedelta(milliseconds=40)

    def race(number):
        tenant = desk.tenants[number % 2]
        held = desk.hold(tenant, lease=lease)
        threading.Event().wait(chance.uniform(0, 2) * lease.total_seconds())
        answer = desk.ask(tenant, CaptureUsage(id=held.hold.id))
        if isinstance(answer, Served):
            assert answer.at < held.hold.lease_until
        return outcome_of(answer)

    for _ in range(50):
        with ThreadPoolExecutor(16) as threads:
            found.update(threads.map(race, range(32)))
        if min(found["captured"], found["hold_expired"]) >= 20:
            break
    assert set(found) == {"captured", "hold_expired"}, found
    captured = found["captured"] * PRICE
    # Whoever comes next finds what time has ended; nobody had to look for it.
    totals = [settled(desk, store, tenant) for tenant in desk.tenants]
    assert sum(wallet.held for wallet in totals) == 0
    granted = 2 * (GRANTED + ALLOWANCE)
    assert sum(wallet.available for wallet in totals) == granted - captured


def settled(desk, store, tenant):
    answer = desk.hold(tenant)
    desk.ask(tenant, ReleaseUsage(id=answer.hold.id))
    return are_balanced(store, tenant)


def test_release_against_capture_has_one_outcome_and_both_occur(desk, store):
    found = Counter()

    def race(number):
        tenant = desk.tenants[0]
        held = desk.hold(tenant)
        start = Barrier(2)

        def end(usage):
            start.wait()
            return outcome_of(desk.ask(tenant, usage))

        with ThreadPoolExecutor(2) as threads:
            usages = (CaptureUsage(id=held.hold.id), ReleaseUsage(id=held.hold.id))
            # The last one at the barrier is the first to go on.
            order = usages if number % 2 else usages[::-1]
            return tuple(sorted(threads.map(end, order)))

    for _ in range(20):
        with ThreadPoolExecutor(4) as threads:
            found.update(threads.map(race, range(16)))
        if len(found) == 2 and min(found.values()) >= 5:
            break
    assert set(found) == {("captured", "hold_closed"), ("hold_closed", "released")}, found
    wallet = are_balanced(store, desk.tenants[0])
    assert wallet.held == 0


def test_the_same_key_at_once_is_one_hold(desk, store):
    tenant = desk.tenants[0]
    for turn in range(10):
        key = f"same {turn}"
        with ThreadPoolExecutor(12) as threads:
            answers = list(threads.map(lambda _, key=key: desk.hold(tenant, key), range(12)))
        assert len({answer.hold.id for answer in answers}) == 1
        assert [answer.replayed for answer in answers].count(False) == 1
    assert are_balanced(store, tenant).held == 10 * PRICE


def test_an_overdrawn_crowd_gets_as_much_as_there_is(store):
    tenant = a_tenant(store, granted=101)
    desk = Desk(store, [tenant])
    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda _: desk.hold(tenant), range(100)))
    found = Counter(map(outcome_of, answers))
    wallet = are_balanced(store, tenant)
    # Five that are overdrawn block whoever asks; what is refused holds nothing.
    assert found["held"] == wallet.held // PRICE == (101 + ALLOWANCE) // PRICE
    assert set(found) <= {"held", "insufficient_credits", "spending_blocked"}
    assert sum(found.values()) == 100


# Deaths.


@define
class Mortal:
    """A store whose n-th shared transaction dies before or after its commit."""

    store: object
    fate: dict[int, str]
    count: int = 0
    lock: threading.Lock = field(factory=threading.Lock)

    def known(self, wanted, clock):
        known = self.store.known(wanted, clock)
        return None if known is None else self.mortal(known)

    def together(self, wanted, clock):
        return self.mortal(self.store.together(wanted, clock))

    @contextmanager
    def mortal(self, transaction):
        with self.lock:
            ending = self.fate.get(self.count)
            self.count += 1
        with transaction as joint:
            yield joint
            if ending == "before":
                raise StoreUnavailableError("died before the commit")
        if ending == "after":
            raise StoreUnavailableError("died after the commit")


FATES = st.dictionaries(
    st.integers(0, 25), st.sampled_from(["before", "after"]), min_size=1, max_size=6
)


def outlive(fate, store, callers):
    """Callers repeat what they hear nothing of; what they hear is so, once."""
    tenants = [a_tenant(store, granted=GRANTED) for _ in range(2)]
    desk = Desk(Mortal(store, fate), tenants)
    deaths = []

    def ask(tenant, usage):
        while True:
            try:
                return desk.ask(tenant, usage)
            except StoreUnavailableError as error:
                deaths.append(error)

    def live(number):
        tenant = tenants[number % 2]
        held = ask(tenant, usage_of(f"key {number}"))
        assert isinstance(held, Served), held
        if number % 3 == 0:
            return tenant, held.hold.id, "held"
        usage = CaptureUsage if number % 3 == 1 else ReleaseUsage
        ended = ask(tenant, usage(id=held.hold.id))
        assert not isinstance(ended, Refusal), ended
        return tenant, held.hold.id, ended.hold.state.value

    with ThreadPoolExecutor(callers) as threads:
        told = list(threads.map(live, range(12)))
    for tenant, id, state in told:
        with store.begin(tenant.scope) as work:
            assert work.ledger.hold(id).state.value == state
    for tenant in tenants:
        wallet = are_balanced(store, tenant)
        mine = [state for owner, _, state in told if owner is tenant]
        spent = PRICE * mine.count("captured")
        assert wallet.held == PRICE * mine.count("held")
        assert wallet.available == GRANTED + ALLOWANCE - wallet.held - spent
    return deaths


@given(fate=FATES, callers=st.integers(1, 6))
@settings(max_examples=40)
def test_whatever_dies_in_memory_nothing_acknowledged_is_lost_or_doubled(fate, callers):
    outlive(fate, MemoryStore(), callers)


@given(fate=FATES, callers=st.sampled_from([1, 6]))
@settings(max_examples=15)
def test_whatever_dies_nothing_acknowledged_is_lost_or_doubled(store, fate, callers):
    outlive(fate, store, callers)


def test_a_connection_that_dies_under_a_turn_is_told_to_all_of_it(store, server_url):
    """The backend itself is terminated; whoever repeats gets the one hold."""
    tenant = a_tenant(store, granted=GRANTED)
    desk = Desk(Dying(store), [tenant])
    with pytest.raises(StoreUnavailableError):
        desk.hold(tenant, "the key")
    assert outcome_of(desk.hold(tenant, "the key")) == "held"
    assert are_balanced(store, tenant).held == PRICE


@pytest.mark.parametrize("is_kept", [False, True])
def test_on_a_loop_too_and_whoever_asks_again_has_each_hold_once(store, is_kept):
    """Whether it was committed or not; one of them has gone away meanwhile."""
    tenants = [a_tenant(store, granted=GRANTED) for _ in range(2)]
    desk = Desk(Dying(store, is_kept), tenants)
    together = desk.spend.together
    asked = [(tenant, usage_of(f"key {number}")) for tenant in tenants for number in range(4)]

    async def ask(*, goes):
        # Nobody leads before all have come: they are one turn.
        together.most_leaders = together.most_aside = 0
        tasks = [asyncio.create_task(desk.soon(*each)) for each in asked]
        await asyncio.sleep(0)
        assert sum(map(len, together._line.waiting.values())) == len(tasks)
        if goes:
            tasks[0].cancel()
        together.most_leaders = 1
        return await asyncio.gather(*tasks, return_exceptions=True)

    gone, *unheard = asyncio.run(ask(goes=True))
    assert isinstance(gone, asyncio.CancelledError)
    assert [type(each) for each in unheard] == [StoreUnavailableError] * 7
    again = asyncio.run(ask(goes=False))
    assert [outcome_of(each) for each in again] == ["held"] * 8
    assert [each.replayed for each in again] == [is_kept] * 8
    for tenant in tenants:
        assert are_balanced(store, tenant).held == 4 * PRICE


@define
class Dying:
    """A store whose connection dies once, before the end of a transaction or after it."""

    store: object
    is_kept: bool = False
    is_dead: bool = False

    def known(self, wanted, clock):
        """Nothing: another test is about that."""

    @contextmanager
    def together(self, wanted, clock):
        dies, self.is_dead = not self.is_dead, True
        with self.store.together(wanted, clock) as joint:
            yield joint
            if dies and not self.is_kept:
                _terminate_writers(self.store)
        if dies and self.is_kept:
            raise StoreUnavailableError("the answer to COMMIT never came")


def _terminate_writers(store):
    with psycopg.connect(store._pool.conninfo) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND state LIKE 'idle in transaction%' AND usename = current_user"
        )
