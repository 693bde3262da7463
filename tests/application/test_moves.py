"""An account that moves where addresses are their keys: its tokens go with it, each once.

Whose a token is says the program on the chain, which knows nothing of our records.
"""

import contextlib

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from application.keys.carry_out import CarryOutKeyChange, NotYetError
from domain.account import AccountState
from domain.deployment import Deployment, State
from domain.errors import Refusal
from domain.key_change import KeyAction, KeyChangeState
from domain.operation import OperationKind, WaitReason
from domain.token import Action, TokenKind
from tests.application import test_crashes as counting
from tests.application.house import LEASE_IS_OVER, PARAMETERS, examples
from tests.application.keys import ELSEWHERE, KeyedHouse
from tests.application.mortal import AFTER, BEFORE, DEATHS, Fate
from tests.application.test_windows import sampled

deaths = st.dictionaries(st.integers(0, 160), st.sampled_from(DEATHS), max_size=3)


def an_issuer(tokens=2, **changes):
    """Who has issued some."""
    house = KeyedHouse(**changes)
    house.gold = [house.issue() for _ in range(tokens)]
    house.first = house.account
    return house


def owner(house, token: Deployment) -> str:
    """By the chain's word."""
    return house.chain.node.contracts[token.result].owner


def senders(house, operation: Deployment) -> list[str]:
    """Who has sent the transactions that had the operation's effect."""
    return [
        mined.sent.sender
        for mined in house.chain.node.mined.values()
        if mined.succeeded and getattr(mined.sent.act, "operation", None) == str(operation.id)
    ]


def is_moved(house, change):
    """Every token belongs to the new key, once; the new key orders it about, and none is paid."""
    ended, after, spent = house.changed(change.id), house.account, house.credits
    assert ended.state is KeyChangeState.COMPLETED, (ended.state, ended.code)
    assert after.key == ended.key != house.first.key
    assert after.address != house.first.address
    assert after.find(house.first.key).is_enabled
    for token in house.gold:
        assert owner(house, token) == after.address
    handed = house.hand_overs()
    assert sorted(each.of for each in handed) == sorted(token.id for token in house.gold)
    for each in handed:
        assert each.state is State.COMPLETED
        assert house.effects(each) == 1
        assert senders(house, each)[-1] == house.first.address
    assert not any(step.open_slot for each in house.operations() for step in each.steps)
    mint = house.operate(house.gold[0].id)
    house.lives(Fate({}))
    minted = house.get(mint.id)
    assert minted.state is State.COMPLETED, (minted.waiting, minted.failure)
    assert senders(house, minted) == [house.signer.address, after.address]
    assert house.credits == (spent[0] - 1, spent[1], spent[2] + 1)
    house.is_intact()


def test_an_account_that_moves_takes_its_tokens_along():
    house = an_issuer()
    change = house.move()
    house.lives(Fate({}))
    is_moved(house, change)
    assert house.account.custodian == ELSEWHERE
    receipts = [
        receipt
        for each in house.hand_overs()
        for event in house.events(each.id)
        for receipt in event.content()["details"].get("receipts", [])
    ]
    treasury = house.signer.key
    assert {receipt["key"] for receipt in receipts} == {treasury, house.first.key}
    with house.store.begin(house.scope) as work:
        told = work.audit.of_subject(change.named)
    assert [event.action for event in told] == [
        "key_change.requested",
        "key_change.begun",
        "key_change.completed",
    ]


def test_a_rotated_key_takes_them_too_and_so_does_the_one_after_it():
    house = an_issuer(1)
    house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    second = house.account
    house.move()
    house.lives(Fate({}))
    assert owner(house, house.gold[0]) == house.account.address != second.address
    assert {each.owner: each.order.parameters["to"] for each in house.hand_overs()} == {
        house.first.address: second.address,
        second.address: house.account.address,
    }
    house.is_intact()


