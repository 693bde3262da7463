"""Turns that are decided about what the process knows: they are as if they had asked, or nothing
of them is kept.
"""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import NAMESPACE_OID, uuid4, uuid5

import psycopg
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory.clock import MemoryClock
from adapters.postgres import connect
from adapters.postgres.known import Known
from adapters.system import GroupCommit, SystemClock, SystemIdentifiers
from application.access.caller import Caller
from application.audit.trail import Trail
from application.credits.post import post
from application.metered.serve import ServeTurn
from application.metered.usage import (
    ROUTE,
    Asked,
    CaptureUsage,
    HoldUsage,
    ReleaseUsage,
    RenewUsage,
    Served,
    hold_of,
)
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.licence import LicenceRecord
from application.ports.storage.together import StaleError, Wanted
from application.ports.storage.work import StoreUnavailableError
from domain.abuse import AbuseRules
from domain.audit import WORKER, Actor
from domain.identifiers import HoldId, LotId
from domain.ledger import Adjust, Clawback, Grant, Lot, Source
from domain.organisation import PERMISSIONS, Role
from domain.quota import Quota, Subject, Window
from tests.catalogue import FOR_TESTS
from tests.contract.subjects.postgres import application_url, database
from tests.contract.tenants import NOW, a_tenant, an_event

RULES = AbuseRules(credits_per_hour=10**9)
LEASE = timedelta(seconds=60)


@pytest.fixture(scope="module")
def server():
    with database() as url:
        yield url


def opened(server):
    store = connect(application_url(server), min_size=1, max_size=16)
    store.open()
    return store


@pytest.fixture(scope="module")
def store(server):
    store = opened(server)
    yield store
    store.close()


@pytest.fixture(scope="module")
def other(server):
    """Another process."""
    store = opened(server)
    yield store
    store.close()


@pytest.fixture(scope="module")
def forgetful(server):
    """What it serves it has asked for."""
    store = evolve(opened(server), known=Known(most=0))
    yield store
    store.close()


@pytest.fixture
def clock():
    return MemoryClock(NOW)


def caller_of(tenant, member="mem_1"):
    return Caller(
        organisation=tenant.organisation,
        actor=Actor("member", member),
        permissions=PERMISSIONS[Role.OWNER],
        live=None,
        request_id="req_1",
        member=tenant.member,
    )


def serving(store, clock):
    return ServeTurn(
        store=store,
        clock=clock,
        identifiers=SystemIdentifiers(SystemClock()),
        catalogue=FOR_TESTS,
        rules=RULES,
    )


def key_of(key):
    return IdempotencyKey(live=False, route=ROUTE, key=key)


def hold_usage(key, units=1, operation="report", lease=LEASE):
    return HoldUsage(
        key=key_of(key),
        fingerprint=bytes(32),
        operation=operation,
        units=units,
        lease=lease,
    )


def ask(serve, tenant, *usages):
    asked = [Asked(caller=caller_of(tenant), usage=usage, live=False) for usage in usages]
    return serve({tenant.organisation: asked})[tenant.organisation]


def told(answers):
    """Answers without what differs between two organisations."""
    return [
        (a.hold.state, a.hold.amount, a.hold.captured, a.hold.lease_until, a.at, a.replayed)
        if isinstance(a, Served)
        else a.code
        for a in answers
    ]


def books(store, tenant):
    with store.begin(tenant.scope) as work:
        wallet = work.ledger.balance()
        journal = work.ledger.journal(before=None, limit=1_000).items
        return (
            (wallet.available, wallet.held, wallet.debt, wallet.version, wallet.watch),
            sorted((lot.source.value, lot.amount, lot.remaining, lot.lapsed)
                   for lot in wallet.lots),
            # Leases that are over at once end in the order of ids, which name the organisation.
            sorted((e.at, e.posting.debit.value, e.posting.credit.value, e.posting.amount,
                    e.posting.action) for e in journal),
            [(e.sequence, e.at, e.action) for e in work.audit.all(limit=1_000)],
            sorted((h.amount, h.lease_until) for h in work.ledger.held()),
        )  # fmt: skip


