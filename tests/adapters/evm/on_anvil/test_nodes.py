"""Nodes that are silent, lie, lag, or belong to another chain."""

from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from attrs import evolve
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from adapters.evm import connect
from adapters.evm import nodes as nodes_module
from adapters.evm.development import NotADevelopmentNodeError, fund
from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.nodes import Endpoint
from domain.operation import (
    AttemptRole,
    Final,
    Hint,
    InPool,
    NotSeen,
    Postponed,
    SignedTransaction,
    TransactionId,
    Verdict,
    WaitReason,
)
from entrypoints.devnet.anvil import Anvil
from entrypoints.devnet.json_rpc_proxy import (
    ALREADY_KNOWN,
    NONCE_TOO_LOW,
    UNDERPRICED,
    answer_error,
    answer_result,
    answer_status,
    disconnect_mid_answer,
    drop_after_forward,
    drop_before_forward,
)
from tests.adapters.evm.on_anvil.world import CEILING

SHORT = timedelta(seconds=0.3)
SEND = "eth_sendRawTransaction"
NOBODY = "http://127.0.0.1:9"

#: Every method of the port that asks a node, by name.
QUESTIONS = {
    "plan": lambda chain, world, intent, slot: chain.plan(intent),
    "preflight": lambda chain, world, intent, slot: chain.preflight(intent, CEILING),
    "outcome": lambda chain, world, intent, slot: chain.outcome(slot),
    "effect_of": lambda chain, world, intent, slot: chain.effect_of(intent),
    "read_back": lambda chain, world, intent, slot: chain.read_back(
        intent, chain.predicted(intent)
    ),
    "head": lambda chain, world, intent, slot: chain.head(),
    "block_at": lambda chain, world, intent, slot: chain.block_at(0),
    "signer_state": lambda chain, world, intent, slot: chain.signer_state(world.sender),
}


@pytest.fixture
def met(world, proxy):
    """A chain behind the proxy, whose node has shown its chain id."""
    chain = world.seen_through(proxy.url, answer_within=SHORT)
    for _ in range(10):
        # So short a patience ends on a busy machine, too.
        with suppress(ChainUnavailableError):
            chain.head()
            return chain
    raise AssertionError("the node does not answer")


# Submissions


@pytest.mark.parametrize(
    "fault",
    [
        drop_after_forward(),
        drop_after_forward(hang_seconds=0.5),
        disconnect_mid_answer(),
        answer_status(503, after_forward=True),
        answer_error(-32005, "limit exceeded", after_forward=True),
    ],
    ids=["dropped", "timed out", "half an answer", "503", "rate limit"],
)
def test_accepted_and_never_told_is_unknown_and_the_same_bytes_again_are_known(
    world, proxy, met, fault
):
    slot, transaction = world.attempted(world.intent(), world.slot())
    proxy.add(SEND, fault, times=1)
    assert met.submit(transaction).verdict is Verdict.UNKNOWN
    assert met.outcome(slot) == InPool(transaction.id)
    assert met.submit(transaction).verdict is Verdict.ALREADY_KNOWN
    world.finalise()
    assert isinstance(met.outcome(slot), Final)
    assert met.submit(transaction).verdict is Verdict.ALREADY_KNOWN


def test_never_heard_of_is_unknown_and_the_same_bytes_again_are_accepted(world, proxy, met):
    slot, transaction = world.attempted(world.intent(), world.slot())
    proxy.add(SEND, drop_before_forward(), times=1)
    assert met.submit(transaction).verdict is Verdict.UNKNOWN
    assert met.outcome(slot) == NotSeen()
    assert met.submit(transaction).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("answer", "verdict", "hint"),
    [
        (ALREADY_KNOWN, Verdict.ALREADY_KNOWN, Hint.NONE),
        (NONCE_TOO_LOW, Verdict.UNKNOWN, Hint.SLOT_TAKEN),
        (UNDERPRICED, Verdict.UNKNOWN, Hint.UNDERPRICED),
        ((-32000, "insufficient funds"), Verdict.UNKNOWN, Hint.UNFUNDED),
        ((-32000, "nonce too high"), Verdict.UNKNOWN, Hint.GAP_BELOW),
        ((-32000, "exceeds block gas limit"), Verdict.REJECTED, Hint.NONE),
        ((-32000, "no"), Verdict.UNKNOWN, Hint.NONE),
    ],
)
def test_a_nodes_words_reach_the_application_as_their_meaning(
    world, proxy, met, answer, verdict, hint
):
    _, transaction = world.attempted(world.intent(), world.slot())
    proxy.add(SEND, answer_error(*answer), times=1)
    said = met.submit(transaction)
    assert (said.verdict, said.hint, said.detail) == (verdict, hint, answer[1])


