"""Schedules that once did harm: each is told as what its victims would have seen."""

import contextlib
from datetime import timedelta

from attrs import evolve

from adapters.memory.chain import REJECTED
from application.access.api_keys import CreateApiKey, KeyRequest, RevokeApiKey
from application.ports.storage.work import FenceLostError, LeaseLostError, Scope
from domain.deployment import State
from domain.errors import Refusal
from tests.application.house import House


class Between:
    """A chain before whose *method* the world moves once."""

    def __init__(self, chain, method, happen):
        self._chain, self._method, self._happen = chain, method, happen

    def __getattr__(self, name):
        if name == self._method and self._happen:
            happen, self._happen = self._happen, None
            happen()
        return getattr(self._chain, name)


def test_a_worker_that_slept_through_its_lease_halts_nobody():
    house = House(instant=False)
    id = house.deploy().id
    (claim,) = house.claims()

    def another_worker_fills_the_slot():
        house.pass_time(timedelta(seconds=9))
        house.chain.misbehave("submit", REJECTED)
        for _ in range(6):
            house.work()
            house.chain.mine()
        house.chain.finalise()
        house.work(2)
        assert house.get(id).state is State.FAILED

    asleep = Between(house.chain, "submit", another_worker_fills_the_slot)
    with contextlib.suppress(LeaseLostError, FenceLostError):
        house.advance(chain=asleep)(claim)
    assert house.signer_now().halted is None
    assert "signer.halted" not in house.operator_actions()


def test_a_rejected_slot_is_filled_even_if_its_offer_was_the_ceiling():
    house = House(instant=False)
    house.chain.gas_price = 600_000  # of a ceiling of 1,000,000: the first offer is the ceiling
    first = house.deploy().id
    house.chain.misbehave("submit", REJECTED)
    house.work()
    house.chain.gas_price = 1
    second = house.deploy().id
    for _ in range(60):
        house.work()
        house.chain.mine()
    assert house.get(first).state is State.FAILED
    assert house.get(second).state is State.COMPLETED
    house.is_intact()


def test_an_unsigned_slot_under_an_old_ceiling_does_not_hold_up_later_ones():
    house = House(instant=False)
    first = house.deploy().id

    def the_price_passes_the_ceiling():
        house.chain.gas_price = 2_000_000

    (claim,) = house.claims()
    house.advance(chain=Between(house.chain, "prepare", the_price_passes_the_ceiling))(claim)
    house.give_back([claim])
    house.chain._network = evolve(house.chain._network, fee_ceiling=50_000_000)
    second = house.deploy().id
    for _ in range(60):
        house.work()
        house.chain.mine()
    assert house.get(second).state is State.COMPLETED
    assert house.get(first).state is State.QUEUED
    house.chain.gas_price = 1
    for _ in range(60):
        house.work()
        house.chain.mine()
    assert house.get(first).state is State.COMPLETED
    house.is_intact()


def test_what_is_on_chain_is_not_cancelled_after_a_restore():
    house = House()
    id = house.deploy().id
    backup = house.backup()
    house.work_until_done()
    house.restore(backup)
    refusal = house.cancel(id)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "too_late_to_cancel"
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    assert house.tokens(id) == 1
    house.is_intact()


def test_a_retry_counts_in_the_month_in_which_it_is_asked_for():
    house = House()
    house.grant(1_000)
    house.chain.refuses = "not now"
    ids = []
    for _ in range(8):
        ids.append(house.deploy().id)
        house.work()
    house.chain.refuses = None
    house.pass_time(timedelta(days=32))
    answers = [house.retry(id, key=f"again {number}") for number, id in enumerate(ids)]
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert [answer.code for answer in refused] == ["monthly_quota_exceeded"] * 3
    house.work_until_done()
    assert sum(house.get(id).state is State.COMPLETED for id in ids) == 5


def test_a_key_neither_outlives_its_maker_nor_reaches_into_the_other_mode():
    house = House()
    parts = {
        "store": house.store,
        "clock": house.clock,
        "identifiers": house.identifiers,
        "people": house.people,
    }
    soon = house.clock.now() + timedelta(minutes=1)
    key = evolve(house.caller, live=False, expires_at=soon)
    request = KeyRequest(name="child", live=False, scopes=None, expires_at=None)
    refusal = CreateApiKey(**parts)(key, request)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "forbidden"
    live = CreateApiKey(**parts)(house.caller, evolve(request, live=True))
    assert not isinstance(live, Refusal)
    refusal = RevokeApiKey(**parts)(key, live.key.id)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "mode_mismatch"


def test_the_trail_of_a_halt_does_not_name_the_node():
    house = House()
    house.deploy()
    house.chain.is_wrong = True
    house.work()
    with house.store.begin(Scope.installation()) as work:
        (halted,) = [e for e in work.audit.all(limit=100) if e.action == "network.halted"]
        told = work.networks.status(house.network).halted
    assert halted.content()["details"] == {"code": "wrong_chain"}
    assert told is not None
    assert told.encode() not in halted.body


def test_what_was_in_a_block_is_said_to_have_left_it_before_its_nonce_is_lost():
    """A reader of the trail would else find an effect that succeeded, and came to nothing."""
    house = House(instant=False)
    id = house.deploy().id
    house.work(3)
    house.chain.mine()
    house.work(1)
    assert house.get(id).step.inclusion is not None
    slot = house.get(id).step.slot
    house.chain.reorg(1, drop=True)
    house.chain.foreign_transaction(slot.signer)
    for _ in range(5):
        house.chain.mine()
    house.chain.finalise()
    house.work(2)
    actions = house.actions(id)
    lost = actions.index("deployment.slot_spent")
    assert actions[lost - 1] == "deployment.block_vanished"
    assert actions.index("deployment.included") < lost - 1