def is_known(store, clock, tenant, **wanted):
    """Whether a turn of *tenant* would ask for nothing; it is not served."""
    known = store.known({tenant.organisation: Wanted(**wanted)}, clock)
    if known is None:
        return False
    with known:
        pass
    return True


# What is known is what a load would find.


def post_elsewhere(store, tenant, command, now):
    trail = Trail(
        identifiers=SystemIdentifiers(SystemClock()),
        organisation=tenant.organisation,
        actor=WORKER,
    )
    with store.begin(tenant.scope) as work:
        post(work, trail, command, now)
        trail.write(work)


def a_lot(name, amount, now, expires=None):
    return Lot(
        id=LotId(uuid5(NAMESPACE_OID, name)),
        source=Source.PACK,
        priority=30,
        amount=amount,
        remaining=amount,
        effective_at=now,
        expires_at=expires,
        fact=f"pack:{name}",
    )


NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
COMMANDS = st.one_of(
    st.tuples(st.just("hold"), NAMES, st.integers(1, 6), st.sampled_from([20, 60])),
    st.tuples(st.just("capture"), NAMES, st.sampled_from([None, 1, 2])),
    st.tuples(st.just("release"), NAMES, st.booleans()),
    st.tuples(st.just("renew"), NAMES, st.sampled_from([10, 120])),
)
OUTSIDE = st.one_of(
    st.tuples(st.just("other process"), COMMANDS),
    st.tuples(st.just("grant"), st.integers(1, 30)),
    st.tuples(st.just("claw back"), st.integers(0, 40)),
    st.tuples(st.just("adjust"), st.integers(1, 10)),
    st.tuples(st.just("tariff"), st.sampled_from(["free", "other"])),
    st.tuples(st.just("audit")),
    st.tuples(st.just("block")),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("turn"), st.lists(COMMANDS, min_size=1, max_size=4)),
        st.tuples(st.just("turn"), st.lists(COMMANDS, min_size=1, max_size=4)),
        st.tuples(st.just("outside"), OUTSIDE),
        st.tuples(st.just("time"), st.sampled_from([1, 15, 45, 100])),
    ),
    min_size=2,
    max_size=14,
)


def usage_of(tenant, command):
    kind, name, *more = command
    if kind == "hold":
        return hold_usage(name, units=more[0], lease=timedelta(seconds=more[1]))
    id = hold_of(tenant.organisation, key_of(name))
    if kind == "capture":
        return CaptureUsage(id=id, amount=more[0])
    if kind == "release":
        return ReleaseUsage(id=id, failed=more[0])
    return RenewUsage(id=id, lease=timedelta(seconds=more[0]))


def act_outside(other, superuser, tenant, clock, what, number):
    now = clock.now()
    match what:
        case ("other process", command):
            ask(serving(other, clock), tenant, usage_of(tenant, command))
        case ("grant", amount):
            lot = a_lot(f"{number}", amount, now, now + timedelta(seconds=70))
            post_elsewhere(other, tenant, Grant(lot=lot, is_granted_before=False), now)
        case ("claw back", total):
            post_elsewhere(other, tenant, Clawback(fact="pack:first", total=total), now)
        case ("adjust", amount):
            post_elsewhere(other, tenant, Adjust(amount=amount), now)
        case ("tariff", name):
            superuser.execute(
                "UPDATE organisations SET tariff = %s WHERE id = %s", (name, tenant.organisation)
            )
        case ("audit",):
            with other.begin(tenant.scope) as work:
                work.audit.append(an_event(tenant))
        case ("block",):
            superuser.execute(
                "UPDATE throttles SET failures = 5, failed_at = %(now)s,"
                " blocked_until = %(now)s + interval '20 s' WHERE organisation_id = %(id)s",
                {"now": now, "id": tenant.organisation},
            )


