"""What a chain that counts promises of its slots: nonces, taken one after the other."""

from attrs import evolve

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
from tests.contract.errand import TAKEN, an_errand
from tests.contract.subjects import ACountingChain


def test_an_effect_is_included_before_it_is_final(counting_chain: ACountingChain):
    errand = an_errand(counting_chain).attempted()
    with counting_chain.hold_back():
        errand.submitted()
        counting_chain.mine()
        outcome = errand.outcome()
        assert isinstance(outcome, Included)
        assert outcome.inclusion.succeeded
        assert outcome.inclusion.cost > 0
        found = errand.effect()
        assert isinstance(found, Effect)
        assert not found.is_final
    counting_chain.finalise()
    final = errand.outcome()
    assert isinstance(final, Final)
    assert final.inclusion == outcome.inclusion
    found = errand.effect()
    assert isinstance(found, Effect)
    assert found.is_final
    assert found.transaction_id == errand.transactions[0].id
    assert found.block == final.inclusion.block
    assert found.cost == final.inclusion.cost


def test_a_replacement_offers_enough_more_and_shares_the_slot(counting_chain: ACountingChain):
    errand = an_errand(counting_chain).attempted()
    with counting_chain.hold_back():
        assert errand.submitted() is Verdict.ACCEPTED
        errand = errand.attempted()
        first, second = errand.slot.attempts
        assert second.fee_cap * 10 >= first.fee_cap * 11
        assert errand.submitted() is Verdict.ACCEPTED
        counting_chain.mine()
    counting_chain.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == errand.transactions[1].id
    assert errand.submitted(0) is not Verdict.ACCEPTED
    assert isinstance(errand.effect(), Effect)


def test_a_receipt_for_any_attempt_settles_the_slot(counting_chain: ACountingChain):
    errand = an_errand(counting_chain).attempted()
    with counting_chain.hold_back():
        errand.submitted()
        counting_chain.mine()
        errand = errand.attempted()  # signed, and never sent
    counting_chain.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == errand.transactions[0].id


def test_a_rival_for_the_same_price_is_not_proof_of_anything(counting_chain: ACountingChain):
    errand = an_errand(counting_chain).attempted()
    rival = an_errand(counting_chain).attempted(is_replacing=False)
    assert rival.slot.sequence == errand.slot.sequence
    with counting_chain.hold_back():
        assert errand.submitted() is Verdict.ACCEPTED
        submission = counting_chain.chain.submit(rival.transactions[0])
        assert submission.verdict is Verdict.UNKNOWN
        assert submission.hint is Hint.UNDERPRICED
        counting_chain.mine()
    counting_chain.finalise()
    late = counting_chain.chain.submit(rival.transactions[0])
    assert late.verdict is Verdict.UNKNOWN
    assert late.hint is Hint.SLOT_TAKEN


def test_a_fill_takes_the_slot_and_does_nothing_else(counting_chain: ACountingChain):
    errand = an_errand(counting_chain).attempted(AttemptRole.FILL)
    errand.submitted()
    counting_chain.mine()
    counting_chain.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.succeeded
    assert isinstance(errand.effect(), NoEffect)
    assert (
        counting_chain.chain.signer_state(counting_chain.treasury).next_sequence
        == errand.slot.sequence + 1
    )


def test_a_fill_overtakes_the_effect_it_replaces(counting_chain: ACountingChain):
    errand = an_errand(counting_chain).attempted()
    with counting_chain.hold_back():
        errand.submitted()
        errand = errand.attempted(AttemptRole.FILL)
        assert errand.submitted() is Verdict.ACCEPTED
        counting_chain.mine()
    counting_chain.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == errand.transactions[1].id
    assert isinstance(errand.effect(), NoEffect)


def test_a_second_creation_in_another_slot_reverts_and_the_effect_is_found(
    counting_chain: ACountingChain,
):
    """A restored backup signs again what is on chain already."""
    first = an_errand(counting_chain).attempted()
    with counting_chain.hold_back():
        again = evolve(
            first, slot=evolve(first.slot, sequence=first.slot.sequence + 1, attempts=())
        )
        again = evolve(again, transactions=()).attempted(is_replacing=False)
        assert first.submitted() is Verdict.ACCEPTED
        assert again.submitted() is Verdict.ACCEPTED
        counting_chain.mine()
    counting_chain.finalise()
    outcome = again.outcome()
    assert isinstance(outcome, Final)
    assert not outcome.inclusion.succeeded
    found = again.effect()
    assert isinstance(found, Effect)
    assert found.transaction_id == first.transactions[0].id
    answer = counting_chain.chain.preflight(first.intent, counting_chain.fee_ceiling)
    assert isinstance(answer, Postponed)
    assert answer.reason is WaitReason.UNKNOWN_OUTCOME


def test_a_slot_that_a_stranger_took_is_lost_at_finality_and_not_before(
    counting_chain: ACountingChain,
):
    errand = an_errand(counting_chain).attempted()
    with counting_chain.hold_back():
        counting_chain.foreign_transaction()
        head, outcome = counting_chain.chain.head(), errand.outcome()
        # The newest block has the stranger's transaction: it decides nothing until it is final.
        is_final = head.final.number == head.latest.number
        assert isinstance(outcome, SlotLost if is_final else NotSeen)
        assert errand.submitted() is not Verdict.ACCEPTED
    counting_chain.finalise()
    lost = errand.outcome()
    assert isinstance(lost, SlotLost)
    nothing = errand.effect()
    assert isinstance(nothing, NoEffect)
    assert counting_chain.chain.block_at(lost.at.number) == lost.at


def test_an_empty_slot_can_be_lost_too(counting_chain: ACountingChain):
    errand = an_errand(counting_chain)
    assert errand.outcome() == NotSeen()
    counting_chain.foreign_transaction()
    counting_chain.finalise()
    assert isinstance(errand.outcome(), SlotLost)


def test_a_block_that_vanishes_opens_the_watch_again(counting_chain: ACountingChain):
    errand = an_errand(counting_chain).attempted()
    with counting_chain.hold_back():
        errand.submitted()
        counting_chain.mine()
        included = errand.outcome()
        assert isinstance(included, Included)
        counting_chain.reorg(1)
        assert isinstance(errand.outcome(), InPool | NotSeen)
        assert isinstance(errand.effect(), NoEffect)
        assert (
            counting_chain.chain.block_at(included.inclusion.block.number)
            != included.inclusion.block
        )
        assert errand.submitted() in TAKEN
        counting_chain.mine()
    counting_chain.finalise()
    final = errand.outcome()
    assert isinstance(final, Final)
    assert final.inclusion.transaction_id == errand.transactions[0].id
    assert isinstance(errand.effect(), Effect)
