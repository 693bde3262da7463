"""Mint, burn and pause, on a database and a node: each once, whatever dies, forgets or reverts."""

import random
from datetime import timedelta

import pytest

from application.deployments.budget import Budgets
from domain.deployment import Reason, State
from domain.token import Action
from domain.treasury import Budget
from tests.application.house import PROVING
from tests.application.mortal import DEATHS, Fate
from tests.postgres_and_anvil.house import a_house
from tests.postgres_and_anvil.order_house import HOLDER, OrderHouse
from tests.postgres_house import time_runs, workers


@pytest.fixture(scope="module")
def house(anvil, server_url):
    with a_house(anvil, house=OrderHouse) as made:
        yield made


@pytest.fixture
def fresh(anvil, server_url):
    """A house whose issuer has never sent anything."""
    with a_house(anvil, house=OrderHouse) as made:
        yield made


@pytest.fixture(scope="module")
def token(house):
    """Without a cap to speak of."""
    issued = house.issued()
    # From here on its issuer has a line.
    house.minting(issued, 1)
    house.lives(Fate({}))
    return issued


# End to end


def test_of_the_days_budget_goes_what_the_treasury_lost_and_no_more(fresh):
    """Gas and what issuers are given, by the balance that the node tells."""
    fresh.budgets = Budgets(limits={fresh.network: 10**24})
    before = fresh.chain.signer_state(fresh.signer.address).balance
    token = fresh.issued()
    fresh.operated(token, Action.MINT, amount="250", to=HOLDER)
    reserved = fresh.budget().reserved
    fresh.lives(Fate({}))
    lost = before - fresh.chain.signer_state(fresh.signer.address).balance
    assert fresh.budget() == Budget(0, lost)
    assert 0 < lost < reserved + fresh.allowance


def test_an_issuer_mints_burns_pauses_and_unpauses(house):
    token = house.issued()
    for action, parameters, supply, paused in (
        (Action.MINT, {"amount": "250"}, 1250, 0),
        (Action.BURN, {"amount": "400"}, 850, 0),
        (Action.PAUSE, {}, 850, 1),
        (Action.UNPAUSE, {}, 850, 0),
    ):
        treasury, issuer = house.nonces_used(), house.nonces_of(token.owner)
        operation = house.operated(token, action, **parameters)
        house.lives(Fate({}))
        house.is_captured_once(operation)
        ended = house.get(operation.id)
        assert [step.name for step in ended.steps] == ["fund", action.value]
        assert [step.slots[0].signer for step in ended.steps] == [
            house.signer.address,
            token.owner,
        ]
        assert ended.result == token.result
        assert house.view(token, "totalSupply()") == supply
        assert house.view(token, "paused()") == paused
        assert house.nonces_used() == treasury + 1
        assert house.nonces_of(token.owner) == issuer + 1
    house.books_are_right()


def test_what_exceeds_the_cap_costs_nothing(fresh):
    token = fresh.issued(cap="1000")
    treasury = fresh.nonces_used()
    operation = fresh.minting(token)
    fresh.lives(Fate({}))
    ended = fresh.get(operation.id)
    assert ended.state is State.FAILED
    assert ended.failure.reason is Reason.DEPLOYMENT_VALIDATION_FAILED
    assert ended.failure.without_effect
    fresh.hold_is(operation, "released")
    assert fresh.minted(token) == 0
    assert (fresh.nonces_used(), fresh.nonces_of(token.owner)) == (treasury, 0)
    fresh.books_are_right()


# Deaths


def outlives(house, token, schedule):
    treasury, issuer, minted = (
        house.nonces_used(),
        house.nonces_of(token.owner),
        house.minted(token),
    )
    operation = house.minting(token)
    house.lives(Fate(schedule))
    house.is_captured_once(operation)
    assert house.minted(token) == minted + 5, schedule
    assert house.nonces_used() == treasury + 1, schedule
    assert house.nonces_of(token.owner) == issuer + 1, schedule


