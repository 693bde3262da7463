"""Accounts that move and what gets in the way: disabled keys, networks that cannot, budgets."""

from datetime import timedelta
from uuid import UUID

import pytest
from attrs import evolve, frozen
from hypothesis import given

from adapters.memory.custody import MemoryCustodian
from application.deployments.budget import Budgets, intent_of
from application.deployments.pursue import Case
from application.deployments.receiver import ReceiverDiffersError, check_receiver
from application.deployments.request import Accepted
from application.keys.carry_out import CarryOutKeyChange, NotYetError
from application.keys.handed import handed_to_key_of
from application.operator.end import EndOperation
from application.ports.chain import Chain, ChainUnavailableError
from application.ports.custody import CustodyRefusedError
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Scope
from domain.account import AccountState
from domain.deployment import State
from domain.errors import Refusal
from domain.identifiers import OperationId
from domain.key_change import KeyAction, KeyChangeState
from domain.network import Network
from domain.operation import (
    AttemptRole,
    Effect,
    NoEffect,
    OperationKind,
    Slot,
    SlotState,
    WaitReason,
)
from domain.rekey import Rekey
from domain.token import Action, Order
from domain.treasury import Budget
from tests.application.house import LEASE_IS_OVER, examples
from tests.application.keys import ELSEWHERE, KeyedHouse
from tests.application.mortal import Death, Fate
from tests.application.paying import payment_fails
from tests.application.test_licence import a_house as paying
from tests.application.test_moves import an_issuer, deaths, owner
from tests.application.test_token_operations import changed_account


def refused(answer):
    assert isinstance(answer, Refusal), answer
    return answer.code


def failing(house, **changes):
    """A deployment that came to nothing."""
    failed = house.deploy(**changes)
    house.chain.refuses = "it does not work"
    house.lives(Fate({}))
    house.chain.refuses = None
    assert house.get(failed.id).may_retry
    return failed


# Trying again with a key that is disabled.


def test_nothing_is_issued_again_to_an_address_whose_key_is_disabled():
    house = KeyedHouse()
    first = house.account
    failed = failing(house, custodian=first.custodian)
    assert failed.owner == first.address
    house.move()
    house.lives(Fate({}))
    house.disable(first.key)
    house.lives(Fate({}))
    assert not house.account.find(first.key).is_enabled
    before = house.credits
    assert refused(house.retry(failed.id)) == "key_disabled"
    assert house.credits == before
    assert house.get(failed.id).state is State.FAILED


def test_nothing_is_issued_again_by_an_account_whose_own_key_is_disabled():
    house = KeyedHouse()
    first = house.account
    placed = failing(house, custodian=first.custodian)
    house.switch(on=False)
    house.disable(first.key)
    house.lives(Fate({}))
    assert house.account.state is AccountState.FAILED
    assert refused(house.retry(placed.id)) == "key_disabled"
    house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    assert refused(house.retry(placed.id, "after the rotation")) == "key_disabled"
    anew = failing(house)
    assert isinstance(house.retry(anew.id, "by the new key"), Accepted)


def test_an_order_is_tried_again_by_whoever_its_token_belongs_to_now():
    house = an_issuer(1)
    (gold,) = house.gold
    burn = house.operate(gold.id, Action.BURN, amount="5000")
    house.lives(Fate({}))
    assert house.get(burn.id).may_retry
    house.move()
    house.lives(Fate({}))
    house.disable(house.first.key)
    house.lives(Fate({}))
    # Its row still names the first owner, whose key is disabled; the token has another one.
    assert isinstance(house.retry(burn.id, "once"), Accepted)
    house.lives(Fate({}))
    house.switch(on=False)
    house.disable(house.account.key)
    house.lives(Fate({}))
    assert refused(house.retry(burn.id, "twice")) == "key_disabled"


def test_a_key_that_is_being_disabled_is_given_nothing_either(monkeypatch):
    """It was asked whether anything obeys it, and nothing did; then something is asked again."""
    house = KeyedHouse()
    first = house.account
    failed = failing(house, custodian=first.custodian)
    house.move()
    house.lives(Fate({}))
    change = house.disable(first.key)
    answers, looked = [], CarryOutKeyChange._is_obeyed

    def and_then(self, account, key):
        found = looked(self, account, key)
        answers.append(house.retry(failed.id, "before"))
        return found

    monkeypatch.setattr(CarryOutKeyChange, "_is_obeyed", and_then)
    house.change_keys_of_everybody()
    assert isinstance(answers[0], Accepted)
    assert house.changed(change.id).code == "key_in_use"
    assert house.custodian.describe(first.key).enabled


def test_a_key_that_is_disabled_this_moment_is_given_nothing(monkeypatch):
    house = KeyedHouse()
    first = house.account
    failed = failing(house, custodian=first.custodian)
    house.move()
    house.lives(Fate({}))
    house.disable(first.key)
    answers, begun = [], CarryOutKeyChange._begun

    def and_then(self, change, key):
        found = begun(self, change, key)
        answers.append(house.retry(failed.id, "between"))
        return found

    monkeypatch.setattr(CarryOutKeyChange, "_begun", and_then)
    house.lives(Fate({}))
    assert refused(answers[0]) == "key_disabled"
    assert not house.custodian.describe(first.key).enabled