def test_what_nobody_owns_stays_where_it_is():
    house = KeyedHouse()
    fixed = house.chain.token(TokenKind("memory_fixed"), PARAMETERS)
    house.issue(token=fixed)
    change = house.move()
    house.lives(Fate({}))
    assert house.hand_overs() == []
    assert house.changed(change.id).state is KeyChangeState.COMPLETED


def test_what_an_added_address_has_issued_is_not_moved():
    house = an_issuer(1)
    house.change(KeyAction.ADD, custodian=ELSEWHERE)
    house.lives(Fate({}))
    beside = house.issue(custodian=ELSEWHERE)
    house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    assert owner(house, house.gold[0]) == house.account.address
    assert owner(house, beside) == beside.owner != house.account.address


# What is under way meanwhile.


def test_what_is_issued_meanwhile_belongs_to_the_new_key_at_once():
    house = an_issuer(1)
    house.move()
    house.change_keys(Fate({}))
    issued = house.issue()
    assert house.account.address == issued.owner == owner(house, issued)
    house.lives(Fate({}))
    assert [each.of for each in house.hand_overs()] == [house.gold[0].id]
    house.is_intact()


def test_what_was_promised_to_the_earlier_address_is_issued_there_and_follows():
    house = an_issuer(1)
    named = house.deploy(custodian=house.first.custodian)
    assert named.owner == house.first.address
    change = house.move()
    house.change_keys(Fate({}))
    house.change_keys(Fate({}))
    assert house.changed(change.id).state is KeyChangeState.UNDER_WAY
    house.lives(Fate({}))
    house.gold.append(house.get(named.id))
    is_moved(house, change)


def test_an_order_in_flight_lands_first_and_one_that_is_not_begun_waits():
    house = an_issuer(1)
    house.chain.instant = False
    (gold,) = house.gold
    early = house.operate(gold.id)
    (claim,) = house.claims()
    house.advance().step(claim)
    house.give_back([claim])
    assert house.get(early.id).step.open_slot is not None
    change = house.move()
    house.change_keys(Fate({}))
    (handing,) = house.hand_overs()
    late = house.operate(gold.id)
    house.pass_time(LEASE_IS_OVER)
    house.life(Fate({}))
    assert house.get(handing.id).step.slot is None
    assert house.get(handing.id).waiting is WaitReason.QUEUED
    assert house.get(late.id).waiting is WaitReason.ACCOUNT_NOT_READY
    house.lives(Fate({}))
    assert senders(house, early) == [house.signer.address, house.first.address]
    assert senders(house, late) == [house.signer.address, house.account.address]
    assert house.get(late.id).owner == house.account.address
    assert house.changed(change.id).state is KeyChangeState.COMPLETED
    house.is_intact()


def test_an_order_that_was_accepted_before_is_given_by_the_new_owner():
    """Nothing of it was begun: it does not fail for want of a power that was given away."""
    house = an_issuer(1)
    waiting = house.operate(house.gold[0].id)
    house.move()
    house.change_keys(Fate({}))
    (handing,) = house.hand_overs()
    for _ in range(20):
        for claim in house.claims():
            if claim.operation == handing.id:
                house.advance()(claim)
        house.pass_time(LEASE_IS_OVER)
    assert house.get(handing.id).state is State.COMPLETED
    assert house.get(waiting.id).owner == house.first.address
    house.lives(Fate({}))
    minted = house.get(waiting.id)
    assert (minted.state, minted.owner) == (State.COMPLETED, house.account.address)
    assert not any(action.endswith(".failed") for action in house.actions(waiting.id))
    house.is_intact()


def test_a_refusal_that_is_seen_while_the_token_changes_hands_ends_nothing():
    """It was still the first owner's when it was read, and no longer when it was simulated."""
    house = an_issuer(1)
    waiting = house.operate(house.gold[0].id)
    house.move()
    house.change_keys(Fate({}))
    house.chain.refuses = "its owner is another one"
    for claim in house.claims():
        if claim.operation == waiting.id:
            house.advance()(claim)
    assert house.get(waiting.id).waiting is WaitReason.ACCOUNT_NOT_READY
    house.chain.refuses = None
    house.lives(Fate({}))
    assert house.get(waiting.id).state is State.COMPLETED


