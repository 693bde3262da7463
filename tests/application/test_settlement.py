"""How a deployment ends, and what it then has cost: proof first, credits after."""

from datetime import timedelta

import pytest
from attrs import evolve

from adapters.memory.chain import (
    ANSWER_LOST,
    REJECTED,
    REJECTED_THOUGH_TAKEN,
    UNAVAILABLE,
    UNDERPRICED,
)
from application.credits.post import post
from application.deployments.request import Accepted
from domain.deployment import Reason
from domain.errors import Refusal
from domain.ledger import Capture
from domain.network import Block
from domain.operation import (
    AttemptOrigin,
    AttemptRole,
    NoEffect,
    SignedTransaction,
    SlotState,
    WaitReason,
)
from tests.application.house import House, State, states
from tests.application.mortal import Fate, Mortal


def is_given_back(house, id, reason):
    failed = house.get(id)
    assert failed.state is State.FAILED
    assert failed.failure is not None
    assert (failed.failure.reason, failed.failure.without_effect) == (reason, True)
    assert house.tokens(id) == 0
    assert house.credits == (25, 0, 0)
    assert house.open_holds == 0
    house.is_intact()


def is_charged(house, id, state=State.COMPLETED):
    assert house.get(id).state is state
    assert house.tokens(id) == 1
    assert house.credits == (20, 0, 5)
    assert house.open_holds == 0
    house.is_intact()


# Refused.


def test_what_cannot_work_fails_before_anything_is_signed():
    house = House()
    house.chain.refuses = "the owner is the zero address"
    id = house.deploy().id
    house.work()
    is_given_back(house, id, Reason.DEPLOYMENT_VALIDATION_FAILED)
    failure = house.get(id).failure
    assert failure is not None
    assert "zero address" in failure.detail
    assert house.custodian.signatures == 0
    assert house.signer_now().next_sequence == 0
    assert states(house.events(id)) == ["Failed"]


def test_a_rejected_deployment_fails_only_when_something_else_is_final_in_its_slot():
    house = House(instant=False)
    id = house.deploy().id
    house.chain.misbehave("submit", REJECTED)
    house.work()
    effect, fill = house.get(id).step.attempts
    assert (effect.role, fill.role) == (AttemptRole.EFFECT, AttemptRole.FILL)
    assert effect.rejected
    assert fill.rejected is None
    assert house.get(id).state is State.SUBMITTED
    assert house.credits == (20, 5, 0)
    house.chain.mine()
    house.work()
    assert house.get(id).state is State.SUBMITTED, "included is not final"
    assert house.credits == (20, 5, 0)
    assert isinstance(house.cancel(id), Refusal)
    house.chain.mine(2)
    house.work()
    is_given_back(house, id, Reason.TRANSACTION_SUBMISSION_FAILED)
    assert states(house.events(id)) == ["Submitted", "Failed"]
    (slot,) = house.get(id).step.slots
    assert (slot.state, slot.sequence) == (SlotState.SPENT, 0)
    assert len(house.chain.node.mined) == 1


def test_the_slots_above_a_rejected_one_do_not_wait_for_ever():
    house = House()
    house.chain.misbehave("submit", REJECTED)
    ids = [house.deploy().id for _ in range(3)]
    house.work_until_done()
    assert [house.get(id).state for id in ids] == [State.FAILED, State.COMPLETED, State.COMPLETED]
    assert house.credits == (15, 0, 10)
    house.is_intact()


def test_a_rejection_by_one_node_is_no_proof_while_another_has_the_bytes():
    house = House()
    id = house.deploy().id
    house.chain.misbehave("submit", REJECTED_THOUGH_TAKEN)
    house.work_until_done()
    is_charged(house, id)
    assert "deployment.rejected" in house.actions(id)


def test_what_was_rejected_and_lands_before_its_fill_is_completed():
    house = House(instant=False)
    id = house.deploy().id
    house.chain.misbehave("submit", REJECTED, UNAVAILABLE)
    house.work()
    effect, fill = house.get(id).step.attempts
    assert fill.role is AttemptRole.FILL
    # Another node had taken the effect all the same.
    house.chain.submit(bytes_of(effect))
    house.chain.finalise()
    house.work_until_done()
    is_charged(house, id)
    assert set(house.chain.node.mined) == {effect.transaction_id}


