"""What nodes and time do to a later step and to an order, one misfortune at a time."""

from datetime import timedelta

import pytest

from adapters import algorand, pool
from adapters.algorand import protocol
from application.ports.nodes import Endpoint
from domain.deployment import Reason, State
from domain.errors import Refusal
from domain.network import Block
from domain.operation import Expired, SignedTransaction, SlotState, Verdict, WaitReason
from domain.token import Action
from entrypoints.devnet.algod import devnet
from tests.algod.errands import INITIAL, NAMES, an_errand
from tests.algod.house import INSTALLATION_ID, SECURITY, AlgodHouse, a_network
from tests.algod.test_protocol import V39
from tests.algod.test_scenarios import both, lives, send_raw
from tests.application.house import LEASE_IS_OVER
from tests.application.mortal import Fate
from tests.catalogue import UNLIMITED


@pytest.fixture(params=NAMES)
def errand(house, request):
    yield an_errand(house, request.param)
    house.devnet.claim(None)


def sent(errand):
    """One life: its step is in the pools."""
    errand.house.life(Fate({}))
    assert errand.now.waiting is WaitReason.IN_MEMPOOL, errand.now.waiting
    return errand.ids


# What they do.


@pytest.mark.parametrize("kind", ["arc200_mintable", "arc200_preminted", "arc1400_mintable"])
def test_a_token_of_every_kind_comes_to_be(house, kind):
    house.set_tariff(house.caller.organisation, UNLIMITED, "for the test")
    described = {"name": "Hazel", "symbol": "HZL", "decimals": 2}
    amount = "supply" if kind == "arc200_preminted" else "initial_supply"
    token = house.chain.token(kind, described | {amount: "77"})
    made = house.issue(token=token)
    assert house.supply(made) == 77
    assert [each.name for each in made.steps] == ["create", "bootstrap"]
    house.is_intact()


def test_every_order_shows_on_chain(house):
    house.set_tariff(house.caller.organisation, UNLIMITED, "for the test")
    for token in (house.contract(), house.contract(SECURITY)):
        gold = house.issue(token=token)
        supply = INITIAL
        for action, fields in (
            (Action.MINT, {"amount": "250", "to": house.a_stranger}),
            (Action.PAUSE, {}),
            (Action.UNPAUSE, {}),
            (Action.BURN, {"amount": "1000"}),
        ):
            house.go_to(1)
            done = house.operate(gold.id, action, **fields)
            lives(house, 3)
            assert house.get(done.id).state is State.COMPLETED, house.get(done.id).failure
            supply += done.order.supply_change
            assert house.supply(gold) == supply
            state = house.chain.state(gold.token, gold.result)
            assert (state.supply, state.paused) == (supply, action is Action.PAUSE)
        house.is_intact()
        owner = house.devnet.ledger.account(gold.owner)
        assert owner.microalgos == owner.min_balance


def test_what_its_contract_refuses_fails_in_the_contracts_words_and_costs_nothing(house):
    gold = house.issue()
    order = house.operate(gold.id, Action.BURN, amount="1001")
    # Long enough that nothing forgotten can land any more.
    house.window_passes()
    house.window_passes()
    lives(house, 3)
    ended = house.get(order.id)
    assert ended.state is State.FAILED
    assert ended.failure.reason is Reason.DEPLOYMENT_VALIDATION_FAILED
    assert "balance too small" in ended.failure.detail
    assert ended.failure.without_effect
    assert house.supply(gold) == INITIAL
    assert house.credits == (20, 0, 5)
    house.is_intact()


# Node answers.


def test_accepted_then_timed_out_is_one_transaction(errand):
    both(errand.house, "accept_then_drop", times=3)
    errand.house.life(Fate({}))
    assert errand.house.hits()["accept_then_drop"] >= 1
    lives(errand.house)
    errand.is_done_once()
    errand.is_exact()
    assert len(errand.ids) == 1


def test_an_answer_of_nobody_sends_the_same_bytes_again(errand):
    both(errand.house, "drop_before", times=None)
    errand.house.life(Fate({}))
    errand.is_not_done(WaitReason.UNKNOWN_OUTCOME)
    errand.house.heal()
    errand.house.pass_time(timedelta(minutes=1))
    lives(errand.house)
    errand.is_done_once()
    assert len(errand.ids) == 1


def test_what_was_evicted_everywhere_is_sent_again_with_the_same_bytes(errand):
    house = errand.house
    (id,) = sent(errand)
    house.devnet.nodes[0].fault("evict", txid=id, everywhere=True)
    house.devnet.mine()
    errand.is_not_done(WaitReason.IN_MEMPOOL)
    house.pass_time(LEASE_IS_OVER)
    lives(house)
    errand.is_done_once()
    errand.is_exact()
    assert errand.ids == [id]


