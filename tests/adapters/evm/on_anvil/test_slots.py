"""What becomes of a nonce: pool, block, reorganisation, finality, replacement, fill, loss."""

import pytest
from attrs import evolve

from application.ports.chain import ChainUnavailableError
from domain.operation import (
    AttemptRole,
    Effect,
    Final,
    Hint,
    Included,
    InPool,
    NoEffect,
    NotSeen,
    Postponed,
    SlotLost,
    Verdict,
    WaitReason,
)
from entrypoints.devnet.json_rpc_proxy import answer_error, answer_result
from tests.adapters.evm.on_anvil.world import BY_TAG, CEILING, DEPTH, a_world


def test_a_slot_goes_from_nowhere_to_the_pool_to_a_block_to_finality(world):
    intent = world.intent()
    slot, transaction = world.attempted(intent, world.slot())
    assert world.chain.outcome(slot) == NotSeen()
    world.chain.submit(transaction)
    assert world.chain.outcome(slot) == InPool(transaction.id)
    assert isinstance(world.chain.effect_of(intent), NoEffect)
    world.mine()
    for _ in range(DEPTH):
        included = world.chain.outcome(slot)
        assert isinstance(included, Included)
        effect = world.chain.effect_of(intent)
        assert isinstance(effect, Effect)
        assert not effect.is_final
        world.mine()
    assert world.chain.outcome(slot) == Final(included.inclusion)
    assert world.chain.effect_of(intent) == evolve(effect, is_final=True)


def test_by_tag_a_block_is_final_when_the_node_says_so():
    # The hard profile: a block each second, and `finalized` two epochs of 32 behind.
    with a_world(BY_TAG, profile="hard") as world:
        slot, _ = world.sent(world.intent())
        world.mine()
        assert isinstance(world.chain.outcome(slot), Included)
        world.mine(64)
        assert isinstance(world.chain.outcome(slot), Final)


def test_an_empty_slot_is_not_seen(world):
    assert world.chain.outcome(world.slot()) == NotSeen()


def test_a_reorganisation_before_finality_reopens_the_slot(world):
    intent = world.intent()
    slot, transaction = world.sent(intent)
    world.mine(2)
    assert isinstance(world.chain.outcome(slot), Included)
    assert isinstance(world.chain.effect_of(intent), Effect)
    world.reorg(3)
    assert isinstance(world.chain.outcome(slot), NotSeen | InPool)
    assert isinstance(world.chain.effect_of(intent), NoEffect)

    said = world.chain.submit(transaction)
    assert said.verdict in {Verdict.ACCEPTED, Verdict.ALREADY_KNOWN}
    world.finalise()
    assert isinstance(world.chain.outcome(slot), Final)
    assert world.chain.read_back(intent, world.chain.predicted(intent)) == ()


def test_in_the_hard_profile_a_reorganisation_before_finality_reopens_the_slot_too():
    with a_world(profile="hard") as world:
        intent = world.intent()
        slot, transaction = world.sent(intent)
        world.mine()
        assert isinstance(world.chain.outcome(slot), Included)
        world.reorg(2)
        assert isinstance(world.chain.outcome(slot), NotSeen | InPool)
        world.chain.submit(transaction)
        world.finalise()
        assert isinstance(world.chain.outcome(slot), Final)
        effect = world.chain.effect_of(intent)
        assert isinstance(effect, Effect)
        assert effect.transaction_id == transaction.id


def test_a_receipt_whose_block_is_gone_is_none(world, proxy):
    slot, transaction = world.sent(world.intent())
    world.mine()
    receipt = world.anvil.call("eth_getTransactionReceipt", transaction.id)
    gone = receipt | {"blockHash": "0x" + "ab" * 32}
    proxy.add("eth_getTransactionReceipt", answer_result(gone))
    assert world.seen_through(proxy.url).outcome(slot) == InPool(transaction.id)


