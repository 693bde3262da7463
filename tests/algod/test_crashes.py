"""Whenever a worker dies, and whatever happens until the next one comes: one asset, one bill.

As on EVM (`tests/application/test_crashes.py`), with what is Algorand's own: a window that ends
while nobody works, and attempts that our records have lost.
"""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.ports.storage.work import LeaseLostError
from domain.deployment import Deployment, State
from domain.errors import Refusal
from domain.operation import AttemptOrigin, SlotState
from tests.algod.house import restored
from tests.application.house import LEASE_IS_OVER, PROVING, examples, states
from tests.application.mortal import AFTER, BEFORE, DEATHS, Fate

#: Calls of a healthy worker; a test asserts that it is no other number.
CALLS = 54
#: The call at which it signs.
SIGNS = 18
#: Calls of one that died and has to look twice, or to sign again in a later window.
MORE_CALLS = 90
#: Few deaths, anywhere: a dense schedule would hardly ever let a step come near its end.
deaths = st.dictionaries(st.integers(0, CALLS + 10), st.sampled_from(DEATHS), max_size=3)


def sampled(everything, one_in):
    """All of it in a proof; otherwise another part each time."""
    everything = list(everything)
    return everything if PROVING else random.sample(everything, len(everything) // one_in)


def is_made_once(house, *deployments):
    """One asset each, the one our records name, and not one more by any issuer of theirs."""
    for deployment in deployments:
        house.is_completed_once(deployment)
    spent = 5 * len(deployments)
    assert house.credits == (25 - spent, 0, spent)
    assert house.open_holds == 0
    house.window_passes()
    owners = {house.get(deployment.id).owner for deployment in deployments}
    made = [asset for asset in house.devnet.ledger.assets() if asset.creator in owners]
    results = {house.get(deployment.id).result for deployment in deployments}
    assert len(made) == len(deployments)
    assert {str(asset.id) for asset in made} == results


# What the world does between the lives of workers.


def evicted(house):
    """No pool has it any more."""
    for node in house.devnet.nodes:
        node.fault("evict", txid="all", everywhere=True)


def in_a_block(house):
    house.devnet.mine()


def in_a_block_and_forgotten(house):
    """In a block, whose window is over, and no node remembers its transactions."""
    house.devnet.mine()
    house.window_passes()
    for node in house.devnet.nodes:
        node.fault("forget")


def in_no_block(house):
    """Its window passes without it."""
    house.window_passes()


def in_the_last_round(house):
    """Of its window, which is over when the next worker comes."""
    to_the_last_round(house)
    house.devnet.mine(2)


def dearer(house):
    """Nodes want more for the same transaction, so another attempt is another transaction."""
    house.devnet.congest(5)


MEANWHILE = (evicted, in_a_block, in_a_block_and_forgotten, in_no_block, in_the_last_round, dearer)


def to_the_last_round(house):
    """The next block is the last one of a window."""
    width = house.chain.network.window
    next_round = house.devnet.round + 1
    house.devnet.advance(width - 1 - next_round % width)


def lives(house, schedule, meanwhile=None):
    """Worker after worker; *meanwhile* happens after each of the first three lives."""
    fate = Fate(schedule)
    if meanwhile is not None:
        for _ in range(3):
            house.life(fate)
            meanwhile(house)
            house.pass_time(LEASE_IS_OVER)
    house.lives(fate)
    return fate


# Deaths of the worker.


def test_a_healthy_worker_makes_the_calls_that_the_sweep_counts_on(new_house):
    house = new_house()
    deployment = house.deploy()
    fate = lives(house, {})
    is_made_once(house, deployment)
    assert len(fate.calls) == CALLS
    assert fate.calls.index("sign") == SIGNS
    assert {"begin", "commit", "submit", "sign", "outcome", "read_back"} <= set(fate.calls)


@pytest.mark.parametrize("mode", ["manual", "instant"])
def test_no_single_death_of_the_worker_changes_the_outcome(new_house, mode):
    everything = ((call, death) for call in range(CALLS) for death in DEATHS)
    for call, death in sampled(everything, 1 if mode == "manual" else 3):
        house = new_house(mode=mode)
        deployment = house.deploy()
        lives(house, {call: death})
        is_made_once(house, deployment)
        ended = house.get(deployment.id)
        assert len(ended.step.slots) == 1, (call, death)
        assert len(ended.step.attempts) == 1, (call, death)
        assert states(house.events(deployment.id)) == [
            "Submitted",
            "Pending",
            "Confirmed",
            "Indexed",
            "Completed",
        ]


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda each: each.__name__)
def test_no_single_death_and_what_happened_meanwhile_changes_the_outcome(new_house, meanwhile):
    everything = ((call, death) for call in range(MORE_CALLS) for death in DEATHS)
    for call, death in sampled(everything, 10):
        house = new_house()
        deployment = house.deploy()
        lives(house, {call: death}, meanwhile)
        is_made_once(house, deployment)