def test_what_waits_for_an_account_is_not_begun_for_a_key_that_was_disabled():
    """It waits, and may be cancelled: its address is nobody's any more."""
    house = KeyedHouse()
    first = house.account
    waiting = house.deploy(custodian=first.custodian)
    house.switch(on=False)
    house.disable(first.key)
    for _ in range(4):
        house.lives_once(Fate({}))
    assert house.account.state is AccountState.FAILED
    seen = house.get(waiting.id)
    assert (seen.state, seen.waiting) == (State.QUEUED, WaitReason.ACCOUNT_NOT_READY)
    assert house.chain.node.tokens == {}
    assert house.cancel(waiting.id).state is State.CANCELLED


def test_an_own_key_is_not_disabled_whose_account_was_enabled_before_a_worker_looked():
    house = an_issuer(1)
    house.switch(on=False)
    disabling = house.disable(house.first.key)
    house.switch(on=True)
    house.change_keys_of_everybody()
    seen = house.changed(disabling.id)
    assert (seen.state, seen.code) == (KeyChangeState.FAILED, "key_in_use")
    assert house.account.state is AccountState.READY
    assert house.custodian.describe(house.first.key).enabled


def test_a_disabling_that_goes_on_after_a_death_says_what_it_has_done(monkeypatch):
    """Its custodian has done it, and the worker dies; then a network is no longer asked."""
    house = KeyedHouse()
    first = house.account
    house.move()
    house.lives(Fate({}))
    disabling = house.disable(first.key)
    done = MemoryCustodian.disable

    def dies(self, key):
        done(self, key)
        raise Death

    monkeypatch.setattr(MemoryCustodian, "disable", dies)
    assert not house.change_keys(Fate({}))
    monkeypatch.setattr(MemoryCustodian, "disable", done)
    assert not house.custodian.describe(first.key).enabled
    monkeypatch.setattr(CarryOutKeyChange, "_is_obeyed", lambda *_: True)
    house.change_keys_of_everybody()
    assert house.changed(disabling.id).state is KeyChangeState.COMPLETED
    assert not house.account.find(first.key).is_enabled


def is_disabled_after(house, key, operation):
    """Not before what has a slot is over; how that ended."""
    change = house.disable(key)
    house.change_keys_of_everybody()
    assert house.changed(change.id).state is KeyChangeState.REQUESTED
    for _ in range(20):
        house.lives_once(Fate({}))
    assert house.changed(change.id).state is KeyChangeState.COMPLETED
    assert not house.account.find(key).is_enabled
    with house.store.begin(house.scope) as work:
        assert work.signers.open_slots(house.network, house.get(operation.id).owner) == 0
    return house.get(operation.id)


def with_an_added_key():
    house = KeyedHouse()
    house.change(KeyAction.ADD, custodian=ELSEWHERE)
    house.lives(Fate({}))
    (added,) = house.account.further_keys
    return house, added.key


def test_an_added_key_is_not_disabled_while_a_nonce_of_its_address_is_open():
    house, added = with_an_added_key()
    mint = house.operate(house.issue(custodian=ELSEWHERE).id)
    until(house, mint.id, lambda seen: seen.steps[1].open_slot is not None)
    assert is_disabled_after(house, added, mint).state is State.COMPLETED
    house.is_intact()


def test_nor_while_something_is_being_made_that_is_to_obey_it():
    house, added = with_an_added_key()
    coming = house.deploy(custodian=ELSEWHERE)
    until(house, coming.id, lambda seen: seen.steps[0].open_slot is not None)
    assert is_disabled_after(house, added, coming).state is State.COMPLETED
    house.is_intact()


def test_an_own_key_fills_its_open_nonces_before_it_is_disabled():
    house = an_issuer(1)
    mint = house.operate(house.gold[0].id)
    until(house, mint.id, lambda seen: seen.steps[1].open_slot is not None)
    house.switch(on=False)
    seen = is_disabled_after(house, house.first.key, mint)
    assert [each.role for each in seen.steps[1].attempts] == [AttemptRole.FILL]
    assert house.end(mint.id).state is State.FAILED
    house.is_intact()


def test_an_own_key_is_not_disabled_while_a_token_is_on_its_way_to_it():
    """Its network was gone, and the change was over without it."""
    house = an_issuer(1)
    handing = a_hand_over(house)
    until(house, handing.id, lambda seen: seen.steps[1].open_slot is not None)
    without_networks(house)
    house.switch(on=False)
    seen = is_disabled_after(house, house.account.key, handing)
    assert seen.state is State.COMPLETED
    house.is_intact()


def without_elsewhere(monkeypatch):
    """The other custodian is taken out of the configuration."""
    left = property(lambda self: {self.custodian_scheme: self.custodian})
    monkeypatch.setattr(KeyedHouse, "custodians", left)


def moved_there_and_back():
    house = KeyedHouse()
    first = house.account
    house.move()
    house.lives(Fate({}))
    there = house.account
    house.change(KeyAction.MOVE, custodian=first.custodian)
    house.lives(Fate({}))
    return house, there


def test_a_key_at_a_custodian_that_is_gone_is_not_asked_to_be_disabled(monkeypatch):
    house, there = moved_there_and_back()
    without_elsewhere(monkeypatch)
    assert refused(house.wish(KeyAction.DISABLE, key=there.key)) == "custodian_not_configured"
    assert not isinstance(house.wish(KeyAction.ROTATE), Refusal)


def test_a_disabling_whose_custodian_is_gone_since_can_be_withdrawn(monkeypatch):
    house, there = moved_there_and_back()
    disabling = house.disable(there.key)
    without_elsewhere(monkeypatch)
    looked_at(house, 2)
    assert house.changed(disabling.id).state is KeyChangeState.REQUESTED
    assert house.withdraw(disabling.id).state is KeyChangeState.CANCELLED


