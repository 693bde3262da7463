"""One node is asked, from beginning to end; the next one where it has no answer."""

import pytest
from attrs import evolve

from adapters.memory.chain import MemoryChain, a_network
from adapters.pool import connect
from application.ports.chain import (
    ChainUnavailableError,
    HistoryUnavailableError,
    SignerChainState,
    WrongChainError,
)
from application.ports.nodes import Endpoint
from domain.operation import AttemptRole, NonceLine
from domain.signing import Curve
from domain.token import Document, Token
from tests.adapters.pool.nodes import ASKED, INTENT, NO_HISTORY, SILENCE, SLOT, a_pool

WRONG = WrongChainError("node-1 is of another chain")
STATE = SignerChainState(balance=7, next_sequence=0)
#: Every question that one node may answer alone.
READS = {
    "plan": lambda chain: chain.plan(INTENT),
    "preflight": lambda chain: chain.preflight(INTENT, 10**6),
    "slot_terms": lambda chain: chain.slot_terms(INTENT),
    "prepare": lambda chain: chain.prepare(INTENT, SLOT, AttemptRole.FILL, 10**6),
    "block_at": lambda chain: chain.block_at(0),
    "signer_state": lambda chain: chain.signer_state("0xaa"),
    "head": lambda chain: chain.head(),
}
VERDICTS = {
    "outcome": lambda chain: chain.outcome(SLOT),
    "effect_of": lambda chain: chain.effect_of(INTENT),
    "read_back": lambda chain: chain.read_back(INTENT, "0xbb"),
    "state": lambda chain: chain.state(INTENT.token, "0xbb"),
}
QUESTIONS = READS | VERDICTS


def asked(*nodes):
    return [sum(node.asked.values()) for node in nodes]


@pytest.mark.parametrize("name", sorted(READS.keys() - {"head"}))
def test_the_first_nodes_answer_is_enough(name):
    pool, (one, two) = a_pool(2)
    assert READS[name](pool) == READS[name](MemoryChain())
    assert asked(one, two) == [1, 0]


@pytest.mark.parametrize("name", READS)
def test_where_a_node_is_silent_the_next_one_is_asked(name):
    pool, (one, two, three) = a_pool(3)
    one.goes_down()
    assert READS[name](pool) == READS[name](MemoryChain())
    assert one.asked[name] == two.asked[name] == 1
    assert three.asked[name] == (1 if name == "head" else 0)  # all heads are compared


@pytest.mark.parametrize("name", QUESTIONS)
def test_where_all_are_silent_each_was_asked_once_and_all_of_them_say_why(name):
    pool, nodes = a_pool(2)
    for number, node in enumerate(nodes, 1):
        node.says[name] = ChainUnavailableError(f"silence {number}")
    with pytest.raises(ChainUnavailableError, match=r"^silence 1; silence 2$") as caught:
        QUESTIONS[name](pool)
    assert not isinstance(caught.value, HistoryUnavailableError)
    assert [node.asked[name] for node in nodes] == [1, 1]


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("other", [NO_HISTORY, SILENCE])
def test_where_old_blocks_are_missing_and_nobody_else_answers_that_is_what_is_told(name, other):
    for bad_news in ((NO_HISTORY, other), (other, NO_HISTORY)):
        pool, nodes = a_pool(2)
        for node, error in zip(nodes, bad_news, strict=True):
            node.says[name] = error
        with pytest.raises(HistoryUnavailableError, match="too long ago"):
            QUESTIONS[name](pool)


def test_a_node_that_keeps_history_answers_for_one_that_does_not():
    pool, (one, two) = a_pool(2)
    one.says["signer_state"], two.says["signer_state"] = NO_HISTORY, STATE
    assert pool.signer_state("0xaa") == STATE


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_node_of_another_chain_is_told_at_once(name):
    pool, (one, two) = a_pool(2)
    one.says[name] = WRONG
    with pytest.raises(WrongChainError, match="node-1"):
        QUESTIONS[name](pool)
    assert two.asked[name] == 0


def test_what_asks_nobody_asks_nobody():
    pool, nodes = a_pool(2)
    for node in nodes:
        node.goes_down()
    kind, *_ = pool.kinds()
    assert kind.kind == "memory_token"
    token = pool.stored_token(kind.kind, INTENT.token.parameters)
    assert isinstance(pool.token(kind.kind, INTENT.token.parameters), Token)
    assert pool.steps(token) == nodes[0].steps(token)
    assert pool.groundwork() is None
    nodes[0].document = Document(content=b"{}", url="https://meta.example/m/x")
    assert pool.document_of(token) == nodes[0].document
    assert pool.predicted(INTENT) == nodes[0].predicted(INTENT)
    assert pool.curve is Curve.SECP256K1
    assert pool.network == nodes[0].network
    assert asked(*nodes) == [0, 0]


def test_a_mistake_of_ours_is_no_bad_news_of_the_node():
    pool, (one, two) = a_pool(2)
    one.says["plan"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        pool.plan(INTENT)
    assert two.asked["plan"] == 0
    assert pool.slot_terms(INTENT) == NonceLine(taken=0)


def test_every_method_that_asks_is_in_these_tests():
    assert {*QUESTIONS, "submit"} == set(ASKED)


@pytest.mark.parametrize(
    ("urls", "min_sources", "words"),
    [
        ((), 1, "no node"),
        (("http://a", "http://a"), 1, "twice"),
        (("http://a", "http://b", "HTTP://me:secret@A.:80/?#x"), 1, "twice"),
        (("http://a", "http://b"), 3, "wants 3 nodes to agree, and has 2"),
    ],
)
def test_nodes_that_could_never_agree_are_a_mistake_of_configuration(urls, min_sources, words):
    network = evolve(a_network(), min_sources=min_sources)
    with pytest.raises(ValueError, match=words):
        connect(network, [(Endpoint(url=url), MemoryChain()) for url in urls])


def test_no_secret_of_a_node_is_shown():
    network, endpoint = a_network(), Endpoint(url="https://node.example/v3/secret", token="secret")
    pool = connect(network, [(endpoint, MemoryChain())])
    assert "secret" not in repr(pool)
    (report,) = pool.report()
    assert report.name == "node.example"