def test_a_real_nodes_own_words_are_in_the_table(world):
    """Not the double's words but those of the node that development runs on."""
    intent, slot = world.intent(), world.slot()
    _, cheap = world.attempted(intent, slot)
    first, dear = world.attempted(intent, world.attempted(intent, slot)[0])
    assert world.chain.submit(dear).verdict is Verdict.ACCEPTED
    assert world.chain.submit(dear).verdict is Verdict.ALREADY_KNOWN
    assert world.chain.submit(cheap).hint is Hint.UNDERPRICED
    world.mine()
    assert world.chain.submit(cheap).hint is Hint.SLOT_TAKEN
    world.anvil.call("anvil_setBalance", world.sender, "0x1")
    world.mine()
    _, unpaid = world.attempted(world.intent(), world.slot())
    assert world.chain.submit(unpaid).hint is Hint.UNFUNDED
    assert first.attempts


def test_bytes_that_are_no_transaction_are_not_accepted(world):
    nonsense = SignedTransaction(id=TransactionId("0x" + "00" * 32), raw=b"\x02nonsense")
    assert world.chain.submit(nonsense).verdict is Verdict.UNKNOWN


def test_a_node_that_names_another_id_is_not_believed(world, proxy, met):
    _, transaction = world.attempted(world.intent(), world.slot())
    proxy.add(SEND, answer_result("0x" + "cd" * 32))
    assert met.submit(transaction).verdict is Verdict.UNKNOWN


def test_bytes_that_never_left_are_not_an_unknown_submission(world, proxy):
    """Whoever asks another node next must know whether this one may spread them."""
    _, transaction = world.attempted(world.intent(), world.slot())
    with pytest.raises(ChainUnavailableError):
        world.seen_through(NOBODY, answer_within=SHORT).submit(transaction)
    proxy.add("eth_chainId", answer_error(-32603, "internal error"))
    with pytest.raises(ChainUnavailableError):
        world.seen_through(proxy.url).submit(transaction)
    assert proxy.received[SEND] == 0


# Questions


@pytest.mark.parametrize("question", QUESTIONS)
def test_silence_is_unavailable_and_nothing_else(world, question):
    intent, (slot, _) = world.intent(), world.attempted(world.intent(), world.slot())
    silent = world.seen_through(NOBODY, answer_within=SHORT)
    with pytest.raises(ChainUnavailableError):
        QUESTIONS[question](silent, world, intent, slot)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    "fault",
    [
        answer_status(502),
        answer_error(-32603, "internal error"),
        answer_result({"unexpected": "shape"}),
        answer_result("0xzz"),
        answer_result([]),
        answer_result(7),
    ],
    ids=["502", "error", "an object", "no number", "a list", "a number"],
)
def test_an_answer_that_cannot_be_read_is_no_answer(world, proxy, met, question, fault):
    intent = world.intent()
    slot = world.deployed(intent)
    proxy.add("*", fault)
    with pytest.raises(ChainUnavailableError):
        QUESTIONS[question](met, world, intent, slot)


def test_what_a_contract_answers_is_told_in_words_fit_to_be_kept(world, proxy):
    intent, key = world.intent(), "0123456789abcdef0123456789abcdef"
    world.deployed(intent)
    name = encode(["string"], [f"bad\0{key}" + "x" * 10_000])
    selector = "0x" + keccak(text="name()")[:4].hex()
    answer = answer_result("0x" + name.hex())
    proxy.add("eth_call", answer, when=lambda asked: asked[0]["data"] == selector)
    chain = world.seen_through(proxy.url.replace("//", f"//who:{key}@"))
    (difference,) = chain.read_back(intent, chain.predicted(intent))
    assert difference.startswith(f"name: planned {intent.token.name}, found bad……xxx")
    assert len(difference) == 500


def test_prepare_needs_a_node_too(world):
    intent, slot = world.intent(), world.slot()
    silent = world.seen_through(NOBODY, answer_within=SHORT)
    with pytest.raises(ChainUnavailableError):
        silent.prepare(intent, slot, AttemptRole.EFFECT, CEILING)


def test_a_nodes_url_never_shows_in_an_error(world):
    chain = world.seen_through("http://127.0.0.1:9/v2/secret-key", answer_within=SHORT)
    with pytest.raises(ChainUnavailableError) as caught:
        chain.head()
    assert "secret-key" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_block_is_none_and_not_an_error(world):
    assert world.chain.block_at(10_000) is None
    head = world.chain.head()
    assert world.chain.block_at(head.final.number) == head.final
    assert world.chain.block_at(head.latest.number) == head.latest


