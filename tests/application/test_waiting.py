"""Why a deployment waits: every reason through what really causes it, and how it goes on.

`approval` belongs to a feature that is not there yet; `window_open` is driven where windows are
(tests/algorand).
"""

from datetime import timedelta

import pytest

from adapters.memory.chain import NO_HISTORY, UNAVAILABLE, UNDERPRICED, WRONG_CHAIN
from application.deployments.watch import WatchNetwork
from domain.deployment import Deployment
from domain.errors import Refusal
from domain.identifiers import Prefix, public_id
from domain.operation import WaitReason
from tests.application.house import House, State
from tests.application.mortal import Fate
from tests.catalogue import UNLIMITED

#: No line in the history: part of every healthy deployment.
ROUTINE = {WaitReason.QUEUED, WaitReason.IN_MEMPOOL, WaitReason.FINALITY}
DRIVEN_ELSEWHERE = {WaitReason.APPROVAL, WaitReason.WINDOW_OPEN}


def waits(house, id, reason, *, state):
    """It waits for *reason*, in *state*, costs no more than the hold, and its history says so."""
    deployment = house.get(id)
    assert (deployment.state, deployment.waiting) == (state, reason)
    assert deployment.waiting_since is not None
    assert house.credits == (20, 5, 0)
    told = house.waits(id)
    assert (reason in told) == (reason not in ROUTINE)
    # Waiting on is no news.
    before = deployment.waiting_since
    house.work(2)
    assert house.waits(id) == told
    assert house.get(id).waiting_since == before
    house.is_intact()


def recovers(house, id):
    house.chain.instant = True
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    assert house.get(id).waiting is None
    assert house.tokens(id) == 1
    assert house.credits == (20, 0, 5)
    house.is_intact()


def test_a_new_deployment_is_queued_until_a_worker_comes():
    house = House()
    id = house.deploy().id
    assert house.get(id).waiting is WaitReason.QUEUED
    assert house.waits(id) == []
    recovers(house, id)
    assert house.waits(id) == []


def test_it_is_queued_while_the_signer_has_as_many_in_flight_as_it_may():
    house = House(instant=False)
    house.change_signer(limit=2)
    first, second, third = (house.deploy().id for _ in range(3))
    house.work()
    waiting = house.get(third)
    assert (waiting.state, waiting.waiting) == (State.QUEUED, WaitReason.QUEUED)
    assert not waiting.step.slots
    assert house.waits(third) == []
    assert [house.get(id).state for id in (first, second)] == [State.PENDING] * 2
    house.chain.finalise()
    house.chain.instant = True
    house.work_until_done()
    assert [house.tokens(id) for id in (first, second, third)] == [1, 1, 1]


def test_sixty_four_are_in_flight_and_the_next_one_waits():
    house = House(instant=False)
    house.grant(1_000)
    house.set_tariff(house.registered.organisation.id, UNLIMITED, "many")
    ids = [house.deploy().id for _ in range(66)]
    house.work()
    in_flight = [id for id in ids if house.get(id).step.slots]
    assert len(in_flight) == 64
    assert {house.get(id).waiting for id in set(ids) - set(in_flight)} == {WaitReason.QUEUED}
    house.chain.instant = True
    house.work_until_done()
    assert [house.tokens(id) for id in ids] == [1] * 66
    assert house.credits[2] == 66 * 5
    house.is_intact()


def test_it_waits_for_its_account_until_the_account_has_a_key():
    house = House(is_account_ready=False)
    id = house.deploy().id
    house.work()
    waits(house, id, WaitReason.ACCOUNT_NOT_READY, state=State.QUEUED)
    assert house.get(id).owner is None
    account = house.prepare_account()
    recovers(house, id)
    assert house.get(id).owner == account.address


@pytest.mark.parametrize(
    ("breaks", "heals"),
    [
        ({"is_down": True}, {"is_down": False}),
        ({"refuses": "denied"}, {"refuses": None}),
        ({"lies": True}, {"lies": False}),
    ],
)
def test_it_waits_for_a_custodian_that_does_not_sign(breaks, heals):
    house = House()
    id = house.deploy().id
    for name, value in breaks.items():
        setattr(house.custodian, name, value)
    house.work()
    waits(house, id, WaitReason.SIGNER_UNAVAILABLE, state=State.QUEUED)
    assert house.get(id).step.open_slot, "its slot is kept"
    assert not house.chain.node.pool, "nothing of it was sent"
    refusal = house.cancel(id)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "too_late_to_cancel"
    for name, value in heals.items():
        setattr(house.custodian, name, value)
    recovers(house, id)
    assert house.signer_now().next_sequence == 1


def test_it_waits_for_a_node_that_does_not_answer():
    house = House()
    id = house.deploy().id
    house.chain.is_down = True
    house.work()
    waits(house, id, WaitReason.NODE_UNAVAILABLE, state=State.QUEUED)
    house.chain.is_down = False
    recovers(house, id)


