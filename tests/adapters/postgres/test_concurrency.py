"""What holds when many do it at once: real threads, real locks, no sleeping to make it pass."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import psycopg
import pytest
from attrs import evolve

from adapters.postgres import connect
from application.ports.storage.deployments import Claim
from application.ports.storage.idempotency import (
    IdempotencyKey,
    Remembered,
    RequestInFlightError,
)
from application.ports.storage.work import (
    FenceLostError,
    LeaseLostError,
    Scope,
    StoreUnavailableError,
)
from domain.abuse import LoginFailures
from domain.errors import Refusal
from domain.ledger import Capture, HoldCredits, Release, decide, fold
from domain.operation import WaitReason
from tests.adapters.postgres.residents import NETWORK, NOW, TREASURY, Resident, draft
from tests.contract.subjects.postgres import application_url, database

LEASE = timedelta(seconds=30)
LATER = NOW + timedelta(hours=1)
WORKERS = 16


class Undone(Exception):  # noqa: N818 - not an error: the test wants it so
    pass


def at_once(work, workers=WORKERS):
    """Results of *work(number)*, started together."""
    start = Barrier(workers)

    def run(number):
        start.wait()
        return work(number)

    with ThreadPoolExecutor(workers) as threads:
        return list(threads.map(run, range(workers)))


@pytest.fixture
def quiet(server_url):
    """A store in which nobody has anything to do."""
    with database() as url:
        store = connect(application_url(url), min_size=2, max_size=40)
        store.open()
        yield store
        store.close()


@pytest.fixture
def resident(quiet):
    """One who has two open operations, due now."""
    return Resident.move_in(quiet, "ada@example.com")


def claim(store, limit=100, lease=LEASE):
    with store.begin(Scope()) as work:
        return work.claims.take(LATER, limit, lease, uuid4())


def test_no_two_workers_get_the_same_operation(quiet, resident):
    wanted = {resident.waiting, resident.submitted}
    for _ in range(60):
        with quiet.begin(resident.scope) as work:
            id = uuid4()
            resident.deploy(work, id)
            wanted.add(id)

    def drain(_):
        mine = []
        while claims := claim(quiet, limit=3):
            mine += claims
        return mine

    claims = [claim for mine in at_once(drain, 8) for claim in mine]
    assert len(claims) == len(wanted)
    assert {claim.operation for claim in claims} == wanted
    assert len({claim.token for claim in claims}) == len(claims)


def test_workers_who_ask_at_the_same_instant_do_not_go_away_empty(quiet, resident):
    with quiet.begin(resident.scope) as work:
        for _ in range(10):
            resident.deploy(work, uuid4())
    with quiet.begin(Scope()) as one, quiet.begin(Scope()) as other:
        first = one.claims.take(LATER, 5, LEASE, uuid4())
        second = other.claims.take(LATER, 5, LEASE, uuid4())
    assert len({claim.operation for claim in (*first, *second)}) == 10


def test_a_busy_organisation_does_not_starve_a_quiet_one(quiet, resident):
    with quiet.begin(resident.scope) as work:
        for _ in range(50):
            resident.deploy(work, uuid4(), due_at=NOW - timedelta(hours=1))
    other = Resident.move_in(quiet, "eve@example.com")
    claims = claim(quiet, limit=4)
    assert [claim.organisation for claim in claims].count(other.organisation) == 2


def test_a_lease_runs_on_the_databases_clock(quiet, resident):
    """The business clock stands still all the while."""
    short = claim(quiet, lease=timedelta(milliseconds=200))
    assert len(short) == 2
    assert claim(quiet) == []
    again: list[Claim] = []
    deadline = time.monotonic() + 5
    # Each row's lease ends at an instant of its own: one may be free a look before the other.
    while len(again) < len(short) and time.monotonic() < deadline:
        again += claim(quiet)
        time.sleep(0.01)
    assert {c.operation for c in again} == {c.operation for c in short}
    assert {c.token for c in again}.isdisjoint(c.token for c in short)
    with quiet.begin(resident.scope) as work:
        deployment = work.deployments.lock(short[0].operation)
        with pytest.raises(LeaseLostError):
            work.deployments.put(deployment, LATER, short[0])


def test_what_a_lost_lease_wrote_is_not_kept(quiet, resident):
    (mine, *_) = claim(quiet)
    with quiet.begin(Scope()) as work:
        work.claims.give_back([mine])

    def record():
        with quiet.begin(resident.scope) as work:
            deployment = work.deployments.lock(mine.operation)
            work.audit.append(draft(resident.organisation, subject="lost"))
            changed = deployment.awaiting(WaitReason.OPERATOR, NOW)
            work.deployments.put(changed, LATER, mine)

    with pytest.raises(LeaseLostError):
        record()
    with quiet.begin(resident.scope) as work:
        assert work.audit.of_subject("lost") == []
        assert work.deployments.get(mine.operation).waiting is not WaitReason.OPERATOR


def test_renewing_keeps_others_away_and_tells_what_was_lost(quiet, resident):
    claims = claim(quiet)
    with quiet.begin(Scope()) as work:
        work.claims.give_back(claims[:1])
    with quiet.begin(Scope()) as work:
        assert work.claims.renew(claims, LEASE) == claims[1:]
    assert [c.operation for c in claim(quiet)] == [claims[0].operation]


def test_nonces_are_given_once_and_leave_no_gap(quiet, resident):
    with quiet.begin(Scope()) as work:
        first = work.signers.get(NETWORK.id, TREASURY).next_sequence

    def submit(number):
        return [resident.submit(quiet, uuid4()) for _ in range(4)]

    given = [nonce for mine in at_once(submit) for nonce in mine]
    assert sorted(given) == list(range(first, first + 4 * WORKERS))
    with quiet.begin(Scope.installation()) as work:
        assert work.signers.open_slots(NETWORK.id, TREASURY) == first + 4 * WORKERS
        assert work.signers.lowest_open(NETWORK.id, TREASURY).sequence == 0


def test_a_transaction_that_is_undone_gives_its_nonce_back(quiet, resident):
    before = resident.submit(quiet, uuid4())

    def reserve_and_fail():
        with quiet.begin(resident.scope) as work:
            signer = work.signers.lock(NETWORK.id, TREASURY)
            work.signers.put(evolve(signer, next_sequence=signer.next_sequence + 1))
            raise Undone

    with pytest.raises(Undone):
        reserve_and_fail()
    assert resident.submit(quiet, uuid4()) == before + 1


def test_one_at_a_time_has_a_signers_lease(quiet, resident):
    def take(_):
        with quiet.begin(Scope.installation()) as work:
            return work.signers.take_lease(NETWORK.id, TREASURY, LEASE)

    (taken,) = [signer for signer in at_once(take) if signer is not None]
    with quiet.begin(Scope.installation()) as work:
        work.signers.check_fence(taken)
    with pytest.raises(FenceLostError), quiet.begin(Scope.installation()) as work:
        work.signers.check_fence(evolve(taken, fence=taken.fence - 1))


def test_the_audit_sequence_has_no_gap(quiet, resident):
    with quiet.begin(resident.scope) as work:
        before = len(work.audit.all(limit=1_000))

    def append(number):
        for turn in range(5):
            with suppress(Undone), quiet.begin(resident.scope) as work:
                drafts = [draft(resident.organisation) for _ in range(turn % 3 + 1)]
                work.audit.append(*drafts)
                if (number + turn) % 4 == 0:
                    raise Undone

    at_once(append)
    with quiet.begin(resident.scope) as work:
        events = work.audit.all(limit=10_000)
    assert len(events) > before
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert len({event.id for event in events}) == len(events)


def post(store, resident, command):
    with store.begin(resident.scope) as work:
        wallet = work.ledger.lock(command.id)
        answer = decide(wallet, command, NOW)
        if isinstance(answer, Refusal):
            return answer
        work.ledger.record(wallet, answer, NOW, "mem_1")
        after = wallet
        for event in answer:
            after = fold(after, event)
        return after


def test_a_wallet_is_never_overdrawn(quiet, resident):
    """1,000 granted, 5 held by the resident's deployment: room for 33 holds of 30."""

    def hold(number):
        return [
            post(quiet, resident, HoldCredits(id=uuid4(), subject=uuid4(), amount=30))
            for _ in range(4)
        ]

    answers = [answer for mine in at_once(hold) for answer in mine]
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert len(answers) - len(refused) == 33
    assert {refusal.code for refusal in refused} == {"insufficient_credits"}
    with quiet.begin(resident.scope) as work:
        wallet = work.ledger.balance()
        assert (wallet.available, wallet.held) == (5, 995)


