"""What is remembered of a chain, or signed for: no node alone decides it."""

from itertools import permutations

import pytest
from attrs import evolve

from application.ports.chain import (
    ChainUnavailableError,
    Head,
    HistoryUnavailableError,
    WrongChainError,
)
from domain.operation import LeaseWindow, NonceLine, Postponed, WaitReason
from tests.adapters.pool.nodes import (
    INTENT,
    NO_HISTORY,
    SILENCE,
    Clock,
    a_block,
    a_head,
    a_pool,
    saying,
)

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


class Heads:
    """A pool of nodes whose heads are at *numbers*; the last two blocks are not final."""

    def __init__(self, *numbers, min_sources=2):
        self.clock = Clock()
        self.pool, self.nodes = a_pool(len(numbers), min_sources=min_sources, clock=self.clock)
        self.are(*numbers)

    def are(self, *numbers):
        for node, number in zip(self.nodes, numbers, strict=True):
            node.says["head"] = SILENCE if number is None else a_head(number)
            node.says["block_at"] = a_block

    @property
    def final(self):
        return self.pool.head().final

    @property
    def asked(self):
        asked = [node.asked["head"] for node in self.nodes]
        for node in self.nodes:
            node.asked.clear()
        return asked


@pytest.mark.parametrize("needed", [2, 3])
@pytest.mark.parametrize("numbers", set(permutations((100, 101, 107))))
def test_final_is_what_as_many_as_must_agree_call_final(numbers, needed):
    network = Heads(*numbers, min_sources=needed)
    final = {2: 101 - 2, 3: 100 - 2}[needed]
    assert network.pool.head() == Head(latest=a_block(107), final=a_block(final))


def test_one_that_lies_about_its_head_moves_nothing():
    for place in range(3):
        network = Heads(7, 7, 7)
        network.nodes[place].says["head"] = a_head(4007)
        assert network.final == a_block(5)
        network.nodes[place].says["head"] = a_head(2)
        network.clock.passes(5)
        assert network.final == a_block(5)


def test_where_one_is_enough_the_first_ones_head_is_the_head():
    network = Heads(100, 107, min_sources=1)
    assert network.pool.head() == a_head(100)


@pytest.mark.parametrize("silent", [0, 1])
def test_a_head_of_too_few_is_none(silent):
    network = Heads(7, 7)
    network.nodes[silent].says["head"] = SILENCE
    words = "1 of the 2 sources .* a final block; silence"
    for _ in range(2):
        with pytest.raises(ChainUnavailableError, match=words):
            network.pool.head()
    network.are(7, 7)
    assert network.final == a_block(5), "who did not answer is asked again at once"


def test_the_third_one_may_be_silent():
    assert Heads(7, None, 7).final == a_block(5)


def test_a_head_is_asked_for_every_five_seconds():
    network = Heads(7, 7)
    for _ in range(3):
        assert network.final == a_block(5)
        network.clock.passes(1.6)
    assert network.asked == [1, 1]
    network.are(9, 9)
    network.clock.passes(0.2)
    assert network.final == a_block(7)
    assert network.asked == [1, 1]


def test_what_a_node_said_a_while_ago_backs_nothing():
    network = Heads(7, 7)
    assert network.final == a_block(5)
    network.are(9, None)
    network.clock.passes(5)
    with pytest.raises(ChainUnavailableError, match="1 of the 2"):
        network.pool.head()


def test_one_that_hangs_does_not_make_old_what_the_others_said():
    network = Heads(7, 7, 7)

    def hangs():
        network.clock.passes(20)
        raise SILENCE

    network.nodes[2].says["head"] = hangs
    assert network.final == a_block(5)


def test_where_all_rest_heads_are_had_early():
    network = Heads(None, None)
    for _ in range(3):
        with pytest.raises(ChainUnavailableError, match="silence; silence"):
            network.pool.head()
    network.are(7, 7)
    with pytest.raises(ChainUnavailableError, match="1 of the 2"):
        network.pool.head()
    with pytest.raises(ChainUnavailableError, match="1 of the 2"):
        network.pool.head()  # the other one rests
    network.clock.passes(1)
    assert network.final == a_block(5)


def test_what_rests_is_told():
    network = Heads(None, None)
    for _ in range(5):
        with pytest.raises(ChainUnavailableError, match="silence"):
            network.pool.head()
    assert network.asked == [4, 4], "three times, and early"
    with pytest.raises(ChainUnavailableError, match="every node of memory:1 is resting for 1 s"):
        network.pool.head()
    assert network.asked == [0, 0]


def a_lie(number):
    return Head(latest=a_block(number, "b"), final=a_block(number - 2, "b"))


@pytest.mark.parametrize("numbers", [(107, 101, 101), (101, 101, 101), (107, 101, 102)])
def test_one_that_lies_about_a_hash_is_not_believed(numbers):
    for order in permutations(range(3)):
        network = Heads(*(numbers[place] for place in order))
        liar = network.nodes[order.index(1)]
        liar.says |= {"head": a_lie(101), "block_at": lambda number: a_block(number, "b")}
        number = sorted(numbers)[1] - 2
        assert network.final == a_block(number)


def test_where_nobody_can_tell_who_lies_about_a_hash_there_is_no_head():
    network = Heads(107, 101, 100)
    network.nodes[1].says |= {"head": a_lie(101), "block_at": a_block(99, "b")}
    network.nodes[2].says["block_at"] = None
    with pytest.raises(ChainUnavailableError, match="contradict"):
        network.pool.head()


def test_a_final_block_that_nobody_has_any_more_is_none():
    network = Heads(107, 101)
    for node in network.nodes:
        node.says["block_at"] = None
    with pytest.raises(ChainUnavailableError, match="block 99 was final"):
        network.pool.head()


@pytest.mark.parametrize("place", range(3))
def test_any_node_of_another_chain_halts_a_network_of_several(place):
    network = Heads(7, 7, 7)
    network.nodes[place].says["head"] = WrongChainError("of another chain")
    for _ in range(2):
        with pytest.raises(WrongChainError):
            network.pool.head()