@given(steps=STEPS)
@settings(max_examples=40)
def test_a_turn_about_what_is_known_is_a_turn_about_what_is_there(
    server, store, other, forgetful, steps
):
    """One organisation is served out of memory, its twin is loaded each time; whatever happens
    between the turns, both are told the same and have the same books.
    """
    clock = MemoryClock(NOW)
    twins = [(store, a_tenant(store)), (forgetful, a_tenant(forgetful))]
    with psycopg.connect(server, autocommit=True) as superuser:
        for _, tenant in twins:
            lot = a_lot("first", 40, NOW)
            post_elsewhere(other, tenant, Grant(lot=lot, is_granted_before=False), NOW)
        for number, (kind, what) in enumerate(steps):
            clock.advance(timedelta(seconds=what if kind == "time" else 0, milliseconds=1))
            if kind == "turn":
                first, second = (
                    told(
                        ask(
                            serving(each, clock),
                            tenant,
                            *(usage_of(tenant, command) for command in what),
                        )
                    )
                    for each, tenant in twins
                )
                assert first == second
            elif kind == "outside":
                for _, tenant in twins:
                    act_outside(other, superuser, tenant, clock, what, number)
        assert books(store, twins[0][1]) == books(store, twins[1][1])


def test_a_second_turn_asks_for_nothing(store, clock):
    tenant, serve = a_tenant(store, granted=100), serving(store, clock)
    new = hold_usage("second")
    assert not is_known(store, clock, tenant)
    # The month's credits are given by the first one: what was granted is loaded once more.
    ask(serve, tenant, hold_usage("first"))
    ask(serve, tenant, hold_usage("another"))
    id = hold_of(tenant.organisation, new.key)
    assert is_known(store, clock, tenant, holds=frozenset({id}), new=frozenset({id}))
    assert not is_known(store, clock, tenant, holds=frozenset({HoldId(uuid4())}))


def test_a_connection_that_was_rolled_back_serves_what_is_known(server, clock):
    """psycopg deallocates what was prepared then."""
    store = connect(application_url(server), min_size=1, max_size=1)
    store.open()
    try:
        tenant = a_known_one(store, clock)
        with store._pool.connection() as connection:
            connection.execute("DEALLOCATE ALL")
        with store.known({tenant.organisation: Wanted()}, clock) as joint:
            joint.works[tenant.organisation].audit.append(an_event(tenant))
    finally:
        store.close()


# Each thing that is taken for known, changed by itself: the turn is not kept.


@pytest.fixture
def known(store, clock):
    """A tenant with one open hold, whose next turn asks for nothing."""
    return a_known_one(store, clock)


def a_known_one(store, clock):
    tenant, serve = a_tenant(store, granted=100), serving(store, clock)
    ask(serve, tenant, hold_usage("given"))
    ask(serve, tenant, hold_usage("open"))
    assert is_known(store, clock, tenant)
    return tenant


