"""A node comes back with its chain; a proxy before it breaks what it was told to, and no more."""

import pytest

from entrypoints.devnet.anvil import FIRST_ADDRESS, Anvil, JsonRpcError, call
from entrypoints.devnet.json_rpc_proxy import (
    ALREADY_KNOWN,
    NONCE_TOO_LOW,
    answer_error,
    answer_result,
    answer_status,
    delay,
    disconnect_mid_answer,
    drop_after_forward,
    drop_before_forward,
    duplicate,
    mutate,
)

METHOD = "eth_chainId"
CHAIN_ID = "0x7a69"


def test_a_stopped_node_comes_back_with_its_chain(tmp_path):
    with Anvil(state=tmp_path / "state.json") as node:
        node.call("evm_mine")
        node.stop()
        node.start()
        assert node.call("eth_blockNumber") == "0x1"


def test_a_killed_hard_node_comes_back_with_a_block_of_its_past(hard_anvil):
    gift = {"from": FIRST_ADDRESS, "to": FIRST_ADDRESS, "value": "0x1"}
    hard_anvil.call("eth_sendTransaction", gift)
    while hard_anvil.call("eth_blockNumber") in {"0x0", "0x1", "0x2"}:
        pass
    before = int(hard_anvil.call("eth_blockNumber"), 16)
    hard_anvil.kill()
    hard_anvil.start()
    assert 0 < int(hard_anvil.call("eth_blockNumber"), 16) <= before + 1


def test_a_node_has_what_it_was_asked_to_final_at_once(anvil):
    anvil.call("evm_mine")
    final = anvil.call("eth_getBlockByNumber", "finalized", False)
    assert final["number"] == anvil.call("eth_blockNumber")


@pytest.mark.parametrize("profile", ["fast", "hard"])
def test_a_node_leaves_nothing_in_the_home_of_whoever_runs_it(monkeypatch, tmp_path, profile):
    monkeypatch.setenv("HOME", str(tmp_path))
    with Anvil(profile=profile) as node:
        # Beyond 500 blocks anvil lays the oldest states into files, unless it is told to prune.
        node.call("anvil_mine", hex(700))
        node.call("anvil_mine", hex(2))
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


def test_a_fast_node_forgets_old_states():
    with Anvil() as node:
        node.call("anvil_mine", hex(600))
        assert node.call("eth_getBalance", FIRST_ADDRESS, hex(500)) != "0x0"
        with pytest.raises(JsonRpcError):
            node.call("eth_getBalance", FIRST_ADDRESS, hex(100))


@pytest.mark.parametrize(
    ("fault", "forwarded"),
    [
        (drop_before_forward(), 0),
        (drop_after_forward(), 1),
        (disconnect_mid_answer(), 1),
        (answer_status(503), 0),
        (answer_status(503, after_forward=True), 1),
    ],
)
def test_a_fault_hides_the_answer(anvil_proxy, fault, forwarded):
    rule = anvil_proxy.add(METHOD, fault, times=1)
    with pytest.raises(Exception, match=r"closed|reset|IncompleteRead|503"):
        call(anvil_proxy.url, METHOD)
    assert (rule.hits, anvil_proxy.forwarded[METHOD]) == (1, forwarded)
    assert call(anvil_proxy.url, METHOD) == CHAIN_ID


@pytest.mark.parametrize(
    ("fault", "forwarded"),
    [
        (answer_error(*NONCE_TOO_LOW), 0),
        (answer_error(*ALREADY_KNOWN, after_forward=True), 1),
    ],
)
def test_a_fault_answers_with_an_error(anvil_proxy, fault, forwarded):
    anvil_proxy.add(METHOD, fault, times=1)
    with pytest.raises(JsonRpcError, match=r"known|too low"):
        call(anvil_proxy.url, METHOD)
    assert anvil_proxy.forwarded[METHOD] == forwarded


@pytest.mark.parametrize(
    ("fault", "answer", "forwarded"),
    [
        (delay(0.01), CHAIN_ID, 1),
        (duplicate(), CHAIN_ID, 2),
        (answer_result("0x1"), "0x1", 0),
        (mutate(lambda answer: {**answer, "result": "0x2"}), "0x2", 1),
    ],
)
def test_a_fault_changes_the_answer(anvil_proxy, fault, answer, forwarded):
    anvil_proxy.add(METHOD, fault, times=1)
    assert call(anvil_proxy.url, METHOD) == answer
    assert anvil_proxy.forwarded[METHOD] == forwarded


def test_a_rule_waits_for_its_call(anvil_proxy):
    rule = anvil_proxy.add(
        "eth_getBalance", answer_result("0x0"), when=lambda p: p[1] == "pending"
    )
    assert call(anvil_proxy.url, "eth_getBalance", FIRST_ADDRESS, "latest") != "0x0"
    assert call(anvil_proxy.url, "eth_getBalance", FIRST_ADDRESS, "pending") == "0x0"
    assert rule.hits == 1
    anvil_proxy.clear()
    assert call(anvil_proxy.url, "eth_getBalance", FIRST_ADDRESS, "pending") != "0x0"
