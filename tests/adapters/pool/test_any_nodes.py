"""Whatever the nodes are like: what the pool calls final, enough of them say themselves."""

from contextlib import suppress

from attrs import evolve
from hypothesis import assume, example, given
from hypothesis import strategies as st

from adapters.memory.chain import ANSWER_LOST, UNAVAILABLE, WRONG_CHAIN
from application.ports.chain import ChainUnavailableError, WrongChainError
from domain.operation import (
    Effect,
    Expired,
    Final,
    Included,
    Inclusion,
    InPool,
    NoEffect,
    NotSeen,
    SlotLost,
    TransactionId,
)
from tests.adapters.pool.nodes import (
    INTENT,
    NO_HISTORY,
    SILENCE,
    SLOT,
    Clock,
    a_block,
    a_pool,
    pool_of,
)
from tests.contract.subjects.memory import MemorySubject
from tests.contract.test_chain import an_errand

IDS = st.sampled_from([TransactionId("0x01"), TransactionId("0x02")])
BLOCKS = st.builds(a_block, st.integers(5, 8), st.sampled_from(["", "b"]))
INCLUSIONS = st.builds(
    Inclusion, transaction_id=IDS, block=BLOCKS, succeeded=st.booleans(), cost=st.integers(0, 1)
)
SILENT = st.sampled_from([SILENCE, NO_HISTORY])
OUTCOMES = st.one_of(
    st.builds(Final, INCLUSIONS, st.sampled_from([None, "7"])),
    st.builds(Included, INCLUSIONS),
    st.builds(InPool, IDS),
    st.just(NotSeen()),
    st.builds(SlotLost, BLOCKS),
    st.builds(Expired, BLOCKS),
    SILENT,
)
EFFECTS = st.one_of(
    st.builds(
        Effect,
        token=st.sampled_from(["0xbb", "0xcc"]),
        transaction_id=IDS,
        raw=st.none(),
        block=BLOCKS,
        is_final=st.booleans(),
    ),
    st.builds(NoEffect, BLOCKS, st.booleans()),
    SILENT,
)


def few_kinds(answers):
    """Up to five nodes that say few different things, so that some of them agree."""
    return st.lists(answers, min_size=1, max_size=3).flatmap(
        lambda known: st.lists(st.sampled_from(known), min_size=1, max_size=5)
    )


def said_by(method, answers, min_sources):
    pool, nodes = a_pool(len(answers), min_sources=min_sources)
    for node, answer in zip(nodes, answers, strict=True):
        node.says[method] = answer
    with suppress(ChainUnavailableError):
        return pool.outcome(SLOT) if method == "outcome" else pool.effect_of(INTENT)
    return None


def kind_of(answers, kind):
    return [answer for answer in answers if isinstance(answer, kind)]


def say_the_same(one, other):
    """By eyes of our own: but for what it cost."""
    return evolve(one.inclusion, cost=0) == evolve(other.inclusion, cost=0) and (
        one.token == other.token
    )


@given(few_kinds(OUTCOMES), st.integers(1, 3))
def test_an_outcome_is_final_if_and_only_if_enough_nodes_say_so(answers, min_sources):
    assume(min_sources <= len(answers))
    told = said_by("outcome", answers, min_sources)
    finals = kind_of(answers, Final)
    backed = [f for f in finals if sum(say_the_same(f, other) for other in finals) >= min_sources]
    match told:
        case Final():
            assert told in backed
        case SlotLost() | Expired():
            backers = kind_of(answers, type(told))
            assert len(backers) >= min_sources
            assert told in backers
        case Included(inclusion):
            seen = kind_of(answers, Included | Final)
            assert inclusion in [answer.inclusion for answer in seen]
        case InPool():
            assert told in answers
    # A positive verdict is never lost: a negative one in its place would have as many backers,
    # and no node before them that has seen the attempt.
    if backed and not isinstance(told, Final):
        assert isinstance(told, SlotLost | Expired)
        assert len(kind_of(answers, type(told))) >= min_sources
        first = [i for i, a in enumerate(answers) if isinstance(a, type(told))][min_sources - 1]
        assert not kind_of(answers[:first], Final | Included | InPool)