def bytes_of(attempt):
    return SignedTransaction(id=attempt.transaction_id, raw=attempt.raw)


# Reverted.


def test_a_revert_without_effect_is_given_back_and_the_retry_gets_the_same_place():
    house = House()
    house.chain.node.reverts = 1
    id = house.deploy().id
    house.work_until_done()
    is_given_back(house, id, Reason.TRANSACTION_REVERTED)
    predicted, hold = house.get(id).predicted, house.get(id).hold
    house.pass_time(timedelta(hours=2))
    answer = house.retry(id)
    assert isinstance(answer, Accepted)
    assert answer.deployment.state is State.QUEUED
    assert answer.deployment.hold != hold
    assert house.credits == (20, 5, 0)
    house.work_until_done()
    is_charged(house, id)
    retried = house.get(id)
    assert (retried.result, retried.failure) == (predicted, None)
    assert [slot.state for slot in retried.step.slots] == [SlotState.SPENT, SlotState.USED]
    assert states(house.events(id)) == [
        "Submitted",
        "Pending",
        "Failed",
        "Queued",
        "Submitted",
        "Pending",
        "Confirmed",
        "Indexed",
        "Completed",
    ]


def test_a_revert_is_believed_only_at_finality():
    house = House(instant=False)
    house.chain.node.reverts = 1
    id = house.deploy().id
    house.work()
    house.chain.mine()
    house.work()
    assert house.get(id).state is State.PENDING
    # The block with the revert vanishes; in the next one the same bytes succeed.
    house.chain.reorg(1)
    house.chain.finalise()
    house.work_until_done()
    is_charged(house, id)


def test_a_revert_because_the_effect_is_there_already_adopts_it():
    """A restored backup: the nonce is a new one, the token is there by a forgotten transaction."""
    house = House(instant=False)
    id = house.deploy().id
    accepted = house.backup()
    house.work()
    forgotten = house.get(id).step.attempts[0]
    house.restore(accepted)
    house.chain.slots.clear()
    assert not house.get(id).step.slots
    # Nothing is in a block yet, so the chain does not tell; it gets a nonce above the forgotten.
    house.change_signer(next_sequence=1)
    house.work()
    house.chain.finalise()
    house.work_until_done()
    is_charged(house, id)
    deployment = house.get(id)
    assert deployment.step.attempts[-1].origin is AttemptOrigin.FOUND
    assert deployment.step.attempts[-1].transaction_id == forgotten.transaction_id
    assert "deployment.effect_found" in house.actions(id)
    assert [slot.state for slot in deployment.step.slots] == [SlotState.SPENT, SlotState.USED]
    assert [m.succeeded for m in house.chain.node.mined.values()] == [True, False]


def test_absence_seen_at_a_block_before_the_revert_is_no_proof():
    """The node that is asked for the effect is behind the one that told of the revert."""
    house = House(instant=False)
    id = house.deploy().id
    accepted = house.backup()
    house.work()
    house.restore(accepted)
    house.chain.slots.clear()
    house.change_signer(next_sequence=1)
    house.work()
    house.chain.finalise()
    behind = NoEffect(Block(number=0, hash="genesis"))
    advance = house.advance(chain=Behind(house.chain, behind))
    (claim,) = house.claims()
    advance(claim)
    house.give_back([claim])
    assert house.get(id).state is State.PENDING
    assert house.credits == (20, 5, 0)
    house.pass_time(timedelta(seconds=6))
    house.work_until_done()
    is_charged(house, id)


class Behind:
    """A chain whose second node, which is asked for effects, lags."""

    def __init__(self, chain, answer):
        self._chain, self._answer = chain, answer

    def __getattr__(self, name):
        return getattr(self._chain, name)

    def effect_of(self, intent):
        return self._answer


# Restored from a backup.