def test_what_no_node_wanted_waits_for_the_end_of_its_window(errand):
    """A mint fails, and costs nothing; a token that is half made waits to be tried again."""
    house = errand.house
    house.refusals.extend([False] * 100)
    lives(house, 3)
    house.window_passes()
    lives(house, 3)
    assert house.effects(errand.now) == (0 if errand.now.order else 1)
    if errand.now.order:
        assert errand.now.state is State.FAILED
        assert errand.now.may_retry
        assert house.credits == (20, 0, 5)
    house.is_intact()
    house.refusals.clear()
    if errand.now.order:
        assert not isinstance(house.retry(errand.id), Refusal)
    house.window_passes()
    house.pass_time(timedelta(minutes=10))
    lives(house)
    errand.is_done_once()


# Leases and windows.


def test_a_forgotten_attempt_of_the_same_window_keeps_ours_out_and_is_adopted(errand):
    """Lease held by another attempt of ours."""
    house = errand.house
    backup = house.backup()
    both(house, "no_gossip", times=None)
    (forgotten,) = sent(errand)
    house.restore(backup)
    house.pass_time(LEASE_IS_OVER)
    # At another price it is another transaction.
    house.devnet.congest(5)
    house.life(Fate({}))
    (ours,) = errand.ids
    assert ours != forgotten
    house.devnet.nodes[0].heal()
    house.devnet.mine()
    house.devnet.nodes[1].heal()
    house.pass_time(LEASE_IS_OVER)
    lives(house, 3)
    errand.is_done_once()
    assert house.calls(errand.now)[-1].txid == forgotten
    assert any(each.endswith("effect_found") for each in house.actions(errand.id))


def test_a_held_lease_is_waited_for_where_its_holder_did_nothing_yet(errand):
    house = errand.house
    backup = house.backup()
    both(house, "no_gossip", times=None)
    house.life(Fate({}))
    first = errand.now.step.attempts[0]
    house.chain.submit(SignedTransaction(id=first.transaction_id, raw=first.raw))
    for node in house.devnet.nodes:
        send_raw(node, first.raw)
    house.restore(backup)
    house.pass_time(LEASE_IS_OVER)
    house.devnet.congest(5)
    house.life(Fate({}))
    errand.is_not_done(WaitReason.WINDOW_OPEN)
    house.heal()
    house.pass_time(LEASE_IS_OVER)
    lives(house)
    errand.is_done_once()


def test_a_window_that_ends_without_an_effect_is_followed_by_a_later_one(errand):
    house = errand.house
    both(house, "drop_before", times=None)
    house.life(Fate({}))
    house.heal()
    house.window_passes()
    house.pass_time(timedelta(minutes=1))
    lives(house)
    errand.is_done_once()
    errand.is_exact()
    first, second = errand.now.step.slots
    assert (first.state, second.state) == (SlotState.EXPIRED, SlotState.USED)
    assert first.lease == second.lease
    assert len(set(errand.ids)) == 2


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
    errand, lying
):
    house = errand.house
    sent(errand)
    house.devnet.mine()
    house.window_passes()
    honest, members = house.chain, []
    for number, node in enumerate(house.devnet.nodes):
        endpoint = Endpoint(url=node.url, token=house.devnet.token, archival=True)
        chain = algorand.connect(honest.network, endpoint, INSTALLATION_ID)
        members.append((endpoint, _Forked(chain) if number == lying else chain))
    house.chain = pool.connect(honest.network, members, house.clock.seconds)
    house.pass_time(LEASE_IS_OVER)
    lives(house, 4)
    assert errand.now.waiting is WaitReason.FINALITY
    assert len(errand.now.step.slots) == 1
    house.chain = honest
    lives(house)
    errand.is_done_once()
    errand.is_exact()
    assert len(errand.now.step.slots) == 1


@pytest.mark.parametrize("node", [0, 1])
def test_a_node_that_is_behind_refuses_nothing(errand, node):
    """It has not heard of the application, and its simulation would fail."""
    house = errand.house
    # So that a refusal would be believed.
    house.window_passes()
    house.window_passes()
    house.chain.head()
    house.devnet.nodes[node].fault("lag", times=None, rounds=house.devnet.round - 1)
    house.pass_time(LEASE_IS_OVER)
    lives(house, 3)
    assert errand.now.state.is_open
    house.heal()
    house.pass_time(timedelta(minutes=10))
    lives(house)
    errand.is_done_once()


# Backups.


def nothing(_):
    """It is still to land."""


def in_a_block(house):
    house.devnet.mine()


def long_over(house):
    house.devnet.mine()
    house.window_passes()
    both(house, "forget")


@pytest.mark.parametrize("meanwhile", [nothing, in_a_block, long_over])
def test_a_restored_backup_finds_what_was_done_and_does_not_repeat_it(errand, meanwhile):
    house = errand.house
    backup = house.backup()
    (forgotten,) = sent(errand)
    meanwhile(house)
    house.restore(backup)
    house.connect(house.chain.network)
    house.pass_time(LEASE_IS_OVER)
    lives(house)
    errand.is_done_once()
    errand.is_exact()
    assert house.calls(errand.now)[-1].txid == forgotten
    if meanwhile is not nothing:
        assert any(each.endswith("effect_found") for each in house.actions(errand.id))


