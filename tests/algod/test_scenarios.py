"""What nodes and time do to a deployment on Algorand, one misfortune at a time."""

import urllib.request
from contextlib import suppress
from datetime import timedelta
from urllib.error import HTTPError

import pytest
from attrs import evolve

from adapters import algorand, pool
from adapters.memory.clock import MemoryClock
from application.ports.chain import WrongChainError
from application.ports.nodes import Endpoint
from domain.deployment import Reason, State
from domain.errors import Refusal
from domain.identifiers import Prefix, public_id
from domain.network import Block
from domain.operation import (
    Expired,
    SignedTransaction,
    SlotState,
    Verdict,
    WaitReason,
)
from entrypoints.devnet.algod import devnet
from tests.algod.house import INSTALLATION_ID, WINDOW, AlgodHouse, a_network
from tests.application.mortal import Fate

MARGIN = 10


def lives(house, rounds=6):
    for _ in range(rounds):
        house.lives_once(Fate({}))


def waits_for(house, id, reason, state=State.PENDING):
    deployment = house.get(id)
    assert (deployment.state, deployment.waiting) == (state, reason)
    assert house.credits == (20, 5, 0)
    house.is_intact()


def creations(house, id):
    """Transaction ids of the operation's attempts, by our records."""
    return [attempt.transaction_id for attempt in house.get(id).step.attempts]


def send_raw(node, raw):
    """To one node, past the pool of ours.  It may decline."""
    request = urllib.request.Request(  # noqa: S310 - a node of the test
        f"{node.url}/v2/transactions", raw, {"Content-Type": "application/x-binary"}
    )
    with suppress(HTTPError):
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - as above


def both(house, fault, **options):
    for node in house.devnet.nodes:
        node.fault(fault, **options)


# Node answers.


def test_accepted_then_timed_out_is_one_transaction(house):
    deployment = house.deploy()
    both(house, "accept_then_drop", times=3)
    house.life(Fate({}))
    assert house.hits()["accept_then_drop"] >= 1
    lives(house)
    house.is_completed_once(deployment)
    assert len(creations(house, deployment.id)) == 1


def test_an_answer_of_nobody_keeps_everything_and_sends_the_same_bytes_again(house):
    deployment = house.deploy()
    both(house, "drop_before", times=None)
    house.life(Fate({}))
    waits_for(house, deployment.id, WaitReason.UNKNOWN_OUTCOME, State.SUBMITTED)
    house.heal()
    house.pass_time(timedelta(minutes=1))
    lives(house)
    house.is_completed_once(deployment)
    assert len(creations(house, deployment.id)) == 1


def test_what_was_evicted_everywhere_is_sent_again_with_the_same_bytes(house):
    deployment = house.deploy()
    house.life(Fate({}))
    waits_for(house, deployment.id, WaitReason.IN_MEMPOOL)
    (id,) = creations(house, deployment.id)
    house.devnet.nodes[0].fault("evict", txid=id, everywhere=True)
    house.devnet.mine()
    assert house.tokens(deployment.id) == 0
    house.pass_time(timedelta(seconds=9))
    lives(house)
    house.is_completed_once(deployment)
    assert creations(house, deployment.id) == [id]


def test_accepted_and_forgotten_by_the_node_that_took_it(house):
    """A 200 is a promise of nothing."""
    deployment = house.deploy()
    both(house, "deaf")
    lives(house)
    assert house.hits()["deaf"]
    house.is_completed_once(deployment)
    assert len(creations(house, deployment.id)) == 1


def test_a_lease_error_for_our_own_confirmed_bytes_is_no_error(house):
    """algod looks at the lease first: sent again, what is confirmed overlaps with itself."""
    deployment = house.deploy()
    both(house, "accept_then_drop", times=None)
    house.life(Fate({}))
    house.devnet.mine()
    house.heal()
    attempt = house.get(deployment.id).step.attempts[0]
    assert house.tokens(deployment.id) == 1
    again = house.chain.submit(SignedTransaction(id=attempt.transaction_id, raw=attempt.raw))
    assert again.verdict is Verdict.ALREADY_KNOWN
    house.pass_time(timedelta(minutes=1))
    lives(house)
    house.is_completed_once(deployment)


