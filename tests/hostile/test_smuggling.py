"""Where one request ends and the next begins: a proxy in front must have no reason to differ.

Each line is sent to a server as `serve` has it; what reaches the application is told.
"""

import asyncio
import socket
import threading
import time

import pytest
import uvicorn

from entrypoints.commands.serve import listening
from entrypoints.devnet.processes import free_port
from entrypoints.http.protocol import ImpatientProtocol


class Told:
    """An application that answers with what it was asked, and remembers it."""

    def __init__(self):
        self.seen = []
        self.wait = threading.Event()
        self.wait.set()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})
            return
        await asyncio.to_thread(self.wait.wait)
        body, is_whole = b"", False
        while not is_whole:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.seen.append((scope["method"], scope["path"], None))
                return
            body += message["body"]
            is_whole = not message["more_body"]
        self.seen.append((scope["method"], scope["path"], body))
        self.headers = scope["headers"]
        answer = f"{scope['method']} {scope['path']}".encode() + b" " + body
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": answer})


class Quick(ImpatientProtocol):
    head_seconds = 1.0


@pytest.fixture(scope="module")
def served():
    told, port = Told(), free_port()
    config = listening(told, "127.0.0.1", port)
    config.http = Quick
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield told, port
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def told(served):
    served[0].seen.clear()
    served[0].wait.set()
    return served[0]


@pytest.fixture
def ask(served, told):
    def asked(*pieces, pause=0.05, seconds=0.3):
        """All that comes back, until nothing more comes."""
        with socket.create_connection(("127.0.0.1", served[1]), timeout=5) as connection:
            answer = b""
            try:
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause)
                connection.settimeout(seconds)
                while more := connection.recv(65_536):
                    answer += more
            except (TimeoutError, ConnectionError):
                return answer, False
            return answer, True

    return asked


def statuses(answer):
    return [each.split(b" ", 1)[0] for each in answer.split(b"HTTP/1.1 ")[1:]]


HEAD = b"POST /first HTTP/1.1\r\nHost: x\r\n"
SECOND = b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 5",
        b"Content-Length: 5, 5",
        b"Content-Length: 5 5",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Content-Length: 5_0",
        b"Content-Length:",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length : 5",
        b"Content-Length: 1\r\n 5",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: identity, chunked",
        b'Transfer-Encoding: "chunked"',
        b"Transfer-Encoding: chunked;q=1",
        b"Transfer-Encoding:\x0bchunked",
        b"Transfer-Encoding\t: chunked",
        b"Transfer-Encoding:\r\n chunked",
        b" Transfer-Encoding: chunked",
        b"X: y\n Transfer-Encoding: chunked",
        b"X: y\nTransfer-Encoding: chunked",
        b"X: y\rTransfer-Encoding: chunked",
        b"X: y\x00",
        b"X: y\x01",
        b"X: y\x7f",
        b"X\x00: y",
        b"X\xff: y",
        b"X y: z",
        b"(X): y",
        b": y",
        b"no colon",
        b"Host: y",
    ],
)
def test_a_head_that_may_be_read_in_two_ways_is_read_in_none(told, ask, fields):
    answer, is_closed = ask(HEAD + fields + b"\r\n\r\n0\r\n\r\n" + SECOND)
    assert told.seen == []
    assert statuses(answer) in ([b"400"], [b"501"])
    assert is_closed


@pytest.mark.parametrize(
    "line",
    [
        b"GET /first",
        b"GET /first HTTP/0.9",
        b"GET /first HTTP/1.2",
        b"GET /first HTTP/2.0",
        b"GET /first http/1.1",
        b"GET /first RTSP/1.0",
        b"SOURCE /first ICE/1.0",
        b"GET /first HTTP/1.1 ",
        b"GET /fi rst HTTP/1.1",
        b"GET /f\xc3\xa9 HTTP/1.1",
        b"GET /f\x00 HTTP/1.1",
        b"GET /f\t HTTP/1.1",
        b"GET\t/first HTTP/1.1",
        b" GET /first HTTP/1.1",
        b"get /first HTTP/1.1",
        b"NOTHING /first HTTP/1.1",
        b"PRI * HTTP/2.0",
    ],
)
def test_a_line_that_is_no_request_reaches_nobody(told, ask, line):
    answer, is_closed = ask(line + b"\r\nHost: x\r\n\r\n" + SECOND)
    assert told.seen == []
    assert statuses(answer) in ([b"400"], [b"501"], [b"505"])
    assert is_closed