def test_a_disabled_account_hands_its_tokens_over_and_signs_nothing_else():
    """Whose key got into wrong hands stops us first, and then them."""
    house = an_issuer(1)
    waiting = house.operate(house.gold[0].id)
    house.switch(on=False)
    change = house.change(KeyAction.ROTATE)
    for _ in range(20):
        house.lives_once(Fate({}))
    assert house.changed(change.id).state is KeyChangeState.COMPLETED
    assert house.account.state is AccountState.DISABLED
    assert owner(house, house.gold[0]) == house.account.address
    assert house.get(waiting.id).waiting is WaitReason.ACCOUNT_NOT_READY
    house.switch(on=True)
    house.lives(Fate({}))
    assert senders(house, house.get(waiting.id))[-1] == house.account.address


# What does not work.


def test_what_the_chain_refuses_stays_behind_and_is_tried_again():
    house = an_issuer()
    change = house.move()
    house.change_keys(Fate({}))
    house.chain.refuses = "a role was given away"
    house.life(Fate({}))
    house.lives(Fate({}))
    ended = house.changed(change.id)
    assert (ended.state, ended.code) == (KeyChangeState.FAILED, "hand_over_failed")
    assert house.account.key == ended.key
    house.chain.refuses = None
    house.pass_time(LEASE_IS_OVER)
    for token in house.gold:
        assert owner(house, token) == house.first.address
        mint = house.operate(token.id)
        house.lives(Fate({}))
        assert senders(house, house.get(mint.id))[-1] == house.first.address
    again = house.change(KeyAction.REKEY)
    house.lives(Fate({}))
    assert house.changed(again.id).state is KeyChangeState.COMPLETED
    for token in house.gold:
        assert owner(house, token) == house.account.address
    house.is_intact()


def test_a_hand_over_is_neither_cancelled_nor_tried_again_by_itself():
    house = an_issuer(1)
    house.move()
    house.change_keys(Fate({}))
    (handing,) = house.hand_overs()
    assert house.cancel(handing.id).code == "too_late_to_cancel"
    house.chain.refuses = "a role was given away"
    house.lives(Fate({}))
    failed = house.get(handing.id)
    assert failed.state is State.FAILED
    assert not failed.may_retry


def test_a_key_that_a_token_obeys_is_not_disabled_and_one_that_none_obeys_is():
    house = an_issuer(1)
    house.move()
    house.change_keys(Fate({}))
    house.chain.refuses = "a role was given away"
    house.lives(Fate({}))
    house.chain.refuses = None
    first = house.first.key
    change = house.disable(first)
    house.lives(Fate({}))
    assert house.changed(change.id).code == "key_in_use"
    house.change(KeyAction.REKEY)
    house.lives(Fate({}))
    house.disable(first)
    house.lives(Fate({}))
    assert not house.account.find(first).is_enabled
    assert not house.custodian.describe(first).enabled


def test_tokens_of_a_disabled_key_stay_where_they_are():
    house = an_issuer(1)
    house.switch(on=False)
    house.disable(house.first.key)
    house.lives(Fate({}))
    assert house.wish(KeyAction.REKEY).code == "key_disabled"
    change = house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    assert house.changed(change.id).state is KeyChangeState.COMPLETED
    assert owner(house, house.gold[0]) == house.first.address


# Withdrawn.


