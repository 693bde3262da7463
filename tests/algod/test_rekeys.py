"""The keys of an issuing account on Algorand: one rekey, whenever a worker dies.

The ledger says who rules an account and what ever rekeyed it; it knows nothing of our records.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from algosdk.encoding import decode_address
from attrs import evolve

from application.keys.request import KeyWish
from application.once import Answered
from domain.account import AccountState
from domain.deployment import State
from domain.errors import Refusal
from domain.identifiers import INSTALLATION
from domain.key_change import KeyAction, KeyChangeState
from domain.operation import WaitReason
from entrypoints.devnet.algod import devnet
from tests.algod.house import AlgodHouse, restored
from tests.algod.test_crashes import MEANWHILE, lives, sampled
from tests.application.house import LEASE_IS_OVER
from tests.application.keys import ELSEWHERE, KeyedHouse
from tests.application.mortal import AFTER, BEFORE, DEATHS, Fate

#: Calls of a healthy worker; a test asserts that it is no other number.
CALLS = 91


class RekeyingOnAlgod(KeyedHouse, AlgodHouse):
    def __init__(self, network, **changes):
        AlgodHouse.__init__(self, network, **changes)

    # Eyes of our own.

    def ruler(self) -> bytes:
        """Whose key signs for the issuing account."""
        account = self.devnet.ledger.account(self.account.address)
        own = decode_address(self.account.address)
        return account.authorizer if any(account.authorizer) else own

    def times_rekeyed(self) -> int:
        return sum(
            each.sender == self.account.address and each.rekeyed_to is not None
            for each in self.devnet.ledger.transactions()
        )


@contextmanager
def a_house(**changes) -> Iterator[RekeyingOnAlgod]:
    with devnet(nodes=2, mode=changes.pop("mode", "manual")) as network:
        house = RekeyingOnAlgod(network, **changes)
        house.go_to(1)
        yield house


def an_issuer(house):
    """The account exists on chain, for it has issued something."""
    issued = house.deploy().id
    house.lives(Fate({}))
    assert house.get(issued).state is State.COMPLETED
    return house.account


def is_moved_once(house, before, change, *, times=1):
    """One rekey on chain, and our records know of it; and then the new key issues."""
    after, ended = house.account, house.changed(change.id)
    assert ended.state is KeyChangeState.COMPLETED, (ended.state, ended.code)
    assert after.address == before.address
    assert after.key == ended.key != before.key
    assert after.find(before.key) is not None
    house.window_passes()
    assert house.times_rekeyed() == times
    assert house.ruler() == after.public_key.raw
    house.go_to(1)
    issued = house.deploy().id
    house.lives(Fate({}))
    house.is_completed_once(house.get(issued))
    signed = [e for e in house.events(issued) if e.action == "deployment.submitted"]
    receipts = signed[-1].content()["details"]["receipts"]
    assert after.key in {receipt["key"] for receipt in receipts}
    assert before.key not in {receipt["key"] for receipt in receipts}


def test_a_rotated_key_signs_what_comes_next():
    with a_house() as house:
        before = an_issuer(house)
        change = house.change(KeyAction.ROTATE)
        house.lives(Fate({}))
        is_moved_once(house, before, change)
        assert house.account.custodian == before.custodian
        again = house.change(KeyAction.ROTATE)
        second = house.account
        house.lives(Fate({}))
        is_moved_once(house, second, again, times=2)


def test_an_account_is_moved_to_another_custodian_and_back():
    with a_house() as house:
        before = an_issuer(house)
        change = house.move()
        house.lives(Fate({}))
        is_moved_once(house, before, change)
        assert house.account.custodian == ELSEWHERE
        there = house.account
        back = house.change(KeyAction.MOVE, custodian=house.custodian_scheme)
        house.lives(Fate({}))
        is_moved_once(house, there, back, times=2)


def test_an_address_at_another_custodian_issues_where_a_request_names_it():
    with a_house() as house:
        own = an_issuer(house)
        house.change(KeyAction.ADD, custodian=ELSEWHERE)
        house.lives(Fate({}))
        (added,) = house.account.further_keys
        assert house.account.own_key == own.own_key
        chosen = house.deploy(custodian=ELSEWHERE).id
        house.lives(Fate({}))
        house.is_completed_once(house.get(chosen))
        assert house.get(chosen).owner == added.address != own.address
        # It is nobody's business of the account's own key.
        change = house.change(KeyAction.ROTATE)
        house.lives(Fate({}))
        is_moved_once(house, own, change)


# What is under way meanwhile.


def test_what_is_in_flight_lands_first_and_what_comes_later_waits():
    with a_house() as house:
        before = an_issuer(house)
        early = house.deploy().id
        house.life(Fate({}))
        assert house.get(early).step.open_slot is not None
        change = house.change(KeyAction.ROTATE)
        house.pass_time(LEASE_IS_OVER)
        house.life(Fate({}))
        late = house.deploy().id
        house.life(Fate({}))
        (rekey,) = house.rekeys()
        assert rekey.step.slot is None
        assert house.get(late).waiting is WaitReason.ACCOUNT_NOT_READY
        house.lives(Fate({}))
        for id in (early, late):
            assert house.get(id).state is State.COMPLETED, house.get(id).failure
            assert not any(action.endswith(".failed") for action in house.actions(id))
        is_moved_once(house, before, change)


def test_a_disabled_account_signs_nothing_and_fails_nothing():
    with a_house() as house:
        an_issuer(house)
        waiting = house.deploy().id
        assert house.switch(on=False).state is AccountState.DISABLED
        refused = house.request()
        assert isinstance(refused, Refusal)
        assert refused.code == "account_disabled"
        for _ in range(3):
            house.lives_once(Fate({}))
        assert house.get(waiting).waiting is WaitReason.ACCOUNT_NOT_READY
        assert house.switch(on=True).state is AccountState.READY
        house.lives(Fate({}))
        house.is_completed_once(house.get(waiting))


def test_an_account_that_was_disabled_after_its_slot_was_given_signs_nothing():
    with a_house() as house:
        an_issuer(house)
        waiting = house.deploy().id
        fate = Fate({})
        house.mortal_advance(fate).step(house.claims()[0])
        assert house.get(waiting).step.open_slot is not None
        house.switch(on=False)
        for _ in range(3):
            house.lives_once(Fate({}))
            house.window_passes()
        assert house.assets(waiting) == []
        assert house.get(waiting).state is State.QUEUED
        house.switch(on=True)
        house.lives(Fate({}))
        house.is_completed_once(house.get(waiting))


def test_a_disabled_account_is_given_another_key_all_the_same():
    """A key that got into wrong hands is exchanged before anything else is signed with it."""
    with a_house() as house:
        before = an_issuer(house)
        house.switch(on=False)
        change = house.change(KeyAction.ROTATE)
        house.lives(Fate({}))
        assert house.account.state is AccountState.DISABLED
        house.switch(on=True)
        is_moved_once(house, before, change)


def test_a_key_of_before_is_disabled_once_nothing_obeys_it():
    with a_house() as house:
        before = an_issuer(house)
        assert house.wish(KeyAction.DISABLE, key=before.key).code == "key_in_use"
        house.change(KeyAction.ROTATE)
        house.lives(Fate({}))
        house.disable(before.key)
        house.lives(Fate({}))
        assert not house.account.find(before.key).is_enabled
        assert not house.custodian.describe(before.key).enabled
        assert house.custodian.describe(house.account.key).enabled


def test_a_key_that_a_network_still_obeys_is_not_disabled():
    with a_house() as house:
        before = an_issuer(house)
        house.change(KeyAction.ROTATE)
        house.change_keys(Fate({}))
        (rekey,) = house.rekeys()
        assert house.wish(KeyAction.ROTATE).code == "key_change_under_way"
        house.lives(Fate({}))
        assert house.get(rekey.id).state is State.COMPLETED
        # As if a network had come to be configured that was never told.
        change = house.disable(before.key)
        with restored_ruler(house, before):
            house.change_keys(Fate({}))
        assert house.changed(change.id).code == "key_in_use"
        assert house.custodian.describe(before.key).enabled


@contextmanager
def restored_ruler(house, account) -> Iterator[None]:
    """A chain on which the account still obeys its first key."""
    chain = house.chain

    class Unmoved:
        def __getattr__(self, name):
            return getattr(chain, name)

        def signer_state(self, address):
            return evolve(chain.signer_state(address), ruler=None)

    house.chain = Unmoved()
    yield
    house.chain = chain


def test_an_account_that_no_chain_knows_yet_needs_no_rekey():
    """Its address is that of its first key, which signs for it until a chain is told."""
    with a_house() as house:
        before = house.account
        change = house.change(KeyAction.ROTATE)
        house.lives(Fate({}))
        assert house.changed(change.id).state is KeyChangeState.COMPLETED
        assert house.rekeys() == []
        issued = house.deploy().id
        house.lives(Fate({}))
        house.is_completed_once(house.get(issued))
        assert house.ruler() == before.public_key.raw
        again = house.change(KeyAction.REKEY)
        house.lives(Fate({}))
        assert house.changed(again.id).state is KeyChangeState.COMPLETED
        assert house.ruler() == house.account.public_key.raw
        assert house.times_rekeyed() == 1


def test_asking_twice_under_one_key_is_asking_once():
    with a_house() as house:
        first = house.wish(KeyAction.ROTATE, key_of_request="one")
        again = house.wish(KeyAction.ROTATE, key_of_request="one")
        assert isinstance(first, Answered)
        assert isinstance(again, Answered)
        assert (again.value, again.replayed) == (first.value, True)


# Deaths of the worker.


def test_a_healthy_worker_makes_the_calls_that_the_sweep_counts_on():
    with a_house() as house:
        an_issuer(house)
        house.change(KeyAction.ROTATE)
        fate = Fate({})
        house.lives(fate)
        assert len(fate.calls) == CALLS
        assert {"begin", "commit", "rotate", "submit", "sign", "outcome"} <= set(fate.calls)


def test_no_single_death_of_the_worker_changes_the_outcome():
    everything = ((call, death) for call in range(CALLS) for death in DEATHS)
    for call, death in sampled(everything, 25):
        with a_house() as house:
            before = an_issuer(house)
            change = house.move()
            house.lives(Fate({call: death}))
            is_moved_once(house, before, change)


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda each: each.__name__)
def test_no_single_death_and_what_happened_meanwhile_changes_the_outcome(meanwhile):
    everything = ((call, death) for call in range(CALLS + 30) for death in DEATHS)
    for call, death in sampled(everything, 70):
        with a_house() as house:
            before = an_issuer(house)
            change = house.change(KeyAction.ROTATE)
            lives(house, {call: death}, meanwhile)
            house.devnet.congest(0)
            is_moved_once(house, before, change)


def test_no_pair_of_deaths_of_the_worker_changes_the_outcome():
    pairs = ((one, two) for one in range(CALLS) for two in range(one + 1, CALLS))
    for one, two in sampled(pairs, 900):
        with a_house() as house:
            before = an_issuer(house)
            change = house.change(KeyAction.ROTATE)
            lives(house, {one: AFTER, two: AFTER})
            is_moved_once(house, before, change)


def test_a_backup_from_between_any_two_calls_leads_to_the_same_rekey():
    """What the custodian has made is found again, and so is what is on chain."""
    for call in sampled(range(CALLS), 20):
        with a_house() as house:
            before = an_issuer(house)
            change = house.change(KeyAction.ROTATE)
            house.life(Fate({call: BEFORE}))
            house.pass_time(LEASE_IS_OVER)
            with restored(house):
                house.lives(Fate({}))
            house.pass_time(LEASE_IS_OVER)
            house.lives(Fate({}))
            is_moved_once(house, before, change)


def test_the_keys_of_a_treasury_are_not_changed_this_way():
    with a_house() as house:
        ask, switch = house.request_key_change, house.switch_account
        wish = KeyWish(account=house.account.id, action=KeyAction.ROTATE)
        assert ask.by_operator(INSTALLATION, wish).code == "treasury_not_offered"
        off = switch.by_operator(INSTALLATION, house.account.id, on=False)
        assert off.code == "treasury_not_offered"
        mine = house.registered.organisation.id
        assert ask.by_operator(mine, wish).requested_by == "operator"
        assert ask.by_operator(mine, wish).code == "key_change_under_way"
