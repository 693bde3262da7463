"""What is remembered of a chain, or signed for: no node alone decides it."""

import pytest
from attrs import evolve

from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from domain.operation import LeaseWindow, NonceLine, Postponed, WaitReason
from tests.adapters.pool.nodes import INTENT, NO_HISTORY, SILENCE, a_block, saying

HERE, FORKED, FORKED_TOO = a_block(7), a_block(7, "b"), a_block(7, "c")

#: What the nodes say in the order in which they are asked, how many must agree, what is told, and
#: how many nodes that took.
BLOCKS = {
    "one source is enough where one is": ((HERE, FORKED), 1, HERE, 1),
    "two agree": ((HERE, HERE, FORKED), 2, HERE, 2),
    "one lies": ((FORKED, HERE, HERE), 2, HERE, 3),
    "one lies, in between": ((HERE, FORKED, HERE), 2, HERE, 3),
    "one is behind": ((None, HERE, HERE), 2, HERE, 3),
    "one is behind, where one is enough": ((None, HERE), 1, HERE, 2),
    "one has forgotten": ((NO_HISTORY, HERE, HERE), 2, HERE, 3),
    "one is silent": ((SILENCE, HERE, HERE), 2, HERE, 3),
    "nobody is as far": ((None, None), 2, None, 2),
    "nobody is as far, where one is enough": ((None, None), 1, None, 2),
}
NO_BLOCK = {
    "another block": ((HERE, FORKED), "sources contradict each other: .*0x7.* 0x7"),
    "three blocks": ((HERE, FORKED, FORKED_TOO), "sources contradict each other"),
    "another block, and one is behind": ((HERE, None, FORKED), "sources contradict each other"),
    "the other is behind": ((HERE, None), "1 of the 2 sources .* block 7 is 0x7"),
    "the other is silent": ((HERE, SILENCE), "1 of the 2 sources .* block 7 is 0x7; silence"),
    "one is behind, the other is silent": ((None, SILENCE), "silence"),
}
FORGOTTEN = {
    "the other has forgotten": ((HERE, NO_HISTORY), "1 of the 2 .* block 7 is 0x7; too long ago"),
    "one is behind, the other has forgotten": ((None, NO_HISTORY), "too long ago"),
    "one is silent, the other has forgotten": ((SILENCE, NO_HISTORY), "too long ago; silence"),
}


@pytest.mark.parametrize(("answers", "min_sources", "told", "asked"), BLOCKS.values(), ids=BLOCKS)
def test_a_block_is_what_enough_nodes_say(answers, min_sources, told, asked):
    pool, nodes = saying("block_at", answers, min_sources)
    assert pool.block_at(7) == told
    assert sum(node.asked["block_at"] for node in nodes) == asked


@pytest.mark.parametrize(("answers", "words"), NO_BLOCK.values(), ids=NO_BLOCK)
def test_a_block_that_too_few_nodes_say_is_not_known(answers, words):
    for order in (answers, answers[::-1]):
        pool, _ = saying("block_at", order, 2)
        with pytest.raises(ChainUnavailableError, match=words) as caught:
            pool.block_at(7)
        assert not isinstance(caught.value, HistoryUnavailableError)


@pytest.mark.parametrize(("answers", "words"), FORGOTTEN.values(), ids=FORGOTTEN)
def test_a_block_that_too_few_have_kept_is_told_as_such(answers, words):
    for order in (answers, answers[::-1]):
        pool, _ = saying("block_at", order, 2)
        with pytest.raises(HistoryUnavailableError, match=words):
            pool.block_at(7)


WINDOW = LeaseWindow(lease=b"lease", valid_from=40, valid_until=79)
FUTURE = evolve(WINDOW, valid_from=4040, valid_until=4079)
NEXT = evolve(WINDOW, valid_from=80, valid_until=119)
LATER = Postponed(WaitReason.WINDOW_OPEN, "7 rounds are left")

TERMS = {
    "one source is enough where one is": ((FUTURE, WINDOW), 1, FUTURE, 1),
    "two agree": ((WINDOW, WINDOW, FUTURE), 2, WINDOW, 2),
    "one is far ahead": ((FUTURE, WINDOW, WINDOW), 2, WINDOW, 3),
    "one is silent": ((SILENCE, WINDOW, WINDOW), 2, WINDOW, 3),
    "one would wait, two agree": ((WINDOW, LATER, WINDOW), 2, WINDOW, 3),
    "one names it, one would wait": ((WINDOW, LATER), 2, LATER, 2),
    "the first one would wait": ((LATER, WINDOW, WINDOW), 2, LATER, 1),
    "a nonce is no window": ((NonceLine(3), NonceLine(4)), 2, NonceLine(3), 1),
}
NO_TERMS = {
    "another window": ((WINDOW, NEXT), "1 of the 2 sources .* 40 to 79 and .* 80 to 119"),
    "three windows": ((WINDOW, NEXT, FUTURE), "1 of the 2 sources"),
    "another lease": ((WINDOW, evolve(WINDOW, lease=b"other")), "1 of the 2 sources"),
    "the other is silent": ((WINDOW, SILENCE), "1 of the 2 sources .* 40 to 79; silence"),
}


@pytest.mark.parametrize(("answers", "min_sources", "told", "asked"), TERMS.values(), ids=TERMS)
def test_a_slot_is_for_the_window_that_enough_nodes_name(answers, min_sources, told, asked):
    pool, nodes = saying("slot_terms", answers, min_sources)
    assert pool.slot_terms(INTENT) == told
    assert sum(node.asked["slot_terms"] for node in nodes) == asked


@pytest.mark.parametrize(("answers", "words"), NO_TERMS.values(), ids=NO_TERMS)
def test_a_window_that_too_few_nodes_name_is_none(answers, words):
    pool, _ = saying("slot_terms", answers, 2)
    with pytest.raises(ChainUnavailableError, match=words):
        pool.slot_terms(INTENT)
