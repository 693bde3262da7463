"""Threads, not turns: many requests and several workers on one database at the same time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from uuid import uuid4

import pytest

from application.deployments.request import Accepted
from domain.errors import Refusal
from tests.application.mortal import AFTER, BEFORE, Fate, MortalStore
from tests.catalogue import UNLIMITED
from tests.postgres_and_anvil.house import a_house
from tests.postgres_house import time_runs, workers

THREADS = 50


@pytest.fixture(scope="module")
def house(anvil, server_url):
    with a_house(anvil) as made:
        yield made


@pytest.fixture
def running(house):
    """The same house, while time runs."""
    with time_runs(house):
        yield house


def at_once(house, number, **each):
    barrier = Barrier(number)

    def ask(turn):
        barrier.wait()
        return house.request(**{name: value(turn) for name, value in each.items()})

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(ask, range(number)))


def test_fifty_threads_with_one_key_start_one_deployment(house):
    key = f"one-{uuid4()}"
    answers = at_once(house, THREADS, key=lambda _: key)
    ids = {a.deployment.id for a in answers if isinstance(a, Accepted)}
    assert len(ids) == 1
    assert {a.code for a in answers if isinstance(a, Refusal)} <= {"request_in_flight"}
    again = [house.request(key=key) for _ in range(3)]
    assert {a.deployment.id for a in again if isinstance(a, Accepted)} == ids
    (id,) = ids
    assert house.sql("SELECT count(*) FROM holds WHERE subject = %s", id) == [(1,)]
    assert house.sql("SELECT count(*) FROM operations WHERE id = %s", id) == [(1,)]
    house.lives(Fate({}))
    house.is_paid_once(id)
    house.books_are_right()


def test_fifty_threads_with_keys_of_their_own_and_credits_for_three(house):
    poor = house.neighbour(f"{uuid4()}@example.com")
    organisation = poor.registered.organisation.id
    poor.set_tariff(organisation, UNLIMITED, "no quota")
    # 25 of the registration: two are spent beforehand.
    for _ in range(2):
        poor.deploy()
    answers = at_once(poor, THREADS, key=lambda turn: f"k{turn}")
    assert sum(isinstance(a, Accepted) for a in answers) == 3
    assert {a.code for a in answers if isinstance(a, Refusal)} == {"insufficient_credits"}
    count = "SELECT count(*), sum(amount)::int FROM holds WHERE organisation_id = %s"
    assert house.sql(count, organisation) == [(5, 25)]
    house.lives(Fate({}))
    poor.lives(Fate({}))
    poor.books_are_right()
    ((available, held),) = house.sql(
        "SELECT available, held FROM wallets WHERE organisation_id = %s", organisation
    )
    assert (available, held) == (0, 0)


@pytest.mark.parametrize("death", [BEFORE, AFTER])
@pytest.mark.parametrize("call", range(2))
def test_a_request_that_died_is_repeated_with_its_key(house, call, death):
    from tests.application.mortal import Death

    key = f"mortal-{uuid4()}"
    with pytest.raises(Death):
        house.request(key=key, store=MortalStore(house.store, Fate({call: death})))
    first, second = house.request(key=key), house.request(key=key)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    id = first.deployment.id
    assert second.deployment.id == id
    assert house.sql("SELECT count(*) FROM holds WHERE subject = %s", id) == [(1,)]
    house.lives(Fate({}))
    house.is_paid_once(id)


def test_two_workers_at_once_make_ten_effects_of_ten_deployments(running):
    house = running
    before = house.nonces_used()
    ids = [house.deploy().id for _ in range(10)]
    workers(house, 2, until=house.is_over)
    for id in ids:
        house.is_paid_once(id)
    assert house.nonces_used() == before + 10
    house.books_are_right()


def test_requests_cancellations_and_workers_at_once_settle_every_hold(running):
    house = running
    ids = [house.deploy().id for _ in range(12)]

    def cancel_some():
        for id in ids[::2]:
            house.cancel(id)

    thread = Thread(target=cancel_some)
    thread.start()
    workers(house, 2, until=house.is_over)
    thread.join()
    ends = [house.state_of(id) for id in ids]
    assert set(ends) <= {"Completed", "Cancelled"}
    for id, end in zip(ids, ends, strict=True):
        assert house.tokens(id) == (end == "Completed")
        attempts = house.sql("SELECT FROM attempts WHERE operation_id = %s", id)
        assert bool(attempts) == (end == "Completed")
    house.books_are_right()


@pytest.mark.parametrize("acts", [1, 2, None])
def test_a_worker_whose_lease_ran_out_in_the_middle_records_nothing(house, acts):
    """While it is about to act or acts, another one takes over, and does so much; None: all."""
    probe = Fate({})
    id = house.deploy().id
    house.lives(probe)
    house.is_paid_once(id)
    before = house.nonces_used()

    def overtake(_event):
        house.leases_run_out()
        if acts is None:
            house.lives(Fate({}))
            return
        for claim in house.claims():
            recorded, goes_on = None, True
            for _ in range(acts):
                if goes_on:
                    recorded, goes_on = house.advance().step(claim, recorded)

    # Between two acts, which each begin with a question and end with a record.
    between = [call for call, name in enumerate(probe.calls) if name == "begin"]
    within = [probe.calls.index(name) for name in ("sign", "submit", "outcome", "read_back")]
    for call in (*between, *within):
        id = house.deploy().id
        house.life(Fate({call: "overtake"}, overtake))
        house.lives(Fate({}))
        house.is_paid_once(id)
    assert house.nonces_used() == before + len(between) + len(within)
    house.books_are_right()
