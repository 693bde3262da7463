"""A network of two nodes, and one of them dies."""

import random

import pytest

from domain.deployment import State
from entrypoints.devnet.json_rpc_proxy import JsonRpcProxy, drop_after_forward, drop_before_forward
from tests.application.mortal import Fate
from tests.postgres_and_anvil.house import a_house


@pytest.fixture(scope="module")
def doubled(anvil, server_url):
    with (
        JsonRpcProxy(anvil.url) as one,
        JsonRpcProxy(anvil.url) as two,
        a_house(anvil, one.url, two.url, min_sources=2) as house,
    ):
        yield house, (one, two)


@pytest.mark.parametrize("dead", [0, 1])
def test_where_two_must_agree_a_dead_one_costs_nothing_but_time(doubled, dead):
    house, lines = doubled
    id = house.deploy().id
    with lines[dead].broken("*", drop_before_forward()):
        for _ in range(3):
            house.lives_once(Fate({}))
        assert house.get(id).state is State.QUEUED
        assert "node_unavailable" in house.waits(id)
    house.lives(Fate({}))
    house.is_paid_once(id)
    house.books_are_right()


def test_two_lines_that_hang_up_now_and_then_are_got_along_with(doubled):
    house, lines = doubled
    chance = random.Random(11)
    for line in lines:
        line.add("*", drop_after_forward(), when=lambda _parameters: chance.random() < 0.05)
    ids = [house.deploy().id for _ in range(3)]
    house.lives(Fate({}), rounds=200)
    for line in lines:
        line.clear()
    for id in ids:
        house.is_paid_once(id)
    house.books_are_right()


@pytest.mark.parametrize("dead", [0, 1])
def test_one_of_two_is_enough_where_one_source_is(anvil, server_url, dead):
    with (
        JsonRpcProxy(anvil.url) as one,
        JsonRpcProxy(anvil.url) as two,
        a_house(anvil, one.url, two.url) as house,
    ):
        id = house.deploy().id
        with (one, two)[dead].broken("*", drop_before_forward()):
            house.lives(Fate({}))
        house.is_paid_once(id)
        house.books_are_right()