def test_a_backup_from_before_the_deployment_ended_finds_a_token_that_was_used_since(house):
    """What was minted and paused is forgotten, and no difference from the plan."""
    errand = an_errand(house, "bootstrap")
    backup = house.backup()
    lives(house)
    forgotten = [house.operate(errand.id, Action.MINT), house.operate(errand.id, Action.PAUSE)]
    lives(house)
    assert all(house.get(each.id).state is State.COMPLETED for each in forgotten)
    house.restore(backup)
    house.connect(house.chain.network)
    lives(house)
    ended = errand.now
    assert (ended.state, ended.failure) == (State.COMPLETED, None)
    assert house.supply(ended) == INITIAL + 250
    assert house.credits == (20, 0, 5)


def test_without_an_archive_a_restored_backup_signs_no_second_mint():
    """Its box says in which round it was, and nobody has that block any more."""
    with devnet(nodes=1, mode="manual", kept_rounds=[60]) as network:
        house = AlgodHouse(network)
        errand = an_errand(house, "mint")
        backup = house.backup()
        lives(house)
        errand.is_done_once()
        house.restore(backup)
        network.advance(200)
        house.connect(house.chain.network)
        house.pass_time(timedelta(minutes=1))
        lives(house, 4)
        assert errand.now.waiting is WaitReason.UNKNOWN_OUTCOME
        assert not errand.now.step.slots
        assert house.supply(house.get(errand.token)) == errand.supply
        assert {code for code, _, _ in house.alarms.sounded} == {"history_unavailable"}


# Money, and the protocol.


def test_a_treasury_that_is_empty_between_the_steps_is_waited_for(network):
    # 100,000 for the issuer, 435,500 for the application's state, and two fees.
    house = AlgodHouse(network, funds=100_000 + 435_500 + 2_000 + 100_000)
    house.go_to(1)
    errand = an_errand(house, "bootstrap")
    lives(house, 3)
    errand.is_not_done(WaitReason.TREASURY_EMPTY)
    assert not errand.now.step.slots
    # The account, the operation's box and a balance, and two fees.
    network.fund(house.signer.address, 100_000 + 18_900 + 28_500 + 2_000 - 1)
    lives(house, 3)
    errand.is_not_done(WaitReason.TREASURY_EMPTY)
    network.fund(house.signer.address, 1)
    lives(house)
    errand.is_done_once()
    errand.is_exact()
    assert network.ledger.balance(house.signer.address) == 100_000


@pytest.mark.parametrize("consensus", [V39, "of-tomorrow"])
def test_a_chain_that_does_not_run_it_any_more_is_waited_for(errand, consensus, monkeypatch):
    house = errand.house
    if consensus == V39:
        # Ours are content with what v39 runs.
        monkeypatch.setattr(
            protocol, "AVM_BY_CONSENSUS", dict(protocol.AVM_BY_CONSENSUS) | {V39: 9}
        )
    house.devnet.claim(consensus)
    lives(house, 3)
    errand.is_not_done(WaitReason.OPERATOR)
    assert not errand.now.step.slots
    house.devnet.claim(None)
    house.pass_time(timedelta(minutes=10))
    lives(house)
    errand.is_done_once()
    errand.is_exact()


def test_a_gate_that_was_lowered_between_the_steps_is_waited_for(errand):
    house = errand.house
    house.connect(a_network(house.devnet, avm=9))
    lives(house, 3)
    errand.is_not_done(WaitReason.OPERATOR)
    assert not errand.now.step.slots
    house.connect(a_network(house.devnet))
    house.pass_time(timedelta(minutes=10))
    lives(house)
    errand.is_done_once()


def test_a_lease_error_for_our_own_confirmed_call_is_no_error(errand):
    house = errand.house
    both(house, "accept_then_drop", times=None)
    house.life(Fate({}))
    house.devnet.mine()
    house.heal()
    attempt = errand.now.step.attempts[0]
    again = house.chain.submit(SignedTransaction(id=attempt.transaction_id, raw=attempt.raw))
    assert again.verdict is Verdict.ALREADY_KNOWN
    house.pass_time(timedelta(minutes=1))
    lives(house)
    errand.is_done_once()


def test_orders_of_one_moment_are_all_carried_out_once(house):
    """Signed before any of them has landed; two of them are for the same new holder."""
    gold = house.issue()
    house.go_to(1)
    orders = [house.operate(gold.id) for _ in range(4)]
    orders.append(house.operate(gold.id, Action.BURN, amount="10"))
    house.life(Fate({}))
    assert all(house.get(each.id).waiting is WaitReason.IN_MEMPOOL for each in orders)
    lives(house)
    assert all(house.get(each.id).state is State.COMPLETED for each in orders)
    assert house.supply(gold) == INITIAL + 4 * 250 - 10
    assert house.credits == (15, 0, 10)
    house.is_intact()