def test_what_no_node_ever_wanted_fails_when_its_window_is_over_and_costs_nothing(house):
    """One node's refusal is no proof; the end of the window without it is."""
    house.refusals.extend([False] * 100)
    deployment = house.deploy()
    lives(house, 3)
    waits_for(house, deployment.id, WaitReason.WINDOW_OPEN, State.SUBMITTED)
    assert house.waits(deployment.id) == ["window_open"]
    house.window_passes()
    lives(house, 3)
    ended = house.get(deployment.id)
    assert ended.state is State.FAILED
    assert ended.failure.reason is Reason.TRANSACTION_SUBMISSION_FAILED
    assert ended.failure.without_effect
    assert "signature" in ended.failure.detail
    assert ended.may_retry
    assert house.credits == (25, 0, 0)
    assert house.tokens(deployment.id) == 0
    house.is_intact()
    house.refusals.clear()
    house.retry(deployment.id)
    lives(house)
    house.is_completed_once(house.get(deployment.id))


# Windows.


def test_a_window_that_ends_without_an_effect_is_followed_by_a_later_one(house):
    deployment = house.deploy()
    both(house, "drop_before", times=None)
    house.life(Fate({}))
    house.heal()
    house.window_passes()
    house.pass_time(timedelta(minutes=1))
    lives(house)
    house.is_completed_once(deployment)
    first, second = house.get(deployment.id).step.slots
    assert (first.state, second.state) == (SlotState.EXPIRED, SlotState.USED)
    assert first.lease == second.lease
    assert second.valid_until > first.valid_until
    assert len({*creations(house, deployment.id)}) == 2
    assert "deployment.slot_spent" in house.actions(deployment.id)


def test_the_end_of_a_window_is_believed_of_two_nodes_only(house):
    deployment = house.deploy()
    both(house, "drop_before", times=None)
    house.life(Fate({}))
    house.devnet.nodes[1].fault("stall", times=None)
    house.devnet.nodes[0].heal()
    house.devnet.nodes[1].heal("drop_before")
    # The attempt must not land while there is still time for it.
    house.devnet.nodes[0].fault("deaf", times=None)
    house.devnet.nodes[1].fault("deaf", times=None)
    house.window_passes()
    house.pass_time(timedelta(minutes=1))
    lives(house, 3)
    ((slot,),) = (house.get(deployment.id).step.slots,)
    assert slot.state is SlotState.OPEN
    house.heal()
    house.pass_time(timedelta(minutes=1))
    lives(house)
    house.is_completed_once(deployment)


class _Forked:
    """A node that says the window is over and nothing is in it, whatever there is."""

    def __init__(self, chain):
        self._chain = chain

    def outcome(self, slot):
        if slot.valid_until is not None and slot.attempts:
            return Expired(Block(number=slot.valid_until + 5, hash="of another history"))
        return self._chain.outcome(slot)

    def __getattr__(self, name):
        return getattr(self._chain, name)


@pytest.mark.parametrize("lying", [0, 1])
def test_a_window_that_ended_with_an_effect_that_one_of_two_nodes_sees_has_not_expired(
    house, lying
):
    deployment = house.deploy()
    house.life(Fate({}))
    house.devnet.mine()
    assert house.tokens(deployment.id) == 1
    house.window_passes()
    honest = house.chain
    members = []
    for number, node in enumerate(house.devnet.nodes):
        endpoint = Endpoint(url=node.url, token=house.devnet.token, archival=True)
        chain = algorand.connect(honest.network, endpoint, INSTALLATION_ID)
        members.append((endpoint, _Forked(chain) if number == lying else chain))
    house.chain = pool.connect(honest.network, members, house.clock.seconds)
    house.pass_time(timedelta(seconds=9))
    lives(house, 4)
    waits_for(house, deployment.id, WaitReason.FINALITY)
    assert len(house.get(deployment.id).step.slots) == 1
    assert house.tokens(deployment.id) == 1
    house.chain = honest
    lives(house)
    house.is_completed_once(deployment)
    assert len(house.get(deployment.id).step.slots) == 1


def test_nothing_is_signed_in_the_last_rounds_of_a_window(house):
    house.go_to(WINDOW - MARGIN + 1)
    deployment = house.deploy()
    house.life(Fate({}))
    waits_for(house, deployment.id, WaitReason.WINDOW_OPEN, State.QUEUED)
    assert not house.get(deployment.id).step.slots
    assert house.get(deployment.id).may_cancel
    lives(house, MARGIN + 4)
    house.is_completed_once(deployment)


def test_the_margin_is_exact(house):
    house.go_to(WINDOW - MARGIN)
    deployment = house.deploy()
    house.life(Fate({}))
    (slot,) = house.get(deployment.id).step.slots
    assert slot.valid_until == house.devnet.round + MARGIN