# A disabled account, as whoever's key got into wrong hands has it.


def until(house, id, is_there):
    """Step by step, and no further."""
    for _ in range(60):
        if is_there(house.get(id)):
            return house.get(id)
        for claim in house.claims():
            if claim.operation == id:
                house.advance().step(claim)
        house.pass_time(LEASE_IS_OVER)
        house.chain.mine()
    raise AssertionError(house.get(id))


def moves_though_disabled(house, mint):
    """Its tokens go to the new key, and the first one has signed nothing else but a fill."""
    change = house.change(KeyAction.ROTATE)
    for _ in range(40):
        house.lives_once(Fate({}))
    ended = house.changed(change.id)
    assert ended.state is KeyChangeState.COMPLETED, [
        (each.waiting, each.steps) for each in house.hand_overs()
    ]
    assert house.account.state is AccountState.DISABLED
    assert owner(house, house.gold[0]) == house.account.address
    assert house.supply(house.gold[0]) == 1_000
    seen = house.get(mint.id)
    assert (seen.state, seen.step.open_slot) == (State.PENDING, None)
    # What is begun cannot be given by somebody else: a person ends it.
    house.switch(on=True)
    for _ in range(4):
        house.lives_once(Fate({}))
    assert house.get(mint.id).waiting is WaitReason.OPERATOR
    assert house.end(mint.id).state is State.FAILED
    assert not house.open_deployments()
    assert house.supply(house.gold[0]) == 1_000
    house.is_intact()


def test_an_empty_slot_of_a_disabled_account_is_filled_and_its_tokens_follow():
    house = an_issuer(1)
    mint = house.operate(house.gold[0].id)
    until(house, mint.id, lambda seen: seen.steps[1].open_slot is not None)
    assert not house.get(mint.id).steps[1].attempts
    house.switch(on=False)
    moves_though_disabled(house, mint)
    roles = [each.role for each in house.get(mint.id).steps[1].attempts]
    assert roles == [AttemptRole.FILL]


def test_what_is_stuck_in_a_pool_is_outbid_by_a_fill_once_its_account_is_disabled():
    house = an_issuer(1)
    mint = house.operate(house.gold[0].id)
    until(house, mint.id, lambda seen: seen.steps[1].open_slot is not None)
    house.chain.instant = False
    for claim in house.claims():
        house.advance()(claim)
    (sent,) = house.get(mint.id).steps[1].attempts
    assert sent.broadcast_at is not None
    house.switch(on=False)
    house.chain.gas_price = sent.fee_cap + 1
    house.chain.fund(house.first.address, 10**12)
    moves_though_disabled(house, mint)
    roles = [each.role for each in house.get(mint.id).steps[1].attempts]
    assert roles[0] is AttemptRole.EFFECT
    assert set(roles[1:]) == {AttemptRole.FILL}


def test_what_is_paid_for_and_has_no_slot_holds_up_no_hand_over_of_a_disabled_account():
    house = an_issuer(1)
    mint = house.operate(house.gold[0].id)
    until(house, mint.id, lambda seen: seen.has_begun)
    assert house.get(mint.id).step.open_slot is None
    house.switch(on=False)
    moves_though_disabled(house, mint)
    assert not house.get(mint.id).steps[1].attempts


def test_what_is_paid_for_waits_while_its_token_is_handed_over():
    """Its account was disabled, its token under way, and somebody enables the account again."""
    house = an_issuer(1)
    mint = house.operate(house.gold[0].id)
    until(house, mint.id, lambda seen: seen.has_begun)
    house.switch(on=False)
    house.change(KeyAction.ROTATE)
    house.change_keys_of_everybody()
    (handing,) = house.hand_overs()
    until(house, handing.id, lambda seen: seen.steps[1].open_slot is not None)
    house.switch(on=True)
    for claim in house.claims():
        if claim.operation == mint.id:
            house.advance()(claim)
    assert house.get(mint.id).waiting is WaitReason.ACCOUNT_NOT_READY
    house.pass_time(LEASE_IS_OVER)
    for _ in range(8):
        house.lives_once(Fate({}))
    assert house.get(handing.id).state is State.COMPLETED
    assert house.supply(house.gold[0]) == 1_000


# What cannot begin, or not go on.


def a_hand_over(house):
    """Of an account that has moved; not looked at."""
    house.move()
    house.change_keys_of_everybody()
    (handing,) = house.hand_overs()
    return handing


def looked_at(house, rounds=4):
    for _ in range(rounds):
        house.lives_once(Fate({}))


def without_networks(house):
    """What a worker does for keys that has none of them."""
    carry_out = CarryOutKeyChange(
        store=house.store,
        custodians=house.custodians,
        chains={},
        clock=house.clock,
        identifiers=house.identifiers,
    )
    with house.store.begin(Scope()) as work:
        waiting = work.key_changes.open(100)
    return [carry_out(organisation, id) for organisation, id in waiting]