def test_two_attempts_in_one_slot_are_one_transaction(world):
    intent = world.intent()
    slot, first = world.sent(intent)
    slot, second = world.sent(intent, slot)
    assert first.id != second.id
    assert world.chain.outcome(slot) == InPool(second.id)
    world.finalise()
    outcome = world.chain.outcome(slot)
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == second.id
    assert world.anvil.call("eth_getTransactionReceipt", first.id) is None
    assert world.chain.signer_state(world.sender).next_sequence == slot.sequence + 1


def test_a_receipt_for_the_earlier_attempt_settles_the_slot_too(world):
    intent = world.intent()
    slot, first = world.sent(intent)
    world.mine()
    slot, _ = world.attempted(intent, slot)
    world.finalise()
    outcome = world.chain.outcome(slot)
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == first.id


def test_replacements_end_at_the_ceiling(world):
    intent = world.intent()
    slot, _ = world.sent(intent)
    for _ in range(60):
        draft = world.chain.prepare(intent, slot, AttemptRole.EFFECT, CEILING, slot.attempts)
        if isinstance(draft, Postponed):
            assert draft.reason is WaitReason.FEE_ABOVE_CEILING
            return
        slot, _ = world.sent(intent, slot)
        assert slot.attempts[-1].fee_cap <= CEILING
    raise AssertionError("no ceiling was met")


def test_a_fill_takes_the_slot_and_costs_the_least_there_is(world):
    intent = world.intent()
    slot, _ = world.sent(intent, role=AttemptRole.FILL)
    world.finalise()
    outcome = world.chain.outcome(slot)
    assert isinstance(outcome, Final)
    receipt = world.anvil.call("eth_getTransactionReceipt", outcome.inclusion.transaction_id)
    assert int(receipt["gasUsed"], 16) == 21_000
    assert receipt["to"].lower() == world.sender.lower()
    assert isinstance(world.chain.effect_of(intent), NoEffect)


def test_a_fill_replaces_an_effect_and_only_one_of_them_lands(world):
    intent = world.intent()
    slot, _ = world.sent(intent)
    slot, fill = world.sent(intent, slot, AttemptRole.FILL)
    world.finalise()
    outcome = world.chain.outcome(slot)
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == fill.id
    assert isinstance(world.chain.effect_of(intent), NoEffect)


def test_a_gap_below_is_hinted_at_and_closed_by_a_fill(world):
    below, above = world.slot(), world.slot()
    intent = world.intent()
    above, transaction = world.attempted(intent, above)
    world.chain.submit(transaction)
    world.mine(DEPTH)
    assert world.chain.outcome(above) == InPool(transaction.id)
    world.sent(world.intent(), below, AttemptRole.FILL)
    world.finalise()
    assert isinstance(world.chain.outcome(above), Final)


def test_a_second_transaction_for_one_operation_reverts_and_the_first_is_found(world):
    """What a restored backup would do: sign again, in a new slot, what has long happened."""
    intent = world.intent()
    early, _ = world.attempted(intent, world.slot())
    late, again = world.attempted(intent, world.slot())
    assert world.chain.submit(again).verdict is Verdict.ACCEPTED
    first = early.attempts[-1]
    world.sent(intent, evolve(early, attempts=()))
    world.finalise()
    outcome = world.chain.outcome(late)
    assert isinstance(outcome, Final)
    assert not outcome.inclusion.succeeded
    effect = world.chain.effect_of(intent)
    assert isinstance(effect, Effect)
    assert effect.transaction_id == first.transaction_id
    assert effect.raw == first.raw


# Strangers


def test_a_foreign_transaction_loses_the_slot_at_finality_and_not_before(world):
    intent = world.intent()
    slot, transaction = world.attempted(intent, world.slot())
    world.foreign_transaction(slot.sequence)
    said = world.chain.submit(transaction)
    assert (said.verdict, said.hint) == (Verdict.UNKNOWN, Hint.UNDERPRICED)
    world.mine()
    late = world.chain.submit(transaction)
    assert (late.verdict, late.hint) == (Verdict.UNKNOWN, Hint.SLOT_TAKEN)
    for _ in range(DEPTH):
        assert world.chain.outcome(slot) == NotSeen()
        world.mine()
    outcome = world.chain.outcome(slot)
    assert outcome == SlotLost(world.chain.head().final)
    assert isinstance(world.chain.effect_of(intent), NoEffect)


