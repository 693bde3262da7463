"""What a chain promises of orders on a token: each is carried out once, and shows in its state."""

from collections.abc import Mapping
from contextlib import suppress
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.chain import ChainUnavailableError
from domain.errors import Refusal
from domain.identifiers import OperationId
from domain.operation import (
    AttemptRole,
    Draft,
    Effect,
    Final,
    Intent,
    NoEffect,
    Party,
    Postponed,
    WaitReason,
)
from domain.token import Action, Order, Token, TokenState, expected
from tests.contract.errand import TAKEN, Errand, an_errand
from tests.contract.subjects import AnOrderingChain

Parameters = Mapping[str, object]


def done(errand: Errand) -> Errand:
    """The step, carried out, and final."""
    errand = errand.attempted()
    assert errand.submitted() in TAKEN
    errand.subject.mine()
    errand.subject.finalise()
    return errand


def at_step(subject: AnOrderingChain, intent: Intent, step: int) -> Errand:
    intent = evolve(intent, step=step)
    return Errand(subject, intent, subject.slot(intent))


def all_done(subject: AnOrderingChain, intent: Intent) -> tuple[Errand, ...]:
    """Every step of *intent*, one after the other; each is told where the last one was."""
    errands: list[Errand] = []
    for step, _ in enumerate(subject.chain.steps(intent.token, intent.order), start=1):
        errands.append(done(at_step(subject, intent, step)))
        effect = errands[-1].effect()
        assert isinstance(effect, Effect)
        assert effect.is_final
        intent = evolve(intent, place=effect.token)
    return tuple(errands)


def made(subject: AnOrderingChain) -> Intent:
    """Of a token that is there."""
    return all_done(subject, an_errand(subject).intent)[-1].intent


def place_of(made: Intent, subject: AnOrderingChain) -> str:
    effect = subject.chain.effect_of(made)
    assert isinstance(effect, Effect)
    return effect.token


def ordered(subject: AnOrderingChain, made: Intent, action: Action, fields: Parameters) -> Intent:
    order = subject.chain.order(made.token, action, fields)
    assert isinstance(order, Order), order
    return evolve(
        made, operation=OperationId(uuid4()), step=1, order=order, place=place_of(made, subject)
    )


def first_change(subject: AnOrderingChain) -> tuple[Action, Parameters]:
    return next(each for each in subject.orders if each[0] in {Action.MINT, Action.BURN})


def shown(subject: AnOrderingChain, made: Intent) -> TokenState:
    state = subject.chain.state(made.token, place_of(made, subject))
    assert state is not None
    return state


def visible(plan: TokenState) -> TokenState:
    """All of it that a chain can show: what holders may do, it does not."""
    return evolve(plan, holders_may_burn=False)


# Before anything is promised.


def test_an_order_says_what_was_asked(ordering_chain: AnOrderingChain):
    token = an_errand(ordering_chain).intent.token
    for action, fields in ordering_chain.orders:
        order = ordering_chain.chain.order(token, action, fields)
        assert isinstance(order, Order), order
        assert order.action is action
        assert dict(fields).items() <= dict(order.parameters).items()
        # What is stored is complete: it is an order itself, and the same.
        assert ordering_chain.chain.order(token, action, order.parameters) == order


@pytest.mark.parametrize("amount", ["0", "-1", "1.5", "1e3", "", "01", " 1", "٣", 5, True, None])
def test_an_amount_is_a_positive_number_in_decimal_digits(
    ordering_chain: AnOrderingChain, amount: object
):
    token = an_errand(ordering_chain).intent.token
    for action, fields in ordering_chain.orders:
        if "amount" in fields:
            refusal = ordering_chain.chain.order(token, action, {**fields, "amount": amount})
            assert isinstance(refusal, Refusal)
            assert refusal.code == "invalid_order"
            assert [fault.pointer for fault in refusal.faults] == ["/amount"]