def test_an_untouched_hand_over_is_ended_by_a_person_and_tried_again_at_the_ceiling_of_then():
    house = an_issuer(1)
    price, ceiling = house.chain.gas_price, house.chain.network.fee_ceiling
    handing = a_hand_over(house)
    house.chain.gas_price = ceiling + 1
    looked_at(house)
    assert house.get(handing.id).waiting is WaitReason.FEE_ABOVE_CEILING
    ended = house.end(handing.id, "the ceiling is too low")
    assert (ended.state, ended.came_to_nothing) == (State.FAILED, True)
    assert "the ceiling is too low" in ended.failure.detail
    assert house.actions(handing.id)[-1] == "hand_over.failed"
    looked_at(house)
    with house.store.begin(house.scope) as work:
        (moved,) = work.key_changes.page(house.account.id, PageRequest(limit=9)).items
    assert (moved.state, moved.code) == (KeyChangeState.FAILED, "hand_over_failed")
    house.chain._network = evolve(house.chain.network, fee_ceiling=4 * ceiling)
    again = house.change(KeyAction.REKEY)
    house.lives(Fate({}))
    assert house.changed(again.id).state is KeyChangeState.COMPLETED
    assert house.effects(house.get(handing.id)) == 1
    assert owner(house, house.gold[0]) == house.account.address
    house.chain.gas_price = price
    house.is_intact()


def test_a_hand_over_goes_by_the_ceiling_of_today():
    house = an_issuer(1)
    ceiling = house.chain.network.fee_ceiling
    handing = a_hand_over(house)
    house.chain.gas_price = ceiling + 1
    looked_at(house)
    house.chain._network = evolve(house.chain.network, fee_ceiling=4 * ceiling)
    house.lives(Fate({}))
    assert house.get(handing.id).state is State.COMPLETED


def test_a_person_ends_no_hand_over_that_may_land():
    house = an_issuer(1)
    handing = a_hand_over(house)
    house.chain.instant = False
    until(house, handing.id, lambda seen: seen.steps[0].attempts)
    assert refused(house.end(handing.id)) == "not_endable"
    house.chain.instant = True
    house.lives(Fate({}))
    assert house.get(handing.id).state is State.COMPLETED


def test_nobody_ends_a_hand_over_that_is_done_though_a_backup_has_forgotten_it():
    house = an_issuer(1)
    handing = a_hand_over(house)
    backup = house.backup()
    house.lives(Fate({}))
    house.restore(backup)
    house.pass_time(LEASE_IS_OVER)
    assert refused(house.end(handing.id)) == "not_endable"
    house.lives(Fate({}))
    assert house.get(handing.id).state is State.COMPLETED


def test_a_hand_over_on_a_network_that_is_gone_is_not_ended():
    """Nobody can ask whether it was done; and it keeps no change of keys open."""
    house = an_issuer(1)
    handing = a_hand_over(house)
    end = EndOperation(
        store=house.store, chains={}, clock=house.clock, identifiers=house.identifiers
    )
    answer = end(house.registered.organisation.id, handing.id, "the network is gone")
    assert refused(answer) == "network_not_ready"
    assert house.get(handing.id).state is State.QUEUED
    without_networks(house)
    assert not house.is_waiting_for_keys()


def test_no_key_is_disabled_to_which_a_token_went_though_the_records_say_that_it_did_not():
    """A backup forgets a hand-over, and a node that is behind has it ended."""
    house = an_issuer(1)
    handing = a_hand_over(house)
    second, backup = house.account, house.backup()
    house.lives(Fate({}))
    house.restore(backup)
    house.pass_time(LEASE_IS_OVER)
    head = house.chain.head().final

    class Behind:
        def effect_of(self, intent):
            return NoEffect(at=head)

    end = EndOperation(
        store=house.store,
        chains={house.network: Behind()},
        clock=house.clock,
        identifiers=house.identifiers,
    )
    assert end(house.registered.organisation.id, handing.id, "it hangs").came_to_nothing
    looked_at(house)
    house.change(KeyAction.ROTATE)
    looked_at(house, 12)
    assert owner(house, house.gold[0]) == second.address != house.account.address
    disabling = house.disable(second.key)
    looked_at(house, 6)
    assert house.changed(disabling.id).code == "key_in_use"
    assert house.elsewhere.describe(second.key).enabled


def test_a_network_that_is_gone_keeps_no_change_open():
    house = an_issuer(1)
    change = house.move()
    house.change_keys_of_everybody()
    (handing,) = house.hand_overs()
    without_networks(house)
    assert house.changed(change.id).state is KeyChangeState.COMPLETED
    # And where it comes back, its token goes on to whom it was promised.
    house.lives(Fate({}))
    assert house.get(handing.id).state is State.COMPLETED
    assert owner(house, house.gold[0]) == house.account.address


def test_a_key_is_not_disabled_while_a_token_may_still_come_to_it():
    """Its network was gone, and the change was over without it."""
    house = an_issuer(1)
    handing = a_hand_over(house)
    without_networks(house)
    second = house.account
    house.change(KeyAction.ROTATE)
    house.change_keys_of_everybody()
    assert len(house.hand_overs()) == 1, "one after the other"
    without_networks(house)
    assert house.account.key != second.key
    disabling = house.disable(second.key)
    house.change_keys_of_everybody()
    assert house.changed(disabling.id).code == "key_in_use"
    house.lives(Fate({}))
    assert owner(house, house.gold[0]) == second.address
    house.change(KeyAction.REKEY)
    house.lives(Fate({}))
    assert owner(house, house.gold[0]) == house.account.address
    house.disable(second.key)
    house.lives(Fate({}))
    assert not house.elsewhere.describe(second.key).enabled
    assert house.get(handing.id).state is State.COMPLETED