@pytest.mark.parametrize("question", ["outcome", "block_at", "read_back"])
def test_a_node_that_falls_silent_later_costs_nothing_but_time(question):
    house = House()
    id = house.deploy().id
    house.chain.misbehave(question, *[UNAVAILABLE] * 4)
    for _ in range(6):
        house.work()
        if house.waits(id):
            break
    assert house.get(id).waiting is WaitReason.NODE_UNAVAILABLE
    assert house.waits(id) == [WaitReason.NODE_UNAVAILABLE]
    recovers(house, id)


def test_it_waits_while_gas_costs_more_than_the_ceiling():
    house = House()
    id = house.deploy().id
    house.chain.gas_price = house.chain.network.fee_ceiling + 1
    house.work()
    waits(house, id, WaitReason.FEE_ABOVE_CEILING, state=State.QUEUED)
    assert not house.get(id).step.slots
    house.chain.gas_price = 1_000
    recovers(house, id)


def test_a_price_that_rises_after_the_slot_was_given_is_waited_for_in_that_slot():
    house = House(instant=False)
    id = house.deploy().id
    house.chain.misbehave("prepare", UNAVAILABLE)
    house.work()
    house.chain.gas_price = house.chain.network.fee_ceiling + 1
    house.work()
    waits(house, id, WaitReason.FEE_ABOVE_CEILING, state=State.QUEUED)
    house.chain.gas_price = 1_000
    recovers(house, id)
    assert house.signer_now().next_sequence == 1


def test_it_waits_for_a_treasury_that_cannot_pay():
    house = House(funds=0)
    id = house.deploy().id
    house.work()
    waits(house, id, WaitReason.TREASURY_EMPTY, state=State.QUEUED)
    assert not house.get(id).step.slots
    house.chain.fund(house.signer.address, 10**15)
    recovers(house, id)


def test_a_treasury_that_became_empty_after_signing_keeps_slot_and_bytes():
    house = House(instant=False)
    id = house.deploy().id
    house.chain.misbehave("submit", UNAVAILABLE)
    house.work()
    (attempt,) = house.get(id).step.attempts
    house.chain.fund(house.signer.address, -(10**15))
    house.work()
    waits(house, id, WaitReason.TREASURY_EMPTY, state=State.SUBMITTED)
    house.chain.fund(house.signer.address, 10**15)
    recovers(house, id)
    assert house.get(id).step.attempts[0].raw == attempt.raw
    assert set(house.chain.node.mined) == {attempt.transaction_id}


def test_it_waits_in_the_pool_for_a_block():
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    waits(house, id, WaitReason.IN_MEMPOOL, state=State.PENDING)
    recovers(house, id)


def test_it_waits_in_a_block_for_finality():
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    house.chain.mine()
    house.work()
    waits(house, id, WaitReason.FINALITY, state=State.PENDING)
    assert "deployment.included" in house.actions(id)
    house.chain.mine(2)
    recovers(house, id)


def test_an_answer_that_says_nothing_keeps_everything_and_sends_the_same_bytes_again():
    house = House(instant=False)
    id = house.deploy().id
    house.chain.misbehave("submit", *[UNAVAILABLE] * 4)
    house.work()
    waits(house, id, WaitReason.UNKNOWN_OUTCOME, state=State.SUBMITTED)
    recovers(house, id)
    assert len(house.get(id).step.attempts) == 1


def test_an_outcome_that_no_node_remembers_stays_unknown_and_sounds_an_alarm():
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    house.chain.misbehave("outcome", *[NO_HISTORY] * 3)
    house.work()
    waits(house, id, WaitReason.UNKNOWN_OUTCOME, state=State.PENDING)
    name = public_id(Prefix.DEPLOYMENT, id)
    assert {(code, subject) for code, subject, _ in house.alarms.sounded} == {
        ("history_unavailable", f"memory:1 {name}")
    }
    recovers(house, id)


def test_halting_a_network_or_a_signer_sounds_an_alarm_once():
    house = House()
    for _ in range(2):
        house.halt.network(house.network, "wrong_chain", "it is another one")
        house.halt.signer(house.network, house.signer.address, "somebody has its key")
    assert [code for code, _, _ in house.alarms.sounded] == [
        "network_halted.wrong_chain",
        "signer_halted",
    ]


def test_an_underpriced_answer_is_no_failure_either():
    house = House(instant=False)
    id = house.deploy().id
    house.chain.misbehave("submit", *[UNDERPRICED] * 4)
    house.work()
    waits(house, id, WaitReason.UNKNOWN_OUTCOME, state=State.SUBMITTED)
    recovers(house, id)


def test_it_waits_for_the_operator_where_its_sender_is_no_signer_of_ours():
    house = House()
    backup = house.backup()
    id = house.deploy().id
    # Restored from the time before the treasury was made, but for the deployment itself.
    ((signers, rows),) = [(t, r) for t, r in backup if t.name == "signers"]
    signers.rows = {}
    house.work()
    waits(house, id, WaitReason.OPERATOR, state=State.QUEUED)
    signers.rows = dict(rows)
    recovers(house, id)


