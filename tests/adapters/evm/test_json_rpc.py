"""Nodes that dawdle, babble, send one elsewhere, or nest; what the line itself does is told in
`tests/adapters/algorand/test_line.py`."""

import json
from datetime import timedelta

import pytest

from adapters.evm.json_rpc import LARGE_SIZE, USUAL_SIZE, Node, RpcError
from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint
from tests.adapters.odd_servers import EMPTY, OK, a_server, drips, says


def of_length(body):
    return OK + b"Content-Length: %d\r\n\r\n" % len(body) + body


def answers(**content):
    return says(of_length(json.dumps({"jsonrpc": "2.0", "id": 0, **content}).encode()))


def a_node(server, seconds=5.0, **options):
    return Node(Endpoint(**{"url": server.url} | options), timedelta(seconds=seconds))


def test_a_question_is_json_rpc_and_its_answer_the_result():
    with a_server(answers(result="0x7a69")) as server:
        node = a_node(server)
        assert node.request("eth_chainId") == "0x7a69"
        assert node.request("eth_call", {"to": "0x00"}, "0x1") == "0x7a69"
    # On one connection: the body of the first stands before the second's head.
    first, second = server.heads[:2]
    assert len(server.connections) == 1
    assert first.startswith(b"POST / HTTP/1.1\r\n")
    assert b"Content-Type: application/json\r\n" in first
    asked = json.loads(second.partition(b"POST")[0])
    assert (asked["method"], asked["params"]) == ("eth_chainId", [])


def test_an_error_is_the_nodes_own_word():
    error = {"code": -32000, "message": "nonce too low", "data": "0x01"}
    with a_server(answers(error=error)) as server, pytest.raises(RpcError) as raised:
        a_node(server).request("eth_sendRawTransaction", "0x00")
    told = raised.value
    assert (told.code, told.said.words, told.data) == (-32000, "nonce too low", "0x01")


@pytest.mark.parametrize(
    ("beginning", "drop"),
    [
        (OK + b"Content-Length: 100000\r\n\r\n", b" "),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (OK, b"x"),
        (b"HTTP/1.1 200 O", b"O"),
    ],
    ids=["body", "chunks", "head", "status"],
)
def test_a_node_that_trickles_holds_nobody_for_ever(beginning, drop):
    with (
        a_server(drips(beginning, drop)) as server,
        pytest.raises(ChainUnavailableError, match="TimeoutError"),
    ):
        a_node(server, 0.3).request("eth_chainId")


@pytest.mark.parametrize(
    ("method", "most"), [("eth_getCode", USUAL_SIZE), ("eth_getLogs", LARGE_SIZE)]
)
def test_an_answer_has_a_largest_size(method, most):
    frame = len(b'{"result":""}')
    with a_server(says(of_length(b'{"result":"%s"}' % (b"x" * (most - frame))))) as server:
        assert len(a_node(server, 60).request(method)) == most - frame
    with (
        a_server(says(of_length(b'{"result":"%s"}' % (b"x" * (most - frame + 1))))) as server,
        pytest.raises(ChainUnavailableError, match="TooLongError"),
    ):
        a_node(server, 60).request(method)


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_stays(status):
    with a_server(says(EMPTY)) as other:
        answer = f"HTTP/1.1 {status} There\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n"
        with a_server(says(answer.encode())) as server:
            with pytest.raises(ChainUnavailableError, match=f"status {status}$"):
                a_node(server, token="a-token").request("eth_chainId")
            assert b"Authorization: Bearer a-token\r\n" in server.heads[0]
        assert not other.connections


@pytest.mark.parametrize(
    "body",
    [b"", b"no JSON", b"[" * 100_000, b'{"jsonrpc": "2.0"}', b"[]", b"\xff"],
    ids=["empty", "words", "nested", "neither", "list", "bytes"],
)
def test_what_is_not_json_rpc_is_no_answer(body):
    with a_server(says(of_length(body))) as server, pytest.raises(ChainUnavailableError):
        a_node(server).request("eth_chainId")


@pytest.mark.parametrize(
    "behave", [says(b"", and_goes_on=False), says(b"HTTP/1.1 500 No\r\n\r\n")]
)
def test_nothing_that_is_raised_quotes_the_url(behave):
    with a_server(behave) as server:
        place = server.url.replace("//", "//user:a-password@") + "/v3/a-key?token=a-token"
        with pytest.raises(ChainUnavailableError) as raised:
            a_node(server, 0.3, url=place).request("eth_chainId")
    error = raised.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert not [each for each in ("a-password", "a-key", "a-token") if each in str(error)]
    assert b"POST /v3/a-key?token=a-token HTTP/1.1" in server.heads[0]


def test_nobody_there_is_no_answer():
    with a_server(says(EMPTY)) as server:
        port = server.port
    with pytest.raises(ChainUnavailableError, match="ConnectionRefusedError"):
        Node(Endpoint(url=f"http://127.0.0.1:{port}"), timedelta(seconds=1)).request("eth_chainId")