@pytest.mark.parametrize(
    "head",
    [b"GET /first HTTP/1.1\r\n\r\n", b"GET /first HTTP/1.1\nHost: x\n\n",
     b"GET /first HTTP/1.1\r\nHost: x\n\r\n", b"GET /first HTTP/1.1\r\nHost: x\r\n\n",
     b"GET /first HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
)  # fmt: skip
def test_nor_does_one_without_what_it_must_have(told, ask, head):
    answer, is_closed = ask(head + SECOND)
    assert told.seen == []
    assert statuses(answer) == [b"400"]
    assert is_closed


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "body",
    [b"2\n{}\n0\n\n", b"2 \r\n{}\r\n0\r\n\r\n", b"2\r\n{}xx0\r\n\r\n", b"2\r\n{}0\r\n\r\n",
     b"2\r\n{}\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n",
     b"fffffffffffffffff\r\n{}", b"2;a\nb\r\n{}\r\n0\r\n\r\n", b"2;\x00\r\n{}\r\n0\r\n\r\n",
     b"2\r{}\r\n0\r\n\r\n", b"0\r\nX: y\n\r\n", b"0\r\n\n", b"2\r\n{}\r\n0\r\nX y\r\n\r\n"],
)  # fmt: skip
def test_half_a_body_is_none(told, ask, body):
    answer, is_closed = ask(CHUNKED + body + SECOND)
    assert told.seen in ([], [("POST", "/first", None)])
    assert statuses(answer) == [b"400"]
    assert is_closed


def test_what_stands_behind_a_body_is_no_header(told, ask):
    answer, _ = ask(CHUNKED + b"2;a=b\r\n{}\r\n0\r\nAuthorization: Bearer x\r\nHost: y\r\n\r\n")
    assert told.seen == [("POST", "/first", b"{}")]
    assert statuses(answer) == [b"200"]
    assert [name for name, _ in told.headers] == [b"host", b"transfer-encoding"]


def test_blanks_around_a_value_are_not_of_it(told, ask):
    ask(b"GET / HTTP/1.1\r\nHost: x\r\nX: \t y z \t\r\nEmpty:\r\nBlank:  \r\n\r\n")
    assert told.headers == [(b"host", b"x"), (b"x", b"y z"), (b"empty", b""), (b"blank", b"")]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_packets_say_nothing(told, ask, size):
    sent = (
        b"\r\n" + HEAD + b"Content-Length: 2\r\n\r\n{}" + SECOND
        + CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n"
    )  # fmt: skip
    pieces = [sent[begin : begin + size] for begin in range(0, len(sent), size)]
    answer, _ = ask(*pieces, pause=0.001)
    assert statuses(answer) == [b"200"] * 3
    assert told.seen == [
        ("POST", "/first", b"{}"), ("GET", "/second", b""), ("POST", "/first", b"abcde"),
    ]  # fmt: skip


def test_answers_keep_the_order_of_the_requests(told, ask):
    told.wait.clear()
    threading.Timer(0.2, told.wait.set).start()
    lines = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(100))
    answer, is_closed = ask(lines, seconds=1)
    assert [path for _, path, _ in told.seen] == [f"/{number}" for number in range(100)]
    assert statuses(answer) == [b"200"] * 100
    assert answer.index(b"GET /7 ") < answer.index(b"GET /99 ")
    assert not is_closed


def test_an_answer_to_rubbish_comes_after_that_to_what_is_before_it(told, ask):
    """Or the first request, which was done, would be told that it was not."""
    told.wait.clear()
    threading.Timer(0.2, told.wait.set).start()
    answer, is_closed = ask(SECOND + b"rubbish\r\n\r\n" + SECOND, seconds=1)
    assert statuses(answer)[0] == b"200"
    assert statuses(answer)[1:] in ([b"400"], [b"501"])
    assert told.seen == [("GET", "/second", b"")]
    assert is_closed


