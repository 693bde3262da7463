"""Whenever a worker dies on the way to a token of two steps, or to a mint: each step once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.deployment import State
from tests.algod.errands import INITIAL, MINTED, Errand, an_errand
from tests.algod.house import restored
from tests.algod.test_crashes import MEANWHILE, lives, lives_until_sent, sampled
from tests.application.house import LEASE_IS_OVER, examples, states
from tests.application.mortal import AFTER, BEFORE, DEATHS, Fate

#: Calls of a healthy worker; a test asserts that they are no other number.
CALLS = {"deployment": 97, "mint": 52}
#: Of one that died and has to look twice, or to sign again in a later window.
MORE = 40
NAMES = tuple(CALLS)
deaths = st.dictionaries(st.integers(0, 110), st.sampled_from(DEATHS), max_size=3)


def begun(house, name):
    """A deployment that nobody has worked on, or a mint of a token that is there."""
    if name == "mint":
        return an_errand(house, name)
    id = house.deploy(token=house.contract()).id
    return Errand(house, id, id, INITIAL, spent=5)


@pytest.mark.parametrize("name", NAMES)
def test_a_healthy_worker_makes_the_calls_that_the_sweep_counts_on(new_house, name):
    errand = begun(new_house(), name)
    fate = lives(errand.house, {})
    errand.is_done_once()
    errand.is_exact()
    assert len(fate.calls) == CALLS[name]
    assert {"begin", "commit", "submit", "sign", "outcome", "read_back"} <= set(fate.calls)


@pytest.mark.parametrize("mode", ["manual", "instant"])
@pytest.mark.parametrize("name", NAMES)
def test_no_single_death_of_the_worker_changes_the_outcome(new_house, name, mode):
    everything = [(call, death) for call in range(CALLS[name]) for death in DEATHS]
    for call, death in sampled(everything, 10 if mode == "manual" else 25):
        errand = begun(new_house(mode=mode), name)
        lives(errand.house, {call: death})
        errand.is_done_once()
        errand.is_exact()
        for step in errand.now.steps:
            assert len(step.slots) == len(step.attempts) == 1, (call, death)
        way = states(errand.house.events(errand.id))
        assert way == ["Submitted", "Pending", "Confirmed", "Indexed", "Completed"]


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_no_single_death_and_what_happened_meanwhile_changes_the_outcome(
    new_house, name, meanwhile
):
    everything = [(call, death) for call in range(CALLS[name] + MORE) for death in DEATHS]
    for call, death in sampled(everything, 80):
        errand = begun(new_house(), name)
        lives(errand.house, {call: death}, meanwhile)
        errand.is_done_once()


@pytest.mark.parametrize("name", NAMES)
@examples(8)
@given(schedule=deaths, meanwhile=st.lists(st.sampled_from(MEANWHILE), max_size=4))
def test_each_step_reaches_the_chain_once_however_often_the_worker_dies(
    new_house, name, schedule, meanwhile
):
    errand = begun(new_house(), name)
    house, fate = errand.house, Fate(schedule)
    for each in meanwhile:
        house.life(fate)
        each(house)
        house.pass_time(LEASE_IS_OVER)
    house.lives(fate)
    errand.is_done_once()


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_backup_from_between_any_two_calls_leads_to_the_same_token(new_house, name, meanwhile):
    """What was done after it is adopted, never repeated."""
    for call in sampled(range(CALLS[name]), 40):
        errand = begun(new_house(), name)
        house = errand.house
        fate = Fate({call: BEFORE})
        for _ in range(3):
            house.life(fate)
            house.pass_time(LEASE_IS_OVER)
            if len(fate.calls) > call:
                break
            house.devnet.mine()
        with restored(house):
            for _ in range(2):
                lives_until_sent(house)
                meanwhile(house)
        house.pass_time(LEASE_IS_OVER)
        house.connect(house.chain.network)
        house.lives(Fate({}))
        errand.is_done_once()


@examples(6)
@given(deaths, st.integers(2, 5))
def test_mints_of_one_moment_all_survive_the_deaths_of_their_worker(new_house, schedule, number):
    errand = begun(new_house(), "mint")
    house = errand.house
    others = [house.operate(errand.token) for _ in range(number - 1)]
    house.lives(Fate(schedule))
    house.is_intact()
    assert all(house.get(each.id).state is State.COMPLETED for each in others)
    gold = house.get(errand.token)
    assert house.supply(gold) == errand.supply + MINTED * (number - 1)
    assert house.credits == (20 - number, 0, 5 + number)


@examples(6)
@given(st.dictionaries(st.integers(0, 60), st.sampled_from(("1", "3", "9", *DEATHS)), max_size=4))
def test_a_worker_that_acts_in_the_middle_of_anothers_step_mints_no_second_time(
    new_house, schedule
):
    errand = begun(new_house(), "mint")
    house = errand.house

    def overtake(steps):
        house.pass_time(LEASE_IS_OVER)
        for claim in house.claims():
            for _ in range(int(steps)):
                _, goes_on = house.advance().step(claim)
                if not goes_on:
                    house.give_back([claim])
                    break

    house.lives(Fate(schedule, overtake))
    errand.is_done_once()


@pytest.mark.parametrize("name", NAMES)
def test_no_pair_of_deaths_changes_the_outcome(new_house, name):
    length = CALLS[name] + 5
    pairs = [(one, two) for one in range(length) for two in range(one + 1, length)]
    for one, two in sampled(pairs, 1_200 if name == "deployment" else 300):
        errand = begun(new_house(), name)
        lives(errand.house, {one: AFTER, two: AFTER})
        errand.is_done_once()
