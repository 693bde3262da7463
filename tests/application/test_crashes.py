"""Whenever the process dies, and whatever the chain does: one effect, or none and no bill.

The schedule of deaths is data: at which call of which port a worker dies, before or after it.
After each death another worker takes over with what was stored.
"""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.chain import (
    ALREADY_KNOWN,
    ANSWER_LOST,
    REJECTED,
    REJECTED_THOUGH_TAKEN,
    SLOT_TAKEN,
    UNAVAILABLE,
    UNDERPRICED,
)
from application.deployments.request import Accepted
from application.ports.storage.work import FenceLostError, LeaseLostError, Scope
from domain.deployment import Deployment, Reason, SlotReserved
from domain.errors import IllegalTransitionError, Refusal
from tests.application.house import LEASE_IS_OVER, PROVING, House, State, examples, states
from tests.application.mortal import AFTER, DEATHS, Death, Fate, MortalStore

#: Few deaths, anywhere: a dense schedule would hardly ever let a step come near its end.
deaths = st.dictionaries(st.integers(0, 60), st.sampled_from(DEATHS), max_size=3)


def is_completed_once(house: House, deployment: Deployment, available: int = 20) -> None:
    house.is_intact()
    assert house.get(deployment.id).state is State.COMPLETED
    assert house.tokens(deployment.id) == 1
    assert house.credits == (available, 0, 5)
    assert house.open_holds == 0
    assert states(house.events(deployment.id)) == [
        "Submitted",
        "Pending",
        "Confirmed",
        "Indexed",
        "Completed",
    ]


# Deaths of the worker.


@examples(60)
@given(deaths)
def test_a_deployment_reaches_the_chain_once_however_often_the_worker_dies(schedule):
    house = House()
    deployment = house.deploy()
    house.lives(Fate(schedule))
    is_completed_once(house, deployment)
    # Not even a second transaction that the chain would have had to refuse.
    assert len(house.chain.node.mined) == 1
    assert house.signer_now().next_sequence == 1


def test_no_single_death_of_the_worker_changes_the_outcome():
    house = House()
    house.deploy()
    healthy = Fate({})
    house.lives(healthy)
    assert {"begin", "commit", "submit", "sign", "outcome", "read_back"} <= set(healthy.calls)
    for call in range(len(healthy.calls)):
        for death in DEATHS:
            house = House()
            deployment = house.deploy()
            house.lives(Fate({call: death}))
            is_completed_once(house, deployment)
            assert len(house.chain.node.mined) == 1, (call, death)


def test_no_pair_of_deaths_of_the_worker_changes_the_outcome():
    house = House()
    house.deploy()
    healthy = Fate({})
    house.lives(healthy)
    length = len(healthy.calls) + 10
    # All pairs take minutes; a run that proves nothing meets every seventh.
    for first in range(length):
        for second in range(first + 1, length, 1 if PROVING else 7):
            house = House()
            deployment = house.deploy()
            house.lives(Fate({first: AFTER, second: AFTER}))
            is_completed_once(house, deployment)
            assert len(house.chain.node.mined) == 1, (first, second)


@examples(40)
@given(deaths, st.integers(2, 5))
def test_deployments_that_share_a_signer_all_survive_the_deaths_of_their_worker(schedule, number):
    house = House()
    deployments = [house.deploy() for _ in range(number)]
    house.lives(Fate(schedule))
    house.is_intact()
    assert [house.tokens(d.id) for d in deployments] == [1] * number
    assert house.credits == (25 - 5 * number, 0, 5 * number)
    assert house.signer_now().next_sequence == len(house.chain.node.mined) == number


# Deaths of the worker, and a world that misbehaves at the same time.