def test_no_pair_of_deaths_of_the_worker_changes_the_outcome(new_house):
    length = CALLS + 10
    # All pairs take minutes.
    pairs = ((first, second) for first in range(length) for second in range(first + 1, length))
    for first, second in sampled(pairs, 40):
        house = new_house()
        deployment = house.deploy()
        lives(house, {first: AFTER, second: AFTER})
        is_made_once(house, deployment)


@examples(40)
@given(deaths, st.lists(st.sampled_from(MEANWHILE), max_size=4))
def test_a_deployment_reaches_the_chain_once_however_often_the_worker_dies(
    new_house, schedule, meanwhile
):
    house = new_house()
    deployment = house.deploy()
    fate = Fate(schedule)
    for each in meanwhile:
        house.life(fate)
        each(house)
        house.pass_time(LEASE_IS_OVER)
    house.lives(fate)
    is_made_once(house, deployment)


@examples(20)
@given(deaths, st.integers(2, 5), st.sampled_from((None, *MEANWHILE)))
def test_deployments_that_share_a_treasury_all_survive_the_deaths_of_their_worker(
    new_house, schedule, number, meanwhile
):
    house = new_house()
    deployments = [house.deploy() for _ in range(number)]
    lives(house, schedule, meanwhile)
    is_made_once(house, *deployments)


# Attempts that our records have lost.


@pytest.mark.parametrize("landed", [False, True], ids=["in the pool", "in a block"])
def test_a_lost_attempt_that_lands_between_any_two_calls_makes_no_second_asset(new_house, landed):
    """In the last round of its window, while the worker goes on with what the backup knows."""
    prices = (0, 5)
    before_it_signs = [(call, price) for call in range(SIGNS) for price in prices]
    afterwards = [(call, price) for call in range(SIGNS, CALLS) for price in prices]
    for call, price in [*before_it_signs, *sampled(afterwards, 4)]:
        house = new_house()
        deployment = house.deploy()
        with restored(house):
            lives_until_sent(house)
        house.pass_time(LEASE_IS_OVER)
        if landed:
            house.devnet.mine()
        # At another price it would be another transaction.
        house.devnet.congest(price)

        def the_window_ends(_, house=house):
            in_the_last_round(house)

        fate = Fate({call: "the window ends"}, the_window_ends)
        to_the_last_rounds_that_are_used(house)
        house.lives(fate)
        is_made_once(house, deployment)


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda each: each.__name__)
def test_a_backup_from_between_any_two_calls_leads_to_the_same_asset(new_house, meanwhile):
    for call in sampled(range(CALLS), 3):
        house = new_house()
        deployment = house.deploy()
        house.life(Fate({call: BEFORE}))
        house.pass_time(LEASE_IS_OVER)
        with restored(house):
            lives_until_sent(house)
            meanwhile(house)
        house.pass_time(LEASE_IS_OVER)
        house.lives(Fate({}))
        is_made_once(house, deployment)


def lives_until_sent(house):
    house.life(Fate({}))
    house.pass_time(LEASE_IS_OVER)


def to_the_last_rounds_that_are_used(house):
    """So late in a window that a slot is just still given in it."""
    width = house.chain.network.window
    house.devnet.advance((width - 11 - house.devnet.round) % width)