@pytest.mark.parametrize("steps", range(8))
def test_after_a_restore_from_any_moment_the_effect_is_adopted_and_paid_once(steps):
    house = House()
    id = house.deploy().id
    (claim,) = house.claims()
    for _ in range(steps):
        house.advance().step(claim)
    house.give_back([claim])
    backup = house.backup()
    house.work_until_done()
    is_charged(house, id)
    result = house.get(id).result
    house.restore(backup)
    house.work_until_done()
    if house.is_halted:
        house.operator_looks()
        house.work_until_done()
    is_charged(house, id)
    assert house.get(id).result == result
    # Nothing was signed for a second effect, and the line of nonces goes on behind the first.
    next_one = house.deploy().id
    house.work_until_done()
    if house.is_halted:
        house.operator_looks()
        house.work_until_done()
    assert house.get(next_one).state is State.COMPLETED
    assert len(house.chain.node.mined) == 2


def test_a_forgotten_transaction_of_ours_in_the_slot_is_no_strangers():
    """Restored from between slot and signature; what is signed now has another price."""
    house = House()
    id = house.deploy().id
    (claim,) = house.claims()
    house.advance().step(claim)
    house.give_back([claim])
    backup = house.backup()
    house.work_until_done()
    house.restore(backup)
    house.chain.gas_price += 1
    house.work_until_done()
    is_charged(house, id)
    assert not house.is_halted
    assert "signer.halted" not in house.operator_actions()
    assert [slot.state for slot in house.get(id).step.slots] == [SlotState.LOST, SlotState.USED]


def test_an_effect_found_before_it_is_final_is_waited_for():
    house = House(instant=False)
    id = house.deploy().id
    backup = house.backup()
    house.work()
    house.chain.mine()
    house.restore(backup)
    house.work()
    assert house.get(id).state is State.QUEUED
    assert house.get(id).waiting is WaitReason.FINALITY
    assert house.custodian.signatures == 1
    house.chain.mine(2)
    house.work_until_done()
    is_charged(house, id)


# What is there differs.


def test_a_token_that_differs_from_its_plan_is_paid_for_and_never_retried():
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    house.chain.finalise()
    predicted = house.get(id).predicted
    assert predicted is not None
    house.chain.tamper(predicted, supply=7)
    house.work_until_done()
    is_charged(house, id, State.FAILED)
    failed = house.get(id)
    assert failed.failure is not None
    assert failed.failure.reason is Reason.POST_DEPLOYMENT_FAILED
    assert "supply" in failed.failure.detail
    assert not failed.may_retry
    answer = house.retry(id)
    assert isinstance(answer, Refusal)
    assert answer.code == "not_retryable"
    is_charged(house, id, State.FAILED)


# Replaced.


def test_a_transaction_stuck_in_the_pool_is_replaced_at_a_higher_price():
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    house.chain.gas_price *= 5
    for _ in range(8):
        house.chain.mine()
        house.work()
    first, second = house.get(id).step.attempts
    assert second.fee_cap * 10 >= first.fee_cap * 11
    assert second.fee_cap >= house.chain.gas_price
    house.chain.finalise()
    house.work_until_done()
    is_charged(house, id)
    assert set(house.chain.node.mined) == {second.transaction_id}
    assert house.get(id).state is State.COMPLETED


def test_the_receipt_of_the_replaced_attempt_settles_the_step_as_well():
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    house.chain.gas_price *= 5
    for _ in range(5):
        house.chain.mine()
        house.work()
    first, second = house.get(id).step.attempts
    # A miner still had the cheap one, and the price fell.
    house.chain.evict(second.transaction_id)
    house.chain.gas_price = 1_000
    house.chain.submit(bytes_of(first))
    house.chain.finalise()
    house.work_until_done()
    is_charged(house, id)
    assert set(house.chain.node.mined) == {first.transaction_id}


def test_the_time_until_a_replacement_runs_from_the_broadcast():
    house = House(instant=False)
    id = house.deploy().id
    house.chain.misbehave("submit", *[UNAVAILABLE] * 4)
    house.work(5)
    (attempt,) = house.get(id).step.attempts
    assert attempt.broadcast_at - attempt.signed_at == timedelta(seconds=24)
    house.work(3)
    assert house.clock.now() - attempt.signed_at > house.chain.network.replace_after
    assert len(house.get(id).step.attempts) == 1
    house.work(3)
    assert len(house.get(id).step.attempts) == 2


