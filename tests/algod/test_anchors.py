"""Checkpoints on Algorand: one note each, whenever a worker dies and whatever happens meanwhile.

Each house has a chain of its own: blocks tell what is anchored, and a long chain is slow to read.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import httpx
import msgpack
import pytest
from algosdk.encoding import decode_address

from domain.anchor import Anchor
from domain.deployment import Deployment
from domain.operation import AttemptOrigin, SlotState
from entrypoints.devnet.algod import devnet
from tests.algod.house import AlgodHouse, restored
from tests.algod.test_crashes import (
    MEANWHILE,
    evicted,
    in_no_block,
    lives,
    lives_until_sent,
    sampled,
)
from tests.application.anchoring import Anchoring
from tests.application.house import LEASE_IS_OVER
from tests.application.mortal import AFTER, BEFORE, DEATHS, Fate

#: Calls of a healthy worker; a test asserts that it is no other number.
CALLS = 45


class AnchoringOnAlgod(Anchoring, AlgodHouse):
    def __init__(self, network, **changes):
        AlgodHouse.__init__(self, network, **changes)

    def times_on_chain(self, operation: Deployment) -> int:
        content = Anchor.of(operation.token).content
        return sum(each.note == content for each in self.devnet.ledger.transactions())


@contextmanager
def a_house(**changes) -> Iterator[AnchoringOnAlgod]:
    with devnet(nodes=2, mode=changes.pop("mode", "manual")) as network:
        yield AnchoringOnAlgod(network, **changes)


def is_anchored_once(house, operation):
    house.is_anchored_once(operation.id)
    house.window_passes()
    assert house.times_on_chain(operation) == 1


def test_a_healthy_worker_makes_the_calls_that_the_sweep_counts_on():
    with a_house() as house:
        operation = house.anchor()
        fate = lives(house, {})
        is_anchored_once(house, operation)
        assert len(fate.calls) == CALLS
        assert {"begin", "commit", "submit", "sign", "outcome", "read_back"} <= set(fate.calls)


def test_the_note_is_there_for_whoever_reads_blocks():
    """By plain HTTP and msgpack, and a hand that puts the bytes together once more."""
    with a_house() as house:
        operation = house.anchor(size=300, root=bytes(range(32)))
        lives(house, {})
        inclusion = house.get(operation.id).step.inclusion
        (node, *_) = house.devnet.nodes
        answer = httpx.get(
            f"{node.url}/v2/blocks/{inclusion.block.number}",
            params={"format": "msgpack"},
            headers={"X-Algo-API-Token": house.devnet.token},
        )
        (entry,) = msgpack.unpackb(answer.content, raw=False)["block"]["txns"]
    fields = entry["txn"]
    sender = decode_address(house.signer.address)
    assert (fields["type"], fields["snd"], fields["rcv"]) == ("pay", sender, sender)
    assert "amt" not in fields
    assert "close" not in fields
    origin = operation.token.parameters["origin"]
    log = hashlib.sha256(origin.encode()).digest()
    size = bytes.fromhex("000000000000012c")
    assert fields["note"] == b"tlog/1" + log + size + bytes(range(32))


# Deaths of the worker.


@pytest.mark.parametrize("mode", ["manual", "instant"])
def test_no_single_death_of_the_worker_changes_the_outcome(mode):
    everything = ((call, death) for call in range(CALLS) for death in DEATHS)
    for call, death in sampled(everything, 1 if mode == "manual" else 3):
        with a_house(mode=mode) as house:
            operation = house.anchor()
            lives(house, {call: death})
            is_anchored_once(house, operation)
            (slot,) = house.get(operation.id).step.slots
            assert len(slot.attempts) == 1, (call, death)


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda each: each.__name__)
def test_no_single_death_and_what_happened_meanwhile_changes_the_outcome(meanwhile):
    everything = ((call, death) for call in range(CALLS + 30) for death in DEATHS)
    for call, death in sampled(everything, 10):
        with a_house() as house:
            operation = house.anchor()
            lives(house, {call: death}, meanwhile)
            is_anchored_once(house, operation)


def test_no_pair_of_deaths_of_the_worker_changes_the_outcome():
    pairs = ((one, two) for one in range(CALLS) for two in range(one + 1, CALLS))
    for one, two in sampled(pairs, 40):
        with a_house() as house:
            operation = house.anchor()
            lives(house, {one: AFTER, two: AFTER})
            is_anchored_once(house, operation)


# Backups.


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda each: each.__name__)
def test_a_backup_from_between_any_two_calls_leads_to_the_same_anchor(meanwhile):
    for call in sampled(range(CALLS), 3):
        with a_house() as house:
            operation = house.anchor()
            house.life(Fate({call: BEFORE}))
            house.pass_time(LEASE_IS_OVER)
            with restored(house):
                lives_until_sent(house)
                meanwhile(house)
            house.pass_time(LEASE_IS_OVER)
            house.lives(Fate({}))
            is_anchored_once(house, operation)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_backup_from_before_it_was_asked_for_finds_what_was_sent(is_restarted):
    with a_house() as house:
        house.checkpoint()
        with restored(house):
            house.request_anchor()(house.network)
            house.lives(Fate({}))
        assert not house.anchors()
        house.window_passes()
        if is_restarted:
            house.connect(house.chain.network)
        operation = house.request_anchor()(house.network)
        house.lives(Fate({}))
        is_anchored_once(house, operation)
        (attempt,) = house.get(operation.id).step.attempts
        assert attempt.origin is AttemptOrigin.FOUND


def test_a_forgotten_one_that_still_waits_in_the_pool_excludes_another():
    with a_house() as house:
        house.checkpoint()
        with restored(house):
            house.request_anchor()(house.network)
            lives_until_sent(house)
        operation = house.request_anchor()(house.network)
        house.lives(Fate({}))
        is_anchored_once(house, operation)


# The world.


def test_an_attempt_that_no_block_took_is_followed_by_one_in_a_later_window():
    with a_house() as house:
        operation = house.anchor()
        house.life(Fate({}))
        evicted(house)
        in_no_block(house)
        house.pass_time(LEASE_IS_OVER)
        house.lives(Fate({}))
        is_anchored_once(house, operation)
        first, second = house.get(operation.id).step.slots
        assert (first.state, second.state) == (SlotState.EXPIRED, SlotState.USED)


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_node_that_refuses_it_falsely_anchors_nothing_twice(is_taken):
    with a_house() as house:
        operation = house.anchor()
        house.refusals.append(is_taken)
        house.lives(Fate({}))
        if not is_taken:
            assert house.get(operation.id).may_retry
            house.request_anchor()(house.network)
            house.lives(Fate({}))
        is_anchored_once(house, operation)


def test_two_workers_at_once_anchor_once():
    with a_house(mode="instant") as house:
        operation = house.anchor()

        def work():
            # How far two get that keep taking each other's lease is a matter of luck.
            for _ in range(10):
                house.lives_once(Fate({}))

        workers = [Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        house.lives(Fate({}))
        is_anchored_once(house, operation)


def test_only_the_treasury_anchors_for_us():
    """Anybody may pay themselves with our bytes in the note."""
    with a_house() as house:
        house.checkpoint()
        stranger = AnchoringOnAlgod(house.devnet)
        theirs = stranger.anchor()
        stranger.lives(Fate({}))
        operation = house.request_anchor()(house.network)
        assert operation.token == theirs.token
        house.lives(Fate({}))
        house.window_passes()
        assert house.times_on_chain(operation) == 2
        (mine,) = house.get(operation.id).step.attempts
        assert mine.origin is AttemptOrigin.SIGNED