def test_a_slot_in_which_nothing_was_signed_ends_with_its_window(house):
    deployment = house.deploy()
    probe = Fate({})
    (claim,) = house.claims()
    house.mortal_advance(probe).step(claim)
    assert house.get(deployment.id).step.open_slot
    assert not house.get(deployment.id).may_cancel
    house.window_passes()
    house.pass_time(timedelta(seconds=9))
    lives(house)
    house.is_completed_once(deployment)
    first, second = house.get(deployment.id).step.slots
    assert (first.state, second.state) == (SlotState.EXPIRED, SlotState.USED)
    assert not first.attempts


# Money.


def test_an_empty_treasury_is_said_and_nothing_is_signed(network):
    house = AlgodHouse(network, funds=0)
    deployment = house.deploy()
    lives(house, 2)
    waits_for(house, deployment.id, WaitReason.TREASURY_EMPTY, State.QUEUED)
    assert not house.get(deployment.id).step.slots
    # 202,000 for the deployment, and what the account itself must keep.
    network.fund(house.signer.address, 301_999)
    lives(house, 2)
    waits_for(house, deployment.id, WaitReason.TREASURY_EMPTY, State.QUEUED)
    network.fund(house.signer.address, 1)
    lives(house)
    house.is_completed_once(deployment)
    assert network.ledger.balance(house.signer.address) == 100_000


def test_a_fee_above_the_ceiling_waits_for_better_times(house):
    house.devnet.congest(1_000)
    deployment = house.deploy()
    lives(house, 2)
    waits_for(house, deployment.id, WaitReason.FEE_ABOVE_CEILING, State.QUEUED)
    house.devnet.congest(0)
    lives(house)
    house.is_completed_once(deployment)


def test_a_new_issuer_may_begin_with_many_at_once(house):
    """Each group brings the minimum balance of its own asset, in whatever order they land."""
    deployments = [house.deploy() for _ in range(4)]
    house.life(Fate({}))
    assert all(house.get(d.id).state is State.PENDING for d in deployments)
    lives(house)
    for deployment in deployments:
        house.is_completed_once(deployment)
    issuer = house.get(deployments[0].id).owner
    account = house.devnet.ledger.account(issuer)
    assert account.microalgos >= 100_000 + 4 * 100_000


# Another chain.


@pytest.mark.parametrize("node", [0, 1])
def test_a_node_of_another_genesis_halts_the_network(house, node):
    house.devnet.nodes[node].fault("wrong_genesis", times=None)
    house.pass_time(timedelta(seconds=9))
    deployment = house.deploy()
    house.life(Fate({}))
    house.watch(house.network)
    house.pass_time(timedelta(seconds=9))
    house.life(Fate({}))
    assert house.network_status.halted is not None
    waits_for(house, deployment.id, WaitReason.NETWORK_HALTED, house.get(deployment.id).state)
    assert ("network_halted.wrong_chain", house.network) in [
        (code, subject) for code, subject, _ in house.alarms.sounded
    ]
    lives(house)
    house.is_completed_once(deployment)


def test_only_the_whole_genesis_hash_tells_a_chain_from_another(network):
    """Two hashes may agree in the part that CAIP-2 keeps (there is one such list in the wild)."""
    real = network.genesis_hash
    other = real[:-3] + ("A" if real[-3] != "A" else "E") + real[-2:]
    house = AlgodHouse.__new__(AlgodHouse)
    house.devnet = network
    house.clock = MemoryClock()
    house.connect(a_network(network, genesis=other))
    with pytest.raises(WrongChainError):
        house.chain.head()


# Backups.


def test_a_restored_backup_finds_its_asset_and_makes_no_second_one(house):
    deployment = house.deploy()
    twin = house.deploy()
    backup = house.backup()
    lives(house)
    house.is_completed_once(deployment)
    house.restore(backup)
    assert house.get(deployment.id).state is State.QUEUED
    lives(house)
    house.is_completed_once(deployment)
    house.is_completed_once(twin)
    assert house.get(deployment.id).result != house.get(twin.id).result
    assert "deployment.effect_found" in house.actions(deployment.id)


