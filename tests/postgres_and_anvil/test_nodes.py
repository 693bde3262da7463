"""Nodes that take the bytes and say something else: through a proxy that breaks what passes."""

import random

import pytest

from application.ports.chain import ChainUnavailableError
from domain.deployment import State
from entrypoints.devnet.json_rpc_proxy import (
    ALREADY_KNOWN,
    NONCE_TOO_LOW,
    UNDERPRICED,
    JsonRpcProxy,
    answer_error,
    answer_status,
    disconnect_mid_answer,
    drop_after_forward,
    drop_before_forward,
    duplicate,
)
from tests.application.mortal import DEATHS, Fate
from tests.postgres_and_anvil.house import a_house

SEND = "eth_sendRawTransaction"
FAULTS = {
    "taken, and the line goes dead": drop_after_forward(),
    "never arrived": drop_before_forward(),
    "taken, and half an answer": disconnect_mid_answer(),
    "taken, and a balancer's 503": answer_status(503, after_forward=True),
    "a balancer's 429": answer_status(429),
    "taken, already known": answer_error(*ALREADY_KNOWN, after_forward=True),
    "taken, nonce too low": answer_error(*NONCE_TOO_LOW, after_forward=True),
    "not taken, nonce too low": answer_error(*NONCE_TOO_LOW),
    "taken, replacement underpriced": answer_error(*UNDERPRICED, after_forward=True),
    "not taken, replacement underpriced": answer_error(*UNDERPRICED),
    "taken, in words nobody knows": answer_error(-32000, "flux", after_forward=True),
    "taken twice": duplicate(),
}


@pytest.fixture(scope="module")
def proxied(anvil, server_url):
    with JsonRpcProxy(anvil.url) as proxy, a_house(anvil, proxy.url) as house:
        yield house, proxy


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("times", [1, 3])
def test_whatever_a_node_says_of_the_bytes_there_is_one_effect(proxied, fault, times):
    house, proxy = proxied
    before = house.nonces_used()
    proxy.add(SEND, FAULTS[fault], times=times)
    id = house.deploy().id
    house.lives(Fate({}))
    proxy.clear()
    house.is_paid_once(id)
    assert house.nonces_used() == before + 1
    house.books_are_right()


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("fault", ["taken, and the line goes dead", "taken, nonce too low"])
def test_a_worker_that_dies_of_a_bad_answer_is_outlived(proxied, fault, death):
    house, proxy = proxied
    healthy = Fate({})
    house.deploy()
    house.lives(healthy)
    call = healthy.calls.index("submit")
    before = house.nonces_used()
    proxy.add(SEND, FAULTS[fault], times=2)
    id = house.deploy().id
    house.lives(Fate({call: death}))
    proxy.clear()
    house.is_paid_once(id)
    assert house.nonces_used() == before + 1


def test_a_rejection_is_final_only_when_the_slot_is_filled(proxied):
    house, proxy = proxied
    before = house.nonces_used()
    proxy.add(SEND, answer_error(-32000, "execution reverted: no"), times=1)
    id = house.deploy().id
    house.lives(Fate({}))
    proxy.clear()
    house.is_given_back(id)
    assert house.nonces_used() == before + 1, "the fill took the slot"
    house.books_are_right()


def test_a_rejection_of_what_was_taken_all_the_same_is_no_failure(proxied):
    house, proxy = proxied
    proxy.add(SEND, answer_error(-32000, "execution reverted: no", after_forward=True), times=1)
    id = house.deploy().id
    house.lives(Fate({}))
    proxy.clear()
    house.is_paid_once(id)


def test_a_node_that_answers_nothing_for_a_while_costs_nothing_but_time(proxied):
    house, proxy = proxied
    id = house.deploy().id
    with proxy.broken("*", drop_before_forward()):
        for _ in range(3):
            house.lives_once(Fate({}))
        with pytest.raises(ChainUnavailableError):
            house.chain.head()
        assert house.get(id).state is State.QUEUED
        assert "node_unavailable" in house.waits(id)
    house.lives(Fate({}))
    house.is_paid_once(id)


def test_a_node_that_hangs_up_now_and_then_is_got_along_with(proxied):
    house, proxy = proxied
    chance = random.Random(7)
    proxy.add("*", drop_after_forward(), when=lambda _parameters: chance.random() < 0.1)
    ids = [house.deploy().id for _ in range(3)]
    house.lives(Fate({}), rounds=200)
    proxy.clear()
    for id in ids:
        house.is_paid_once(id)
    house.books_are_right()