def test_what_was_ended_after_its_funding_is_tried_again_and_done_once():
    house = an_issuer(1)
    handing = a_hand_over(house)
    until(house, handing.id, lambda seen: seen.has_begun)
    house.chain.refuses = "its node is of another opinion"
    looked_at(house)
    assert house.get(handing.id).waiting is WaitReason.OPERATOR
    ended = house.end(handing.id, "it does not work")
    assert not ended.came_to_nothing
    looked_at(house)
    house.chain.refuses = None
    house.pass_time(LEASE_IS_OVER)
    assert owner(house, house.gold[0]) == house.first.address
    again = house.change(KeyAction.REKEY)
    house.lives(Fate({}))
    assert house.changed(again.id).state is KeyChangeState.COMPLETED
    assert owner(house, house.gold[0]) == house.account.address
    states = {each.id: each.state for each in house.hand_overs()}
    assert states.pop(handing.id) is State.FAILED
    ((retried, state),) = states.items()
    assert state is State.COMPLETED
    assert house.effects(house.get(retried)) == 1
    assert house.effects(house.get(handing.id)) == 0
    # Whoever looks at the change is told of the token once, as it is.
    with house.store.begin(house.scope) as work:
        (told,) = handed_to_key_of(work, house.changed(again.id))
    assert told.id == retried
    house.is_intact()


def test_a_backup_that_has_forgotten_the_second_try_finds_it():
    house = an_issuer(1)
    handing = a_hand_over(house)
    until(house, handing.id, lambda seen: seen.has_begun)
    house.chain.refuses = "its node is of another opinion"
    looked_at(house)
    backup = house.backup()
    house.end(handing.id, "it does not work")
    looked_at(house)
    house.chain.refuses = None
    house.change(KeyAction.REKEY)
    house.lives(Fate({}))
    done = owner(house, house.gold[0])
    house.restore(backup)
    looked_at(house)
    assert house.get(handing.id).waiting is WaitReason.OPERATOR
    house.end(handing.id, "as before")
    looked_at(house)
    again = house.change(KeyAction.REKEY)
    house.lives(Fate({}))
    assert house.changed(again.id).state is KeyChangeState.COMPLETED
    assert owner(house, house.gold[0]) == done == house.account.address
    for each in house.hand_overs():
        assert house.effects(each) == (each.state is State.COMPLETED)


# Which one was the last.


def test_a_clock_that_is_set_back_makes_no_earlier_owner_the_last_one():
    house = an_issuer(1)
    house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    house.pass_time(-timedelta(minutes=10))
    change = house.change(KeyAction.ROTATE)
    for _ in range(60):
        house.lives_once(Fate({}))
    assert house.changed(change.id).state is KeyChangeState.COMPLETED
    first, second = sorted(house.hand_overs(), key=lambda each: each.accepted_at)
    assert second.accepted_at == first.accepted_at + timedelta(microseconds=1)
    assert owner(house, house.gold[0]) == house.account.address
    with house.store.begin(house.scope) as work:
        told = work.deployments.handed_to([house.gold[0].id])
    assert told == {house.gold[0].id: house.account.address}
    assert house.budget().reserved == 0


def test_one_that_is_tried_again_after_the_clock_was_set_back_is_the_last_one_too():
    house = an_issuer(1)
    house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    house.chain.refuses = "a role was given away"
    house.change(KeyAction.ROTATE)
    looked_at(house, 6)
    house.chain.refuses = None
    (failed,) = (each for each in house.hand_overs() if each.came_to_nothing)
    house.pass_time(timedelta(hours=1))
    again = house.change(KeyAction.REKEY)
    house.pass_time(-timedelta(hours=2))
    for _ in range(200):
        house.lives_once(Fate({}))
        if not house.changed(again.id).state.is_open:
            break
    assert house.changed(again.id).state is KeyChangeState.COMPLETED
    with house.store.begin(house.scope) as work:
        told = work.deployments.handed_to([house.gold[0].id])
    assert told == {house.gold[0].id: house.account.address}
    assert house.get(failed.id).state is State.COMPLETED


def test_an_order_waits_for_a_hand_over_of_which_there_have_been_a_hundred():
    house = an_issuer(1)
    house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    (done,) = house.hand_overs()
    handing = a_hand_over_beside(house, done)
    until(house, handing.id, lambda seen: seen.steps[1].open_slot is not None)
    mint = house.operate(house.gold[0].id)
    for claim in house.claims():
        if claim.operation == mint.id:
            house.advance()(claim)
    seen = house.get(mint.id)
    assert (seen.is_untouched, seen.waiting) == (True, WaitReason.ACCOUNT_NOT_READY)
    house.pass_time(LEASE_IS_OVER)
    looked_at(house, 12)
    assert house.get(mint.id).state is State.COMPLETED
    assert owner(house, house.gold[0]) == house.account.address


def a_hand_over_beside(house, done):
    """An open one, of a token that was handed over a hundred times: those have later ids."""
    table, key, row = next(
        (table, key, row)
        for table in house._tables()
        for key, row in table.rows.items()
        if getattr(getattr(row, "deployment", None), "id", None) == done.id
    )
    latest = done.id.int | 0xFFF << 64 | (1 << 62) - 1
    for number in range(100):
        id = OperationId(UUID(int=latest - number))
        accepted_at = done.accepted_at - timedelta(days=1 + number)
        earlier = evolve(done, id=id, accepted_at=accepted_at)
        table.rows[key[0], id] = evolve(row, deployment=earlier)
    house.change(KeyAction.ROTATE)
    house.change_keys_of_everybody()
    with house.store.begin(house.scope) as work:
        on_it = work.deployments.on_token(done.of)
    (handing,) = (each for each in on_it if each.state.is_open)
    return handing


def test_an_address_that_was_adopted_is_not_said_to_have_a_key_when_its_own_is_disabled():
    house = KeyedHouse()
    account = house.account.with_adopted("ADOPTED", house.network)
    without = account.without(account.key)
    assert without.state is AccountState.FAILED
    assert [each.is_enabled for each in without.keys] == [False, False]