def test_a_forgotten_attempt_of_the_same_window_keeps_ours_out_and_is_adopted(house):
    """Lease held by another attempt of ours."""
    deployment = house.deploy()
    backup = house.backup()
    # What they take stays with them, and comes into no block for now.
    both(house, "no_gossip", times=None)
    house.life(Fate({}))
    (forgotten,) = creations(house, deployment.id)
    house.restore(backup)
    house.pass_time(timedelta(seconds=9))
    # Somebody pays the issuer meanwhile: it is short of less, and the group is another one.
    house.devnet.fund(house.prepare_account().address, 150_000)
    house.life(Fate({}))
    (ours,) = creations(house, deployment.id)
    assert ours != forgotten
    # The forgotten one lands first.
    house.devnet.nodes[0].heal()
    house.devnet.mine()
    house.devnet.nodes[1].heal()
    house.pass_time(timedelta(seconds=9))
    lives(house, 2)
    house.is_completed_once(deployment)
    (asset,) = house.assets(deployment.id)
    assert asset.txid == forgotten
    assert "deployment.effect_found" in house.actions(deployment.id)


def test_a_held_lease_is_waited_for_where_its_holder_made_nothing_yet(house):
    deployment = house.deploy()
    backup = house.backup()
    both(house, "no_gossip", times=None)
    house.life(Fate({}))
    sent = house.get(deployment.id).step.attempts[0]
    house.chain.submit(SignedTransaction(id=sent.transaction_id, raw=sent.raw))
    for node in house.devnet.nodes:
        send_raw(node, sent.raw)
    house.restore(backup)
    house.pass_time(timedelta(seconds=9))
    house.devnet.fund(house.prepare_account().address, 150_000)
    house.life(Fate({}))
    waits_for(house, deployment.id, WaitReason.WINDOW_OPEN, State.SUBMITTED)
    assert house.tokens(deployment.id) == 0
    house.heal()
    house.pass_time(timedelta(seconds=9))
    lives(house)
    house.is_completed_once(deployment)


def test_a_forgotten_attempt_that_lands_while_nobody_looks_is_not_repeated_in_a_later_window(
    house,
):
    """The reason for the grid: a lease ends, and with it what kept a second attempt out."""
    deployment = house.deploy()
    backup = house.backup()
    house.life(Fate({}))
    house.restore(backup)
    house.devnet.mine()
    house.window_passes()
    house.pass_time(timedelta(minutes=10))
    lives(house)
    house.is_completed_once(deployment)
    assert "deployment.effect_found" in house.actions(deployment.id)


# History.


def test_without_an_archive_the_end_of_a_window_stays_unknown_and_sounds_an_alarm():
    with devnet(nodes=3, mode="manual", kept_rounds=[60, 60, None]) as network:
        house = AlgodHouse(network)
        everything = house.chain
        forgetful = []
        for node in network.nodes[:2]:
            endpoint = Endpoint(url=node.url, token=network.token)
            chain = algorand.connect(everything.network, endpoint, INSTALLATION_ID)
            forgetful.append((endpoint, chain))
        house.chain = pool.connect(everything.network, forgetful, house.clock.seconds)
        deployment = house.deploy()
        both(house, "drop_before", times=None)
        house.life(Fate({}))
        house.heal()
        network.advance(200)
        house.pass_time(timedelta(minutes=1))
        lives(house, 3)
        waits_for(house, deployment.id, WaitReason.UNKNOWN_OUTCOME, State.SUBMITTED)
        name = public_id(Prefix.DEPLOYMENT, deployment.id)
        assert {(code, subject) for code, subject, _ in house.alarms.sounded} == {
            ("history_unavailable", f"{house.network} {name}")
        }
        # The operator adds an archival node; with it one source says so, and one is not enough.
        archive = Endpoint(url=network.nodes[2].url, token=network.token, archival=True)
        third = algorand.connect(everything.network, archive, INSTALLATION_ID)
        house.chain = pool.connect(
            everything.network, [*forgetful, (archive, third)], house.clock.seconds
        )
        house.pass_time(timedelta(minutes=1))
        lives(house, 2)
        waits_for(house, deployment.id, WaitReason.UNKNOWN_OUTCOME, State.SUBMITTED)
        one_is_enough = evolve(everything.network, min_sources=1)
        house.chain = pool.connect(one_is_enough, [(archive, third)], house.clock.seconds)
        house.pass_time(timedelta(minutes=1))
        lives(house)
        house.is_completed_once(deployment)


