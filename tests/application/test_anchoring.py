"""Checkpoints are put on chain once, by the machine that carries everything else."""

import random
from datetime import timedelta
from threading import Lock, Thread

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.chain import (
    ANSWER_LOST,
    REJECTED,
    UNAVAILABLE,
    MemoryWindowedChain,
    a_network,
)
from domain.anchor import Anchor
from domain.deployment import Deployment, State
from domain.errors import Refusal
from domain.identifiers import NetworkId, instant_of
from domain.operation import AttemptOrigin, AttemptRole, OperationKind, WaitReason
from tests.application.anchoring import HOUR, ORIGIN, Anchoring, Notary
from tests.application.house import PROVING, examples
from tests.application.mortal import AFTER, DEATHS, Fate, MortalStore

deaths = st.dictionaries(st.integers(0, 60), st.sampled_from(DEATHS), max_size=3)


class Windowed(Anchoring):
    """On a chain with windows, whose blocks come one with each look."""

    def __init__(self) -> None:
        super().__init__(ready=False)
        self.chain = MemoryWindowedChain(instant=True)  # type: ignore[assignment]  # another sort
        self.move_in()
        self.chain.fund(self.signer.address, 10**12)


HOUSES = pytest.mark.parametrize("made", [Anchoring, Windowed])


@HOUSES
def test_a_checkpoint_is_put_on_chain_and_the_trail_tells_where(made):
    house = made()
    operation = house.anchor(size=1_234)
    assert operation.kind is OperationKind.ANCHOR
    assert operation.named.startswith("op_")
    assert (operation.hold, operation.credits, operation.account) == (None, 0, None)
    house.work_until_done()
    house.is_anchored_once(operation.id)
    assert [event.action for event in house.events(operation.id)] == [
        "anchor.queued",
        "anchor.slot_reserved",
        "anchor.submitted",
        "anchor.pending",
        *(["anchor.included"] if made is Anchoring else []),
        "anchor.confirmed",
        "anchor.indexed",
        "anchor.completed",
        "checkpoint.anchored",
    ]
    (queued, *_) = house.events(operation.id)
    assert queued.content()["details"]["size"] == "1234"
    assert instant_of(operation.id) == house.get(operation.id).accepted_at


def test_it_costs_no_credits_and_the_treasurys_coin():
    house = Anchoring()
    before, had = house.chain.signer_state(house.signer.address).balance, house.credits
    operation = house.anchor()
    house.work_until_done()
    (attempt,) = house.get(operation.id).step.attempts
    assert before - house.chain.signer_state(house.signer.address).balance == attempt.cost > 0
    assert house.credits == had


# Once for each size of a log on each network.


@HOUSES
def test_two_requests_for_one_size_are_one_operation(made):
    house = made()
    first = house.anchor()
    assert house.request_anchor()(house.network) == first
    house.work_until_done()
    again = house.request_anchor()(house.network)
    assert isinstance(again, Deployment)
    assert (again.id, again.state) == (first.id, State.COMPLETED)
    house.work_until_done()
    house.is_anchored_once(first.id)
    assert len(house.anchors()) == 1