CHANGES = {
    "wallet": "UPDATE wallets SET version = version WHERE organisation_id = %(id)s",
    "audit head": "UPDATE audit_heads SET sequence = sequence WHERE organisation_id = %(id)s",
    "name": "UPDATE organisations SET name = 'Other' WHERE id = %(id)s",
    "tariff": "UPDATE organisations SET tariff = 'other' WHERE id = %(id)s",
    "licence": "INSERT INTO licences (organisation_id, told) VALUES (%(id)s, 'active')",
    "team": "INSERT INTO teams (organisation_id, id, name, members, created_at)"
    " VALUES (%(id)s, %(any)s, 'Team', '{}', %(now)s)",
    "quota": "INSERT INTO quotas (organisation_id, subject_kind, subject_id, quota_window, set_at)"
    " VALUES (%(id)s, 'mem', %(any)s, 'day', %(now)s)",
    "purchase": "INSERT INTO purchases (organisation_id, payment, pack, credits, amount_minor,"
    " currency, paid_at, refunded_minor, version)"
    " VALUES (%(id)s, 'pi_1', 'pack', 1, 1, 'EUR', %(now)s, 0, 1)",
    "subscription": "INSERT INTO subscriptions (organisation_id, id, tariff, period_start,"
    " period_end, version) VALUES (%(id)s, 'sub_1', 'free', %(now)s, %(now)s, 1)",
    "dispute": "INSERT INTO disputes (organisation_id, id, payment, opened_at)"
    " VALUES (%(id)s, 'dp_1', 'pi_1', %(now)s)",
    "throttle, premium": "UPDATE throttles SET premium_at = %(now)s"
    " WHERE organisation_id = %(id)s",
    "throttle, failures": "UPDATE throttles SET failures = 1 WHERE organisation_id = %(id)s",
    "throttle, block": "UPDATE throttles SET failed_at = %(now)s, blocked_until = %(now)s"
    " WHERE organisation_id = %(id)s",
    "throttle, told": "UPDATE throttles SET told = ARRAY['gap'], told_at = ARRAY[%(now)s]"
    " WHERE organisation_id = %(id)s",
    "spending, freeze": "UPDATE spendings SET alerted_at = %(now)s, frozen_until = %(now)s"
    " WHERE organisation_id = %(id)s",
    "spending, alert": "UPDATE spendings SET alerted_at = %(now)s - interval '1 hour'"
    " WHERE organisation_id = %(id)s",
    "spending, credits": "UPDATE spendings SET bucket_credits = ARRAY[1]"
    " WHERE organisation_id = %(id)s",
    "spending, time": "UPDATE spendings SET bucket_starts = ARRAY[%(now)s - interval '1 hour']"
    " WHERE organisation_id = %(id)s",
    "spending that is gone": "DELETE FROM spendings WHERE organisation_id = %(id)s",
    "remembered answer": "INSERT INTO idempotency_keys"
    " (organisation_id, live, route, key, fingerprint, refusal, expires_at)"
    " VALUES (%(id)s, false, %(route)s, 'new', %(fingerprint)s, '{}',"
    " %(now)s + interval '1 hour')",
    "the hold": "INSERT INTO holds (organisation_id, id, subject, operation, kind_class, amount,"
    " captured, corrected, state, held_at, closed_at)"
    " VALUES (%(id)s, %(hold)s, %(any)s, 'report', 'core', 1, 0, 0, 'released', %(now)s, %(now)s)",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_as_it_was_known_is_not_kept(server, store, clock, known, change):
    """By hand, so that no other check sees it; none of these is told in any log."""
    hold = hold_of(known.organisation, key_of("new"))
    with psycopg.connect(server, autocommit=True) as superuser:
        # What a row refers to need not be there.
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            CHANGES[change],
            {
                "id": known.organisation,
                "any": uuid4(),
                "now": NOW,
                "route": ROUTE,
                "fingerprint": bytes(32),
                "hold": hold,
            },
        )
    wanted = Wanted(
        holds=frozenset({hold}),
        new=frozenset({hold}),
        askers=frozenset({caller_of(known).counted_as}),
        keys=frozenset({key_of("new")}),
    )
    before = books(store, known)

    def count_and_tell():
        with store.known({known.organisation: wanted}, clock) as joint:
            work = joint.works[known.organisation]
            name = caller_of(known).counted_as
            work.throttles.put(name, work.throttles.lock(name))
            work.spendings.put(work.spendings.get([name]))
            work.audit.append(an_event(known))

    with pytest.raises(StaleError):
        count_and_tell()
    assert books(store, known) == before
    # It is forgotten, and asked for.
    assert store.known({known.organisation: wanted}, clock) is None