def test_without_an_archive_a_restored_backup_signs_nothing_that_could_be_a_second_asset():
    with devnet(nodes=1, mode="manual", kept_rounds=[60]) as network:
        house = AlgodHouse(network)
        deployment = house.deploy()
        backup = house.backup()
        lives(house)
        house.is_completed_once(deployment)
        house.restore(backup)
        network.advance(200)
        house.connect(house.chain.network)
        house.pass_time(timedelta(minutes=1))
        lives(house, 4)
        waits_for(house, deployment.id, WaitReason.UNKNOWN_OUTCOME, State.QUEUED)
        assert not house.get(deployment.id).step.slots
        assert house.tokens(deployment.id) == 1
        assert {code for code, _, _ in house.alarms.sounded} == {"history_unavailable"}


def test_what_is_in_a_block_does_not_vanish_because_a_node_is_behind(house):
    """One node has seen it, the other one lags; then the first one is silent for a moment."""
    deployment = house.deploy()
    house.life(Fate({}))
    house.devnet.nodes[1].fault("lag", times=None, rounds=3)
    house.devnet.mine()
    house.pass_time(timedelta(seconds=9))
    house.life(Fate({}))
    waits_for(house, deployment.id, WaitReason.FINALITY)
    house.devnet.nodes[0].fault("unavailable", times=None)
    house.pass_time(timedelta(seconds=9))
    house.life(Fate({}))
    assert house.get(deployment.id).state is State.PENDING
    assert "deployment.block_vanished" not in house.actions(deployment.id)
    house.heal()
    house.pass_time(timedelta(minutes=1))
    lives(house)
    house.is_completed_once(deployment)
    assert "deployment.block_vanished" not in house.actions(deployment.id)


def test_nothing_is_given_back_while_what_a_backup_forgot_could_land(house):
    """Failed, retried, signed again; then the backup from before the failure is restored."""
    house.refusals.extend([False] * 2)
    deployment = house.deploy()
    lives(house, 2)
    backup = house.backup()
    house.window_passes()
    lives(house, 2)
    assert house.get(deployment.id).may_retry
    house.refusals.clear()
    house.retry(deployment.id)
    # Its second transaction is in the pools when the backup is restored.
    house.life(Fate({}))
    assert house.get(deployment.id).state is State.PENDING
    house.restore(backup)
    house.connect(house.chain.network)
    house.pass_time(timedelta(seconds=9))
    house.life(Fate({}))
    waits_for(house, deployment.id, WaitReason.WINDOW_OPEN, State.SUBMITTED)
    lives(house)
    house.is_completed_once(deployment)
    assert "deployment.effect_found" in house.actions(deployment.id)


def test_what_a_backup_forgot_is_given_back_once_it_cannot_land_any_more(house):
    house.refusals.extend([False] * 100)
    deployment = house.deploy()
    lives(house, 2)
    house.connect(house.chain.network)
    lives(house, 2)
    house.window_passes()
    lives(house, 3)
    house.is_settled(deployment)
    assert house.get(deployment.id).state is State.FAILED


def test_a_deployment_that_a_backup_forgot_to_have_signed_is_not_cancelled_yet(house):
    deployment = house.deploy()
    backup = house.backup()
    house.life(Fate({}))
    house.restore(backup)
    house.connect(house.chain.network)
    refusal = house.cancel(deployment.id)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "outcome_open"
    assert house.credits == (20, 5, 0)
    house.devnet.mine()
    refusal = house.cancel(deployment.id)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "too_late_to_cancel"
    house.pass_time(timedelta(seconds=9))
    lives(house)
    house.is_completed_once(deployment)


def test_what_was_never_signed_can_be_cancelled_a_window_after_the_restart(house):
    deployment = house.deploy()
    house.connect(house.chain.network)
    refusal = house.cancel(deployment.id)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "outcome_open"
    house.window_passes()
    assert house.cancel(deployment.id).state is State.CANCELLED
    house.is_settled(deployment)


def test_a_confirmed_deployment_goes_on_where_its_block_is_no_longer_kept():
    with devnet(nodes=2, mode="manual", kept_rounds=[60, 60]) as network:
        house = AlgodHouse(network)
        house.go_to(1)
        deployment = house.deploy()
        house.life(Fate({}))
        network.mine()
        house.pass_time(timedelta(seconds=9))
        calls = Fate({})
        (claim,) = house.claims()
        while house.get(deployment.id).state is not State.CONFIRMED:
            house.mortal_advance(calls).step(claim)
        house.give_back([claim])
        network.advance(200)
        house.pass_time(timedelta(minutes=10))
        lives(house)
        house.is_completed_once(deployment)
