"""Real adapters behind a pool: two lines to one node, which break."""

from datetime import timedelta

import pytest
from attrs import evolve

from adapters import evm, pool
from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.nodes import Endpoint, NodeCondition
from domain.operation import Effect, Final, Included, NoEffect, NotSeen, Verdict
from entrypoints.devnet.anvil import Anvil
from entrypoints.devnet.json_rpc_proxy import (
    JsonRpcProxy,
    answer_error,
    answer_status,
    drop_after_forward,
    drop_before_forward,
)
from tests.adapters.evm.on_anvil.world import a_world
from tests.adapters.pool.nodes import Clock

SHORT = timedelta(seconds=0.3)
SEND = "eth_sendRawTransaction"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def world():
    with a_world() as world:
        yield world


@pytest.fixture
def lines(world):
    with JsonRpcProxy(world.anvil.url) as one, JsonRpcProxy(world.anvil.url) as two:
        yield one, two


def pooled(world, *urls, min_sources=1, clock=None):
    network = evolve(world.network, min_sources=min_sources)
    endpoints = [Endpoint(url=url) for url in urls]
    return pool.connect(
        network,
        [(each, evm.connect(network, each, world.installation, SHORT)) for each in endpoints],
        clock or Clock(),
    )


def test_one_node_that_answers_is_enough(world, lines):
    one, _ = lines
    one.add("*", answer_status(502))
    chain = pooled(world, NOBODY, one.url, world.anvil.url)
    slot, transaction = world.attempted(world.intent(), world.slot())
    assert chain.submit(transaction).verdict is Verdict.ACCEPTED
    world.finalise()
    assert isinstance(chain.outcome(slot), Final)


def test_a_rejection_is_no_proof_once_another_node_may_have_the_bytes(world, lines):
    one, two = lines
    slot, transaction = world.attempted(world.intent(), world.slot())
    chain = pooled(world, one.url, two.url)
    one.add(SEND, drop_after_forward())
    two.add(SEND, answer_error(-32000, "intrinsic gas too low"))
    assert chain.submit(transaction).verdict is Verdict.UNKNOWN
    # A line that fails before the bytes are sent leaves no doubt.
    one.clear()
    one.add("*", drop_before_forward())
    assert pooled(world, one.url, two.url).submit(transaction).verdict is Verdict.REJECTED
    world.finalise()
    assert isinstance(world.chain.outcome(slot), Final)


def test_a_line_that_dies_keeps_what_is_there_from_being_final(world, lines):
    (one, two), clock = lines, Clock()
    chain = pooled(world, one.url, two.url, min_sources=2, clock=clock)
    intent = world.intent()
    slot, transaction = world.attempted(intent, world.slot())
    assert isinstance(chain.effect_of(intent), NoEffect)
    assert chain.outcome(slot) == NotSeen()
    chain.submit(transaction)
    world.finalise()
    with two.broken("*", drop_before_forward()):
        assert isinstance(chain.outcome(slot), Included)
        found = chain.effect_of(intent)
        assert isinstance(found, Effect)
        assert not found.is_final
        assert chain.read_back(intent, found.token) == ()
        with pytest.raises(ChainUnavailableError, match="1 of the 2 sources"):
            chain.effect_of(world.intent())
    clock.passes(5)
    assert isinstance(chain.outcome(slot), Final)
    found = chain.effect_of(intent)
    assert isinstance(found, Effect)
    assert found.is_final


def test_a_second_node_of_another_chain_is_told_before_it_is_ever_needed(world):
    with Anvil(chain_id=8453) as other:
        chain = pooled(world, world.anvil.url, other.url)
        with pytest.raises(WrongChainError, match="chain 8453"):
            chain.head()
        assert [report.condition for report in chain.report()] == [
            NodeCondition.HEALTHY,
            NodeCondition.WRONG_CHAIN,
        ]