def test_what_the_application_changes_beside_the_ledger_is_seen(store, other, clock, known):
    """Told in no trail, and in its own scope: the change itself leaves the mark."""
    with other.begin(known.scope) as work:
        work.quotas.put(
            Quota(
                organisation=known.organisation,
                subject=Subject.member(known.member),
                window=Window.DAY,
                limit=0,
                set_at=NOW,
            )
        )
    with pytest.raises(StaleError), store.known({known.organisation: Wanted()}, clock) as joint:
        joint.works[known.organisation].audit.append(an_event(known))


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_refusal_that_is_remembered_repeats(store, other, clock, known, where):
    """Also where nothing else has moved since the organisation was known."""
    serve = serving(store, clock)
    refusing = serve if where == "here" else serving(other, clock)
    ask(serve, known, hold_usage("one"))
    number = 0
    while "insufficient_credits" not in told(
        ask(refusing, known, hold_usage(f"too much {number}", units=3))
    ):
        number += 1
    # A few would be there.
    few = hold_usage(f"too much {number}")
    assert told(ask(serve, known, few)) == ["insufficient_credits"]
    # It is known again, and that there are answers: they are looked for.
    ask(serve, known, hold_usage("some"))
    ask(serve, known, hold_usage("some more"))
    assert is_known(store, clock, known)
    assert told(ask(serve, known, few)) == ["insufficient_credits"]
    clock.advance(timedelta(hours=25))
    ask(serve, known, hold_usage("the next day"))
    assert isinstance(*ask(serve, known, few), Served)


def test_a_mark_is_left_when_all_else_is_done(server, store, known):
    """The audit head is the last lock of all: nobody keeps it while waiting for another."""
    with (
        store.begin(known.scope) as work,
        psycopg.connect(server, autocommit=True) as superuser,
    ):
        work.ledger.lock()
        work.licences.put(LicenceRecord())
        superuser.execute("SET lock_timeout = '1s'")
        superuser.execute(
            "SELECT FROM audit_heads WHERE organisation_id = %s FOR UPDATE", (known.organisation,)
        )


def test_when_a_lot_is_over_is_known_with_its_wallet(server, store, clock, known):
    with psycopg.connect(server, autocommit=True) as superuser:
        superuser.execute(
            "UPDATE lots SET expires_at = %s WHERE organisation_id = %s",
            (NOW, known.organisation),
        )
    (answer,) = ask(serving(store, clock), known, hold_usage("new"))
    assert answer.code == "insufficient_credits"


def test_the_requests_of_the_last_minute_are_counted_by_others(server, store, clock, known):
    name = caller_of(known).counted_as
    with psycopg.connect(server, autocommit=True) as superuser:
        superuser.execute(
            "UPDATE throttles SET seconds = ARRAY[7], counts = ARRAY[3]"
            " WHERE organisation_id = %s",
            (known.organisation,),
        )
        wanted = Wanted(askers=frozenset({name}))
        with store.known({known.organisation: wanted}, clock) as joint:
            work = joint.works[known.organisation]
            work.throttles.put(name, evolve(work.throttles.lock(name), premium_at=NOW))
        row = superuser.execute(
            "SELECT seconds, counts, premium_at FROM throttles WHERE organisation_id = %s",
            (known.organisation,),
        ).fetchone()
    assert row == ([7], [3], NOW)


def test_what_a_work_asks_besides_is_not_known(store, clock, known):
    with pytest.raises(StaleError), store.known({known.organisation: Wanted()}, clock) as joint:
        joint.works[known.organisation].ledger.balance()


def test_when_a_lease_may_be_over_it_is_asked_for(store, clock, known):
    clock.advance(LEASE - timedelta(milliseconds=1))
    assert is_known(store, clock, known)
    clock.advance(timedelta(milliseconds=1))
    assert not is_known(store, clock, known)
    answers = ask(serving(store, clock), known, hold_usage("later"))
    assert told(answers)[0][0].value == "held"
    with store.begin(known.scope) as work:
        states = Counter(
            work.ledger.hold(hold_of(known.organisation, key_of(name))).state.value
            for name in ("given", "open", "later")
        )
    assert states == {"expired": 2, "held": 1}