def test_a_change_that_has_not_begun_is_withdrawn_and_nothing_of_it_happens():
    house = an_issuer(1)
    change = house.move()
    cancelled = house.withdraw(change.id)
    assert (cancelled.state, cancelled.ended_at) == (KeyChangeState.CANCELLED, house.clock.now())
    assert house.withdraw(change.id) == cancelled
    house.lives(Fate({}))
    assert house.account == house.first
    assert house.hand_overs() == []
    again = house.move()
    house.lives(Fate({}))
    is_moved(house, again)


def test_a_change_that_has_begun_is_not_withdrawn():
    house = an_issuer(1)
    change = house.move()
    house.change_keys(Fate({}))
    assert house.withdraw(change.id).code == "too_late_to_cancel"
    house.lives(Fate({}))
    is_moved(house, change)


def test_a_key_is_not_disabled_while_nobody_can_say_whose_a_token_is(monkeypatch):
    """A node that is behind knows of no token, and a key is disabled for ever."""
    house = an_issuer(1)
    house.move()
    house.change_keys(Fate({}))
    house.chain.refuses = "a role was given away"
    house.life(Fate({}))
    house.lives(Fate({}))
    house.chain.refuses = None
    disabling = house.change(KeyAction.DISABLE, key=house.first.key)
    with monkeypatch.context() as behind:
        behind.setattr(type(house.chain), "state", lambda *_: None)
        with contextlib.suppress(NotYetError):
            house.change_keys(Fate({}))
        assert house.changed(disabling.id).state.is_open
    house.pass_time(LEASE_IS_OVER)
    house.lives(Fate({}))
    assert house.changed(disabling.id).code == "key_in_use"
    assert house.custodian.describe(house.first.key).enabled


def test_a_change_that_is_withdrawn_while_its_key_is_made_changes_nothing(monkeypatch):
    house = an_issuer(1)
    change, make = house.move(), CarryOutKeyChange._made

    def withdrawn(self, account, asked):
        made = make(self, account, asked)
        house.withdraw(asked.id)
        return made

    monkeypatch.setattr(CarryOutKeyChange, "_made", withdrawn)
    house.lives(Fate({}))
    assert house.changed(change.id).state is KeyChangeState.CANCELLED
    assert house.account == house.first


@pytest.mark.parametrize("action", [KeyAction.MOVE, KeyAction.DISABLE])
def test_whoever_dies_at_a_change_and_whoever_withdraws_it_agree(action):
    """A key is never disabled by a change that says that it was cancelled."""
    for call in range(12):
        for death in DEATHS:
            house = an_issuer(1)
            house.switch(on=False)
            wish = {"custodian": ELSEWHERE} if action is KeyAction.MOVE else {}
            wish |= {"key": house.first.key} if action is KeyAction.DISABLE else {}
            change = house.change(action, **wish)
            house.change_keys(Fate({call: death}))
            is_withdrawn = not isinstance(house.withdraw(change.id), Refusal)
            house.pass_time(LEASE_IS_OVER)
            house.lives(Fate({}))
            assert house.custodian.describe(house.first.key).enabled or not is_withdrawn
            assert (house.account == evolve(house.first, state=AccountState.DISABLED)) == (
                is_withdrawn
            )


# Deaths of the worker, and what the chain does.


def healthy_calls():
    house, fate = an_issuer(), Fate({})
    house.move()
    house.lives(fate)
    assert {"rotate", "create_key"} & set(fate.calls)
    assert fate.calls.count("sign") == fate.calls.count("submit") == 4
    return len(fate.calls)


def test_no_single_death_of_the_worker_leaves_a_token_with_two_owners_or_none():
    everything = ((call, death) for call in range(healthy_calls()) for death in DEATHS)
    for call, death in sampled(everything, 6):
        house = an_issuer()
        change = house.move()
        house.lives(Fate({call: death}))
        is_moved(house, change)


@examples(15)
@given(schedule=deaths)
def test_however_often_the_worker_dies_each_token_is_handed_over_once(schedule):
    house = an_issuer()
    change = house.move()
    house.lives(Fate(schedule))
    is_moved(house, change)