def test_it_waits_for_the_operator_where_a_new_slot_would_only_revert():
    """Its first slot was lost to a stranger, so a refusal now is no refusal of the request."""
    house = House(instant=False)
    id = house.deploy().id
    house.work()
    house.chain.foreign_transaction(house.signer.address)
    house.chain.finalise()
    house.work()
    house.change_signer(halted=None)
    house.chain.refuses = "the factory is gone"
    house.work()
    waits(house, id, WaitReason.OPERATOR, state=State.PENDING)
    house.chain.refuses = None
    recovers(house, id)


def test_everything_waits_while_the_network_is_halted_and_nothing_is_signed():
    house = House()
    id = house.deploy().id
    house.chain.misbehave("effect_of", WRONG_CHAIN)
    house.work()
    waits(house, id, WaitReason.NETWORK_HALTED, state=State.QUEUED)
    assert house.operator_actions().count("network.halted") == 1
    assert house.custodian.signatures == 0
    assert house.resume() == [house.network]
    recovers(house, id)
    assert "network.resumed" in house.operator_actions()


def test_a_deployment_waits_while_its_signer_is_halted_and_goes_on_after_resuming():
    house = House(instant=False)
    first = house.deploy().id
    house.work()
    house.chain.foreign_transaction(house.signer.address)
    house.chain.finalise()
    house.work()
    waits(house, first, WaitReason.NETWORK_HALTED, state=State.PENDING)
    second = house.deploy().id
    house.work(2)
    assert house.get(second).waiting is WaitReason.NETWORK_HALTED
    assert house.custodian.signatures == 1
    assert house.resume() == [house.signer.address]
    house.chain.instant = True
    house.work_until_done()
    assert [house.tokens(id) for id in (first, second)] == [1, 1]
    assert house.credits == (15, 0, 10)
    assert "deployment.slot_spent" in house.actions(first)
    house.is_intact()


def test_a_halted_signer_signs_nothing_in_slots_it_has_given_and_gives_no_more():
    house = House()
    first = house.deploy().id
    house.custodian.is_down = True
    house.work()
    assert house.get(first).step.open_slot
    house.halt.signer(house.network, house.signer.address, "a person said so")
    house.custodian.is_down = False
    second = house.deploy().id
    house.work(3)
    assert house.custodian.signatures == 0
    assert {house.get(id).waiting for id in (first, second)} == {WaitReason.NETWORK_HALTED}
    assert not house.get(second).step.slots
    house.operator_looks()
    house.work_until_done()
    assert [house.tokens(id) for id in (first, second)] == [1, 1]


def test_a_signer_halted_while_a_worker_looks_gives_no_slot():
    """The worker saw it before the halt; the slot is given under the signer's lock."""
    house = House()
    id = house.deploy().id
    (claim,) = house.claims()
    probe = Fate({})
    house.mortal_advance(probe).step(claim)
    house = House()
    id = house.deploy().id
    (claim,) = house.claims()

    def halt(_event):
        house.halt.signer(house.network, house.signer.address, "a person said so")

    house.mortal_advance(Fate({probe.calls.index("slot_terms"): "halt"}, halt)).step(claim)
    assert not house.get(id).step.slots
    assert house.get(id).waiting is WaitReason.NETWORK_HALTED


def test_a_nonce_used_before_any_was_given_halts_the_signer_before_anything_is_signed():
    house = House()
    house.chain.foreign_transaction(house.signer.address)
    house.chain.mine()
    id = house.deploy().id
    house.work()
    waits(house, id, WaitReason.NETWORK_HALTED, state=State.QUEUED)
    assert house.custodian.signatures == 0
    assert not house.get(id).step.slots
    assert isinstance(house.cancel(house.deploy().id), Deployment), "no slot: it costs nothing"
    house.chain.finalise()
    house.operator_looks()
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    assert house.get(id).step.slots[0].sequence == 1


def test_a_worker_without_the_network_leaves_its_deployments_to_others():
    house = House()
    id = house.deploy().id
    ignorant = house.advance()
    ignorant.chains.clear()
    (claim,) = house.claims()
    ignorant(claim)
    house.give_back([claim])
    assert house.get(id).waiting is WaitReason.NODE_UNAVAILABLE
    house.pass_time(timedelta(seconds=6))
    recovers(house, id)


def test_a_look_at_a_silent_network_changes_nothing():
    house = House()
    before = house.watch(house.network)
    assert isinstance(house.watch, WatchNetwork)
    house.chain.is_down = True
    assert house.watch(house.network) == before
    assert house.network_status.halted is None


def test_every_reason_of_the_closed_list_but_two_is_driven_by_a_test_here():
    import pathlib

    here = pathlib.Path(__file__).read_text()
    missing = [
        reason
        for reason in set(WaitReason) - DRIVEN_ELSEWHERE
        if f"WaitReason.{reason.name}, state" not in here
        and f"waiting is WaitReason.{reason.name}" not in here
    ]
    assert not missing
