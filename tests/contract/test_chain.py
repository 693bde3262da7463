"""What every chain promises: one effect, found whoever remembers it, final when it is said to be.

What slots promise is in `test_counting_chain` and `test_windowed_chain`.
"""

from uuid import uuid4

import pytest
from attrs import evolve

from domain.errors import Refusal
from domain.identifiers import INSTALLATION, OperationId
from domain.operation import (
    AttemptRole,
    Draft,
    Effect,
    Final,
    InPool,
    NoEffect,
    NotSeen,
    Postponed,
    Verdict,
    WaitReason,
)
from domain.signing import Signature
from domain.token import Action, TokenKind
from tests.contract.errand import a_token, an_errand
from tests.contract.subjects import APatientChain, ASubjectChain

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
        ({"SYMBOL": None}, "/SYMBOL"),
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
    change = {name.replace("SYMBOL", chain.symbol): value for name, value in change.items()}
    refusal = chain.chain.token(chain.kind, {**chain.parameters, **change})
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid_token"
    assert [f.pointer for f in refusal.faults] == [pointer.replace("SYMBOL", chain.symbol)]


def test_every_faulty_field_is_named_at_once(chain: ASubjectChain):
    refusal = chain.chain.token(chain.kind, {"name": 1, "decimals": "x", "extra": 1})
    assert isinstance(refusal, Refusal)
    wanted = {"/name", f"/{chain.symbol}", "/decimals", "/extra"}
    assert wanted <= {f.pointer for f in refusal.faults}


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


def test_nobody_signs_more_at_once_than_was_said(chain: ASubjectChain):
    errand = an_errand(chain)
    draft = chain.chain.prepare(errand.intent, errand.slot, AttemptRole.EFFECT, chain.fee_ceiling)
    assert isinstance(draft, Draft)
    (step, *_) = chain.chain.steps(errand.intent.token)
    longest = [chain.chain.longest_message(errand.intent, party) for party in step.signed_by]
    signed = [len(each.message) for each in draft.signables]
    assert len(signed) == len(longest)
    assert all(one <= most for one, most in zip(signed, longest, strict=True)), (signed, longest)
    assert max(longest) <= 2 * max(signed), "it is no bound that refuses everything"


def test_what_is_set_aside_is_enough_for_what_is_planned(chain: ASubjectChain):
    errand = an_errand(chain)
    forecast = chain.chain.plan(errand.intent)
    assert not isinstance(forecast, Refusal)
    at_most = forecast.gas * chain.chain.network.fee_ceiling + forecast.deposit
    assert 0 < at_most <= chain.chain.allowance(errand.intent)


def test_as_much_is_set_aside_before_the_issuing_account_has_an_address(chain: ASubjectChain):
    """What is accepted is budgeted under its sender's address, whoever it is for."""
    intent = an_errand(chain).intent
    unplaced = evolve(intent, owner=intent.sender)
    assert chain.chain.allowance(unplaced) >= chain.chain.allowance(intent)


def test_a_sender_without_means_is_told_before_a_slot_is_given(chain: ASubjectChain):
    errand = an_errand(chain, sender=chain.stranger)
    answer = chain.chain.preflight(errand.intent, chain.fee_ceiling)
    assert isinstance(answer, Postponed)
    assert answer.reason is WaitReason.TREASURY_EMPTY


def test_an_intents_address_is_its_own_or_no_intent_has_one(chain: ASubjectChain):
    intent = an_errand(chain).intent
    predicted = chain.chain.predicted(intent)
    assert chain.chain.predicted(intent) == predicted
    others = {
        chain.chain.predicted(evolve(intent, **change))
        for change in (
            {"operation": OperationId(uuid4())},
            {"organisation": INSTALLATION},
            {"sender": chain.stranger},
        )
    }
    assert others == {None} if predicted is None else len(others | {predicted}) == 4


def test_what_a_kind_does_not_describe_it_does_not_do(chain: ASubjectChain):
    described = {kind.kind: kind.actions for kind in chain.chain.kinds()}
    token = a_token(chain)
    for action in Action:
        answer = chain.chain.order(token, action, {})
        is_unknown = isinstance(answer, Refusal) and answer.code == "action_not_offered"
        assert is_unknown is (action not in described[token.kind])


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
    good = list(chain.sign(draft))
    assert chain.chain.assemble(draft, good).raw
    wrong = [[], good[1:], [*good, good[0]]]
    for spot, (key, signature) in enumerate(good):
        spoilt = Signature(signature.curve, signature.raw[:-1] + bytes([signature.raw[-1] ^ 1]))
        wrong.append([*good[:spot], (key, spoilt), *good[spot + 1 :]])
    for signatures in wrong:
        with pytest.raises(ValueError, match="signature"):
            chain.chain.assemble(draft, signatures)


# Exactly one effect.


def test_the_same_bytes_any_number_of_times_have_one_effect(chain: ASubjectChain):
    before = chain.chain.signer_state(chain.treasury)
    errand = an_errand(chain).attempted()
    assert errand.submitted() is Verdict.ACCEPTED
    assert errand.submitted() is Verdict.ALREADY_KNOWN
    chain.mine()
    assert errand.submitted() is not Verdict.REJECTED
    chain.finalise()
    assert errand.submitted() is not Verdict.REJECTED
    chain.finalise()
    outcome, after = errand.outcome(), chain.chain.signer_state(chain.treasury)
    assert isinstance(outcome, Final)
    assert before.balance - after.balance == outcome.inclusion.cost
    assert after.next_sequence - before.next_sequence in {0, 1}


def test_what_waits_for_a_block_is_known_where_it_waits(patient_chain: APatientChain):
    errand = an_errand(patient_chain).attempted()
    with patient_chain.hold_back():
        assert errand.submitted() is Verdict.ACCEPTED
        assert errand.submitted() is Verdict.ALREADY_KNOWN
        assert errand.outcome() == InPool(errand.transactions[0].id)
        patient_chain.mine()
    patient_chain.finalise()
    assert isinstance(errand.outcome(), Final)


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
    assert chain.chain.read_back(errand.intent, chain.stranger)


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