#: What may befall a transaction without proving that it can never land.
_WORLD = [event for event in counting.WORLD if not event.startswith("rejected")]


@pytest.mark.parametrize("event", _WORLD)
def test_no_misfortune_at_any_call_hands_a_token_over_twice_or_never(event):
    for call in sampled(range(healthy_calls()), 16):
        house = an_issuer()
        change = house.move()
        house.lives(Fate({call: event}, lambda e, house=house: counting.befall(house, e)), 120)
        house.chain.behave()
        house.chain.gas_price = 1_000
        is_moved(house, change)


@examples(20)
@given(
    st.dictionaries(st.integers(0, 160), st.sampled_from((*DEATHS, *_WORLD)), max_size=4),
    st.integers(0, 3),
)
def test_orders_and_a_move_at_once_are_each_done_once(schedule, before):
    """Some were asked for before the move and some after it; nothing behaves meanwhile."""
    house = an_issuer()
    orders = [house.operate(token.id) for token in house.gold[:before]]
    if before == 3:
        house.life(Fate({}))
    change = house.move()
    house.life(Fate({}))
    orders += [house.operate(token.id) for token in house.gold]
    house.lives(Fate(schedule, lambda event: counting.befall(house, event)), rounds=160)
    house.chain.behave()
    house.chain.gas_price = 1_000
    for order in orders:
        ended = house.get(order.id)
        assert ended.state is State.COMPLETED, (ended.waiting, ended.failure)
        assert house.effects(ended) == 1
    for token in house.gold:
        mints = sum(order.of == token.id for order in orders)
        assert house.supply(token) == 1_000 + 250 * mints
    is_moved(house, change)


def test_a_backup_from_between_any_two_calls_leads_to_the_same_owner():
    """What is on chain is adopted, and what was ordered meanwhile is not ordered again."""
    for call in sampled(range(healthy_calls()), 6):
        house = an_issuer(1)
        mint = house.operate(house.gold[0].id)
        change = house.move()
        house.life(Fate({call: BEFORE}))
        house.pass_time(LEASE_IS_OVER)
        backup = house.backup()
        house.lives(Fate({}))
        supply = house.supply(house.gold[0])
        house.restore(backup)
        house.pass_time(LEASE_IS_OVER)
        house.lives(Fate({}))
        assert house.get(mint.id).state is State.COMPLETED
        assert house.effects(mint) == 1
        assert house.supply(house.gold[0]) == supply == 1_250
        assert house.changed(change.id).state is KeyChangeState.COMPLETED
        assert owner(house, house.gold[0]) == house.account.address


def test_a_change_that_a_backup_has_forgotten_is_asked_for_again_and_finds_what_was_done():
    """The custodian gives the same key, and so the token went where it is to go."""
    house = an_issuer(1)
    early = house.operate(house.gold[0].id)
    backup = house.backup()
    house.move()
    house.lives(Fate({}))
    moved = house.account
    house.restore(backup)
    house.pass_time(LEASE_IS_OVER)
    assert house.account == house.first
    change = house.move()
    house.lives(Fate({}))
    assert (house.account.key, house.account.address) == (moved.key, moved.address)
    assert house.effects(house.get(early.id)) == 1
    is_moved(house, change)


def test_two_workers_at_one_change_begin_one_operation_for_each_token():
    house = an_issuer()
    change = house.move()
    for _ in range(2):
        house.change_keys(Fate({5: AFTER}))
    house.change_keys_of_everybody()
    assert len(house.hand_overs()) == 2
    house.lives(Fate({}))
    is_moved(house, change)


def test_the_kind_of_operation_is_on_a_token_and_is_nobodys_to_order():
    assert OperationKind.of(Action.HAND_OVER) is OperationKind.HAND_OVER
    house = an_issuer(1)
    asked = house.validate(house.gold[0].id, Action.HAND_OVER, {"to": house.a_stranger})
    assert asked.code == "action_not_offered"
