"""Accounts that move and what gets in the way: disabled keys, networks that cannot, budgets."""

from application.deployments.request import Accepted
from application.keys.carry_out import CarryOutKeyChange
from domain.account import AccountState
from domain.deployment import State
from domain.errors import Refusal
from domain.key_change import KeyAction, KeyChangeState
from domain.operation import AttemptRole, WaitReason
from domain.token import Action
from tests.application.house import LEASE_IS_OVER
from tests.application.keys import KeyedHouse
from tests.application.mortal import Fate
from tests.application.test_moves import an_issuer, owner


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