def test_a_simulation_that_reverts_after_all_is_not_signed(world):
    intent = world.intent()
    world.deployed(intent)
    postponed = world.chain.prepare(intent, world.slot(), AttemptRole.EFFECT, CEILING)
    assert isinstance(postponed, Postponed)
    assert postponed.reason is WaitReason.UNKNOWN_OUTCOME


# Another chain


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_node_of_another_chain_is_named_before_it_is_asked(world, question):
    intent, slot = world.intent(), world.slot()
    with Anvil(chain_id=8453) as other:
        chain = world.seen_through(other.url)
        with pytest.raises(WrongChainError, match="chain 8453"):
            QUESTIONS[question](chain, world, intent, slot)


def test_nothing_is_sent_to_a_node_of_another_chain(world, proxy):
    _, transaction = world.attempted(world.intent(), world.slot())
    proxy.add("eth_chainId", answer_result("0x1"))
    with pytest.raises(WrongChainError):
        world.seen_through(proxy.url).submit(transaction)
    assert proxy.received[SEND] == 0


@pytest.mark.parametrize("role", [AttemptRole.EFFECT, AttemptRole.FILL])
def test_nothing_is_drafted_by_the_word_of_a_node_of_another_chain(world, proxy, role):
    intent, slot = world.intent(), world.slot()
    stranger = world.seen_through(proxy.url)
    proxy.add("eth_chainId", answer_result("0x1"))
    with pytest.raises(WrongChainError):
        stranger.prepare(intent, slot, role, CEILING)
    with pytest.raises(WrongChainError):
        stranger.slot_terms(intent)
    assert set(proxy.received) == {"eth_chainId"}


def test_a_node_that_changes_its_chain_while_the_line_is_down_is_noticed(world, proxy, met):
    proxy.add("eth_getBlockByNumber", drop_before_forward(), times=1)
    with pytest.raises(ChainUnavailableError):
        met.head()
    proxy.add("eth_chainId", answer_result("0x1"))
    with pytest.raises(WrongChainError):
        met.head()


def test_a_node_that_changes_its_chain_unnoticed_is_met_again_soon(world, proxy, met, monkeypatch):
    proxy.add("eth_chainId", answer_result("0x1"))
    met.head()
    monkeypatch.setattr(nodes_module, "MEET_AGAIN_AFTER_SECONDS", 0.0)
    with pytest.raises(WrongChainError):
        met.head()


def test_the_chain_id_is_not_asked_with_every_question(world, proxy, met):
    for _ in range(5):
        met.head()
    assert proxy.received["eth_chainId"] == 1


# Money for development


def test_funding_adds_to_what_is_there(world):
    before = world.chain.signer_state(world.sender).balance
    fund(world.anvil.url, world.sender, 7)
    assert world.chain.signer_state(world.sender).balance == before + 7


def test_a_node_that_makes_no_money_gives_from_an_unlocked_account(world, proxy):
    proxy.add("anvil_setBalance", answer_error(-32601, "method not found"))
    before = world.chain.signer_state(world.sender).balance
    fund(proxy.url, world.sender, 7)
    world.mine()
    assert world.chain.signer_state(world.sender).balance == before + 7


def test_a_real_node_gives_nothing(world, proxy):
    proxy.add("anvil_setBalance", answer_error(-32601, "method not found"))
    proxy.add("eth_accounts", answer_result([]))
    with pytest.raises(NotADevelopmentNodeError):
        fund(proxy.url, world.sender, 7)
    proxy.clear()
    proxy.add("*", drop_before_forward())
    with pytest.raises(ChainUnavailableError):
        fund(proxy.url, world.sender, 7)


def test_a_network_of_another_family_cannot_be_connected_to(world):
    with pytest.raises(ValueError, match="not an EVM network"):
        evolve(world, network=evolve(world.network, id="algorand:x")).seen_through(NOBODY)


# A node's token


def test_a_token_is_sent_with_every_question_and_shown_to_nobody(world):
    with Listener() as listener:
        endpoint = Endpoint(url=listener.url, token="a-secret")
        chain = connect(world.network, endpoint, world.installation)
        with pytest.raises(ChainUnavailableError) as caught:
            chain.head()
    assert listener.headers["Authorization"] == "Bearer a-secret"
    assert listener.headers["Content-Type"] == "application/json"
    assert "a-secret" not in f"{caught.value} {chain!r}"
    assert caught.value.__cause__ is None


class Listener:
    """Hears one request and refuses it."""

    def __enter__(self):
        heard = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                heard.headers = dict(self.headers)
                self.send_error(401)

            def log_message(self, *_):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