@pytest.mark.parametrize("to", ["", "nobody", 7, []])
def test_who_receives_it_is_an_address(ordering_chain: AnOrderingChain, to: object):
    token = an_errand(ordering_chain).intent.token
    for action, fields in ordering_chain.orders:
        if "to" in fields:
            refusal = ordering_chain.chain.order(token, action, {**fields, "to": to})
            assert isinstance(refusal, Refusal)
            assert [fault.pointer for fault in refusal.faults] == ["/to"]


def test_every_faulty_field_of_an_order_is_named_at_once(ordering_chain: AnOrderingChain):
    token = an_errand(ordering_chain).intent.token
    for action, fields in ordering_chain.orders:
        faulty = dict.fromkeys(fields, 1.5) | {"stranger": "1"}
        refusal = ordering_chain.chain.order(token, action, faulty)
        assert isinstance(refusal, Refusal)
        pointers = {fault.pointer for fault in refusal.faults}
        assert pointers == {f"/{name}" for name in (*fields, "stranger")}


# What a token is.


def test_a_token_is_what_was_planned(ordering_chain: AnOrderingChain):
    token = made(ordering_chain)
    state = shown(ordering_chain, token)
    assert evolve(state, at=None) == visible(ordering_chain.chain.planned(token))
    assert state.at is not None
    assert state.at.number <= ordering_chain.chain.head().final.number


def test_a_plan_is_of_its_own_token(ordering_chain: AnOrderingChain):
    intent = an_errand(ordering_chain).intent
    plan = ordering_chain.chain.planned(intent)
    assert (plan.name, plan.supply) == (intent.token.name, intent.token.supply)
    assert {intent.owner} == {holder for holders in plan.powers.values() for holder in holders}
    assert plan.at is None
    assert plan != ordering_chain.chain.planned(evolve(intent, owner=ordering_chain.stranger))


@pytest.mark.parametrize("place", ["stranger", "", "nonsense", "0", "999999999"])
def test_there_is_no_token_where_none_was_made(ordering_chain: AnOrderingChain, place: str):
    token: Token = an_errand(ordering_chain).intent.token
    where = ordering_chain.stranger if place == "stranger" else place
    assert ordering_chain.chain.state(token, where) is None


# Orders.


def test_orders_are_carried_out_one_after_the_other(ordering_chain: AnOrderingChain):
    token = made(ordering_chain)
    before = shown(ordering_chain, token)
    for action, fields in ordering_chain.orders:
        intent = ordered(ordering_chain, token, action, fields)
        assert intent.order is not None
        for errand in all_done(ordering_chain, intent):
            outcome = errand.outcome()
            assert isinstance(outcome, Final)
            assert outcome.inclusion.succeeded
            assert ordering_chain.chain.read_back(errand.intent, intent.place or "") == ()
        after = shown(ordering_chain, token)
        assert after.supply == before.supply + intent.order.supply_change
        paused = {Action.PAUSE: True, Action.UNPAUSE: False}.get(action, before.paused)
        assert after == evolve(before, supply=after.supply, paused=paused, at=after.at)
        before = after


def test_a_token_that_is_handed_over_is_its_new_owners(ordering_chain: AnOrderingChain):
    """Where addresses are keys; elsewhere nothing has to be, and the chain says so."""
    token, to = made(ordering_chain), ordering_chain.stranger
    order = ordering_chain.chain.handing_over(token.token, to)
    assert (order is None) is ordering_chain.chain.network.family.rekeys
    if order is None:
        return
    before = shown(ordering_chain, token)
    place = place_of(token, ordering_chain)
    intent = evolve(token, operation=OperationId(uuid4()), step=1, order=order, place=place)
    for errand in all_done(ordering_chain, intent):
        assert ordering_chain.chain.read_back(errand.intent, place) == ()
    after = shown(ordering_chain, token)
    wanted = expected(before, [order])
    assert {to.lower()} == {
        whose.lower() for holders in after.powers.values() for whose in holders
    }
    assert after.powers.keys() == wanted.powers.keys() == before.powers.keys()
    assert evolve(after, at=None, powers={}) == evolve(wanted, at=None, powers={})
    again = evolve(intent, operation=OperationId(uuid4()))
    refused = ordering_chain.chain.preflight(again, ordering_chain.fee_ceiling)
    assert isinstance(refused, Refusal)