# Whose address it is that a token goes to.


def forged(house, id, to):
    """As somebody who can write to the database writes it."""
    order = Order(action=Action.HAND_OVER, parameters={"to": to})
    for table in house._tables():
        for key, row in table.rows.items():
            if getattr(getattr(row, "deployment", None), "kind", None) is OperationKind.HAND_OVER:
                assert row.deployment.id == id
                table.rows[key] = evolve(row, deployment=evolve(row.deployment, order=order))


def rewritten(house, id, **changes):
    """Likewise, in any operation's row."""
    for table in house._tables():
        for key, row in list(table.rows.items()):
            if getattr(getattr(row, "deployment", None), "id", None) == id:
                table.rows[key] = evolve(row, deployment=evolve(row.deployment, **changes))


def is_not_signed(house, id):
    looked_at(house, 6)
    seen = house.get(id)
    assert (seen.state, seen.waiting) == (State.QUEUED, WaitReason.OPERATOR)
    assert not seen.steps[0].slots
    assert ("receiver_differs", f"{house.network} {seen.named}") in {
        each[:2] for each in house.alarms.sounded
    }
    assert owner(house, house.gold[0]) == house.first.address


def test_a_token_does_not_go_where_somebody_wrote_that_it_should():
    house = an_issuer(1)
    handing = a_hand_over(house)
    forged(house, handing.id, house.a_stranger)
    is_not_signed(house, handing.id)


def test_nor_to_a_key_that_another_organisation_has():
    house = an_issuer(1)
    theirs = house.neighbour().account
    handing = a_hand_over(house)
    with house.store.begin(house.scope) as work:
        change = work.key_changes.open_of(house.account.id)
        work.key_changes.put(evolve(change, key=theirs.key))
    changed_account(house, key=theirs.key, public_key=theirs.public_key, address=theirs.address)
    forged(house, handing.id, theirs.address)
    is_not_signed(house, handing.id)


def test_nor_to_a_public_key_that_its_custodian_does_not_describe():
    house = an_issuer(1)
    house.move()
    theirs = house.neighbour().account
    house.change_keys(Fate({}))
    (handing,) = house.hand_overs()
    changed_account(house, public_key=theirs.public_key, address=theirs.address)
    forged(house, handing.id, theirs.address)
    is_not_signed(house, handing.id)


def test_nor_to_a_key_that_is_disabled_where_it_is_held():
    house = an_issuer(1)
    handing = a_hand_over(house)
    house.elsewhere.disable(house.account.key)
    is_not_signed(house, handing.id)


def test_nor_where_the_row_that_says_so_is_called_something_else():
    house = an_issuer(1)
    mint = house.operate(house.gold[0].id)
    order = Order(action=Action.HAND_OVER, parameters={"to": house.a_stranger})
    rewritten(house, mint.id, order=order)
    is_not_signed(house, mint.id)


def test_an_address_that_is_rekeyed_is_asked_for_whatever_its_row_is_called():
    house = an_issuer(1)
    token = Rekey(account=house.account.address, ruler=house.a_stranger).as_token()
    called = evolve(house.gold[0], token=token)
    assert called.kind is OperationKind.DEPLOYMENT
    with pytest.raises(ReceiverDiffersError):
        check_receiver(called, house.account, house.chain, house.custodians)


def test_no_key_signs_for_another_organisation_whose_account_names_it():
    house = an_issuer(1)
    victim, other = house.account, house.neighbour()
    other.issue()
    other.move()
    other.change_keys_of_everybody()
    (handing,) = other.hand_overs()
    changed_account(other, further_keys=(*other.account.further_keys, victim.own_key))
    rewritten(house, handing.id, owner=victim.address, predicted=house.gold[0].result)
    looked_at(other, 8)
    assert other.get(handing.id).waiting is WaitReason.SIGNER_UNAVAILABLE
    assert owner(house, house.gold[0]) == victim.address


def a_case(house, **changes):
    (gold,) = house.gold
    known = Case(
        seen=gold,
        chain=house.chain,
        signer=house.signer,
        payer=house.signer,
        issuer=house.account,
        slot=Slot(number=1, network=house.network, signer=house.signer.address),
        now=house.clock.now(),
    )
    return evolve(known, **changes)


def test_a_treasury_signs_nothing_in_an_issuers_name():
    house = an_issuer(1)
    treasury = house.signer
    key, _ = a_case(house).key_of(treasury.address, AttemptRole.EFFECT)
    assert key == treasury.key
    for seen in (
        evolve(house.gold[0], owner=treasury.address),
        evolve(house.gold[0], token=Rekey(account=treasury.address, ruler="K").as_token()),
    ):
        with pytest.raises(CustodyRefusedError, match="does not sign for"):
            a_case(house, seen=seen).key_of(treasury.address, AttemptRole.EFFECT)


def test_a_line_of_slots_lends_no_other_key():
    """Neither an organisation's, as if it were a treasury's, nor that of another account."""
    house = an_issuer(1)
    theirs = house.neighbour().account
    for is_treasury in (True, False):
        line = evolve(
            house.signer,
            is_treasury=is_treasury,
            address=theirs.address,
            key=theirs.key,
            public_key=theirs.public_key,
        )
        case = a_case(house, signer=line, payer=line)
        with pytest.raises(CustodyRefusedError, match="does not sign for"):
            case.key_of(theirs.address, AttemptRole.EFFECT)


