"""Deaths of the worker at every call, on a database and a node."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.deployment import State
from tests.application.house import PROVING, examples
from tests.application.mortal import DEATHS, Fate
from tests.postgres_and_anvil.house import a_house

#: Calls of a healthy worker's life; a test asserts that it is no other number.
CALLS = 43


@pytest.fixture(scope="module")
def house(anvil, server_url):
    with a_house(anvil) as made:
        yield made


def outlives(house, schedule):
    before = house.nonces_used()
    id = house.deploy().id
    house.lives(Fate(schedule))
    house.is_paid_once(id)
    assert house.nonces_used() == before + 1, schedule
    return id


def test_a_healthy_worker_makes_the_calls_that_the_sweep_counts_on(house):
    fate = Fate({})
    id = house.deploy().id
    house.lives(fate)
    house.is_paid_once(id)
    assert house.get(id).state is State.COMPLETED
    assert len(fate.calls) == CALLS
    assert {"begin", "commit", "submit", "sign", "outcome", "read_back"} <= set(fate.calls)


def test_no_single_death_of_the_worker_changes_the_outcome(house):
    everything = [(call, death) for call in range(CALLS) for death in DEATHS]
    # All of them take minutes; a run that proves nothing takes another third each time.
    chosen = everything if PROVING else random.sample(everything, len(everything) // 3)
    for call, death in chosen:
        outlives(house, {call: death})
    house.books_are_right()


@settings(
    examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.dictionaries(st.integers(0, 60), st.sampled_from(DEATHS), max_size=3))
def test_a_deployment_reaches_the_chain_once_however_often_the_worker_dies(house, schedule):
    outlives(house, schedule)
    house.books_are_right()
