"""Nothing is final that too few nodes say, and nothing that enough of them say is lost."""

import pytest
from attrs import evolve

from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from domain.operation import (
    Effect,
    Expired,
    Final,
    Included,
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
    TRANSACTION,
    a_block,
    an_inclusion,
    saying,
)

FINAL = Final(an_inclusion())
DEARER = Final(an_inclusion(cost=2))
FORKED = Final(an_inclusion(fork="b"))
REVERTED = Final(an_inclusion(succeeded=False))
OTHER = Final(an_inclusion(transaction_id=TransactionId("0x02")))
TOKEN = Final(an_inclusion(), token="7")
INCLUDED = Included(an_inclusion())
POOLED = InPool(TRANSACTION.id)
MISSING = NotSeen()
LOST, LOST_LATER = SlotLost(a_block(9)), SlotLost(a_block(11))
EXPIRED, EXPIRED_LATER = Expired(a_block(9)), Expired(a_block(11))

#: What the nodes say in the order in which they are asked, how many must agree, what is told, and
#: how many nodes that took.
OUTCOMES = {
    "one source is enough where one is": ((FINAL, MISSING), 1, FINAL, 1),
    "two agree": ((FINAL, FINAL, MISSING), 2, FINAL, 2),
    "what it cost is no part of it": ((FINAL, DEARER), 2, FINAL, 2),
    "the second is only behind": ((FINAL, MISSING, FINAL), 2, FINAL, 3),
    "the first is only behind": ((POOLED, FINAL, FINAL), 2, FINAL, 3),
    "one lies, two agree": ((FORKED, FINAL, FINAL), 2, FINAL, 3),
    "one believes it lost, two have it": ((LOST, FINAL, FINAL), 2, FINAL, 3),
    "one believes it over, two have it": ((EXPIRED, FINAL, FINAL), 2, FINAL, 3),
    "one is silent, two agree": ((SILENCE, FINAL, FINAL), 2, FINAL, 3),
    "the others are behind": ((FINAL, MISSING), 2, INCLUDED, 2),
    "the others have it in a block": ((INCLUDED, FINAL), 2, INCLUDED, 2),
    "the others have it in a pool": ((POOLED, FINAL), 2, INCLUDED, 2),
    "the others are silent": ((FINAL, SILENCE), 2, INCLUDED, 2),
    "enough have seen it, one lacks history": ((FINAL, INCLUDED, NO_HISTORY), 2, INCLUDED, 3),
    "enough have seen it, one lacks it": ((NO_HISTORY, POOLED, FINAL), 2, INCLUDED, 3),
    "three are needed": ((FINAL, FINAL, MISSING), 3, INCLUDED, 3),
    "what is in a block is shown": ((MISSING, POOLED, INCLUDED), 2, INCLUDED, 3),
    "what is in a pool is shown": ((MISSING, POOLED), 2, POOLED, 2),
    "what nobody has seen": ((MISSING, MISSING), 2, MISSING, 2),
    "nobody has it, one is silent": ((MISSING, SILENCE), 2, MISSING, 2),
    "two know it lost": ((LOST, LOST_LATER), 2, LOST, 2),
    "two know it lost, the later first": ((LOST_LATER, LOST), 2, LOST, 2),
    "two know it over": ((EXPIRED_LATER, EXPIRED), 2, EXPIRED, 2),
    "one that is behind is no objection": ((MISSING, EXPIRED, EXPIRED_LATER), 2, EXPIRED, 3),
    "lost, and one has it in a pool": ((POOLED, LOST, LOST), 2, POOLED, 3),
    "over, and one has it in a block": ((EXPIRED, INCLUDED, EXPIRED), 2, INCLUDED, 3),
    "over, and one has it final": ((EXPIRED, FINAL, EXPIRED), 2, INCLUDED, 3),
    "lost, and one has it final": ((FINAL, LOST, LOST), 2, INCLUDED, 3),
}
NO_OUTCOME = {
    "another block": ((FINAL, FORKED), "contradict"),
    "another end": ((FINAL, REVERTED), "contradict"),
    "another attempt": ((FINAL, OTHER), "contradict"),
    "another token": ((FINAL, TOKEN), "contradict"),
    "lost, says one of two": ((LOST, SILENCE), "1 of the 2 sources .* SlotLost"),
    "over, and one is behind": ((EXPIRED, MISSING), "1 of the 2 sources .* Expired"),
    "lost and over": ((LOST, EXPIRED, LOST), "contradict"),
}
TOO_LONG_AGO = {
    "over, says one": ((EXPIRED, NO_HISTORY), "1 of the 2 sources"),
    "one is behind": ((MISSING, NO_HISTORY), "0 of the 2 sources"),
    "final, says one": (
        (FINAL, NO_HISTORY),
        "1 of the 2 .* 0x01 succeeded .*; too long ago",
    ),
    "reverted, says one": ((REVERTED, NO_HISTORY), "1 of the 2 .* 0x01 reverted in block 7"),
    "in a block, says one": ((INCLUDED, NO_HISTORY), "1 of the 2 .* 0x01 succeeded in block 7"),
    "in a pool, says one": ((POOLED, NO_HISTORY), "1 of the 2 .* 0x01 is in a pool"),
    "final, and one is behind": ((FINAL, NO_HISTORY, MISSING), "1 of the 2 .* 0x01 succeeded"),
    "final, and one is silent": ((FINAL, NO_HISTORY, SILENCE), "1 of the 2 .* 0x01 succeeded"),
    "another block": ((FINAL, FORKED, NO_HISTORY), "contradict"),
}


