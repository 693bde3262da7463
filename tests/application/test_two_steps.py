"""A deployment of two steps: whatever happens between them, one token, ready, and paid once."""

import pytest

from adapters.memory.chain.windowed_node import DEPOSIT
from domain.deployment import Reason
from domain.operation import SlotState, WaitReason
from domain.token import Token, TokenKind
from tests.application import test_windows as windows
from tests.application.house import PARAMETERS, State, states
from tests.application.mortal import DEATHS, Fate
from tests.application.test_windows import WindowedHouse, sampled


def with_two_steps(**changes):
    house = WindowedHouse(**{"instant": True} | changes)
    token = house.chain.token(TokenKind("memory_two_steps"), PARAMETERS)
    assert isinstance(token, Token)
    return house, house.deploy(token=token).id


def is_ready(house: WindowedHouse, id):
    house.everything_lands()
    house.is_intact()
    ended = house.get(id)
    assert ended.state is State.COMPLETED, (ended.state, ended.waiting, ended.failure)
    assert house.tokens(id) == bootstraps(house, id) == 1
    assert list(map(str, house.chain.node.assets)) == [ended.result] == [ended.predicted]
    assert house.supply(ended) == 1_000
    assert house.credits == (20, 0, 5)


def bootstraps(house, id):
    return house.chain.calls_of(house.registered.organisation.id, id)


def test_the_first_step_names_the_place_and_the_second_one_is_done_there():
    house, id = with_two_steps()
    healthy = Fate({})
    house.lives(healthy)
    is_ready(house, id)
    ended = house.get(id)
    assert [step.name for step in ended.steps] == ["create", "bootstrap"]
    assert [len(step.slots) for step in ended.steps] == [1, 1]
    assert ended.steps[0].slots[0].lease != ended.steps[1].slots[0].lease
    assert states(house.events(id)) == [
        "Submitted", "Pending", "Confirmed", "Indexed", "Completed",
    ]  # fmt: skip
    told = [action.partition(".")[2] for action in house.actions(id)]
    order = ["pending", "step_confirmed", "step_signed", "step_sent", "confirmed", "indexed"]
    assert [action for action in told if action in order] == order


@pytest.mark.parametrize("instant", [False, True], ids=["manual", "instant"])
def test_no_single_death_makes_a_second_token_or_leaves_half_of_one(instant):
    house, id = with_two_steps(instant=instant)
    healthy = Fate({})
    windows.runs(house, healthy)
    is_ready(house, id)
    for call in range(len(healthy.calls)):
        for death in DEATHS:
            house, id = with_two_steps(instant=instant)
            windows.runs(house, Fate({call: death}))
            is_ready(house, id)
            assert [len(step.attempts) for step in house.get(id).steps] == [1, 1], (call, death)


@pytest.mark.parametrize("event", windows.WORLD)
def test_no_single_misfortune_at_any_call_makes_a_second_token(event):
    for call in sampled(range(90), 4):
        house, id = with_two_steps(instant=False)
        windows.runs(house, Fate({call: event}, lambda e, house=house: windows.WORLD[e](house)))
        ended = house.get(id)
        if ended.state is State.FAILED and event in windows.MAY_FAIL:
            assert ended.may_retry
            assert house.tokens(id) == 0
            assert house.credits == (25, 0, 0)
            continue
        is_ready(house, id)


def test_a_backup_from_before_any_call_makes_no_second_token():
    for call in sampled(range(85), 2):
        house, id = with_two_steps()
        backups = []
        house.lives(Fate({call: "backup"}, lambda _, h=house, b=backups: b.append(h.backup())))
        is_ready(house, id)
        house.restored((backups or [house.backup()])[0])
        house.lives(Fate({}))
        is_ready(house, id)


def half():
    """The token is made, and is not brought to life."""
    house, id = with_two_steps(instant=False)
    house.work()
    house.chain.refuses = "no"
    house.chain.mine()
    house.work(3)
    return house, id


def test_half_a_token_waits_for_a_person_and_is_finished_when_it_can_be():
    house, id = half()
    waiting = house.get(id)
    assert (waiting.state, waiting.waiting) == (State.PENDING, WaitReason.OPERATOR)
    assert waiting.predicted in {str(asset) for asset in house.chain.node.assets}
    assert waiting.result is None
    house.chain.refuses = None
    windows.runs(house, Fate({}))
    is_ready(house, id)


def test_half_a_token_is_ended_by_a_person_who_is_told_where_it_is():
    house, id = half()
    ended = house.end(id, "the program has a fault")
    assert ended.failure.reason is Reason.POST_DEPLOYMENT_FAILED
    assert f"at {ended.predicted}" in ended.failure.detail
    assert ended.result is None
    assert house.credits == (20, 0, 5)
    assert house.retry(id).code == "not_retryable"
    house.chain.refuses = None
    house.work(3)
    assert bootstraps(house, id) == 0
    house.is_intact()


def test_a_second_step_whose_window_passes_gets_another_one_and_never_fails():
    house, id = with_two_steps(instant=False)
    house.work()
    house.chain.mine()
    house.work()
    second = house.get(id).steps[1]
    assert second.open_slot is not None
    house.chain.evict(second.attempts[0].transaction_id)
    house.window_passes()
    windows.runs(house, Fate({}))
    is_ready(house, id)
    slots = [slot.state for slot in house.get(id).steps[1].slots]
    assert slots in ([SlotState.EXPIRED, SlotState.USED], [SlotState.USED])


def test_the_second_step_locks_nothing_up():
    house, id = with_two_steps()
    treasury = house.signer.address
    before = house.chain.signer_state(treasury).balance
    house.lives(Fate({}))
    ended = house.get(id)
    costs = [step.inclusion.cost for step in ended.steps]
    assert before - house.chain.signer_state(treasury).balance == sum(costs)
    assert costs[0] - costs[1] == DEPOSIT
