"""What a chain with windows promises of its slots: leases keep apart, and end by themselves."""

import pytest
from attrs import evolve

from domain.errors import MisuseError
from domain.operation import (
    AttemptRole,
    Effect,
    Expired,
    Final,
    Hint,
    InPool,
    LeaseWindow,
    NoEffect,
    NotSeen,
    Postponed,
    Verdict,
    WaitReason,
)
from tests.contract.errand import Errand, an_errand
from tests.contract.subjects import AForgetfulChain, AWindowedChain

MARGIN = 10


def forgotten(errand: Errand) -> Errand:
    """As a restored backup knows it: an operation that nothing was signed for."""
    return evolve(errand, slot=evolve(errand.slot, attempts=()), transactions=())


def in_the_next_window(errand: Errand) -> Errand:
    slot = errand.subject.slot(errand.intent, errand.slot.number + 1)
    return evolve(errand, slot=slot, transactions=())


def end_of(errand: Errand) -> int:
    assert errand.slot.valid_until is not None
    return errand.slot.valid_until


def tokens_of(errand: Errand) -> set[str]:
    effect = errand.effect()
    return {effect.token} if isinstance(effect, Effect) else set()


def test_the_windows_of_an_operation_lie_side_by_side(windowed_chain: AWindowedChain):
    subject, errand = windowed_chain, an_errand(windowed_chain)
    windows = []
    for _ in range(3 * subject.chain.network.window):
        terms = subject.chain.slot_terms(errand.intent)
        if isinstance(terms, LeaseWindow):
            windows.append(terms)
            next_round = subject.chain.head().latest.number + 1
            assert terms.valid_from <= next_round
            assert next_round + MARGIN - 1 <= terms.valid_until
        else:
            assert terms.reason is WaitReason.WINDOW_OPEN
        subject.mine()
    assert len({terms.lease for terms in windows}) == 1
    for one in windows:
        for other in windows:
            apart = one.valid_until < other.valid_from or other.valid_until < one.valid_from
            assert apart or one == other
    assert len({terms.valid_until for terms in windows}) >= 3


def test_nobody_stands_in_line(windowed_chain: AWindowedChain):
    """Two operations have two leases, and land in any order."""
    first, second = (an_errand(windowed_chain).attempted() for _ in range(2))
    assert first.slot.lease != second.slot.lease
    assert second.submitted() is Verdict.ACCEPTED
    assert first.submitted() is Verdict.ACCEPTED
    windowed_chain.mine()
    assert isinstance(first.outcome(), Final)
    assert isinstance(second.outcome(), Final)
    assert len(tokens_of(first) | tokens_of(second)) == 2


def test_an_attempt_is_drafted_the_same_as_long_as_nothing_changes(
    windowed_chain: AWindowedChain,
):
    errand = an_errand(windowed_chain).attempted()
    windowed_chain.mine()
    assert forgotten(errand).attempted().transactions == errand.transactions


def test_a_second_attempt_is_kept_out_by_the_first_one(windowed_chain: AWindowedChain):
    errand = an_errand(windowed_chain).attempted()
    assert errand.submitted() is Verdict.ACCEPTED
    windowed_chain.raise_price()
    errand = errand.attempted()
    assert errand.transactions[0].id != errand.transactions[1].id
    while windowed_chain.chain.head().latest.number < end_of(errand):
        answer = errand.chain.submit(errand.transactions[1])
        assert (answer.verdict, answer.hint) == (Verdict.UNKNOWN, Hint.SLOT_TAKEN)
        windowed_chain.mine()
    assert errand.submitted() is not Verdict.ACCEPTED
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == errand.transactions[0].id
    assert tokens_of(errand) == {outcome.token}