def test_what_is_written_between_a_slot_and_its_signature_is_not_signed():
    house = an_issuer(1)
    handing = a_hand_over(house)
    until(house, handing.id, lambda seen: seen.steps[1].open_slot is not None)
    forged(house, handing.id, house.a_stranger)
    looked_at(house, 6)
    seen = house.get(handing.id)
    # Nothing but a fill: its nonce holds up nobody.
    assert {each.role for each in seen.steps[1].attempts} == {AttemptRole.FILL}
    assert (seen.waiting, seen.steps[1].open_slot) == (WaitReason.OPERATOR, None)
    assert "receiver_differs" in {each[0] for each in house.alarms.sounded}
    assert owner(house, house.gold[0]) == house.first.address
    forged(house, handing.id, house.account.address)
    house.lives(Fate({}))
    assert owner(house, house.gold[0]) == house.account.address


def test_a_slot_whose_receiver_is_disabled_since_is_filled_and_a_person_ends_it():
    house = an_issuer(1)
    handing = a_hand_over(house)
    until(house, handing.id, lambda seen: seen.steps[1].open_slot is not None)
    house.elsewhere.disable(house.account.key)
    looked_at(house, 12)
    seen = house.get(handing.id)
    assert (seen.waiting, seen.step.open_slot) == (WaitReason.OPERATOR, None)
    assert [each.role for each in seen.step.attempts] == [AttemptRole.FILL]
    assert house.end(handing.id, "its receiver signs nothing").state is State.FAILED
    looked_at(house)
    assert not house.is_waiting_for_keys()
    # And goes to the next key.
    house.change(KeyAction.MOVE, custodian="memory")
    house.lives(Fate({}))
    assert owner(house, house.gold[0]) == house.account.address
    house.is_intact()


def test_what_a_backup_has_forgotten_is_adopted_though_its_receiver_is_disabled_since():
    house = an_issuer(1)
    handing = a_hand_over(house)
    second = house.account
    backup = house.backup()
    house.lives(Fate({}))
    for change in (lambda: house.change(KeyAction.ROTATE), lambda: house.disable(second.key)):
        change()
        house.lives(Fate({}))
    assert not house.elsewhere.describe(second.key).enabled
    house.restore(backup)
    house.pass_time(LEASE_IS_OVER)
    looked_at(house, 10)
    assert house.get(handing.id).state is State.COMPLETED
    assert house.effects(house.get(handing.id)) == 1


def test_nor_need_its_custodian_be_there(monkeypatch):
    house = an_issuer(1)
    handing = a_hand_over(house)
    backup = house.backup()
    house.lives(Fate({}))
    house.restore(backup)
    house.pass_time(LEASE_IS_OVER)
    left = {house.custodian_scheme: house.custodian}
    monkeypatch.setattr(KeyedHouse, "custodians", property(lambda self: left))
    looked_at(house, 10)
    assert house.get(handing.id).state is State.COMPLETED


def test_a_nonce_that_a_backup_has_open_is_over_once_its_account_is_disabled_again():
    """It was filled, and its key disabled; nobody can sign in it any more."""
    house = an_issuer(1)
    mint = house.operate(house.gold[0].id)
    until(house, mint.id, lambda seen: seen.steps[1].open_slot is not None)
    backup = house.backup()
    house.switch(on=False)
    is_disabled_after(house, house.first.key, mint)
    house.restore(backup)
    house.pass_time(LEASE_IS_OVER)
    looked_at(house, 2)
    assert house.get(mint.id).waiting is WaitReason.SIGNER_UNAVAILABLE
    house.switch(on=False)
    looked_at(house, 6)
    seen = house.get(mint.id)
    assert (seen.steps[1].open_slot, seen.steps[1].slot.state) == (None, SlotState.LOST)
    assert house.end(mint.id, "its account has no key").state is State.FAILED
    assert house.supply(house.gold[0]) == 1_000
    house.is_intact()


# What it costs the treasury.


def counted(house, limit=10**14):
    house.budgets = Budgets(limits={house.network: limit})
    return house.chain.node.balance(house.signer.address)


def test_a_hand_over_counts_in_the_days_budget_of_its_organisation():
    house = an_issuer()
    before = counted(house)
    house.move()
    house.change_keys_of_everybody()
    assert house.budget().reserved > 0
    assert house.budget().spent == 0
    house.lives(Fate({}))
    paid = before - house.chain.node.balance(house.signer.address)
    assert house.budget() == Budget(0, paid)
    assert paid > 0


def test_whoever_rotates_all_day_does_not_empty_the_treasury():
    house = an_issuer(1)
    house.move()
    house.change_keys_of_everybody()
    (handing,) = house.hand_overs()
    allowance = house.chain.allowance(intent_of(handing))
    house.lives(Fate({}))
    before = counted(house, limit=2 * allowance - 1)
    changes = []
    for _ in range(4):
        wish = house.wish(KeyAction.ROTATE)
        if isinstance(wish, Refusal):
            break
        changes.append(wish.value)
        looked_at(house, 6)
    assert before - house.chain.node.balance(house.signer.address) < 2 * allowance
    waits = house.changed(changes[-1].id)
    assert waits.state is KeyChangeState.UNDER_WAY
    assert refused(wish) == "key_change_under_way"
    assert house.budget().reserved == 0
    house.pass_time(timedelta(days=1))
    house.lives(Fate({}))
    assert house.changed(waits.id).state is KeyChangeState.COMPLETED
    assert owner(house, house.gold[0]) == house.account.address


