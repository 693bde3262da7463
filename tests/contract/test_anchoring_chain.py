"""What every chain promises of a checkpoint that is put on it."""

from uuid import uuid4

from attrs import evolve

from domain.anchor import ANCHOR, Anchor
from domain.checkpoint import Checkpoint
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, OperationId
from domain.operation import (
    Effect,
    Final,
    NoEffect,
    Party,
    Postponed,
    StepOutline,
    Verdict,
    WaitReason,
)
from tests.contract.errand import Errand, an_errand
from tests.contract.subjects import ACountingChain, AForgetfulChain, ASubjectChain


def a_checkpoint(size: int = 1_000) -> Checkpoint:
    """Of a log that nobody else has."""
    return Checkpoint(
        origin=f"example.com/audit/{uuid4().hex}/1", size=size, root=uuid4().bytes * 2
    )


def an_anchor(subject: ASubjectChain, checkpoint: Checkpoint | None = None) -> Errand:
    return an_errand(
        subject,
        organisation=INSTALLATION,
        token=Anchor(checkpoint or a_checkpoint()).as_token(),
        owner=subject.treasury,
    )


def landed(errand: Errand) -> Errand:
    errand = errand.attempted()
    assert errand.submitted() is Verdict.ACCEPTED
    errand.subject.mine()
    errand.subject.finalise()
    return errand


def test_an_anchor_is_one_step_of_the_treasurys_own(chain: ASubjectChain):
    errand = an_anchor(chain)
    steps = chain.chain.steps(errand.intent.token)
    assert steps == (StepOutline("anchor", signed_by=(Party.SENDER,), slot_of=Party.SENDER),)
    assert chain.chain.document_of(errand.intent.token) is None
    assert chain.chain.preflight(errand.intent, chain.fee_ceiling) is None
    draft = errand.attempted().slot.attempts[0]
    assert draft.number == 1


def test_an_anchor_is_offered_to_nobody(chain: ASubjectChain):
    parameters = an_anchor(chain).intent.token.parameters
    assert ANCHOR not in {kind.kind for kind in chain.chain.kinds()}
    assert isinstance(chain.chain.token(ANCHOR, parameters), Refusal)


def test_an_anchor_is_seen_where_it_was_put_and_not_before(chain: ASubjectChain):
    errand = an_anchor(chain)
    assert isinstance(errand.effect(), NoEffect)
    before = chain.chain.signer_state(chain.treasury).balance
    errand = landed(errand)
    outcome, found = errand.outcome(), errand.effect()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.succeeded
    assert isinstance(found, Effect)
    assert found.is_final
    assert found.transaction_id == errand.transactions[0].id
    assert found.block == outcome.inclusion.block
    # It carries nothing: what is gone are the fees.
    cost = before - chain.chain.signer_state(chain.treasury).balance
    assert cost == outcome.inclusion.cost == found.cost > 0
    place = chain.chain.predicted(errand.intent)
    assert place == found.token == (outcome.token or place)
    assert chain.chain.read_back(evolve(errand.intent, place=place), found.token) == ()


def test_whoever_forgot_that_it_asked_finds_what_is_there(chain: ASubjectChain):
    """The operation's id is gone with the backup; what it said is not."""
    errand = landed(an_anchor(chain))
    again = evolve(errand.intent, operation=OperationId(uuid4()))
    found = chain.chain.effect_of(again)
    assert isinstance(found, Effect)
    assert found.transaction_id == errand.transactions[0].id


def test_neither_another_size_nor_another_log_nor_another_sender_is_there(chain: ASubjectChain):
    checkpoint = a_checkpoint()
    landed(an_anchor(chain, checkpoint))
    for other in (
        an_anchor(chain, evolve(checkpoint, size=checkpoint.size + 1)),
        an_anchor(chain, evolve(checkpoint, origin=checkpoint.origin + "1")),
    ):
        assert isinstance(other.effect(), NoEffect)
    stranger = evolve(an_anchor(chain, checkpoint).intent, sender=chain.stranger)
    assert isinstance(chain.chain.effect_of(evolve(stranger, owner=chain.stranger)), NoEffect)


def test_another_root_of_the_same_size_is_not_taken_for_it(chain: ASubjectChain):
    checkpoint = a_checkpoint()
    landed(an_anchor(chain, checkpoint))
    fork = an_anchor(chain, evolve(checkpoint, root=bytes(32)))
    found = fork.effect()
    if isinstance(found, Effect):
        # The chain keeps one root for each size: another one is told as a difference.
        assert chain.chain.read_back(fork.intent, found.token)


def test_the_same_bytes_any_number_of_times_are_one_anchor(chain: ASubjectChain):
    before = chain.chain.signer_state(chain.treasury).balance
    errand = landed(an_anchor(chain))
    assert errand.submitted() is not Verdict.REJECTED
    chain.mine()
    chain.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    after = chain.chain.signer_state(chain.treasury).balance
    assert before - after == outcome.inclusion.cost


def test_many_logs_are_anchored_beside_each_other(chain: ASubjectChain):
    errands = [landed(an_anchor(chain)) for _ in range(3)]
    assert len({errand.effect() for errand in errands}) == 3


def test_a_second_anchor_in_another_nonce_reverts_and_the_first_is_found(
    counting_chain: ACountingChain,
):
    """A restored backup signs again what is on chain already."""
    first = an_anchor(counting_chain).attempted()
    with counting_chain.hold_back():
        again = evolve(
            first,
            slot=evolve(first.slot, sequence=first.slot.sequence + 1, attempts=()),
            transactions=(),
        )
        again = again.attempted(is_replacing=False)
        assert first.submitted() is Verdict.ACCEPTED
        assert again.submitted() is Verdict.ACCEPTED
        counting_chain.mine()
    counting_chain.finalise()
    outcome, found = again.outcome(), again.effect()
    assert isinstance(outcome, Final)
    assert not outcome.inclusion.succeeded
    assert isinstance(found, Effect)
    assert found.transaction_id == first.transactions[0].id
    answer = counting_chain.chain.preflight(first.intent, counting_chain.fee_ceiling)
    assert isinstance(answer, Postponed)
    assert answer.reason is WaitReason.UNKNOWN_OUTCOME


def test_an_anchor_whose_block_vanishes_is_there_no_more_and_lands_again(
    counting_chain: ACountingChain,
):
    errand = an_anchor(counting_chain).attempted()
    with counting_chain.hold_back():
        errand.submitted()
        counting_chain.mine()
        seen = errand.effect()
        assert isinstance(seen, Effect)
        assert not seen.is_final
        counting_chain.reorg(1)
        assert isinstance(errand.effect(), NoEffect)
        errand.submitted()
        counting_chain.mine()
    counting_chain.finalise()
    found = errand.effect()
    assert isinstance(found, Effect)
    assert found.transaction_id == errand.transactions[0].id


def test_what_a_node_forgot_its_blocks_still_tell_of_an_anchor(forgetful_chain: AForgetfulChain):
    errand = landed(an_anchor(forgetful_chain))
    forgetful_chain.forget()
    found = errand.effect()
    assert isinstance(found, Effect)
    assert found.transaction_id == errand.transactions[0].id
