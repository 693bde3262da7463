"""A treasury gives so many nonces away at once: who waits for one asks little, and is left alone.

Whom nobody asks for is seen where the chain is silent: who asked it would wait for that.
"""

from datetime import timedelta

import pytest
from attrs import evolve

from application.credits.post import post
from application.deployments.full_lines import MOMENT, FullLines
from domain.deployment import State
from domain.ledger import Release
from domain.operation import Party, SlotState, WaitReason
from tests.application.house import House
from tests.application.test_approval_crashes import Eyes
from tests.application.test_moves import an_issuer
from tests.application.test_windows import WindowedHouse

BEFORE = timedelta(microseconds=1)


@pytest.fixture
def house():
    """The treasury's only nonce is taken, by what waits to be in a block."""
    house = House(instant=False)
    house.grant(1_000)
    house.change_signer(limit=1)
    house.deploy()
    house.work()
    assert not house.full.networks()
    return house


def looked_at(house, id):
    """What one look of a worker at *id* makes of it."""
    claims = house.claims()
    (mine,) = (claim for claim in claims if claim.operation == id)
    house.advance()(mine)
    house.give_back(claims)
    return house.get(id)


def test_who_waits_for_a_nonce_asks_no_chain(house):
    second = house.deploy().id
    house.chain.is_down = True
    waiting = looked_at(house, second)
    assert (waiting.state, waiting.waiting) == (State.QUEUED, WaitReason.QUEUED)
    assert house.full.networks() == {house.network}


def test_it_is_told_when_the_last_nonce_went_between_the_look_and_the_record(house):
    house.change_signer(limit=2)
    second, third = house.deploy().id, house.deploy().id
    claims = {claim.operation: claim for claim in house.claims()}
    preflight = house.chain.preflight

    def meanwhile(intent, ceiling):
        house.chain.preflight = preflight
        house.advance().step(claims[second])
        return preflight(intent, ceiling)

    house.chain.preflight = meanwhile
    seen, goes_on = house.advance().step(claims[third])
    assert house.get(second).step.open_slot is not None
    assert (seen.waiting, goes_on) == (WaitReason.QUEUED, False)
    assert house.full.networks() == {house.network}


def test_a_signer_that_is_halted_meanwhile_has_no_full_line(house):
    """What is there already is still looked for."""
    house.change_signer(limit=2)
    second, preflight = house.deploy().id, house.chain.preflight

    def meanwhile(intent, ceiling):
        house.change_signer(halted="a stranger's transaction")
        return preflight(intent, ceiling)

    house.chain.preflight = meanwhile
    assert looked_at(house, second).waiting is WaitReason.NETWORK_HALTED
    assert not house.full.networks()


def test_what_has_its_nonce_goes_on(house):
    second = house.deploy().id
    looked_at(house, second)
    house.chain.finalise()
    house.chain.instant = True
    house.work_until_done()
    assert [house.tokens(each.id) for each in house.open_deployments()] == []
    assert house.tokens(second) == 1


def test_a_slot_without_a_signature_is_no_place_in_the_line(house):
    """A worker died between the two: its nonce must be signed in before all later ones."""
    house.change_signer(limit=2)
    second = house.deploy().id
    (claim,) = (claim for claim in house.claims() if claim.operation == second)
    house.advance().step(claim)
    died = house.get(second)
    assert (died.state, died.step.open_slot.state) == (State.QUEUED, SlotState.OPEN)
    assert not died.is_in_line
    house.pass_time(house.lease)
    with house.store.begin(house.scope) as work:
        again = work.claims.take(
            house.clock.now(), 9, house.lease, claim.token, full=[house.network]
        )
    assert second in {claim.operation for claim in again}


def test_what_is_there_already_is_adopted_though_the_line_is_full_and_halted():
    """After a restore nobody signs until a person has looked, and that may take days."""
    house = House()
    id = house.deploy().id
    backup = house.backup()
    house.work_until_done()
    result = house.get(id).result
    house.restore(backup)
    house.change_signer(limit=0, halted="a stranger's transaction")
    house.work_until_done()
    assert (house.get(id).state, house.get(id).result) == (State.COMPLETED, result)


def test_what_must_not_begin_ends_though_the_line_is_full(house):
    second = house.deploy().id
    with house.store.begin(house.scope) as work:
        trail = house.caller.trail(house.identifiers)
        release = Release(id=house.get(second).hold)
        assert post(work, trail, release, house.clock.now(), subject=second) is None
    assert looked_at(house, second).state is State.FAILED


def test_an_order_goes_with_its_token_though_the_line_is_full():
    """It is given by whoever the token belongs to: nobody need ask for that again in its turn."""
    house = an_issuer(1)
    house.move()
    house.change_keys_of_everybody()
    (handing,) = house.hand_overs()
    late = house.operate(house.gold[0].id)
    assert late.owner == house.first.address
    while house.get(handing.id).state is not State.COMPLETED:
        looked_at(house, handing.id)
        house.pass_time(house.lease)
    house.change_signer(limit=0)
    assert looked_at(house, late.id).owner == house.account.address != house.first.address


def test_what_takes_a_slot_of_the_accounts_own_stands_in_no_other_line(house):
    second, steps = house.deploy().id, house.chain.steps

    def by_the_account(token, order=None):
        return tuple(evolve(each, slot_of=Party.OWNER) for each in steps(token, order))

    house.chain.steps = by_the_account
    (claim,) = (claim for claim in house.claims() if claim.operation == second)
    house.advance().step(claim)
    mine = house.get(second)
    assert mine.step.open_slot.signer == mine.owner != mine.sender
    assert not house.full.networks()


def test_who_has_no_account_yet_hears_so_though_the_line_is_full():
    """Nobody asks a chain to know it, and who could do something about it is told."""
    house = House(is_account_ready=False)
    house.change_signer(limit=0)
    id = house.deploy().id
    assert looked_at(house, id).waiting is WaitReason.ACCOUNT_NOT_READY
    assert not house.full.networks()


def test_where_no_nonces_are_given_away_nobody_stands_in_line():
    house = WindowedHouse(instant=True)
    house.change_signer(limit=0)
    id = house.deploy().id
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    assert not house.full.networks()


def test_a_person_who_is_waited_for_hears_so_though_the_line_is_full():
    eyes = Eyes()
    eyes.house.change_signer(limit=0)
    assert looked_at(eyes.house, eyes.id).waiting is WaitReason.APPROVAL


def test_a_network_that_is_halted_says_so_though_the_line_is_full(house):
    second = house.deploy().id
    house.halt.network(house.network, "wrong_chain", "it is another one")
    assert looked_at(house, second).waiting is WaitReason.NETWORK_HALTED


def test_an_account_that_pays_itself_keeps_nobody_else_waiting(house):
    second = house.deploy().id
    house.change_signer(is_treasury=False)
    assert looked_at(house, second).waiting is WaitReason.QUEUED
    assert not house.full.networks()


def test_a_moment_later_somebody_tries_again(house):
    full = FullLines(house.clock)
    full.tell(house.network)
    house.pass_time(MOMENT - BEFORE)
    assert full.networks() == {house.network}
    house.pass_time(BEFORE)
    assert not full.networks()


def test_a_clock_that_was_set_back_keeps_nobody_waiting(house):
    full = FullLines(house.clock)
    full.tell(house.network)
    house.pass_time(timedelta(hours=-1))
    assert not full.networks()