def test_a_loss_long_ago_is_proven_from_history(world):
    slot = world.slot()
    for sequence in range(slot.sequence, slot.sequence + 5):
        world.foreign_transaction(sequence)
        world.mine(7)
    world.mine(50)
    for sequence in range(slot.sequence, slot.sequence + 5):
        lost = world.chain.outcome(evolve(slot, sequence=sequence))
        assert isinstance(lost, SlotLost)


def test_a_loss_is_proven_without_old_state_too(world, proxy):
    slot = world.slot()
    world.foreign_transaction(slot.sequence)
    world.mine(40)
    final = hex(world.chain.head().final.number)
    proxy.add(
        "eth_getTransactionCount",
        answer_error(-32000, "missing trie node"),
        when=lambda parameters: parameters[1] != final,
    )
    assert isinstance(world.seen_through(proxy.url).outcome(slot), SlotLost)


def test_a_receipt_that_a_node_does_not_find_is_no_proof_of_a_stranger(world, proxy):
    """The index lags, the state does not: our own transaction must not look like a foreign one."""
    slot, _ = world.sent(world.intent())
    world.finalise()
    proxy.add("eth_getTransactionReceipt", answer_result(None))
    proxy.add("eth_getTransactionByHash", answer_result(None))
    with pytest.raises(ChainUnavailableError, match="no receipt"):
        world.seen_through(proxy.url).outcome(slot)


def test_a_taken_nonce_without_a_taker_is_no_proof_either(world, proxy):
    slot, _ = world.attempted(world.intent(), world.slot())
    proxy.add("eth_getTransactionCount", answer_result(hex(slot.sequence + 1)))
    with pytest.raises(ChainUnavailableError, match="cannot be found by what"):
        world.seen_through(proxy.url).outcome(slot)


# Restarts


def test_a_node_that_was_stopped_goes_on_where_it_was(tmp_path):
    state = tmp_path / "state.json"
    with a_world(BY_TAG, state=state) as world:
        landed, pending = world.intent(), world.intent()
        slot = world.deployed(landed)
        later, transaction = world.sent(pending)
        foreign = world.slot()
        world.mine()
        world.foreign_transaction(foreign.sequence)
        world.mine()
        world.anvil.stop()
        with pytest.raises(ChainUnavailableError):
            world.chain.outcome(slot)
        with pytest.raises(ChainUnavailableError):
            world.chain.submit(transaction)
        world.anvil.start()
        assert isinstance(world.chain.outcome(slot), Final)
        assert isinstance(world.chain.outcome(later), Final)
        assert isinstance(world.chain.outcome(foreign), SlotLost)
        assert isinstance(world.chain.effect_of(landed), Effect)
        assert world.chain.read_back(landed, world.chain.predicted(landed)) == ()
        factory = world.intent(world.chain.stored_token("create2_factory", {}))
        assert isinstance(world.chain.effect_of(factory), Effect)


def test_what_a_killed_node_forgot_is_sent_again(tmp_path):
    state = tmp_path / "state.json"
    with a_world(BY_TAG, state=state) as world:
        world.anvil.stop()
        world.anvil.start()
        intent = world.intent()
        slot, transaction = world.sent(intent)
        world.mine()
        assert isinstance(world.chain.outcome(slot), Final)
        saved = state.read_bytes()
        world.anvil.kill()
        state.write_bytes(saved)
        world.anvil.start()
        assert world.chain.outcome(slot) == NotSeen()
        assert world.chain.submit(transaction).verdict is Verdict.ACCEPTED
        world.mine()
        assert isinstance(world.chain.outcome(slot), Final)
