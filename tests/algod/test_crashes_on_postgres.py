"""Deaths of the worker at every call, on a database and two nodes, with real keys."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.deployment import State
from entrypoints.devnet.algod import devnet
from tests.algod.postgres_house import a_house
from tests.application.house import PROVING, examples
from tests.application.mortal import DEATHS, Fate

#: Calls of a healthy worker's life; a test asserts that it is no other number.
CALLS = 54


@pytest.fixture(scope="module")
def house(server_url):
    with devnet(nodes=2, mode="manual") as network, a_house(network) as made:
        yield made


def outlives(house, schedule):
    before = house.creations()
    id = house.deploy().id
    house.lives(Fate(schedule))
    house.is_made_once(id)
    assert house.creations() == before + 1, schedule
    return id


def test_a_healthy_worker_makes_the_calls_that_the_sweep_counts_on(house):
    fate = Fate({})
    id = house.deploy().id
    house.lives(fate)
    house.is_made_once(id)
    assert house.get(id).state is State.COMPLETED
    assert len(fate.calls) == CALLS
    assert {"begin", "commit", "submit", "sign", "outcome", "read_back"} <= set(fate.calls)


def test_no_single_death_of_the_worker_changes_the_outcome(house):
    everything = [(call, death) for call in range(CALLS) for death in DEATHS]
    # A run that proves nothing takes another third each time.
    chosen = everything if PROVING else random.sample(everything, len(everything) // 3)
    attempts = "SELECT count(*) FROM attempts WHERE operation_id = %s"
    for call, death in chosen:
        id = outlives(house, {call: death})
        assert house.sql(attempts, id) == [(1,)], (call, death)
    house.books_are_right()


def test_no_single_death_before_a_window_that_passes_changes_the_outcome(house):
    """Whatever the dead worker had signed and not sent is signed again in a later window."""
    everything = [(call, death) for call in range(CALLS) for death in DEATHS]
    chosen = everything if PROVING else random.sample(everything, len(everything) // 8)
    for call, death in chosen:
        before = house.creations()
        id = house.deploy().id
        fate = Fate({call: death})
        house.life(fate)
        house.leases_run_out()
        house.window_passes()
        house.lives(fate)
        house.is_made_once(id)
        assert house.creations() == before + 1, (call, death)
    house.books_are_right()


@examples(10)
@given(st.dictionaries(st.integers(0, 70), st.sampled_from(DEATHS), max_size=3))
def test_a_deployment_reaches_the_chain_once_however_often_the_worker_dies(house, schedule):
    outlives(house, schedule)
    house.books_are_right()