def test_what_no_days_budget_pays_for_ends_its_change_and_is_told():
    house = an_issuer(1)
    counted(house, limit=1)
    change = house.move()
    looked_at(house)
    ended = house.changed(change.id)
    assert (ended.state, ended.code) == (KeyChangeState.FAILED, "network_budget_exhausted")
    assert house.hand_overs() == []
    assert owner(house, house.gold[0]) == house.first.address
    counted(house)
    again = house.change(KeyAction.REKEY)
    house.lives(Fate({}))
    assert house.changed(again.id).state is KeyChangeState.COMPLETED
    assert owner(house, house.gold[0]) == house.account.address


@frozen
class Beside:
    """The same node by the name of another network."""

    chain: Chain
    network: Network

    def __getattr__(self, name):
        return getattr(self.chain, name)


class Broke(Budgets):
    def refusal(self, work, chain, intent, now):
        if chain.network.id == "memory:2":
            return Refusal(code="treasury_empty", detail="it holds nothing")
        return super().refusal(work, chain, intent, now)


def test_one_network_whose_treasury_is_empty_holds_up_no_other():
    house = an_issuer(2)
    first, second = house.gold
    beside = Beside(house.chain, evolve(house.chain.network, id="memory:2"))
    with house.store.begin(Scope.installation()) as work:
        work.networks.register(beside.network)
        work.signers.add(evolve(house.signer, network="memory:2"))
    for table in house._tables():
        for key, row in table.rows.items():
            deployment = getattr(row, "deployment", None)
            if getattr(deployment, "id", None) == first.id:
                table.rows[key] = evolve(row, deployment=evolve(deployment, network="memory:2"))
    change = house.move()
    carry_out = CarryOutKeyChange(
        store=house.store,
        custodians=house.custodians,
        chains={house.network: house.chain, "memory:2": beside},
        clock=house.clock,
        identifiers=house.identifiers,
        budgets=Broke(),
    )
    for _ in range(2):
        with pytest.raises(NotYetError, match="treasury_empty"):
            carry_out(house.registered.organisation.id, change.id)
    assert [each.of for each in house.hand_overs()] == [second.id]
    assert house.changed(change.id).state is KeyChangeState.UNDER_WAY


def test_one_that_is_tried_again_is_counted_on_the_day_on_which_it_is():
    house = an_issuer(1)
    before = counted(house)
    handing = a_hand_over(house)
    house.chain.refuses = "a role was given away"
    looked_at(house)
    assert house.get(handing.id).came_to_nothing
    assert house.budget() == Budget(0, 0)
    house.chain.refuses = None
    house.pass_time(timedelta(days=1))
    house.change(KeyAction.REKEY)
    house.lives(Fate({}))
    assert house.budget() == Budget(0, before - house.chain.node.balance(house.signer.address))
    assert house.budget().spent > 0


@examples(15)
@given(schedule=deaths)
def test_however_often_the_worker_dies_a_hand_over_is_counted_once(schedule):
    house = an_issuer()
    before = counted(house)
    house.move()
    house.lives(Fate(schedule))
    paid = before - house.chain.node.balance(house.signer.address)
    assert house.budget().reserved == 0
    assert house.budget().spent >= paid


# What a restored backup has forgotten.


def test_what_the_new_owner_has_done_is_not_called_withdrawn(monkeypatch):
    """An order of before the move is done by the new owner, is forgotten, and a payment fails.

    As on an EVM network, who asks for the first owner's effect is told that there is another's.
    """
    house = paying(made=KeyedHouse)
    chain, effect_of = type(house.chain._chain), type(house.chain._chain).effect_of

    def asked(self, intent):
        found = effect_of(self, intent)
        mined = self.node.mined.get(found.transaction_id) if isinstance(found, Effect) else None
        if mined is not None and getattr(mined.sent.act, "to", intent.owner) != intent.owner:
            raise ChainUnavailableError("something was done under its id, and not for this one")
        return found

    monkeypatch.setattr(chain, "effect_of", asked)
    gold = house.issue()
    waiting = house.operate(gold.id)
    house.move()
    house.change_keys_of_everybody()
    (handing,) = house.hand_overs()
    until(house, handing.id, lambda seen: seen.state is State.COMPLETED)
    assert house.get(waiting.id).is_untouched
    backup = house.backup()
    house.lives(Fate({}))
    assert house.supply(gold) == 1_250
    house.restore(backup)
    house.pass_time(LEASE_IS_OVER)
    payment_fails(house)
    looked_at(house)
    seen = house.get(waiting.id)
    assert (seen.owner, seen.waiting) == (house.account.address, WaitReason.OPERATOR)
    assert seen.state is not State.FAILED


def test_no_key_is_disabled_by_the_word_of_a_node_that_stands_still(monkeypatch):
    house = an_issuer(1)
    (gold,) = house.gold
    before = house.chain.state(gold.token, gold.result)
    house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    second = house.account
    # The next hand-over comes to nothing: the token stays with the second key.
    house.chain.refuses = "no"
    house.change(KeyAction.ROTATE)
    looked_at(house, 6)
    house.chain.refuses = None
    assert owner(house, gold) == second.address != house.account.address
    with monkeypatch.context() as behind:
        behind.setattr(type(house.chain), "state", lambda *_: before)
        disabling = house.disable(second.key)
        looked_at(house, 2)
        assert house.changed(disabling.id).state is KeyChangeState.REQUESTED
        assert house.custodian.describe(second.key).enabled
    looked_at(house, 2)
    assert house.changed(disabling.id).code == "key_in_use"
    assert house.custodian.describe(second.key).enabled
