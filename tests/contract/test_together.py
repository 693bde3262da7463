"""Several organisations' works in one transaction, in every store."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from adapters.memory.clock import MemoryClock
from application.audit.trail import Trail
from application.credits.post import Order, post_all
from application.ports.storage.idempotency import IdempotencyKey, Remembered
from application.ports.storage.together import Wanted
from application.ports.storage.work import Scope
from domain.abuse import LoginFailures, Spending, Throttle
from domain.audit import WORKER
from domain.errors import LockOrderError, MisuseError, Refusal
from domain.identifiers import HoldId
from domain.ledger import Capture, Release
from tests.contract.tenants import NOW, BoomError, a_hold, a_tenant, act, an_event

KEY = IdempotencyKey(live=False, route="POST /v1/usage/holds", key="key")


@pytest.fixture
def clock():
    return MemoryClock(NOW)


class Ids:
    def next(self):
        return uuid4()

    def secret(self, length):
        return bytes(length)


def trail_of(tenant):
    return Trail(identifiers=Ids(), organisation=tenant.organisation, actor=WORKER)


def post(work, tenant, *commands):
    trail = trail_of(tenant)
    outcomes = post_all(work, [Order(trail=trail, command=each) for each in commands], NOW)
    trail.write(work)
    return outcomes


def leased(amount, seconds=30):
    return evolve(a_hold(amount), lease_until=NOW + timedelta(seconds=seconds))


def wanted(*holds, **more):
    return Wanted(holds=frozenset(holds), **more)


def books(store, tenant):
    """All that the ledger and the log say of an organisation, without ids made on the way."""
    with store.begin(tenant.scope) as work:
        journal = work.ledger.journal(before=None, limit=1_000).items
        events = work.audit.all(limit=1_000)
        wallet = work.ledger.balance()
        return (
            evolve(wallet, organisation=None, lots=tuple(
                evolve(lot, id=None, fact="x") for lot in wallet.lots
            )),
            [(e.sequence, e.at, e.posting.debit, e.posting.credit, e.posting.amount, e.actor)
             for e in journal],
            [(e.sequence, e.at, e.action) for e in events],
        )  # fmt: skip


def test_it_leaves_the_same_rows_as_one_at_a_time(store, clock):
    """Holds, captures, releases, an expired lease: once together, once each in its own."""
    together, alone = ([a_tenant(store, granted=100) for _ in range(3)] for _ in range(2))
    holds = [leased(10 + number) for number in range(3)]
    over = leased(1, seconds=0)
    first = [holds[0], holds[1], holds[2], over]
    then = [
        Capture(id=holds[0].id, amount=4),
        Release(id=holds[1].id),
        Capture(id=holds[1].id),
    ]
    for commands in (first, then):
        ids = frozenset(each.id for each in commands)
        with store.together({t.organisation: wanted(*ids) for t in together}, clock) as joint:
            told = [post(joint.works[t.organisation], t, *commands) for t in together]
        for number, tenant in enumerate(alone):
            with store.begin(tenant.scope) as work:
                mine = post(work, tenant, *commands)
            assert [o.refusal for o in mine] == [o.refusal for o in told[number]]
    assert [books(store, t) for t in together] == [books(store, t) for t in alone]
    for t in (*together, *alone):
        with store.begin(t.scope) as work:
            states = [work.ledger.hold(hold.id).state.value for hold in (*holds, over)]
        assert states == ["captured", "released", "held", "expired"]


def test_nothing_is_kept_of_what_ends_badly(store, clock):
    tenants = [a_tenant(store, granted=100) for _ in range(2)]
    before = [books(store, tenant) for tenant in tenants]
    hold = leased(5)

    def write():
        with store.together({t.organisation: wanted(hold.id) for t in tenants}, clock) as joint:
            for tenant in tenants:
                post(joint.works[tenant.organisation], tenant, hold)
            raise BoomError

    with pytest.raises(BoomError):
        write()
    assert [books(store, tenant) for tenant in tenants] == before


def test_whose_wallet_somebody_else_holds_is_left_out(store, clock):
    busy, free = (a_tenant(store, granted=100) for _ in range(2))
    is_locked, may_end = threading.Event(), threading.Event()

    def hold_it():
        with store.begin(busy.scope) as work:
            work.ledger.lock()
            is_locked.set()
            may_end.wait(10)

    holder = threading.Thread(target=hold_it)
    holder.start()
    is_locked.wait(10)
    try:
        with store.together(
            {tenant.organisation: Wanted() for tenant in (busy, free)}, clock
        ) as joint:
            assert (set(joint.works), joint.busy) == ({free.organisation}, {busy.organisation})
    finally:
        may_end.set()
        holder.join()


def test_one_alone_is_waited_for_and_the_clock_is_read_then(store, clock):
    """What waited for the wallet past the end of a lease finds the lease over."""
    tenant, hold = a_tenant(store, granted=100), leased(5)
    with store.begin(tenant.scope) as work:
        post(work, tenant, hold)
    is_locked = threading.Event()

    def hold_it():
        with store.begin(tenant.scope) as work:
            work.ledger.lock()
            is_locked.set()
            is_asked.wait(10)
            clock.advance(timedelta(seconds=30))

    is_asked = threading.Event()

    def capture():
        is_asked.set()
        with store.together({tenant.organisation: wanted(hold.id)}, clock) as joint:
            work = joint.works[tenant.organisation]
            trail = trail_of(tenant)
            order = Order(trail=trail, command=Capture(id=hold.id))
            return post_all(work, [order], joint.now)[0].refusal

    with ThreadPoolExecutor(2) as threads:
        holder = threads.submit(hold_it)
        is_locked.wait(10)
        capturing = threads.submit(capture)
        holder.result(10)
        refusal = capturing.result(10)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "hold_expired"


def test_a_work_sees_its_own_organisation_only(store, clock):
    mine, other = (a_tenant(store, granted=100) for _ in range(2))
    hold = leased(5)
    with store.begin(other.scope) as work:
        post(work, other, hold)
    with store.together(
        {tenant.organisation: wanted(hold.id) for tenant in (mine, other)}, clock
    ) as joint:
        assert joint.works[mine.organisation].ledger.lock(hold.id).holds == ()
        assert joint.works[mine.organisation].ledger.hold(hold.id) is None
        assert joint.works[other.organisation].ledger.hold(hold.id) is not None


def test_only_what_was_wanted_is_known_and_nothing_more_is_locked(store, clock):
    tenant = a_tenant(store, granted=100)
    with store.together({tenant.organisation: wanted()}, clock) as joint:
        work = joint.works[tenant.organisation]
        with pytest.raises(MisuseError):
            work.ledger.lock(HoldId(uuid4()))
        with pytest.raises(LockOrderError):
            work.networks.lock(tenant.network)


def test_what_is_counted_and_remembered_is_there_afterwards(store, clock):
    tenants = [a_tenant(store, granted=100) for _ in range(2)]
    counted = Throttle(premium_at=NOW, failures=LoginFailures(count=2, last_at=NOW))
    spent = Spending(buckets=((NOW, 7),))
    refused = Remembered(
        fingerprint=bytes(32),
        operation=None,
        refusal=Refusal(code="insufficient_credits", detail="no"),
        expires_at=NOW + timedelta(hours=24),
    )
    asked = {
        tenant.organisation: wanted(askers=frozenset({"mem_1"}), keys=frozenset({KEY}))
        for tenant in tenants
    }
    with store.together(asked, clock) as joint:
        for work in joint.works.values():
            assert work.throttles.lock("mem_1") == Throttle()
            assert work.idempotency.recall({KEY}, NOW) == {}
            work.throttles.put("mem_1", counted)
            work.spendings.put({"mem_1": spent})
            work.idempotency.keep({KEY: refused})
    with store.together(asked, clock) as joint:
        for work in joint.works.values():
            assert work.throttles.lock("mem_1") == counted
            assert work.spendings.get(["mem_1", "mem_2"]) == {"mem_1": spent, "mem_2": Spending()}
            assert work.idempotency.recall({KEY}, NOW) == {KEY: refused}
            assert work.idempotency.recall({KEY}, refused.expires_at + timedelta(seconds=1)) == {}


def test_reading_comes_after_what_was_written_before(store, clock):
    """A work may also do what is not kept for the end."""
    tenant, hold = a_tenant(store, granted=100), leased(5)
    with store.together({tenant.organisation: wanted(hold.id)}, clock) as joint:
        work = joint.works[tenant.organisation]
        post(work, tenant, hold)
        assert work.ledger.hold(hold.id).is_open
        assert work.ledger.balance().held == 5
        post(work, tenant, Capture(id=hold.id))
        work.audit.append(an_event(tenant))
    with store.begin(tenant.scope) as work:
        assert work.ledger.hold(hold.id).captured == 5
        assert [event.sequence for event in work.audit.all(limit=10)] == [1, 2, 3]


def test_what_nobody_asks_about_is_written_all_the_same(store, clock):
    """Each in its own organisation's name, whoever spoke last."""
    tenants = {tenant.organisation: tenant for tenant in (a_tenant(store) for _ in range(2))}
    with store.together({id: wanted() for id in tenants}, clock) as joint:
        for work in joint.works.values():
            work.outbox.add("account.requested", "key")
    with store.begin(Scope()) as work:
        told = [row.organisation for row in work.outbox.take(1_000) if row.key == "key"]
    assert sorted(told) == sorted(tenants)


def test_others_go_on_after_it(store, clock):
    tenant = a_tenant(store, granted=100)
    with store.together({tenant.organisation: wanted()}, clock) as joint:
        joint.works[tenant.organisation].audit.append(an_event(tenant))
    with store.begin(tenant.scope) as work:
        act(work, a_hold(5))
        work.audit.append(an_event(tenant))
        assert [event.sequence for event in work.audit.all(limit=10)] == [1, 2]