def test_no_single_death_of_the_worker_changes_the_outcome(house, token):
    healthy = Fate({})
    operation = house.minting(token)
    house.lives(healthy)
    house.is_captured_once(operation)
    assert healthy.calls.count("sign") == healthy.calls.count("submit") == 2
    # The more often a block is waited for, the more calls there are.
    everything = [(call, death) for call in range(len(healthy.calls)) for death in DEATHS]
    chosen = everything if PROVING else random.sample(everything, len(everything) // 5)
    for call, death in chosen:
        outlives(house, token, {call: death})
    house.books_are_right()


def test_no_death_of_the_first_worker_that_an_issuer_ever_has_changes_the_outcome(house):
    """The issuer's line begins in the middle of it."""
    token, probe = house.issued(), Fate({})
    house.minting(token)
    house.lives(probe)
    for call in (i for i, name in enumerate(probe.calls) if name == "signer_state"):
        for near in range(call - 1, call + 5):
            outlives(house, house.issued(), {near: random.choice(DEATHS)})


# Forgotten by the database, known to the chain


@pytest.mark.parametrize("acts", range(9))
def test_a_restored_backup_adopts_what_was_done_and_repeats_nothing(house, token, acts):
    """The backup is from before the mint, or from some moment in the middle of it."""
    operation = house.minting(token)
    treasury, issuer = house.nonces_used(), house.nonces_of(token.owner)
    minted = house.minted(token)
    advance = house.advance()
    (claim,) = house.claims()
    for _ in range(acts):
        advance.step(claim)
    house.give_back([claim])
    with house.forgetting():
        house.lives(Fate({}))
        assert house.minted(token) == minted + 5
    house.leases_run_out()
    assert house.state_of(operation.id) != "Completed"
    house.lives(Fate({}))
    house.is_captured_once(operation)
    assert house.minted(token) == minted + 5
    # Not even a transaction that the contract had to refuse.
    assert house.nonces_used() == treasury + 1
    assert house.nonces_of(token.owner) == issuer + 1
    # And whoever comes next is not held up.
    outlives(house, token, {})
    house.books_are_right()


def test_an_issuer_that_the_database_has_forgotten_goes_on_in_its_line(fresh):
    token = fresh.issued()
    first = fresh.minting(token)
    with fresh.forgetting():
        fresh.lives(Fate({}))
    fresh.lives(Fate({}))
    fresh.is_captured_once(first)
    assert [step.slots[0].signer for step in fresh.get(first.id).steps] == [
        fresh.signer.address,
        token.owner,
    ]
    outlives(fresh, token, {})
    assert fresh.minted(token) == 10


# Together


def test_mints_of_one_issuer_at_once_all_land_once(house, token):
    minted, issuer = house.minted(token), house.nonces_of(token.owner)
    operations = [house.minting(token) for _ in range(4)]
    house.lives(Fate({}))
    for operation in operations:
        house.is_captured_once(operation)
    assert house.minted(token) == minted + 20
    assert house.nonces_of(token.owner) == issuer + 4
    house.books_are_right()


def test_two_workers_at_once_mint_for_a_fresh_issuer(fresh):
    token = fresh.issued()
    with time_runs(fresh):
        operations = [fresh.minting(token) for _ in range(6)]
        workers(fresh, 2, until=fresh.is_over)
    for operation in operations:
        fresh.is_captured_once(operation)
    assert fresh.minted(token) == 30
    assert fresh.nonces_of(token.owner) == 6
    fresh.books_are_right()


# A second step that does not work


def paused_in_between(house):
    """A mint that is paid for, of a token that is paused now."""
    token = house.issued()
    house.hand_pausing_over(token)
    operation = house.paid_for(token)
    house.stranger_does(token, "pause()")
    return token, operation


def test_a_mint_of_a_token_that_was_paused_meanwhile_waits_and_goes_on(fresh):
    token, operation = paused_in_between(fresh)
    for _ in range(5):
        fresh.lives_once(Fate({}))
    waiting = fresh.get(operation.id)
    assert waiting.state is State.PENDING
    assert waiting.waiting.value == "operator"
    assert waiting.may_be_ended
    fresh.hold_is(operation, "held")
    assert fresh.minted(token) == 0
    fresh.stranger_does(token, "unpause()")
    fresh.lives(Fate({}))
    fresh.is_captured_once(operation)
    assert fresh.minted(token) == 5
    fresh.books_are_right()


def test_a_mint_that_reverts_in_a_block_is_tried_again_in_the_next_nonce(fresh):
    """Signed while it worked, included when it did not."""
    token = fresh.issued()
    fresh.hand_pausing_over(token)
    issuer = fresh.nonces_of(token.owner)
    operation = fresh.paid_for(token)
    fresh.anvil.call("evm_setAutomine", False)
    try:
        fresh.until(operation.id, lambda seen: seen.steps[1].attempts)
        # At a price that has it included first.
        call = {
            "from": "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
            "to": token.result,
            "data": "0x8456cb59",
            "maxFeePerGas": hex(400 * 10**9),
            "maxPriorityFeePerGas": hex(300 * 10**9),
        }
        fresh.anvil.call("eth_sendTransaction", call)
        fresh.anvil.call("evm_mine")
    finally:
        fresh.anvil.call("evm_setAutomine", True)
    assert fresh.nonces_of(token.owner) == issuer + 1
    assert fresh.view(token, "paused()") == 1
    fresh.anvil.call("anvil_mine", "0x40")
    fresh.until(operation.id, lambda seen: seen.waiting and seen.waiting.value == "operator")
    assert fresh.get(operation.id).state is State.PENDING
    assert fresh.minted(token) == 0
    fresh.stranger_does(token, "unpause()")
    fresh.lives(Fate({}))
    fresh.is_captured_once(operation)
    assert len(fresh.get(operation.id).steps[1].slots) == 2
    assert fresh.minted(token) == 5
    assert fresh.nonces_of(token.owner) == issuer + 2
    fresh.books_are_right()


# The issuer's line


def test_a_mint_that_is_stuck_is_replaced_at_a_higher_fee_and_lands_once(house, token):
    minted, issuer = house.minted(token), house.nonces_of(token.owner)
    operation = house.paid_for(token)
    house.anvil.call("evm_setAutomine", False)
    try:
        house.until(operation.id, lambda seen: seen.steps[1].attempts)
        house.pass_time(timedelta(minutes=2))
        house.until(operation.id, lambda seen: len(seen.steps[1].attempts) > 1)
        house.anvil.call("evm_mine")
    finally:
        house.anvil.call("evm_setAutomine", True)
    house.lives(Fate({}))
    house.is_captured_once(operation)
    step = house.get(operation.id).steps[1]
    (slot,) = step.slots
    fees = [attempt.fee_cap for attempt in slot.attempts]
    assert fees == sorted(set(fees))
    assert step.inclusion.transaction_id in {a.transaction_id for a in slot.attempts[1:]}
    assert house.minted(token) == minted + 5
    assert house.nonces_of(token.owner) == issuer + 1
    house.books_are_right()


def test_a_stranger_with_the_issuers_key_halts_the_issuer_and_nobody_else(fresh):
    token = fresh.issued()
    fresh.hand_pausing_over(token)
    fresh.minting(token)
    fresh.lives(Fate({}))
    fresh.hand_pausing_over(token)
    operation = fresh.minting(token)
    for _ in range(4):
        fresh.life(Fate({}))
        fresh.leases_run_out()
        fresh.pass_time(timedelta(seconds=9))
    assert fresh.is_halted
    assert fresh.signer_now().halted is None
    assert fresh.get(operation.id).waiting.value == "network_halted"
    fresh.operator_looks()
    fresh.lives(Fate({}))
    fresh.is_captured_once(operation)
    assert fresh.minted(token) == 10