#: What goes wrong with the next submission.
SUBMISSIONS = {
    "unavailable": UNAVAILABLE,
    "answer lost": ANSWER_LOST,
    "already known": ALREADY_KNOWN,
    "slot taken": SLOT_TAKEN,
    "underpriced": UNDERPRICED,
    "rejected": REJECTED,
    "rejected though taken": REJECTED_THOUGH_TAKEN,
}
QUESTIONS = ("effect_of", "preflight", "slot_terms", "prepare", "outcome", "read_back")
WORLD = (
    *SUBMISSIONS,
    "silence",
    "eviction",
    "reorg",
    "reorg that forgets",
    "dearer",
    "cheaper",
    "foreign nonce",
)


def befall(house: House, event: str) -> None:
    """Let *event* happen to the chain, now."""
    chain = house.chain
    match event:
        case "silence":
            for question in QUESTIONS:
                chain.misbehave(question, UNAVAILABLE)
        case "eviction":
            for sent in list(chain.node.pool.values()):
                chain.evict(sent.id)
        case "reorg" | "reorg that forgets":
            # Never as deep as what is final.
            depth = min(2, chain.node.latest.number)
            if depth:
                chain.reorg(depth, drop=event == "reorg that forgets")
        case "dearer":
            chain.gas_price = min(chain.gas_price * 3, 400_000)
        case "cheaper":
            chain.gas_price = 1_000
        case "foreign nonce":
            chain.foreign_transaction(house.signer.address)
            # Once it is in a block nobody takes it back: an operator would wait for that.
            chain.finalise()
        case submission:
            chain.misbehave("submit", SUBMISSIONS[submission])


def is_one_effect_or_none(house: House, deployment: Deployment) -> None:
    house.is_intact()
    ended = house.get(deployment.id)
    if ended.state is State.COMPLETED:
        is_completed_once(house, deployment)
        return
    assert ended.state is State.FAILED
    assert ended.failure is not None
    assert ended.failure.without_effect
    assert ended.failure.reason in {
        Reason.TRANSACTION_SUBMISSION_FAILED,
        Reason.TRANSACTION_REVERTED,
    }
    assert house.tokens(deployment.id) == 0
    assert house.credits == (25, 0, 0)


@examples(150)
@given(
    st.dictionaries(st.integers(0, 60), st.sampled_from((*DEATHS, *WORLD)), max_size=4),
    st.booleans(),
)
def test_whatever_the_chain_does_there_is_one_effect_or_none_and_no_bill(schedule, instant):
    house = House(instant=instant)
    deployment = house.deploy()
    fate = Fate(schedule, lambda event: befall(house, event))
    for _ in range(80):
        house.lives_once(fate)
        if not house.open_deployments():
            break
    is_one_effect_or_none(house, deployment)
    if not {"rejected", "rejected though taken"} & set(schedule.values()):
        assert house.get(deployment.id).state is State.COMPLETED
    # Nobody stands behind a hole: the next deployment gets through.
    house.chain.behave()
    following = house.deploy()
    for _ in range(40):
        house.lives_once(Fate({}))
    assert house.get(following.id).state is State.COMPLETED


@pytest.mark.parametrize("event", WORLD)
def test_no_single_misfortune_at_any_call_makes_a_second_effect(event):
    house = House()
    house.deploy()
    healthy = Fate({})
    house.lives(healthy)
    for call in range(len(healthy.calls)):
        house = House()
        deployment = house.deploy()
        house.lives(Fate({call: event}, lambda e, house=house: befall(house, e)))
        is_one_effect_or_none(house, deployment)
        if not event.startswith("rejected"):
            assert house.get(deployment.id).state is State.COMPLETED, call


def test_a_foreign_nonce_halts_the_signer_whatever_call_the_worker_dies_at():
    """The alarm must not get lost between what was recorded and the halt."""
    lengths = set()
    for death in ({}, *({call: when} for call in range(40) for when in DEATHS)):
        house = House(instant=False)
        deployment = house.deploy()
        house.work()
        assert house.get(deployment.id).state is State.PENDING
        house.chain.foreign_transaction(house.signer.address)
        house.chain.finalise()
        fate = Fate(death)
        for _ in range(4):
            house.life(fate)
            house.pass_time(LEASE_IS_OVER)
            if house.is_halted:
                break
        assert house.signer_now().halted, death
        assert "signer.halted" in house.operator_actions()
        lengths.add(len(fate.calls))
    assert min(lengths) > 4