def test_what_is_set_aside_is_enough_for_an_order(ordering_chain: AnOrderingChain):
    intent = ordered(ordering_chain, made(ordering_chain), *first_change(ordering_chain))
    forecast = ordering_chain.chain.plan(intent)
    assert not isinstance(forecast, Refusal)
    at_most = forecast.gas * ordering_chain.chain.network.fee_ceiling + forecast.deposit
    assert 0 < at_most <= ordering_chain.chain.allowance(intent)


def test_planning_an_order_changes_nothing(ordering_chain: AnOrderingChain):
    token = made(ordering_chain)
    intent = ordered(ordering_chain, token, *first_change(ordering_chain))
    before = shown(ordering_chain, token)
    forecast = ordering_chain.chain.plan(intent)
    assert not isinstance(forecast, Refusal)
    assert forecast.gas > 0
    assert ordering_chain.chain.preflight(intent, ordering_chain.fee_ceiling) is None
    assert evolve(shown(ordering_chain, token), at=before.at) == before
    assert isinstance(ordering_chain.chain.effect_of(intent), NoEffect)


def test_an_order_that_cannot_work_is_refused_before_anything_is_paid(
    ordering_chain: AnOrderingChain,
):
    token = made(ordering_chain)
    intent = ordered(ordering_chain, token, *ordering_chain.impossible)
    for answer in (
        ordering_chain.chain.plan(intent),
        ordering_chain.chain.preflight(intent, ordering_chain.fee_ceiling),
    ):
        assert isinstance(answer, Refusal)


def test_the_effect_of_an_order_is_found_by_those_who_have_forgotten_it(
    ordering_chain: AnOrderingChain,
):
    token = made(ordering_chain)
    intent = ordered(ordering_chain, token, *first_change(ordering_chain))
    for errand in all_done(ordering_chain, intent):
        found = ordering_chain.chain.effect_of(errand.intent)
        assert isinstance(found, Effect)
        assert found.is_final
        assert found.token == intent.place
        assert found.transaction_id == errand.transactions[0].id
        other = evolve(errand.intent, operation=OperationId(uuid4()))
        assert isinstance(ordering_chain.chain.effect_of(other), NoEffect)
        answer = ordering_chain.chain.preflight(errand.intent, ordering_chain.fee_ceiling)
        assert answer is not None, "nobody is told to go on with what is done"
        assert not isinstance(answer, Refusal)


def test_an_order_in_a_second_slot_has_no_second_effect(ordering_chain: AnOrderingChain):
    """A restored backup signs again what is on chain already."""
    token = made(ordering_chain)
    intent = ordered(ordering_chain, token, *first_change(ordering_chain))
    *_, last = ordering_chain.chain.steps(intent.token, intent.order)
    for step, _ in enumerate(ordering_chain.chain.steps(intent.token, intent.order), start=1):
        first = at_step(ordering_chain, intent, step)
        slot = first.slot
        if slot.sequence is not None:
            second = evolve(first, slot=evolve(slot, sequence=slot.sequence + 1)).attempted()
            done(first)
            second.submitted()
            ordering_chain.mine()
            ordering_chain.finalise()
            outcome = second.outcome()
            assert isinstance(outcome, Final)
            assert not outcome.inclusion.succeeded
        else:
            done(first)
            assert slot.valid_until is not None
            ordering_chain.mine(slot.valid_until - ordering_chain.chain.head().latest.number + 1)
            again = at_step(ordering_chain, intent, step)
            draft = again.chain.prepare(
                again.intent, again.slot, AttemptRole.EFFECT, ordering_chain.fee_ceiling
            )
            if isinstance(draft, Draft):
                again.attempted().submitted()
        ordering_chain.mine()
        ordering_chain.finalise()
    assert intent.order is not None
    assert last.name
    state = shown(ordering_chain, token)
    assert state.supply == token.token.supply + intent.order.supply_change