@pytest.mark.parametrize(
    ("answers", "min_sources", "told", "asked"), OUTCOMES.values(), ids=OUTCOMES
)
def test_what_becomes_of_a_slot_is_what_enough_nodes_say(answers, min_sources, told, asked):
    pool, nodes = saying("outcome", answers, min_sources)
    assert pool.outcome(SLOT) == told
    assert sum(node.asked["outcome"] for node in nodes) == asked


@pytest.mark.parametrize(("answers", "words"), NO_OUTCOME.values(), ids=NO_OUTCOME)
def test_where_too_few_agree_nothing_is_known(answers, words):
    for order in (answers, answers[::-1]):
        pool, _ = saying("outcome", order, 2)
        with pytest.raises(ChainUnavailableError, match=words) as caught:
            pool.outcome(SLOT)
        assert not isinstance(caught.value, HistoryUnavailableError)


@pytest.mark.parametrize(("answers", "words"), TOO_LONG_AGO.values(), ids=TOO_LONG_AGO)
def test_where_too_few_remember_an_operator_is_needed(answers, words):
    for order in (answers, answers[::-1]):
        pool, _ = saying("outcome", order, 2)
        with pytest.raises(HistoryUnavailableError, match=words):
            pool.outcome(SLOT)


def an_effect(number=7, **changes):
    return evolve(
        Effect(
            token="0xbb",
            transaction_id=TRANSACTION.id,
            raw=None,
            block=a_block(number),
            is_final=True,
        ),
        **changes,
    )


THERE = an_effect()
NOT_FINAL = an_effect(is_final=False)
BY_ANOTHER = an_effect(transaction_id=TransactionId("0x02"))
ELSEWHERE = an_effect(token="0xcc")
NOTHING_BEFORE, NOTHING_THEN, NOTHING_SINCE = (NoEffect(a_block(at)) for at in (6, 7, 8))

EFFECTS = {
    "one source is enough where one is": ((THERE, NOTHING_SINCE), 1, THERE, 1),
    "absence by one, where one is enough": ((NOTHING_THEN, THERE), 1, NOTHING_THEN, 1),
    "two agree": ((THERE, THERE, NOTHING_SINCE), 2, THERE, 2),
    "one is behind": ((NOTHING_BEFORE, THERE, THERE), 2, THERE, 3),
    "one denies it, two have it": ((NOTHING_SINCE, THERE, THERE), 2, THERE, 3),
    "one names another transaction": ((BY_ANOTHER, THERE, THERE), 2, THERE, 3),
    "one does not call it final": ((NOT_FINAL, THERE, THERE), 2, THERE, 3),
    "the others are behind": ((THERE, NOTHING_BEFORE), 2, NOT_FINAL, 2),
    "the other does not call it final": ((THERE, NOT_FINAL), 2, NOT_FINAL, 2),
    "the other is silent": ((SILENCE, THERE), 2, NOT_FINAL, 2),
    "enough have seen it, one lacks history": ((NO_HISTORY, THERE, NOT_FINAL), 2, NOT_FINAL, 3),
    "nobody calls it final": ((NOT_FINAL, NOT_FINAL), 2, NOT_FINAL, 2),
    "another transaction": ((THERE, BY_ANOTHER), 2, NOT_FINAL, 2),
    "another token": ((THERE, ELSEWHERE), 2, NOT_FINAL, 2),
    "absent for two": ((NOTHING_SINCE, NOTHING_BEFORE), 2, NOTHING_BEFORE, 2),
    "absent for two of three": ((SILENCE, NOTHING_THEN, NOTHING_THEN), 2, NOTHING_THEN, 3),
    "absent for two that are behind": (
        (THERE, NOTHING_BEFORE, NOTHING_BEFORE), 2, NOT_FINAL, 3,
    ),
}  # fmt: skip
MAY_COME, MAY_COME_LATER = (
    evolve(nothing, is_lasting=False) for nothing in (NOTHING_BEFORE, NOTHING_SINCE)
)
EFFECTS |= {
    "absent for good for two": ((MAY_COME, NOTHING_SINCE, NOTHING_SINCE), 2, NOTHING_SINCE, 3),
    "absent for good for one": ((NOTHING_BEFORE, MAY_COME_LATER), 2, MAY_COME, 2),
    "absent for good for one of three": (
        (MAY_COME_LATER, MAY_COME, NOTHING_SINCE),
        2,
        MAY_COME,
        3,
    ),
    "absent for good for nobody": ((MAY_COME_LATER, MAY_COME), 2, MAY_COME, 2),
    "absent, for now, by one, where one is enough": ((MAY_COME,), 1, MAY_COME, 1),
    "absent, for now, and one has it": ((MAY_COME, THERE, MAY_COME), 2, NOT_FINAL, 3),
}
NO_EFFECT_KNOWN = {
    "absent for now, says one of two": ((MAY_COME, SILENCE), "1 of the 2 sources .* NoEffect"),
    "one denies it": ((THERE, NOTHING_SINCE), "contradict"),
    "one denies it at its very block": ((THERE, NOTHING_THEN), "contradict"),
    "one denies what is not final yet": ((NOT_FINAL, NOTHING_THEN), "contradict"),
    "absent, says one of two": ((NOTHING_SINCE, SILENCE), "1 of the 2 sources .* NoEffect"),
}


