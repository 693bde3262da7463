"""Between two acts of a worker: it goes on from what it has recorded.

What an operation is like is remembered from one act to the next.  Whether it may go on is asked
before each of them, and whether it is still like that where it is recorded.
"""

from contextlib import suppress

import pytest

from application.audit.trail import Trail
from application.deployments.recording import apply_all
from application.ports.storage.work import LeaseLostError
from domain.account import AccountState
from domain.audit import WORKER
from domain.deployment import ReadBack, State
from domain.operation import WaitReason
from tests.application.house import LEASE_IS_OVER, House
from tests.application.test_crashes import is_completed_once
from tests.application.test_token_operations import changed_account

#: Of those that follow one another at once, how many are done: a slot is reserved, signed in,
#: and what was signed is sent; what is final is confirmed.
SIGNED, SENT = 2, 3
ACTS = range(5)


class Worker:
    """Acts as `Advance` does, so that something may happen in between."""

    def __init__(self, house, acts):
        self.house = house
        self.id = house.deploy().id
        (self.claim,) = house.claims()
        self.recorded = None
        for each in range(acts):
            assert self.acts()
            if each + 1 == SENT and acts > SENT:
                # It looks once more, and waits.
                assert not self.acts()
                house.chain.finalise()
                self.recorded = None
        assert self.recorded in (None, house.get(self.id))

    def acts(self):
        """Whether it goes on."""
        self.recorded, goes_on = self.house.advance().step(self.claim, self.recorded)
        return goes_on

    def goes_on(self):
        while self.acts():
            pass


def outside(house):
    """What anybody has done of it, beside the records."""
    return house.custodian.signatures, len(house.chain.node.mined), len(house.chain.node.pool)


def ends_well(house, id):
    house.pass_time(LEASE_IS_OVER)
    house.work_until_done()
    is_completed_once(house, house.get(id))
    assert len(house.chain.node.mined) == 1


def test_after_so_many_acts_one_more_completes_it():
    house = House()
    worker = Worker(house, len(ACTS) - 1)
    assert worker.recorded.state is State.CONFIRMED
    assert not worker.acts()
    ends_well(house, worker.id)


def test_what_a_worker_of_before_has_only_read_back_is_completed():
    """It had recorded that by itself, and died."""
    house = House()
    worker = Worker(house, len(ACTS) - 1)
    trail = Trail(
        identifiers=house.identifiers, organisation=worker.claim.organisation, actor=WORKER
    )
    with house.store.begin(house.scope) as work:
        seen, now = work.deployments.lock(worker.id), house.clock.now()
        indexed = apply_all(work, trail, seen, (ReadBack(token=seen.result),), now)
        assert indexed.state is State.INDEXED
        work.deployments.put(indexed, due_at=now, claim=worker.claim)
        trail.write(work)
    house.pass_time(LEASE_IS_OVER)
    (worker.claim,), worker.recorded = house.claims(), None
    # One act: it would ask for ever.
    assert not worker.acts()
    ends_well(house, worker.id)


@pytest.mark.parametrize("acts", ACTS)
def test_a_network_that_is_halted_is_left_alone(acts):
    house = House()
    worker = Worker(house, acts)
    house.halt.network(house.network, "wrong_chain", "a person said so")
    before, state = outside(house), house.get(worker.id).state
    assert not worker.acts()
    assert outside(house) == before
    now = house.get(worker.id)
    assert (now.state, now.waiting) == (state, WaitReason.NETWORK_HALTED)
    house.resume()
    ends_well(house, worker.id)


@pytest.mark.parametrize("acts", ACTS)
def test_a_signer_that_is_halted_signs_nothing(acts):
    house = House()
    worker = Worker(house, acts)
    house.halt.signer(house.network, house.signer.address, "a person said so")
    before = house.custodian.signatures
    worker.goes_on()
    assert house.custodian.signatures == before == (acts >= SIGNED)
    house.resume()
    ends_well(house, worker.id)


@pytest.mark.parametrize("acts", ACTS)
def test_an_account_that_is_disabled_is_given_no_slot(acts):
    house = House()
    worker = Worker(house, acts)
    changed_account(house, state=AccountState.DISABLED)
    worker.goes_on()
    assert bool(house.get(worker.id).step.slots) == (acts > 0)
    changed_account(house, state=AccountState.READY)
    ends_well(house, worker.id)


@pytest.mark.parametrize("others", range(1, 5))
@pytest.mark.parametrize("acts", ACTS)
def test_whoever_has_lost_the_lease_records_nothing(acts, others):
    house = House()
    late = Worker(house, acts)
    house.pass_time(LEASE_IS_OVER)
    (claim,) = house.claims()
    recorded, goes_on = None, True
    for _ in range(others):
        if goes_on:
            recorded, goes_on = house.advance().step(claim, recorded)
    before, trail = house.get(late.id), house.all_events()
    with suppress(LeaseLostError):
        assert not late.acts()
    assert house.get(late.id) == before
    assert house.all_events() == trail
    assert not house.is_halted
    ends_well(house, late.id)


@pytest.mark.parametrize("kept", ACTS)
@pytest.mark.parametrize("acts", ACTS)
def test_a_database_that_is_restored_beneath_a_worker_gets_one_token(kept, acts):
    """The backup has the lease that the worker has, too."""
    house = House()
    worker = Worker(house, min(kept, acts))
    backup = house.backup()
    for _ in range(kept, acts):
        worker.acts()
    house.restore(backup)
    before, trail = house.get(worker.id), house.all_events()
    worker.acts()
    if kept < acts:
        assert house.get(worker.id) == before
        assert house.all_events() == trail
    house.pass_time(LEASE_IS_OVER)
    house.work(4)
    house.resume()
    house.chain.finalise()
    house.work_until_done()
    house.is_intact()
    assert house.get(worker.id).state is State.COMPLETED
    assert house.tokens(worker.id) == 1
    assert house.credits == (20, 0, 5)