def test_whichever_attempt_lands_settles_the_slot(windowed_chain: AWindowedChain):
    errand = an_errand(windowed_chain).attempted()
    windowed_chain.raise_price()
    errand = errand.attempted()
    assert errand.submitted() is Verdict.ACCEPTED
    windowed_chain.mine()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == errand.transactions[1].id
    assert errand.submitted(0) is not Verdict.ACCEPTED


@pytest.mark.parametrize("landed", [0, 1])
def test_any_attempt_is_found_in_the_blocks_of_the_window(
    forgetful_chain: AForgetfulChain, landed: int
):
    errand = an_errand(forgetful_chain).attempted()
    if landed == 0:
        errand.submitted()
    forgetful_chain.raise_price()
    errand = errand.attempted()
    if landed == 1:
        errand.submitted()
    forgetful_chain.mine()
    forgetful_chain.forget()
    forgetful_chain.pass_rounds(end_of(errand) + 1)
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == errand.transactions[landed].id


def test_what_a_backup_has_forgotten_keeps_its_successor_out(windowed_chain: AWindowedChain):
    lost = an_errand(windowed_chain).attempted()
    assert lost.submitted() is Verdict.ACCEPTED
    windowed_chain.raise_price()
    again = forgotten(lost).attempted()
    windowed_chain.mine()
    answer = again.chain.submit(again.transactions[0])
    assert (answer.verdict, answer.hint) == (Verdict.UNKNOWN, Hint.SLOT_TAKEN)
    found = again.effect()
    assert isinstance(found, Effect)
    assert found.is_final
    assert found.transaction_id == lost.transactions[0].id
    windowed_chain.pass_rounds(end_of(again) + 1)
    assert isinstance(again.outcome(), Expired)
    assert again.effect() == found


def test_a_window_that_passes_unused_is_proven_over(windowed_chain: AWindowedChain):
    errand = an_errand(windowed_chain).attempted()
    windowed_chain.pass_rounds(end_of(errand))
    assert errand.outcome() == NotSeen()
    windowed_chain.mine()
    outcome = errand.outcome()
    assert isinstance(outcome, Expired)
    assert outcome.at == windowed_chain.chain.head().final
    assert errand.submitted() is Verdict.UNKNOWN
    nothing = errand.effect()
    assert isinstance(nothing, NoEffect)
    assert nothing.at.number >= end_of(errand)


def test_an_empty_slot_ends_like_any_other(windowed_chain: AWindowedChain):
    errand = an_errand(windowed_chain)
    assert errand.outcome() == NotSeen()
    windowed_chain.pass_rounds(end_of(errand))
    assert errand.outcome() == NotSeen()
    windowed_chain.mine()
    assert isinstance(errand.outcome(), Expired)


def test_what_expired_is_signed_again_in_the_next_window_and_makes_one_token(
    forgetful_chain: AForgetfulChain,
):
    first = an_errand(forgetful_chain).attempted()
    assert first.submitted() is Verdict.ACCEPTED
    forgetful_chain.evict(first.transactions[0].id)
    forgetful_chain.pass_rounds(end_of(first) + 1)
    assert isinstance(first.outcome(), Expired)
    second = in_the_next_window(first).attempted()
    assert second.slot.lease == first.slot.lease
    assert second.submitted() is Verdict.ACCEPTED
    assert first.submitted() is Verdict.UNKNOWN
    forgetful_chain.mine()
    outcome = second.outcome()
    assert isinstance(outcome, Final)
    assert tokens_of(second) == {outcome.token}
    assert isinstance(first.outcome(), Expired)


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_the_edges_of_a_window_belong_to_it(forgetful_chain: AForgetfulChain, last: bool):
    errand = an_errand(forgetful_chain)
    if not last:
        forgetful_chain.pass_rounds(end_of(errand))
        errand = in_the_next_window(errand)
    errand = errand.attempted()
    assert errand.submitted() is Verdict.ACCEPTED
    if last:
        forgetful_chain.pass_rounds(end_of(errand) - 1)
    forgetful_chain.mine()
    forgetful_chain.pass_rounds(end_of(errand) + 1)
    forgetful_chain.forget()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    width = forgetful_chain.chain.network.window
    edge = end_of(errand) if last else end_of(errand) - width + 1
    assert outcome.inclusion.block.number == edge