@pytest.mark.parametrize(
    ("answers", "min_sources", "told", "asked"), EFFECTS.values(), ids=EFFECTS
)
def test_an_effect_is_there_or_not_by_what_enough_nodes_say(answers, min_sources, told, asked):
    pool, nodes = saying("effect_of", answers, min_sources)
    assert pool.effect_of(INTENT) == told
    assert sum(node.asked["effect_of"] for node in nodes) == asked


@pytest.mark.parametrize(("answers", "words"), NO_EFFECT_KNOWN.values(), ids=NO_EFFECT_KNOWN)
def test_where_nodes_differ_about_an_effect_nothing_is_known(answers, words):
    for order in (answers, answers[::-1]):
        pool, _ = saying("effect_of", order, 2)
        with pytest.raises(ChainUnavailableError, match=words):
            pool.effect_of(INTENT)


def test_enough_who_deny_an_effect_do_not_outvote_one_who_was_asked_and_has_it():
    pool, _ = saying("effect_of", (THERE, NOTHING_SINCE, NOTHING_SINCE), 2)
    with pytest.raises(ChainUnavailableError, match="contradict"):
        pool.effect_of(INTENT)


def test_absence_that_too_few_remember_needs_an_operator():
    pool, _ = saying("effect_of", (NOTHING_SINCE, NO_HISTORY), 2)
    with pytest.raises(HistoryUnavailableError, match="1 of the 2"):
        pool.effect_of(INTENT)


@pytest.mark.parametrize("seen", [THERE, NOT_FINAL], ids=["final", "not final"])
@pytest.mark.parametrize("others", [(), (SILENCE,), (NOTHING_BEFORE,), (BY_ANOTHER,)], ids=str)
def test_an_effect_that_too_few_remember_needs_an_operator_who_hears_what_was_seen(seen, others):
    for answers in ((seen, NO_HISTORY, *others), (NO_HISTORY, seen, *others)):
        pool, _ = saying("effect_of", answers, 2)
        words = "1 of the 2 .* 0xbb is there since block 7; too long ago"
        with pytest.raises(HistoryUnavailableError, match=words):
            pool.effect_of(INTENT)


LESS, MORE = ("supply is 7",), ("supply is 9",)


@pytest.mark.parametrize(
    ("answers", "min_sources", "told"),
    [
        (((), LESS), 2, ()),
        ((LESS, ()), 2, ()),
        ((SILENCE, ()), 2, ()),
        ((LESS, ()), 1, LESS),
        ((LESS, LESS), 2, LESS),
        ((LESS, MORE, LESS), 2, LESS),
        ((SILENCE, LESS, LESS), 2, LESS),
    ],
)
def test_a_difference_is_told_where_enough_nodes_see_the_same(answers, min_sources, told):
    pool, _ = saying("read_back", answers, min_sources)
    assert pool.read_back(INTENT, "0xbb") == told


@pytest.mark.parametrize("other", [MORE, SILENCE], ids=str)
def test_a_difference_that_too_few_nodes_see_is_no_difference_yet(other):
    for answers in ((LESS, other), (other, LESS)):
        pool, _ = saying("read_back", answers, 2)
        with pytest.raises(ChainUnavailableError, match=r"1 of the 2 sources .* supply"):
            pool.read_back(INTENT, "0xbb")