def test_a_lease_that_ends_while_a_connection_is_waited_for_is_seen(
    store, clock, known, monkeypatch
):
    living = store._living

    def late(_):
        connection = living()
        clock.advance(timedelta(hours=1))
        return connection

    monkeypatch.setattr(type(store), "_living", late)
    with pytest.raises(StaleError):
        is_known(store, clock, known)


def test_a_clock_behind_the_last_turn_is_not_followed_blindly(store, clock, known):
    clock.advance(timedelta(seconds=-1))
    assert not is_known(store, clock, known)


def test_a_wallet_that_somebody_holds_is_waited_for_a_moment_only(
    store, other, clock, known, caplog
):
    with other.begin(known.scope) as work:
        work.ledger.lock()
        known_turn = store.known({known.organisation: Wanted()}, clock)
        begun = time.monotonic()
        with pytest.raises(StaleError), known_turn as joint:
            joint.works[known.organisation].audit.append(an_event(known))
        assert time.monotonic() - begun < 5
    # It happens: nobody has to look.
    assert not caplog.records


def test_what_no_turn_should_hear_is_told(server, store, clock, known, caplog):
    with psycopg.connect(server, autocommit=True) as superuser:
        superuser.execute("ALTER FUNCTION keep_turn RENAME TO lost")
        try:
            with (
                pytest.raises(StaleError),
                store.known({known.organisation: Wanted()}, clock) as joint,
            ):
                joint.works[known.organisation].audit.append(an_event(known))
        finally:
            superuser.execute("ALTER FUNCTION lost RENAME TO keep_turn")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "function keep_turn" in caplog.text
    assert "\n" not in caplog.records[0].getMessage()


def test_who_is_served_elsewhere_too_is_left_alone_for_a_while(store, other, clock, known):
    for name in ("other 1", "other 2"):
        ask(serving(other, clock), known, hold_usage(name))
        ask(serving(store, clock), known, hold_usage(f"mine, {name}"))
    # Twice running what was known was not so: it is not even tried.
    assert not is_known(store, clock, known)


def test_credits_go_back_to_a_lot_that_known_holds_have_emptied(store, clock):
    tenant, serve = a_tenant(store, granted=100), serving(store, clock)
    # The month's 25 are used before the pack's.
    for name, units in (("given", 1), ("1", 5), ("2", 5), ("3", 5)):
        ask(serve, tenant, hold_usage(name, units=units))
    id = hold_of(tenant.organisation, key_of("1"))
    assert is_known(store, clock, tenant, holds=frozenset({id}))
    ask(serve, tenant, ReleaseUsage(id=id))
    assert is_known(store, clock, tenant)
    with store.begin(tenant.scope) as work:
        wallet = work.ledger.balance()
    assert wallet.available == sum(lot.remaining for lot in wallet.lots) == 125 - 22


def test_a_hold_that_another_process_has_ended_is_not_known_any_more(store, other, clock, known):
    id = hold_of(known.organisation, key_of("open"))
    ask(serving(other, clock), known, CaptureUsage(id=id))
    ask(serving(store, clock), known, hold_usage("more"))
    assert is_known(store, clock, known)
    assert not is_known(store, clock, known, holds=frozenset({id}))
    assert told(ask(serving(store, clock), known, ReleaseUsage(id=id))) == ["hold_closed"]


# Deaths.


class Dying:
    """Terminates the connection before or after a turn is sent."""

    def __init__(self, server, when):
        self.server, self.when = server, when

    def __call__(self, serve):
        def dying(turn):
            if self.when == "before":
                self.kill(turn.connection)
            mark = serve(turn)
            if self.when == "after":
                self.kill(turn.connection)
                raise StoreUnavailableError("the answer is lost")
            return mark

        return dying

    def kill(self, connection):
        with psycopg.connect(self.server) as superuser:
            superuser.execute(
                "SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,)
            )