# Two workers at once.


@examples(80)
@given(st.lists(st.sampled_from("abt"), max_size=60))
def test_two_workers_whose_steps_alternate_make_one_effect(turns):
    house = House()
    deployment = house.deploy()
    advance = house.advance()
    claims = {"a": None, "b": None}
    #: What each goes on from.
    recorded = {"a": None, "b": None}
    newest = None
    for turn in turns:
        if turn == "t":
            house.pass_time(LEASE_IS_OVER)
            continue
        if claims[turn] is None:
            claims[turn], recorded[turn] = next(iter(house.claims()), None), None
            newest = turn if claims[turn] else newest
            continue
        before = house.get(deployment.id)
        try:
            recorded[turn], goes_on = advance.step(claims[turn], recorded[turn])
        except LeaseLostError:
            goes_on = False
        if turn != newest:
            assert house.get(deployment.id) == before, "a late worker records nothing"
        if not goes_on:
            house.give_back([claims[turn]])
            claims[turn] = None
    house.lives(Fate({}))
    is_completed_once(house, deployment)
    assert len(house.chain.node.mined) == 1


@examples(80)
@given(
    st.dictionaries(
        st.integers(0, 60), st.sampled_from(("1", "2", "3", "9", *DEATHS)), max_size=4
    ),
    st.sampled_from((timedelta(0), LEASE_IS_OVER)),
)
def test_a_worker_that_acts_in_the_middle_of_anothers_step_makes_no_second_effect(
    schedule, asleep
):
    """Between any two calls of one worker, another one does some steps of the same deployment."""
    house = House()
    deployment = house.deploy()

    def overtake(steps: str) -> None:
        house.pass_time(asleep)
        for claim in house.claims():
            for _ in range(int(steps)):
                _, goes_on = house.advance().step(claim)
                if not goes_on:
                    house.give_back([claim])
                    break

    house.lives(Fate(schedule, overtake))
    is_completed_once(house, deployment)
    assert house.signer_now().next_sequence == 1


def test_what_a_late_worker_found_is_not_recorded():
    house = House()
    id = house.deploy().id
    (late,) = house.claims()
    house.pass_time(LEASE_IS_OVER)
    (current,) = house.claims()
    with pytest.raises(LeaseLostError):
        house.advance().step(late)
    assert not house.get(id).step.slots
    house.advance().step(current)
    assert house.get(id).step.open_slot


# Deaths of the API.


@examples(40)
@given(st.lists(st.dictionaries(st.integers(0, 3), st.sampled_from(DEATHS)), max_size=3))
def test_a_request_repeated_after_deaths_is_one_deployment_and_one_hold(schedules):
    house = House()
    for schedule in schedules:
        try:
            house.request(key="one", store=MortalStore(house.store, Fate(schedule)))
        except Death:
            continue
    first, second = house.request(key="one"), house.request(key="one")
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert second.replayed
    assert [d.id for d in house.deployments()] == [first.deployment.id] == [second.deployment.id]
    assert house.credits == (20, 5, 0)
    house.is_intact()
    house.lives(Fate({}))
    is_completed_once(house, first.deployment)


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("call", range(4))
def test_a_cancellation_that_died_is_done_or_not_and_may_be_repeated(call, death):
    house = House()
    id = house.deploy().id
    with pytest.raises(Death):
        house.cancel(id, store=MortalStore(house.store, Fate({call: death})))
    is_done = (call, death) == (3, AFTER)
    assert house.get(id).state is (State.CANCELLED if is_done else State.QUEUED)
    answer = house.cancel(id)
    assert isinstance(answer, Deployment)
    assert answer.state is State.CANCELLED
    assert house.credits == (25, 0, 0)
    assert house.actions(id).count("deployment.cancelled") == 1
    house.is_intact()


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("call", range(2))
def test_a_retry_that_died_is_done_once_when_it_is_repeated(call, death):
    house = House()
    house.chain.refuses = "no"
    id = house.deploy().id
    house.work_until_done()
    assert house.get(id).may_retry
    house.chain.refuses = None
    house.pass_time(timedelta(minutes=1))
    with pytest.raises(Death):
        house.retry(id, store=MortalStore(house.store, Fate({call: death})))
    answers = [house.retry(id), house.retry(id)]
    assert all(isinstance(answer, Accepted) for answer in answers), answers
    assert house.credits == (20, 5, 0)
    assert house.actions(id).count("deployment.retry_requested") == 1
    house.lives(Fate({}))
    house.is_intact()
    assert house.get(id).state is State.COMPLETED
    assert house.credits == (20, 0, 5)