def test_what_a_node_remembers_and_what_its_blocks_say_is_the_same(
    forgetful_chain: AForgetfulChain,
):
    errand = an_errand(forgetful_chain).attempted()
    errand.submitted()
    forgetful_chain.mine()
    remembered = errand.outcome()
    assert isinstance(remembered, Final)
    forgetful_chain.forget()
    assert errand.outcome() == NotSeen()
    forgetful_chain.pass_rounds(end_of(errand) + 1)
    assert errand.outcome() == remembered
    found = errand.effect()
    assert isinstance(found, Effect)
    assert (found.token, found.block, found.cost) == (
        remembered.token,
        remembered.inclusion.block,
        remembered.inclusion.cost,
    )


def test_what_was_evicted_is_sent_again(forgetful_chain: AForgetfulChain):
    errand = an_errand(forgetful_chain).attempted()
    id = errand.transactions[0].id
    assert errand.submitted() is Verdict.ACCEPTED
    assert errand.outcome() == InPool(id)
    forgetful_chain.evict(id)
    assert errand.outcome() == NotSeen()
    forgetful_chain.mine()
    assert isinstance(errand.effect(), NoEffect)
    assert errand.submitted() is Verdict.ACCEPTED
    forgetful_chain.mine()
    assert isinstance(errand.outcome(), Final)


def test_a_confirmed_attempt_that_is_sent_again_is_known(windowed_chain: AWindowedChain):
    errand = an_errand(windowed_chain).attempted()
    errand.submitted()
    windowed_chain.mine()
    assert errand.submitted() is Verdict.ALREADY_KNOWN


def test_near_its_end_nothing_is_signed_in_a_window(windowed_chain: AWindowedChain):
    errand = an_errand(windowed_chain)
    windowed_chain.pass_rounds(end_of(errand))
    answer = errand.chain.prepare(
        errand.intent, errand.slot, AttemptRole.EFFECT, windowed_chain.fee_ceiling
    )
    assert isinstance(answer, Postponed)
    assert answer.reason is WaitReason.WINDOW_OPEN


def test_what_ends_by_itself_is_neither_filled_nor_replaced(windowed_chain: AWindowedChain):
    errand = an_errand(windowed_chain).attempted()
    ceiling = windowed_chain.fee_ceiling
    with pytest.raises(MisuseError):
        errand.chain.prepare(errand.intent, errand.slot, AttemptRole.FILL, ceiling)
    with pytest.raises(MisuseError):
        errand.chain.prepare(
            errand.intent, errand.slot, AttemptRole.EFFECT, ceiling, errand.slot.attempts
        )


def test_a_slot_serves_one_operation(windowed_chain: AWindowedChain):
    one, other = an_errand(windowed_chain), an_errand(windowed_chain)
    with pytest.raises(MisuseError):
        one.chain.prepare(one.intent, other.slot, AttemptRole.EFFECT, windowed_chain.fee_ceiling)


def test_absence_lasts_from_the_end_of_the_window_in_which_the_chain_was_first_seen(
    windowed_chain: AWindowedChain,
):
    """What a restored backup has forgotten may have been signed for that window, and no later."""
    width = windowed_chain.chain.network.window
    first_seen = windowed_chain.chain.head().latest.number
    end = (first_seen + 1) // width * width + width - 1
    seen = []
    errand = an_errand(windowed_chain)
    for number in (0, end - 1, end, end + width):
        windowed_chain.pass_rounds(number)
        nothing = errand.effect()
        assert isinstance(nothing, NoEffect)
        assert nothing.is_lasting == (nothing.at.number >= end)
        seen.append(nothing.is_lasting)
    assert seen[-1]