def test_a_later_window_is_used_only_when_the_earlier_one_is_proven_over(new_house):
    """Nodes that stand still see no end, however much time passes."""
    house = new_house()
    deployment = house.deploy()
    house.life(Fate({}))
    evicted(house)
    for node in house.devnet.nodes:
        node.fault("stall", times=None)
        node.fault("drop_before", times=None)
    house.window_passes()
    house.pass_time(timedelta(hours=1))
    for _ in range(4):
        house.life(Fate({}))
        house.pass_time(LEASE_IS_OVER)
    (slot,) = house.get(deployment.id).step.slots
    assert slot.state is SlotState.OPEN
    assert len(slot.attempts) == 1
    house.heal()
    house.lives(Fate({}))
    first, second = house.get(deployment.id).step.slots
    assert first.state is SlotState.EXPIRED
    assert first.valid_until < second.valid_until
    assert all(a.origin is AttemptOrigin.SIGNED for a in house.get(deployment.id).step.attempts)
    is_made_once(house, deployment)


# Two workers at once.


@examples(40)
@given(st.lists(st.sampled_from(("a", "b", "lease", "block", "window")), max_size=50))
def test_two_workers_whose_steps_alternate_make_one_asset(new_house, turns):
    house = new_house()
    deployment = house.deploy()
    advance = house.advance()
    claims = {"a": None, "b": None}
    newest = None
    for turn in turns:
        match turn:
            case "lease":
                house.pass_time(LEASE_IS_OVER)
                continue
            case "block":
                house.devnet.mine()
                continue
            case "window":
                house.window_passes()
                continue
        if claims[turn] is None:
            claims[turn] = next(iter(house.claims()), None)
            newest = turn if claims[turn] else newest
            continue
        before = house.get(deployment.id)
        try:
            _, goes_on = advance.step(claims[turn])
        except LeaseLostError:
            goes_on = False
        if turn != newest:
            assert house.get(deployment.id) == before, "a late worker records nothing"
        if not goes_on:
            house.give_back([claims[turn]])
            claims[turn] = None
    house.lives(Fate({}))
    is_made_once(house, deployment)


@examples(40)
@given(
    st.dictionaries(
        st.integers(0, CALLS + 10),
        st.sampled_from(("1", "2", "3", "9", "block", "window", "last", "dearer", *DEATHS)),
        max_size=4,
    ),
    st.sampled_from((timedelta(0), LEASE_IS_OVER)),
)
def test_a_worker_that_acts_in_the_middle_of_anothers_step_makes_no_second_asset(
    new_house, schedule, asleep
):
    """Between any two calls of one worker, another one does some steps of the same deployment."""
    house = new_house()
    deployment = house.deploy()
    happens = {
        "block": in_a_block,
        "window": in_no_block,
        "last": in_the_last_round,
        "dearer": dearer,
    }

    def overtake(event: str) -> None:
        if event in happens:
            happens[event](house)
            return
        house.pass_time(asleep)
        for claim in house.claims():
            for _ in range(int(event)):
                _, goes_on = house.advance().step(claim)
                if not goes_on:
                    house.give_back([claim])
                    break

    house.lives(Fate(schedule, overtake))
    is_made_once(house, deployment)


@examples(40)
@given(deaths, st.integers(0, CALLS + 10), st.booleans())
def test_a_cancellation_in_the_middle_of_a_workers_step_wins_or_comes_too_late(
    new_house, schedule, call, instant
):
    house = new_house(mode="instant" if instant else "manual")
    id = house.deploy().id
    answers = []

    def cancel(_: str) -> None:
        answers.append(house.cancel(id))

    house.lives(Fate({**schedule, call: "cancel"}, cancel))
    house.is_intact()
    (answer,) = answers or [None]
    if isinstance(answer, Deployment):
        house.window_passes()
        assert house.get(id).state is State.CANCELLED
        assert house.credits == (25, 0, 0)
        assert house.assets(id) == []
        return
    assert answer is None or isinstance(answer, Refusal)
    is_made_once(house, house.get(id))