@examples(80)
@given(deaths, st.integers(0, 60))
def test_a_cancellation_in_the_middle_of_a_workers_step_wins_or_comes_too_late(schedule, call):
    house = House()
    id = house.deploy().id
    answers = []

    def cancel(_: str) -> None:
        answers.append(house.cancel(id))

    fate = Fate({**schedule, call: "cancel"}, cancel)
    house.lives(fate)
    house.is_intact()
    (answer,) = answers or [None]
    if isinstance(answer, Deployment):
        assert house.get(id).state is State.CANCELLED
        assert house.credits == (25, 0, 0)
        assert not house.chain.node.mined
        return
    assert answer is None or isinstance(answer, Refusal)
    assert house.get(id).state is State.COMPLETED


def test_a_lease_that_ran_out_is_none_even_where_nobody_took_over():
    house = House()
    id = house.deploy().id
    (claim,) = house.claims()
    house.pass_time(LEASE_IS_OVER)
    with pytest.raises(LeaseLostError):
        house.advance().step(claim)
    assert not house.get(id).step.slots


def late_for_a_replacement():
    """A house whose one deployment is stuck in the pool for too long, and a claim on it."""
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    house.chain.gas_price *= 5
    house.pass_time(timedelta(minutes=1))
    (claim,) = house.claims()
    return house, id, claim


def test_a_replacement_signed_while_another_worker_took_the_signer_is_not_recorded():
    house, id, claim = late_for_a_replacement()
    probe = Fate({})
    house.mortal_advance(probe)(claim)
    assert len(house.get(id).step.attempts) == 2
    house, id, claim = late_for_a_replacement()

    def overtake(_event):
        """The signer's lease runs out and another has it; the deployment's is kept."""
        house.pass_time(timedelta(seconds=7))
        with house.store.begin(Scope()) as work:
            assert work.claims.renew([claim], house.lease) == [claim]
        house.pass_time(timedelta(seconds=2))
        with house.store.begin(Scope.installation()) as work:
            assert work.signers.take_lease(house.network, house.signer.address, house.lease)

    with pytest.raises(FenceLostError):
        house.mortal_advance(Fate({probe.calls.index("sign"): "overtake"}, overtake))(claim)
    assert len(house.get(id).step.attempts) == 1
    house.chain.instant = True
    house.lives(Fate({}))
    is_completed_once(house, house.get(id))


def test_a_step_gets_no_second_slot_while_the_first_may_still_take_effect():
    house = House()
    id = house.deploy().id
    (claim,) = house.claims()
    house.advance().step(claim)
    deployment = house.get(id)
    (slot,) = deployment.step.slots
    second = evolve(slot, number=2, sequence=1)
    with pytest.raises(IllegalTransitionError):
        deployment.apply(SlotReserved(step=1, slot=second))