def test_holds_settle_once_and_the_books_balance(quiet, resident):
    """Every hold is captured and released by several at once; one of them gets its way."""
    holds = [uuid4() for _ in range(12)]
    for id in holds:
        post(quiet, resident, HoldCredits(id=id, subject=uuid4(), amount=7))

    def settle(number):
        chance = random.Random(number)
        for id in chance.sample(holds, len(holds)):
            post(quiet, resident, chance.choice([Capture(id=id), Release(id=id)]))

    at_once(settle, 8)
    with quiet.begin(resident.scope) as work:
        wallet = work.ledger.balance()
        journal = work.ledger.journal(before=None, limit=1_000).items
        settled = [work.ledger.hold(id) for id in holds]
    assert [entry.sequence for entry in journal] == list(range(wallet.version, 0, -1))
    captured = sum(hold.captured for hold in settled)
    assert (wallet.available, wallet.held) == (1_000 - 5 - captured, 5)
    assert wallet.available == sum(lot.remaining for lot in wallet.lots)


def test_everything_at_once_deadlocks_nowhere(quiet, resident):
    """Requests, workers and log-ins of two organisations, each in the one order of locks."""
    residents = [resident, Resident.move_in(quiet, "eve@example.com")]

    def live(number):
        mine = residents[number % 2]
        for turn in range(6):
            key = IdempotencyKey(live=False, route="POST /v1/deployments", key=str(uuid4()))
            with quiet.begin(mine.scope) as work:
                work.idempotency.take(key, NOW)
                work.ledger.lock()
                mine.deploy(work, uuid4(), price=1)
                work.audit.append(draft(mine.organisation))
            mine.submit(quiet, uuid4())
            for taken in claim(quiet, limit=4):
                # A deployment that is submitted meanwhile takes the lease away, as it should.
                scope = Scope(organisation=taken.organisation)
                with suppress(LeaseLostError), quiet.begin(scope) as work:
                    deployment = work.deployments.lock(taken.operation)
                    work.ledger.lock()
                    work.signers.lock(NETWORK.id, TREASURY)
                    work.networks.lock(NETWORK.id)
                    work.audit.append(draft(taken.organisation))
                    work.deployments.put(deployment, LATER + timedelta(hours=turn + 1), taken)
            with quiet.begin(Scope()) as work:
                failures = work.login_attempts.lock(b"one address")
                work.login_attempts.put(b"one address", failures.failed(NOW))

    at_once(live, 8)
    with quiet.begin(Scope()) as work:
        assert isinstance(work.login_attempts.lock(b"one address"), LoginFailures)