def test_two_workers_that_ask_at_once_ask_for_one_operation():
    house = Anchoring()
    house.checkpoint()
    asked = []
    threads = [
        Thread(target=lambda: asked.append(house.request_anchor()(house.network)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.id for each in asked}) == 1
    assert len(asked) == 8
    house.work_until_done()
    house.is_anchored_once(asked[0].id)


def test_every_size_is_an_operation_of_its_own():
    house = Anchoring()
    ids = [house.anchor(size).id for size in (1, 2, 300)]
    house.work_until_done()
    for id in ids:
        house.is_anchored_once(id)
    assert len(set(ids)) == 3


def test_there_must_be_something_to_anchor_and_somebody_who_pays():
    house = Anchoring()
    ask = house.request_anchor()

    def code(network):
        answer = ask(network)
        assert isinstance(answer, Refusal), answer
        return answer.code

    assert code(house.network) == "nothing_to_anchor"
    house.checkpoint(0)
    assert code(house.network) == "nothing_to_anchor"
    house.checkpoint(1)
    assert code(NetworkId("eip155:1")) == "unknown_network"
    other = a_network("memory:2")
    chains = {**house.chains, other.id: type(house.chain)(network=other)}
    unpaid = evolve(ask, chains=chains)(other.id)
    assert isinstance(unpaid, Refusal)
    assert unpaid.code == "no_treasury"
    assert not house.anchors()


# When it is time.


def test_an_anchor_is_asked_for_once_an_interval_and_only_where_the_tree_grew():
    house = Anchoring()
    due = house.when_due()
    assert due() == 0
    house.checkpoint(10)
    assert (due(), due()) == (1, 0)
    house.work_until_done()
    house.checkpoint(500)
    assert due() == 0, "not an hour yet"
    house.pass_time(HOUR)
    assert (due(), due()) == (1, 0)
    house.work_until_done()
    house.pass_time(100 * HOUR)
    assert due() == 0, "the same size"
    house.checkpoint(600)
    assert (due(), due()) == (1, 0), "one, however long nobody looked"
    house.work_until_done()
    assert sorted(Anchor.of(each.token).checkpoint.size for each in house.anchors()) == [
        10, 500, 600,
    ]  # fmt: skip
    assert all(each.requested_by == "worker" for each in house.anchors())


def test_a_trail_in_which_only_anchors_happen_is_not_anchored_for_ever():
    """Every anchor writes events, and every event makes the tree grow."""
    house = Anchoring()
    due = house.when_due()
    for _ in range(6):
        house.seal()
        due()
        house.work_until_done()
        house.seal()
        house.pass_time(HOUR)
    assert len(house.anchors()) == 1
    house.deploy()
    house.seal()
    assert due() == 1
    house.work_until_done()
    house.seal()
    house.pass_time(HOUR)
    assert due() == 1, "what a deployment brought after its anchor is growth"


def test_while_one_is_under_way_there_is_no_other():
    house = Anchoring(funds=0)
    due = house.when_due()
    for size in range(100, 600, 100):
        house.checkpoint(size)
        due()
        house.work()
        house.pass_time(HOUR)
    (waiting,) = house.anchors()
    assert waiting.waiting is WaitReason.TREASURY_EMPTY
    house.chain.fund(house.signer.address, 10**15)
    house.work_until_done()
    house.is_anchored_once(waiting.id)
    assert due() == 1, "and then one for all that came meanwhile"
    assert Anchor.of(house.anchors()[0].token).checkpoint.size == 500


def test_workers_that_look_at_once_while_the_log_grows_ask_for_one():
    house, sealer = Anchoring(), Lock()
    house.checkpoint(1)

    def look(size):
        with sealer:
            house.checkpoint(size)
        house.when_due()()

    threads = [Thread(target=look, args=(size,)) for size in range(2, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(house.anchors()) == 1


def test_a_new_log_is_anchored_whatever_was_of_the_old_one():
    house = Anchoring()
    due = house.when_due()
    house.checkpoint(100)
    due()
    house.work_until_done()
    house.checkpoint(50, number=2)
    assert due() == 1
    house.work_until_done()
    newest = Anchor.of(house.anchors()[0].token).checkpoint
    assert (newest.origin, newest.size) == (f"{ORIGIN[:-1]}2", 50)
    house.is_anchored_once(house.anchors()[0].id)


def test_an_anchor_that_failed_without_effect_is_tried_again_and_not_at_once():
    house = Anchoring()
    house.checkpoint()
    due = house.when_due()
    assert due() == 1
    house.chain.refuses = "not today"
    house.work_until_done()
    (failed,) = house.anchors()
    assert failed.state is State.FAILED
    house.chain.refuses = None
    assert due() == 0
    house.pass_time(HOUR)
    assert due() == 1
    house.work_until_done()
    house.is_anchored_once(failed.id)
    assert "anchor.retry_requested" in [each.action for each in house.events(failed.id)]


def test_an_anchor_that_is_late_rings_the_alarm():
    house = Anchoring(funds=0)
    due = house.when_due()
    house.checkpoint(1)
    due()
    house.work()
    for _ in range(2):
        house.pass_time(HOUR)
        due()
        assert not house.alarms.sounded
    house.pass_time(HOUR)
    due()
    ((code, subject, detail),) = house.alarms.sounded
    assert (code, subject) == ("anchor_late", house.network)
    assert "treasury_empty" in detail
    assert "1 events" in detail


def test_a_network_without_treasury_is_late_too():
    house = Anchoring()
    house.checkpoint(1)
    other = NetworkId("memory:2")
    chain = type(house.chain)(network=a_network("memory:2"))
    due = house.when_due()
    due = evolve(due, networks=(other,), request=evolve(due.request, chains={other: chain}))
    due()
    house.pass_time(3 * HOUR)
    due()
    ((code, subject, detail),) = house.alarms.sounded
    assert (code, subject) == ("anchor_late", other)
    assert "tallystick treasury create" in detail


# Whatever happens there is one.


@examples(60)
@given(deaths, st.sampled_from([Anchoring, Windowed]))
def test_a_checkpoint_reaches_the_chain_once_however_often_the_worker_dies(schedule, made):
    house = made()
    operation = house.anchor()
    house.lives(Fate(schedule))
    house.is_anchored_once(operation.id)


@HOUSES
def test_no_single_death_of_the_worker_changes_the_outcome(made):
    healthy, house = Fate({}), made()
    house.anchor()
    house.lives(healthy)
    assert {"begin", "commit", "submit", "sign", "outcome", "read_back"} <= set(healthy.calls)
    for call in range(len(healthy.calls)):
        for death in DEATHS:
            house = made()
            operation = house.anchor()
            house.lives(Fate({call: death}))
            house.is_anchored_once(operation.id)
    assert house.signer_now().next_sequence <= 1


def test_no_pair_of_deaths_of_the_worker_changes_the_outcome():
    healthy, house = Fate({}), Anchoring()
    house.anchor()
    house.lives(healthy)
    length = len(healthy.calls) + 10
    pairs = [(one, two) for one in range(length) for two in range(one + 1, length)]
    for one, two in pairs if PROVING else random.sample(pairs, len(pairs) // 7):
        house = Anchoring()
        operation = house.anchor()
        house.lives(Fate({one: AFTER, two: AFTER}))
        house.is_anchored_once(operation.id)
        assert len(house.chain.node.mined) == 1, (one, two)


def test_whoever_asks_may_die_at_any_moment():
    house = Anchoring()
    house.checkpoint()
    fate = Fate({})
    house.request_anchor(MortalStore(house.store, fate))(house.network)
    for call in range(len(fate.calls)):
        for death in DEATHS:
            house = Anchoring()
            house.checkpoint()
            mortal = MortalStore(house.store, Fate({call: death}))
            with pytest.raises(BaseException, match=r"begin|commit"):
                house.request_anchor(mortal)(house.network)
            operation = house.request_anchor()(house.network)
            house.work_until_done()
            house.is_anchored_once(operation.id)


@HOUSES
@pytest.mark.parametrize("fault", [ANSWER_LOST, UNAVAILABLE, REJECTED])
def test_a_lost_or_false_answer_anchors_nothing_twice(made, fault):
    house = made()
    operation = house.anchor()
    for _ in range(3):
        house.chain.misbehave("submit", fault)
    house.lives(Fate({}))
    if house.get(operation.id).state is State.FAILED:
        house.chain.behave()
        house.request_anchor()(house.network)
        house.lives(Fate({}))
    house.is_anchored_once(operation.id)


def test_a_block_that_vanishes_before_it_is_final_only_opens_the_watch_again():
    house = Anchoring(instant=False)
    operation = house.anchor()
    house.work()
    house.chain.mine()
    house.work()
    assert house.get(operation.id).step.inclusion is not None
    house.chain.reorg(1)
    assert not house.told()
    house.lives(Fate({}))
    house.is_anchored_once(operation.id)
    assert "anchor.block_vanished" in [each.action for each in house.events(operation.id)]


@HOUSES
@pytest.mark.parametrize("acts", range(8))
def test_a_backup_from_between_any_two_acts_leads_to_the_same_anchor(made, acts):
    house = made()
    id = house.anchor().id
    (claim,) = house.claims()
    for _ in range(acts):
        house.advance().step(claim)
    house.give_back([claim])
    saved = house.backup()
    house.work_until_done()
    house.restore(saved)
    house.pass_time(timedelta(minutes=5))
    house.work(4)
    house.resume()
    house.work_until_done()
    house.is_anchored_once(id)


@HOUSES
def test_a_backup_from_before_it_was_asked_for_finds_it_when_it_is_asked_for_again(made):
    """The signed checkpoint is in the backup; of its anchor nothing is."""
    house = made()
    house.checkpoint()
    saved = house.backup()
    first = house.request_anchor()(house.network)
    house.work_until_done()
    house.restore(saved)
    assert not house.anchors()
    house.pass_time(timedelta(minutes=5))
    again = house.request_anchor()(house.network)
    assert again.id == first.id
    house.work(4)
    house.resume()
    house.work_until_done()
    house.is_anchored_once(again.id)
    (attempt,) = house.get(again.id).step.attempts
    assert attempt.origin is AttemptOrigin.FOUND


def test_a_restored_backup_whose_log_was_signed_otherwise_does_not_tell_two_roots_for_one_size():
    """On a chain that keeps one root for each size, the other one is told to a person."""
    house = Anchoring()
    house.checkpoint()
    saved = house.backup()
    house.request_anchor()(house.network)
    house.work_until_done()
    for table, rows in saved:
        if table is house.store._seals.checkpoints:
            rows.clear()
    house.restore(saved)
    house.checkpoint(root=bytes(32))
    fork = house.request_anchor()(house.network)
    house.work(4)
    house.resume()
    house.work_until_done()
    ended = house.get(fork.id)
    assert ended.state is State.FAILED
    assert not ended.failure.without_effect
    assert house.times_on_chain(ended) == 0
    assert not house.told()
    assert [code for code, _, _ in house.alarms.sounded if code.startswith("anchor")] == [
        "anchor_differs"
    ]


def test_a_checkpoint_that_the_logs_key_has_not_signed_is_put_on_no_chain():
    """A custodian that signs with another key, or whoever has written into the database."""
    house = Anchoring()
    liar = Notary(lies=True)
    house.checkpoint(notary=liar)
    for _ in range(2):
        refused = house.request_anchor()(house.network)
        assert isinstance(refused, Refusal)
        assert refused.code == "anchor_unsigned"
        assert f"{ORIGIN} has not signed its checkpoint of 100 leaves" in refused.detail
    assert house.when_due()() == 0
    assert {(code, subject) for code, subject, _ in house.alarms.sounded} == {
        ("anchor_unsigned", house.network)
    }
    house.work_until_done()
    assert house.operations() == []
    assert house.chain.node.mined == {}
    house.anchor(101)
    house.work_until_done()
    assert len(house.operations()) == 1


def test_a_checkpoint_whose_row_says_something_else_than_its_note_is_put_on_no_chain():
    house = Anchoring()
    house.checkpoint()
    rows = house.store._seals.checkpoints.rows
    for place, signed in rows.items():
        rows[place] = evolve(signed, checkpoint=evolve(signed.checkpoint, root=bytes(32)))
    refused = house.request_anchor()(house.network)
    assert isinstance(refused, Refusal)
    assert refused.code == "anchor_unsigned"
    assert house.operations() == []


def test_a_price_above_the_ceiling_is_waited_out():
    house = Anchoring()
    house.chain.gas_price = house.chain.network.fee_ceiling + 1
    operation = house.anchor()
    house.work(5)
    assert house.get(operation.id).waiting is WaitReason.FEE_ABOVE_CEILING
    house.chain.gas_price = 1_000
    house.work_until_done()
    house.is_anchored_once(operation.id)


def test_a_slow_anchor_is_replaced_in_its_own_nonce():
    house = Anchoring(instant=False)
    operation = house.anchor()
    house.work()
    house.chain.gas_price *= 5
    for _ in range(8):
        house.work()
    house.lives(Fate({}))
    house.is_anchored_once(operation.id)
    assert house.signer_now().next_sequence == 1
    roles = {attempt.role for attempt in house.get(operation.id).step.attempts}
    assert roles == {AttemptRole.EFFECT}


# Who looks for them.


@HOUSES
def test_the_smallest_anchor_that_covers_an_event_is_found(made):
    house = made()
    for size in (10, 20, 30):
        house.anchor(size)
        house.work_until_done()
    waiting = house.anchor(40)
    find = house.find_anchors
    for size, wanted in ((1, 10), (10, 10), (11, 20), (30, 30)):
        (found,) = find(ORIGIN, size)
        assert found.anchor.checkpoint.size == wanted
        assert found.event.content()["details"]["size"] == wanted
        assert found.network == house.network
        assert found.transaction_id == found.event.content()["details"]["transaction_id"]
    assert find(ORIGIN, 31) == (), "not final yet"
    assert find(ORIGIN + "1", 1) == ()
    house.work_until_done()
    (found,) = find(ORIGIN, 31)
    assert found.event.subject == waiting.named