@pytest.mark.parametrize("when", ["before", "after"])
def test_whoever_hears_nothing_asks_again_and_has_one_hold(
    server, store, clock, known, when, monkeypatch
):
    serve = serving(store, clock)
    with monkeypatch.context() as patch:
        wire = store._serve
        patch.setattr(type(store), "_serve", lambda _, *given: Dying(server, when)(wire)(*given))
        with pytest.raises(StoreUnavailableError):
            ask(serve, known, hold_usage("once"))
    # Whatever the server is when it comes back, it is asked.
    assert not is_known(store, clock, known)
    (answer,) = ask(serve, known, hold_usage("once"))
    assert isinstance(answer, Served)
    assert answer.replayed is (when == "after")
    with store.begin(known.scope) as work:
        assert work.ledger.balance().held == 3 * answer.hold.amount


@pytest.mark.parametrize("is_seen_by_others", [False, True])
def test_after_a_connection_has_died_all_is_asked_for_again(
    server, store, clock, known, is_seen_by_others
):
    """The server may have come back with a backup's rows, which could have the same marks."""
    bystander = a_known_one(store, clock)
    with psycopg.connect(server) as superuser:
        superuser.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'tallystick_test_app'"
        )
    if is_seen_by_others:
        with store.begin(known.scope) as work:
            work.organisations.get()
        assert not is_known(store, clock, known)
    else:
        with pytest.raises(StaleError):
            is_known(store, clock, known)
    assert not is_known(store, clock, bystander)
    (answer,) = ask(serving(store, clock), known, hold_usage("after"))
    assert isinstance(answer, Served)
    assert is_known(store, clock, known)


# Two processes.


def test_two_processes_serve_the_same_organisations_at_once(store, other):
    """Each with what it knows, on threads of their own, and the books balance."""
    tenants = [a_tenant(store, granted=5_000) for _ in range(3)]
    groups = [GroupCommit(serving(each, SystemClock())) for each in (store, other)]
    stop = threading.Event()

    def live(number):
        group, tenant = groups[number % 2], tenants[number % 3]
        states = Counter()
        for turn in range(30):
            usage = hold_usage(f"{number} {turn}")
            asked = Asked(caller=caller_of(tenant), usage=usage, live=False)
            held = group(tenant.organisation, asked)
            assert isinstance(held, Served), held
            # Captured by the other process, every second time.
            ending = groups[(number + turn) % 2]
            if turn % 3:
                end = (
                    CaptureUsage(id=held.hold.id)
                    if turn % 3 == 1
                    else ReleaseUsage(id=held.hold.id)
                )
                asked = Asked(caller=caller_of(tenant), usage=end, live=False)
                ended = ending(tenant.organisation, asked)
                assert isinstance(ended, Served), ended
                states[ended.hold.state.value] += ended.hold.amount
            else:
                states["held"] += held.hold.amount
        return tenant, states

    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(live, range(12)))
    stop.set()
    for tenant in tenants:
        mine = sum((states for each, states in found if each is tenant), Counter())
        with store.begin(tenant.scope) as work:
            wallet = work.ledger.balance()
            journal = work.ledger.journal(before=None, limit=100_000).items
            events = work.audit.all(limit=100_000)
            held = work.ledger.held()
        assert [entry.sequence for entry in journal] == list(range(wallet.version, 0, -1))
        numbers = sorted(event.sequence for event in events)
        assert numbers == list(range(1, len(events) + 1))
        assert wallet.held == sum(hold.amount for hold in held) == mine["held"]
        assert wallet.available == sum(lot.remaining for lot in wallet.lots)
        given = sum(e.posting.amount for e in journal if e.posting.action == "credits.granted")
        assert wallet.available == given - mine["held"] - mine["captured"]