def test_failed_log_ins_are_all_counted(quiet):
    def fail(_):
        with quiet.begin(Scope()) as work:
            failures = work.login_attempts.lock(b"key")
            counted = evolve(failures, count=failures.count + 1, last_at=NOW)
            work.login_attempts.put(b"key", counted)

    at_once(fail)
    with quiet.begin(Scope()) as work:
        assert work.login_attempts.lock(b"key").count == WORKERS


def test_fifty_requests_with_one_key_have_one_effect(quiet, resident):
    key = IdempotencyKey(live=False, route="POST /v1/deployments", key="the same")
    expires = NOW + timedelta(days=30)

    def request(_):
        try:
            with quiet.begin(resident.scope) as work:
                remembered = work.idempotency.take(key, NOW)
                if remembered is not None:
                    return remembered.operation
                id = uuid4()
                resident.deploy(work, id)
                answer = Remembered(
                    fingerprint=bytes(32), operation=id, refusal=None, expires_at=expires
                )
                work.idempotency.remember(key, answer)
                return id
        except RequestInFlightError:
            return None

    answers = at_once(request, 30) + at_once(request, 20)
    assert len({answer for answer in answers if answer is not None}) == 1


def test_whoever_asks_again_in_the_moment_of_the_answer_has_that_answer(quiet, resident):
    """What was remembered is looked for once the key is theirs, and not a moment before."""
    answer = Remembered(
        fingerprint=bytes(32),
        operation=None,
        refusal=Refusal(code="plan_changed", detail="plan again"),
        expires_at=NOW + timedelta(days=1),
    )

    def acts(key):
        while True:
            with suppress(RequestInFlightError), quiet.begin(resident.scope) as work:
                if work.idempotency.take(key, NOW) is not None:
                    return False
                work.idempotency.remember(key, answer)
                return True

    for _ in range(100):
        key = IdempotencyKey(live=False, route="POST /v1/deployments", key=str(uuid4()))
        assert sum(at_once(lambda _: acts(key), 8)) == 1  # noqa: B023 - called at once


def test_dispatchers_hand_each_task_on_once(quiet, resident):
    with quiet.begin(resident.scope) as work:
        for number in range(40):
            work.outbox.add("account.requested", str(number))

    def dispatch(_):
        taken = []
        while True:
            with quiet.begin(Scope()) as work:
                rows = work.outbox.take(3)
            if not rows:
                return taken
            taken += rows

    taken = [row.id for mine in at_once(dispatch, 6) for row in mine]
    assert len(taken) == len(set(taken)) == 41


def test_a_connection_that_died_unused_is_replaced_in_silence(quiet, resident):
    at_once(lambda _: quiet.ping(), 8)
    _terminate_all(quiet)
    quiet.ping()


def test_a_connection_that_dies_in_use_is_reported(quiet, resident):
    def read():
        with quiet.begin(resident.scope) as work:
            work.users.get()
            _terminate_all(quiet)
            work.organisations.get()

    with pytest.raises(StoreUnavailableError):
        read()
    quiet.ping()


def test_a_connection_that_dies_before_the_commit_is_reported(quiet, resident):
    def read():
        with quiet.begin(resident.scope) as work:
            work.organisations.get()
            _terminate_all(quiet)

    with pytest.raises(StoreUnavailableError):
        read()
    quiet.ping()


def test_nobody_answers(monkeypatch):
    monkeypatch.setattr("adapters.postgres.WAIT_SECONDS", 0.2)
    store = connect("postgresql://nobody@127.0.0.1:1/none", min_size=0, max_size=1)
    store.open()
    try:
        with pytest.raises(StoreUnavailableError), store.begin(Scope()) as work:
            work.users.get()
    finally:
        store.close()


def _terminate_all(store):
    with psycopg.connect(store._pool.conninfo) as connection:
        connection.execute(
            """
            SELECT pg_terminate_backend(pid, 5000)
              FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()
               AND usename = current_user
            """
        )