@given(few_kinds(EFFECTS), st.integers(1, 3))
def test_an_effect_is_there_or_not_if_and_only_if_enough_nodes_say_so(answers, min_sources):
    assume(min_sources <= len(answers))
    told = said_by("effect_of", answers, min_sources)
    effects, absent = kind_of(answers, Effect), kind_of(answers, NoEffect)
    finals = [effect for effect in effects if effect.is_final]

    def backers(effect):
        named = effect.token, effect.transaction_id
        return sum(named == (other.token, other.transaction_id) for other in finals)

    match told:
        case Effect(is_final=True):
            assert told in finals
            assert backers(told) >= min_sources
        case Effect():
            assert told in [evolve(effect, is_final=False) for effect in effects]
            assert all(nothing.at.number < told.block.number for nothing in absent)
        case NoEffect(at):
            at_or_after = [nothing for nothing in absent if nothing.at.number >= at.number]
            assert len(at_or_after) >= min_sources
            lasting = [nothing for nothing in at_or_after if nothing.is_lasting]
            assert len(lasting) >= min_sources or not told.is_lasting
    if finals and max(map(backers, finals)) >= min_sources and told not in finals:
        assert isinstance(told, NoEffect)
        before = answers[: answers.index(finals[0])]
        assert len(kind_of(before, NoEffect)) >= min_sources


FAULTS = st.sampled_from([UNAVAILABLE, ANSWER_LOST, WRONG_CHAIN])
#: How far a node is behind, and what goes wrong with its next calls.
NODES = st.tuples(st.integers(0, 12), st.lists(FAULTS, max_size=2))


@given(
    st.lists(NODES, min_size=1, max_size=4),
    st.integers(1, 3),
    st.integers(0, 6),
    st.sampled_from(["sent", "lost", "nothing"]),
)
@example(nodes=[(9, []), (0, []), (0, [])], min_sources=2, blocks=4, story="sent")
@example(nodes=[(0, []), (0, [UNAVAILABLE]), (0, [])], min_sources=2, blocks=4, story="lost")
def test_on_a_chain_that_some_nodes_see_late_only_what_enough_have_seen_is_final(
    nodes, min_sources, blocks, story
):
    assume(min_sources <= len(nodes))
    _, windows = a_pool(len(nodes), min_sources=min_sources)
    subject = MemorySubject(chain=windows[0])
    subject.mine(12)
    errand = an_errand(subject).attempted()
    if story == "sent":
        errand.submitted()
    elif story == "lost":
        subject.chain.foreign_transaction(subject.treasury)
    subject.mine(blocks)
    for window, (lag, _) in zip(windows, nodes, strict=True):
        window.lag = lag
    true_outcomes = [window.outcome(errand.slot) for window in windows]
    true_effects = [window.effect_of(errand.intent) for window in windows]
    healthy = [i for i, (_, faults) in enumerate(nodes) if not faults]
    for window, (_, faults) in zip(windows, nodes, strict=True):
        window.misbehave("outcome", *faults)
        window.misbehave("effect_of", *faults)
    clock = Clock()
    pool = pool_of(windows, clock)
    with suppress(WrongChainError):
        pool.head()

    told = answer_of(lambda: pool.outcome(errand.slot))
    if isinstance(told, Final | SlotLost):
        assert len(kind_of(true_outcomes, type(told))) >= min_sources
    sure = kind_of([true_outcomes[i] for i in healthy], Final)
    if len(sure) >= min_sources and not isinstance(told, WrongChainError):
        assert told == sure[0]

    told = answer_of(lambda: pool.effect_of(errand.intent))
    if isinstance(told, Effect) and told.is_final:
        assert sum(e.is_final for e in kind_of(true_effects, Effect)) >= min_sources
    if isinstance(told, NoEffect):
        reach = [e for e in kind_of(true_effects, NoEffect) if e.at.number >= told.at.number]
        assert len(reach) >= min_sources
    sure = [e for e in kind_of([true_effects[i] for i in healthy], Effect) if e.is_final]
    if len(sure) >= min_sources and not isinstance(told, WrongChainError | NoEffect):
        assert told == sure[0]


def answer_of(question):
    """What is told, or raised."""
    try:
        return question()
    except (ChainUnavailableError, WrongChainError) as error:
        return error
