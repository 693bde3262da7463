"""Threads, not turns: several workers on one database, on a chain that makes blocks at once."""

import random
from threading import Thread
from uuid import uuid4

import pytest

from entrypoints.devnet.algod import devnet
from tests.algod.postgres_house import a_house
from tests.application.house import PROVING
from tests.catalogue import UNLIMITED
from tests.postgres_house import time_runs, workers

WORKERS = 4
DEPLOYMENTS = 240 if PROVING else 24
#: Ten times what it takes on two processors.
PATIENCE = 500.0 if PROVING else 60.0


@pytest.fixture(scope="module")
def house(server_url):
    with devnet(nodes=2, mode="instant") as network, a_house(network) as made:
        yield made


@pytest.fixture
def running(house):
    """The same house, while time runs."""
    with time_runs(house):
        yield house


def is_over(house):
    """Others use the chain, too: where nobody does, no round passes and no window ends."""

    def asked():
        house.devnet.mine()
        return house.is_over()

    return asked


def test_four_workers_at_once_make_one_asset_of_each_deployment(running):
    house = running
    neighbours = [house.neighbour(f"{uuid4()}@example.com") for _ in range(2)]
    for each in neighbours:
        each.set_tariff(each.registered.organisation.id, UNLIMITED, "for the test")
        each.grant(10_000)
    tenants = [house, *neighbours]
    before = house.creations()
    ids = [tenants[turn % 3].deploy().id for turn in range(DEPLOYMENTS)]
    workers(house, WORKERS, until=is_over(house), seconds=PATIENCE)
    house.is_made_once(*ids)
    assert house.creations() == before + DEPLOYMENTS
    for each in tenants:
        each.books_are_right()


def test_workers_and_windows_that_pass_meanwhile_make_one_asset_of_each_deployment(running):
    """Whoever is in the middle of something finds its window over, or its transaction in it."""
    house = running
    before = house.creations()
    ids = [house.deploy().id for _ in range(DEPLOYMENTS // 2)]

    happens = [house.window_passes, house.leases_run_out] * 4
    random.shuffle(happens)

    def until():
        if is_over(house)():
            return True
        if happens and random.random() < 0.3:
            happens.pop()()
        return False

    workers(house, WORKERS, until=until, seconds=PATIENCE)
    house.is_made_once(*ids)
    assert house.creations() == before + len(ids)
    house.books_are_right()


def test_requests_cancellations_and_workers_at_once_settle_every_hold(running):
    house = running
    before = house.creations()
    ids = [house.deploy().id for _ in range(12)]

    def cancel_some():
        for id in ids[::2]:
            house.cancel(id)

    thread = Thread(target=cancel_some)
    thread.start()
    workers(house, WORKERS, until=is_over(house), seconds=PATIENCE)
    thread.join()
    ends = {id: house.state_of(id) for id in ids}
    assert set(ends.values()) <= {"Completed", "Cancelled"}
    made = [id for id, end in ends.items() if end == "Completed"]
    house.is_made_once(*made)
    assert house.creations() == before + len(made)
    for id, end in ends.items():
        attempts = house.sql("SELECT FROM attempts WHERE operation_id = %s", id)
        assert bool(attempts) == (end == "Completed")
    house.books_are_right()