def test_what_no_pool_takes_at_its_price_is_replaced_when_its_time_has_come():
    house = House(instant=False)
    id = house.deploy().id
    house.chain.misbehave("submit", *[UNDERPRICED] * 6)
    house.work(7)
    first, second = house.get(id).step.attempts
    assert second.fee_cap * 10 >= first.fee_cap * 11
    assert first.broadcast_at is None
    house.chain.finalise()
    house.work_until_done()
    is_charged(house, id)
    assert set(house.chain.node.mined) == {second.transaction_id}


def test_nothing_is_replaced_before_its_time_nor_above_the_ceiling():
    house = House(instant=False)
    id = house.deploy().id
    house.work(4)
    assert len(house.get(id).step.attempts) == 1
    house.chain.gas_price = house.chain.network.fee_ceiling
    house.work(10)
    caps = [attempt.fee_cap for attempt in house.get(id).step.attempts]
    assert max(caps) <= house.chain.network.fee_ceiling
    house.chain.gas_price = house.chain.network.fee_ceiling + 1
    house.work(10)
    assert [attempt.fee_cap for attempt in house.get(id).step.attempts] == caps
    assert WaitReason.FEE_ABOVE_CEILING in house.waits(id)
    house.chain.gas_price = 1_000
    house.chain.instant = True
    house.work_until_done()
    is_charged(house, id)


def test_a_transaction_the_pool_forgot_is_sent_again_with_the_same_bytes():
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    (attempt,) = house.get(id).step.attempts
    house.chain.evict(attempt.transaction_id)
    house.work()
    house.chain.finalise()
    house.work_until_done()
    is_charged(house, id)
    assert house.custodian.signatures == 1


def test_when_a_replacement_is_refused_the_bytes_before_it_are_sent_again():
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    first = house.get(id).step.attempts[0]
    house.pass_time(timedelta(minutes=1))
    house.chain.misbehave("submit", REJECTED)
    house.work()
    assert [bool(a.rejected) for a in house.get(id).step.attempts] == [False, True]
    house.chain.evict(first.transaction_id)
    house.work()
    house.chain.finalise()
    house.work_until_done()
    is_charged(house, id)
    assert set(house.chain.node.mined) == {first.transaction_id}


def test_a_cancellation_after_a_retry_is_free_of_effects_too():
    house = House()
    house.chain.node.reverts = 1
    id = house.deploy().id
    house.work_until_done()
    assert isinstance(house.retry(id), Accepted)
    cancelled = house.cancel(id)
    assert not isinstance(cancelled, Refusal)
    assert house.credits == (25, 0, 0)
    house.is_intact()


def test_a_lost_answer_needs_no_second_broadcast_to_be_understood():
    house = House(instant=False)
    id = house.deploy().id
    house.chain.misbehave("submit", ANSWER_LOST)
    house.work()
    assert house.get(id).state is State.PENDING
    house.chain.finalise()
    house.work_until_done()
    is_charged(house, id)
    assert house.custodian.signatures == 1


# Blocks that vanish.


@pytest.mark.parametrize("drop", [False, True])
def test_a_reorg_before_finality_opens_the_watch_again_and_moves_no_state_back(drop):
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    house.chain.mine()
    house.work()
    assert house.get(id).step.inclusion
    house.chain.reorg(1, drop=drop)
    house.work()
    assert "deployment.block_vanished" in house.actions(id)
    assert house.get(id).state is State.PENDING
    assert house.get(id).step.inclusion is None
    house.chain.finalise()
    house.work_until_done()
    is_charged(house, id)
    assert house.custodian.signatures == 1
    assert states(house.events(id)) == [
        "Submitted",
        "Pending",
        "Confirmed",
        "Indexed",
        "Completed",
    ]


