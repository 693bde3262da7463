"""What every chain promises: slots exclude, effects are found, finality is final."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from attrs import evolve, field, frozen

from application.ports.chain import Chain
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, OperationId, OrganisationId
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Effect,
    Final,
    Hint,
    Included,
    InPool,
    Intent,
    NoEffect,
    NotSeen,
    Outcome,
    Postponed,
    SignedTransaction,
    Slot,
    SlotLost,
    Verdict,
    WaitReason,
)
from domain.signing import Signature
from domain.token import Token, TokenKind
from tests.contract.subjects import ASubjectChain

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STRANGER_OWNER = "0x00000000000000000000000000000000000000AA"
TAKEN = {Verdict.ACCEPTED, Verdict.ALREADY_KNOWN}


@frozen
class Errand:
    """One operation on its way to the chain, with what we remember of it."""

    subject: ASubjectChain
    intent: Intent
    slot: Slot
    transactions: tuple[SignedTransaction, ...] = field(default=())

    @property
    def chain(self) -> Chain:
        return self.subject.chain

    def attempted(
        self, role: AttemptRole = AttemptRole.EFFECT, *, is_replacing: bool = True
    ) -> "Errand":
        """One more signed attempt in the slot, not submitted yet."""
        draft = self.chain.prepare(
            self.intent,
            self.slot,
            role,
            self.subject.fee_ceiling,
            self.slot.attempts if is_replacing else (),
        )
        assert isinstance(draft, Draft)
        transaction = self.chain.assemble(draft, self.subject.sign(draft))
        attempt = Attempt(
            number=len(self.slot.attempts) + 1,
            role=role,
            transaction_id=transaction.id,
            raw=transaction.raw,
            body=draft.body,
            fee_cap=draft.fee_cap,
            signed_at=NOW,
        )
        return evolve(
            self,
            slot=self.slot.with_attempt(attempt),
            transactions=(*self.transactions, transaction),
        )

    def submitted(self, number: int = -1) -> Verdict:
        return self.chain.submit(self.transactions[number]).verdict

    def outcome(self) -> Outcome:
        return self.chain.outcome(self.slot)

    def effect(self) -> Effect | NoEffect:
        return self.chain.effect_of(self.intent)


def an_errand(subject: ASubjectChain, **changes: object) -> Errand:
    intent = evolve(
        Intent(
            organisation=OrganisationId(uuid4()),
            operation=OperationId(uuid4()),
            step=1,
            token=a_token(subject),
            owner=STRANGER_OWNER,
            sender=subject.treasury,
        ),
        **changes,
    )
    nonce = subject.chain.signer_state(subject.treasury).next_sequence
    slot = Slot(
        number=1, network=subject.chain.network.id, signer=subject.treasury, sequence=nonce
    )
    return Errand(subject, intent, slot)


def a_token(subject: ASubjectChain, **changes: object) -> Token:
    token = subject.chain.token(subject.kind, {**subject.parameters, **changes})
    assert isinstance(token, Token)
    return token


def held_back(subject: ASubjectChain) -> AbstractContextManager[object]:
    return subject.hold_back()


# Before anything is promised.


def test_a_kind_describes_itself_and_validates_by_its_description(chain: ASubjectChain):
    kinds = {kind.kind: kind for kind in chain.chain.kinds()}
    schema = kinds[chain.kind].schema
    assert schema["type"] == "object"
    assert set(chain.parameters) <= set(schema["properties"])


def test_a_token_is_restored_from_its_stored_parameters(chain: ASubjectChain):
    token = a_token(chain)
    assert chain.chain.stored_token(token.kind, token.parameters) == token


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": 7}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "with\x00control"}, "/name"),
        ({"symbol": None}, "/symbol"),
        ({"decimals": 256}, "/decimals"),
        ({"decimals": -1}, "/decimals"),
        ({"decimals": True}, "/decimals"),
        ({"decimals": "2"}, "/decimals"),
        ({"decimals": 2.0}, "/decimals"),
        ({"nobody": "knows me"}, "/nobody"),
    ],
    ids=str,
)
def test_a_faulty_field_is_named(chain: ASubjectChain, change: dict[str, object], pointer: str):
    refusal = chain.chain.token(chain.kind, {**chain.parameters, **change})
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid_token"
    assert [fault.pointer for fault in refusal.faults] == [pointer]


def test_every_faulty_field_is_named_at_once(chain: ASubjectChain):
    refusal = chain.chain.token(chain.kind, {"name": 1, "decimals": "x", "extra": 1})
    assert isinstance(refusal, Refusal)
    assert {"/name", "/symbol", "/decimals", "/extra"} <= {f.pointer for f in refusal.faults}


def test_an_unknown_kind_is_refused(chain: ASubjectChain):
    refusal = chain.chain.token(TokenKind("moon_money"), chain.parameters)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid_token"


def test_planning_and_looking_ahead_change_nothing(chain: ASubjectChain):
    errand = an_errand(chain)
    before = chain.chain.signer_state(chain.treasury)
    forecast = chain.chain.plan(errand.intent)
    assert not isinstance(forecast, Refusal)
    assert forecast.gas > 0
    assert chain.chain.preflight(errand.intent, chain.fee_ceiling) is None
    assert chain.chain.signer_state(chain.treasury) == before
    assert isinstance(errand.effect(), NoEffect)
    assert chain.chain.steps(errand.intent.token)


def test_a_price_above_the_ceiling_postpones(chain: ASubjectChain):
    errand = an_errand(chain)
    for answer in (
        chain.chain.preflight(errand.intent, 1),
        chain.chain.prepare(errand.intent, errand.slot, AttemptRole.EFFECT, 1),
    ):
        assert isinstance(answer, Postponed)
        assert answer.reason is WaitReason.FEE_ABOVE_CEILING


def test_a_sender_without_means_is_told_before_a_slot_is_given(chain: ASubjectChain):
    errand = an_errand(chain, sender="0x00000000000000000000000000000000000000Bb")
    answer = chain.chain.preflight(errand.intent, chain.fee_ceiling)
    assert isinstance(answer, Postponed)
    assert answer.reason is WaitReason.TREASURY_EMPTY


def test_an_intents_address_is_its_own(chain: ASubjectChain):
    intent = an_errand(chain).intent
    predicted = chain.chain.predicted(intent)
    if predicted is None:
        pytest.skip("this chain cannot know addresses beforehand")
    assert chain.chain.predicted(intent) == predicted
    others = {
        chain.chain.predicted(evolve(intent, **change))
        for change in (
            {"operation": OperationId(uuid4())},
            {"organisation": INSTALLATION},
            {"sender": STRANGER_OWNER},
        )
    }
    assert len(others | {predicted}) == 4


# Signing.


def test_the_id_is_known_before_anybody_has_seen_the_bytes(chain: ASubjectChain):
    errand = an_errand(chain).attempted()
    assert errand.outcome() == NotSeen()
    assert errand.submitted() is Verdict.ACCEPTED
    chain.mine()
    chain.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == errand.transactions[0].id


def test_a_foreign_signature_is_not_assembled(chain: ASubjectChain):
    errand = an_errand(chain)
    draft = chain.chain.prepare(errand.intent, errand.slot, AttemptRole.EFFECT, chain.fee_ceiling)
    assert isinstance(draft, Draft)
    ((key, signature),) = chain.sign(draft)
    spoilt = Signature(signature.curve, signature.raw[:-1] + bytes([signature.raw[-1] ^ 1]))
    for signatures in ([], [(key, signature)] * 2, [(key, spoilt)]):
        with pytest.raises(ValueError, match="signature"):
            chain.chain.assemble(draft, signatures)


# Exactly one effect.


def test_the_same_bytes_any_number_of_times_have_one_effect(chain: ASubjectChain):
    before = chain.chain.signer_state(chain.treasury).next_sequence
    errand = an_errand(chain).attempted()
    with held_back(chain):
        assert errand.submitted() is Verdict.ACCEPTED
        assert errand.submitted() is Verdict.ALREADY_KNOWN
        assert errand.outcome() == InPool(errand.transactions[0].id)
        chain.mine()
    assert errand.submitted() is not Verdict.REJECTED
    chain.finalise()
    assert errand.submitted() is not Verdict.REJECTED
    chain.finalise()
    assert chain.chain.signer_state(chain.treasury).next_sequence == before + 1
    assert isinstance(errand.outcome(), Final)


def test_an_effect_is_included_before_it_is_final(chain: ASubjectChain):
    errand = an_errand(chain).attempted()
    with held_back(chain):
        errand.submitted()
        chain.mine()
        outcome = errand.outcome()
        if isinstance(outcome, Final):
            pytest.skip("here a block is final at once")
        assert isinstance(outcome, Included)
        assert outcome.inclusion.succeeded
        assert outcome.inclusion.cost > 0
        found = errand.effect()
        assert isinstance(found, Effect)
        assert not found.is_final
    chain.finalise()
    final = errand.outcome()
    assert isinstance(final, Final)
    assert final.inclusion == outcome.inclusion
    found = errand.effect()
    assert isinstance(found, Effect)
    assert found.is_final
    assert found.transaction_id == errand.transactions[0].id
    assert found.block == final.inclusion.block
    assert found.cost == final.inclusion.cost


def test_a_replacement_offers_enough_more_and_shares_the_slot(chain: ASubjectChain):
    errand = an_errand(chain).attempted()
    with held_back(chain):
        assert errand.submitted() is Verdict.ACCEPTED
        errand = errand.attempted()
        first, second = errand.slot.attempts
        assert second.fee_cap * 10 >= first.fee_cap * 11
        assert errand.submitted() is Verdict.ACCEPTED
        chain.mine()
    chain.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == errand.transactions[1].id
    assert errand.submitted(0) is not Verdict.ACCEPTED
    assert isinstance(errand.effect(), Effect)


def test_a_receipt_for_any_attempt_settles_the_slot(chain: ASubjectChain):
    errand = an_errand(chain).attempted()
    with held_back(chain):
        errand.submitted()
        chain.mine()
        errand = errand.attempted()  # signed, and never sent
    chain.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == errand.transactions[0].id


def test_a_rival_for_the_same_price_is_not_proof_of_anything(chain: ASubjectChain):
    errand = an_errand(chain).attempted()
    rival = an_errand(chain).attempted(is_replacing=False)
    assert rival.slot.sequence == errand.slot.sequence
    with held_back(chain):
        assert errand.submitted() is Verdict.ACCEPTED
        submission = chain.chain.submit(rival.transactions[0])
        assert submission.verdict is Verdict.UNKNOWN
        assert submission.hint is Hint.UNDERPRICED
        chain.mine()
    chain.finalise()
    late = chain.chain.submit(rival.transactions[0])
    assert late.verdict is Verdict.UNKNOWN
    assert late.hint is Hint.SLOT_TAKEN


def test_a_fill_takes_the_slot_and_does_nothing_else(chain: ASubjectChain):
    errand = an_errand(chain).attempted(AttemptRole.FILL)
    errand.submitted()
    chain.mine()
    chain.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.succeeded
    assert isinstance(errand.effect(), NoEffect)
    assert chain.chain.signer_state(chain.treasury).next_sequence == errand.slot.sequence + 1


def test_a_fill_overtakes_the_effect_it_replaces(chain: ASubjectChain):
    errand = an_errand(chain).attempted()
    with held_back(chain):
        errand.submitted()
        errand = errand.attempted(AttemptRole.FILL)
        assert errand.submitted() is Verdict.ACCEPTED
        chain.mine()
    chain.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == errand.transactions[1].id
    assert isinstance(errand.effect(), NoEffect)


def test_a_second_creation_in_another_slot_reverts_and_the_effect_is_found(chain: ASubjectChain):
    """A restored backup signs again what is on chain already."""
    first = an_errand(chain).attempted()
    with held_back(chain):
        again = evolve(
            first, slot=evolve(first.slot, sequence=first.slot.sequence + 1, attempts=())
        )
        again = evolve(again, transactions=()).attempted(is_replacing=False)
        assert first.submitted() is Verdict.ACCEPTED
        assert again.submitted() is Verdict.ACCEPTED
        chain.mine()
    chain.finalise()
    outcome = again.outcome()
    assert isinstance(outcome, Final)
    assert not outcome.inclusion.succeeded
    found = again.effect()
    assert isinstance(found, Effect)
    assert found.transaction_id == first.transactions[0].id
    answer = chain.chain.preflight(first.intent, chain.fee_ceiling)
    assert isinstance(answer, Postponed)
    assert answer.reason is WaitReason.UNKNOWN_OUTCOME


def test_a_slot_that_a_stranger_took_is_lost_at_finality_and_not_before(chain: ASubjectChain):
    errand = an_errand(chain).attempted()
    with held_back(chain):
        chain.foreign_transaction()
        head, outcome = chain.chain.head(), errand.outcome()
        # The newest block has the stranger's transaction: it decides nothing until it is final.
        is_final = head.final.number == head.latest.number
        assert isinstance(outcome, SlotLost if is_final else NotSeen)
        assert errand.submitted() is not Verdict.ACCEPTED
    chain.finalise()
    lost = errand.outcome()
    assert isinstance(lost, SlotLost)
    nothing = errand.effect()
    assert isinstance(nothing, NoEffect)
    assert chain.chain.block_at(lost.at.number) == lost.at


def test_an_empty_slot_can_be_lost_too(chain: ASubjectChain):
    errand = an_errand(chain)
    assert errand.outcome() == NotSeen()
    chain.foreign_transaction()
    chain.finalise()
    assert isinstance(errand.outcome(), SlotLost)


# The chain moves.


def test_heads_are_blocks_and_finality_only_grows(chain: ASubjectChain):
    seen = []
    for _ in range(4):
        head = chain.chain.head()
        assert head.final.number <= head.latest.number
        assert chain.chain.block_at(head.final.number) == head.final
        seen.append(head.final.number)
        chain.mine()
    assert seen == sorted(seen)
    assert chain.chain.block_at(chain.chain.head().latest.number + 1_000) is None


def test_a_block_that_vanishes_opens_the_watch_again(chain: ASubjectChain):
    if chain.reorg is None:
        pytest.skip("this subject cannot take blocks back")
    errand = an_errand(chain).attempted()
    with held_back(chain):
        errand.submitted()
        chain.mine()
        included = errand.outcome()
        if isinstance(included, Final):
            pytest.skip("here a block is final at once")
        assert isinstance(included, Included)
        chain.reorg(1)
        assert isinstance(errand.outcome(), InPool | NotSeen)
        assert isinstance(errand.effect(), NoEffect)
        assert chain.chain.block_at(included.inclusion.block.number) != included.inclusion.block
        assert errand.submitted() in TAKEN
        chain.mine()
    chain.finalise()
    final = errand.outcome()
    assert isinstance(final, Final)
    assert final.inclusion.transaction_id == errand.transactions[0].id
    assert isinstance(errand.effect(), Effect)


# What is there afterwards.


def test_what_was_made_equals_the_plan(chain: ASubjectChain):
    errand = an_errand(chain).attempted()
    errand.submitted()
    chain.mine()
    chain.finalise()
    found = errand.effect()
    assert isinstance(found, Effect)
    assert found.token == (chain.chain.predicted(errand.intent) or found.token)
    assert chain.chain.read_back(errand.intent, found.token) == ()


def test_every_difference_from_the_plan_is_told(chain: ASubjectChain):
    errand = an_errand(chain).attempted()
    errand.submitted()
    chain.mine()
    chain.finalise()
    found = errand.effect()
    assert isinstance(found, Effect)
    other_name = evolve(errand.intent, token=a_token(chain, name="Silver"))
    assert chain.chain.read_back(other_name, found.token)
    other_operation = evolve(errand.intent, operation=OperationId(uuid4()))
    assert chain.chain.read_back(other_operation, found.token)
    assert isinstance(chain.chain.effect_of(other_operation), NoEffect)
    assert chain.chain.read_back(errand.intent, STRANGER_OWNER)


def test_what_it_cost_was_paid_by_the_treasury(chain: ASubjectChain):
    before = chain.chain.signer_state(chain.treasury).balance
    errand = an_errand(chain).attempted()
    errand.submitted()
    chain.mine()
    chain.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    after = chain.chain.signer_state(chain.treasury).balance
    assert before - after == outcome.inclusion.cost