def test_what_comes_behind_the_last_request_is_not_read(told, ask):
    last = b"GET /first HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer, is_closed = ask(last + SECOND)
    assert told.seen == [("GET", "/first", b"")]
    assert statuses(answer) == [b"200"]
    assert b"connection: close" in answer.lower()
    assert is_closed


def test_what_comes_at_once_behind_a_body_in_chunks_is_not_read(told, ask):
    """Nobody says where it begins; whoever sent it asks again."""
    answer, is_closed = ask(CHUNKED + b"2\r\n{}\r\n0\r\n\r\n" + SECOND)
    assert told.seen == [("POST", "/first", b"{}")]
    assert statuses(answer) == [b"200"]
    assert is_closed


@pytest.mark.parametrize(
    "wish", [b"Upgrade: h2c", b"Upgrade: websocket\r\nSec-WebSocket-Key: x", b"Upgrade: x"]
)
def test_a_wish_for_another_protocol_changes_no_length(told, ask, wish):
    """The parser leaves what follows to the other protocol: the body would be the next request."""
    wishing = b"Connection: Upgrade\r\n" + wish + b"\r\n"
    body = SECOND
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    chunks = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for pieces in (
        (HEAD + wishing + length + body,),
        (HEAD + wishing + length, body),
        (HEAD + wishing + chunks,),
        (HEAD + wishing + chunks[:35], chunks[35:]),
    ):
        told.seen.clear()
        answer, is_closed = ask(*pieces)
        assert told.seen == [("POST", "/first", body)]
        assert statuses(answer) == [b"200"]
        assert not is_closed
    told.seen.clear()
    answer, _ = ask(b"GET /first HTTP/1.1\r\nHost: x\r\n" + wishing + b"\r\n" + SECOND)
    assert told.seen == [("GET", "/first", b""), ("GET", "/second", b"")]
    assert statuses(answer) == [b"200", b"200"]


def test_behind_a_connect_nothing_is_read(told, ask):
    head = b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(SECOND)
    answer, is_closed = ask(head + SECOND, SECOND)
    assert told.seen == [("CONNECT", "x:1", b"")]
    assert len(statuses(answer)) == 1
    assert is_closed


def test_a_target_is_handed_on_as_it_was_sent(told, ask):
    """The host of an absolute one is not left out: no document host is got around by it."""
    for target, path in [
        (b"http://other/first", "http://other/first"), (b"//other/first", "//other/first"),
        (b"/first#x", "/first#x"), (b"*", "*"), (b"/%66irst?a=%66", "/first"),
    ]:  # fmt: skip
        told.seen.clear()
        ask(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n", seconds=0.1)
        assert told.seen == [("GET", path, b"")]


@pytest.mark.parametrize(
    "flood",
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"y" * 1000),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n" * 100),
        (b"GET /", b"y" * 1000),
        (b"", b"\r\n" * 1000),
        (CHUNKED + b"2\r\n{}\r\n0\r\nX: ", b"y" * 1000),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n" * 100),
        (CHUNKED + b"2;", b"y" * 1000),
    ],
)
def test_heads_trailers_and_extensions_have_an_end(told, ask, flood):
    began, drop = flood
    answer, is_closed = ask(began, *[drop] * 100, pause=0)
    assert is_closed or answer == b""
    assert statuses(answer) in ([], [b"431"], [b"400"])
    assert told.seen in ([], [("POST", "/first", None)])


def test_a_head_in_one_packet_has_the_same_end(told, ask):
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000 + b"\r\n\r\n"
    answer, is_closed = ask(head)
    assert told.seen == []
    assert statuses(answer) == [b"431"]
    assert is_closed


def test_a_long_head_within_the_limit_is_read(told, ask):
    answer, _ = ask(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 30_000 + b"\r\n\r\n")
    assert statuses(answer) == [b"200"]


def test_a_body_that_nobody_waits_for_is_expected_when_it_is_asked_for(told, ask):
    head = HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    answer, _ = ask(head, b"{}")
    assert statuses(answer) == [b"100", b"200"]
    assert told.seen == [("POST", "/first", b"{}")]