def test_a_block_that_comes_back_as_another_one_is_told_as_both():
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    house.chain.mine()
    house.work()
    house.chain.reorg(1)
    house.chain.mine()
    house.work()
    included = [a for a in house.actions(id) if a.endswith(("included", "vanished"))]
    assert included == [
        "deployment.included",
        "deployment.block_vanished",
        "deployment.included",
    ]
    house.chain.mine(2)
    house.work_until_done()
    is_charged(house, id)


def test_a_final_block_that_vanishes_halts_the_network_until_a_person_has_looked():
    house = House(instant=False)
    house.chain.mine(6)
    house.watch(house.network)
    house.chain.reorg(5)
    id = house.deploy().id
    status = house.watch(house.network)
    assert status.halted is not None
    assert house.operator_actions().count("network.halted") == 1
    house.watch(house.network)
    assert house.operator_actions().count("network.halted") == 1, "one alarm, not many"
    house.chain.instant = True
    house.work(3)
    assert house.get(id).waiting is WaitReason.NETWORK_HALTED
    assert house.custodian.signatures == 0
    assert house.resume() == [house.network]
    house.work_until_done()
    is_charged(house, id)
    assert house.watch(house.network).halted is None


def test_a_confirmed_deployment_whose_final_block_vanished_is_neither_completed_nor_failed():
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    house.chain.finalise()
    house.chain.misbehave("block_at", UNAVAILABLE)
    house.work()
    assert house.get(id).state is State.CONFIRMED
    house.chain.reorg(3, drop=True)
    house.work(3)
    assert house.get(id).state is State.CONFIRMED
    assert house.network_status.halted
    assert house.credits == (20, 5, 0)
    assert house.open_holds == 1


def test_a_node_of_another_chain_halts_the_network():
    house = House()
    id = house.deploy().id
    house.chain.is_wrong = True
    house.work()
    assert house.network_status.halted
    house.chain.is_wrong = False
    house.work(2)
    assert house.get(id).waiting is WaitReason.NETWORK_HALTED
    assert house.custodian.signatures == 0
    house.resume()
    house.work_until_done()
    is_charged(house, id)


def test_the_watch_too_meets_a_node_of_another_chain():
    house = House()
    house.chain.is_wrong = True
    assert house.watch(house.network).halted
    assert house.network_status.halted


def test_a_network_that_only_grows_is_never_halted():
    house = House(instant=False)
    finals = []
    for _ in range(6):
        house.chain.mine(2)
        house.chain.reorg(2)
        status = house.watch(house.network)
        assert status.halted is None
        finals.append(status.final.number)
    assert finals == sorted(finals)
    assert finals[-1] > finals[0]
    assert house.network_status.final == house.watch(house.network).final


def test_a_node_that_is_behind_takes_nothing_back_of_what_is_known_to_be_final():
    house = House(instant=False)
    house.chain.mine(9)
    known = house.watch(house.network).final
    behind = House(instant=False).chain
    behind.mine(4)
    house.chain, ahead = behind, house.chain
    assert house.watch(house.network).halted is None
    assert house.network_status.final == known
    house.chain = ahead
    assert house.watch(house.network).final == known


def test_of_two_that_watch_the_one_that_saw_less_takes_nothing_back():
    house = House(instant=False)
    house.chain.mine(4)
    house.watch(house.network)

    def overtake(_event):
        house.chain.mine(5)
        house.watch(house.network)

    house.chain.mine(1)
    probe = Fate({1: "overtake"}, overtake)
    slow = evolve(house.watch, chains={house.network: Mortal(house.chain, probe)})
    slow(house.network)
    assert probe.calls == ["head", "block_at"]
    assert house.network_status.final.number == 10 - 2


def test_a_hold_is_closed_in_one_way_only():
    """Whoever would settle a deployment a second time, in another way, is stopped."""
    house = House()
    house.chain.node.reverts = 1
    id = house.deploy().id
    house.work_until_done()
    failed = house.get(id)
    with house.store.begin(house.scope) as work:
        trail = house.caller.trail(house.identifiers)
        refusal = post(work, trail, Capture(id=failed.hold), house.clock.now(), subject=id)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "hold_closed"
    is_given_back(house, id, Reason.TRANSACTION_REVERTED)
