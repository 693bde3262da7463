"""Which nodes are asked first, and what is told of them."""

import pytest

from application.ports.chain import WrongChainError
from application.ports.nodes import NodeCondition, NodeReport
from tests.adapters.pool.nodes import (
    INTENT,
    NO_HISTORY,
    SILENCE,
    Clock,
    a_block,
    a_head,
    a_pool,
)

WRONG = WrongChainError("node-2 is of another chain")


def conditions(pool):
    return [report.condition for report in pool.report()]


def heads(nodes, *numbers):
    for node, number in zip(nodes, numbers, strict=True):
        node.says["head"] = a_head(number)


def first_asked(pool, nodes):
    """The place of the node that a question is put to."""
    for node in nodes:
        node.asked.clear()
    pool.plan(INTENT)
    (place,) = (i for i, node in enumerate(nodes) if node.asked["plan"])
    return place


def test_a_report_says_how_each_node_is():
    pool, nodes = a_pool(4)
    heads(nodes, 100, 94, 0, 0)
    nodes[2].says["head"], nodes[3].says["head"] = SILENCE, WRONG
    assert pool.report() == tuple(
        NodeReport(name=f"node-{i}.example", archival=False, condition=condition, latest=latest)
        for i, condition, latest in (
            (1, NodeCondition.HEALTHY, a_block(100)),
            (2, NodeCondition.BEHIND, a_block(94)),
            (3, NodeCondition.UNAVAILABLE, None),
            (4, NodeCondition.WRONG_CHAIN, None),
        )
    )


def test_what_was_never_asked_is_unknown_until_it_is_looked_at():
    pool, (one,) = a_pool(1)
    one.says["head"] = NO_HISTORY
    assert conditions(pool) == [NodeCondition.UNKNOWN]


def test_each_node_is_looked_at_every_five_seconds_and_no_sooner():
    clock = Clock()
    pool, (one, two) = a_pool(2, clock=clock)
    pool.report()
    clock.passes(4.9)
    pool.report()
    assert (one.asked["head"], two.asked["head"]) == (1, 1)
    clock.passes(0.1)
    pool.report()
    assert (one.asked["head"], two.asked["head"]) == (2, 2)
    for _ in range(3):  # whoever watches the network asks a node and looks at the others
        pool.head()
    assert (one.asked["head"], two.asked["head"]) == (5, 2)
    clock.passes(5)
    pool.head()
    assert (one.asked["head"], two.asked["head"]) == (6, 3)


@pytest.mark.parametrize(("lag", "place"), [(5, 0), (6, 1)])
def test_a_node_that_is_behind_is_asked_last(lag, place):
    pool, nodes = a_pool(2)
    heads(nodes, 100 - lag, 100)
    pool.report()
    assert first_asked(pool, nodes) == place


def test_the_head_is_enough_to_find_out_who_is_behind_and_who_has_caught_up():
    clock = Clock()
    pool, nodes = a_pool(2, clock=clock)
    heads(nodes, 90, 100)
    pool.head()
    assert first_asked(pool, nodes) == 1
    heads(nodes, 101, 102)
    clock.passes(5)
    pool.head()
    assert first_asked(pool, nodes) == 0


def test_old_news_of_a_node_that_went_away_are_no_measure():
    """A chain of development may begin again; a node may have told nonsense."""
    clock = Clock()
    pool, nodes = a_pool(2, clock=clock)
    heads(nodes, 100, 10**9)
    pool.head()
    assert conditions(pool)[0] is NodeCondition.BEHIND
    nodes[1].goes_down()
    clock.passes(31)
    pool.head()
    assert conditions(pool) == [NodeCondition.HEALTHY, NodeCondition.UNAVAILABLE]


def test_a_block_of_before_it_went_away_does_not_make_a_node_late():
    clock = Clock()
    pool, nodes = a_pool(2, clock=clock)
    heads(nodes, 100, 100)
    pool.report()
    heads(nodes, 0, 200)
    nodes[0].says["head"] = SILENCE
    clock.passes(5)
    pool.report()
    assert first_asked(pool, nodes) == 0
    assert conditions(pool)[0] is NodeCondition.HEALTHY


@pytest.mark.parametrize("numbers", [(100, 99, 10**9), (10**9, 99, 100), (99, 10**9, 100)])
def test_one_that_lies_about_its_newest_block_puts_no_other_one_last(numbers):
    pool, nodes = a_pool(3, min_sources=2)
    heads(nodes, *numbers)
    pool.report()
    assert conditions(pool) == [NodeCondition.HEALTHY] * 3
    assert first_asked(pool, nodes) == 0


@pytest.mark.parametrize(("lag", "place"), [(5, 0), (6, 1)])
def test_a_node_is_behind_where_as_many_as_must_agree_are_ahead(lag, place):
    pool, nodes = a_pool(3, min_sources=2)
    heads(nodes, 100 - lag, 100, 10**9)
    pool.report()
    assert first_asked(pool, nodes) == place


def test_one_that_is_behind_is_still_asked_where_the_others_are_silent():
    pool, nodes = a_pool(2)
    heads(nodes, 90, 100)
    pool.report()
    nodes[1].says["plan"] = SILENCE
    pool.plan(INTENT)
    assert nodes[0].asked["plan"] == 1


def test_lacking_history_says_nothing_about_health():
    pool, nodes = a_pool(2)
    for _ in range(5):
        nodes[0].says["block_at"] = NO_HISTORY
        pool.block_at(0)
    assert nodes[0].asked["block_at"] == 5
    assert conditions(pool)[0] is NodeCondition.HEALTHY


def test_any_node_of_another_chain_halts_the_network():
    clock = Clock()
    pool, nodes = a_pool(2, clock=clock)
    nodes[1].says["head"] = WRONG
    for _ in range(2):
        with pytest.raises(WrongChainError, match="node-2"):
            pool.head()
    assert conditions(pool) == [NodeCondition.HEALTHY, NodeCondition.WRONG_CHAIN]
    assert first_asked(pool, nodes) == 0
    nodes[1].comes_back()
    clock.passes(5)
    pool.head()
    assert conditions(pool) == [NodeCondition.HEALTHY, NodeCondition.HEALTHY]


def test_a_node_of_another_chain_is_asked_last_of_all():
    pool, nodes = a_pool(3)
    heads(nodes, 0, 90, 100)
    nodes[0].says["head"] = WRONG
    pool.report()
    nodes[2].says["plan"] = SILENCE
    pool.plan(INTENT)
    assert [node.asked["plan"] for node in nodes] == [0, 1, 1]
    nodes[0].says["plan"] = WRONG
    nodes[1].says["plan"] = SILENCE
    with pytest.raises(WrongChainError):
        pool.plan(INTENT)


def test_a_report_has_no_bad_news_of_its_own():
    pool, nodes = a_pool(2)
    for error in (SILENCE, WRONG, NO_HISTORY):
        for node in nodes:
            node.says["head"] = error
        assert len(pool.report()) == 2