def test_every_difference_from_the_order_is_told(ordering_chain: AnOrderingChain):
    token = made(ordering_chain)
    action, fields = first_change(ordering_chain)
    intent = ordered(ordering_chain, token, action, fields)
    last = all_done(ordering_chain, intent)[-1].intent
    place, order = intent.place or "", last.order
    assert order is not None
    other = evolve(order, parameters={**order.parameters, "amount": "1"})
    assert ordering_chain.chain.read_back(evolve(last, order=other), place)
    try:
        unknown = evolve(last, operation=OperationId(uuid4()))
        assert ordering_chain.chain.read_back(unknown, place)
    except ChainUnavailableError:
        pass  # Nothing was done under this id: a node that is behind says the same.
    elsewhere = made(ordering_chain)
    assert ordering_chain.chain.read_back(last, place_of(elsewhere, ordering_chain))


def test_who_gives_an_order_without_means_waits_for_the_step_that_brings_some(
    ordering_chain: AnOrderingChain,
):
    token = made(ordering_chain)
    intent = ordered(ordering_chain, token, *first_change(ordering_chain))
    outlines = ordering_chain.chain.steps(intent.token, intent.order)
    for step, outline in enumerate(outlines, start=1):
        if outline.slot_of is Party.OWNER:
            early = evolve(intent, step=step)
            answer = ordering_chain.chain.preflight(early, ordering_chain.fee_ceiling)
            assert isinstance(answer, Postponed)
            assert answer.reason is WaitReason.TREASURY_EMPTY
    all_done(ordering_chain, intent)


# Tokens made in several steps.


def test_a_first_step_names_the_place_and_the_last_one_brings_the_token(
    ordering_chain: AnOrderingChain,
):
    chain = ordering_chain.chain
    if ordering_chain.many_steps is None:
        assert all(len(chain.steps(token)) == 1 for token in every_token(ordering_chain))
        return
    token = chain.token(ordering_chain.many_steps, ordering_chain.parameters)
    assert isinstance(token, Token)
    intent = evolve(an_errand(ordering_chain).intent, token=token)
    first, *others = range(1, len(chain.steps(token)) + 1)
    assert others
    errand = done(at_step(ordering_chain, intent, first))
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert outcome.token is not None
    with suppress(ChainUnavailableError):  # A node that is behind says the same.
        assert chain.read_back(evolve(intent, step=others[-1]), outcome.token), "it is not ready"
    intent = evolve(intent, place=outcome.token)
    for step in others:
        assert isinstance(chain.effect_of(evolve(intent, step=step)), NoEffect)
        assert chain.preflight(evolve(intent, step=step), ordering_chain.fee_ceiling) is None
        errand = done(at_step(ordering_chain, intent, step))
        later = errand.outcome()
        assert isinstance(later, Final)
        assert later.token in {None, outcome.token}
        found = errand.effect()
        assert isinstance(found, Effect)
        assert found.token == outcome.token
    assert chain.read_back(evolve(intent, step=others[-1]), outcome.token) == ()
    state = chain.state(token, outcome.token)
    assert state is not None
    assert evolve(state, at=None) == visible(chain.planned(intent))


def every_token(subject: AnOrderingChain) -> list[Token]:
    tokens = [subject.chain.token(kind.kind, subject.parameters) for kind in subject.chain.kinds()]
    return [token for token in tokens if isinstance(token, Token)]
