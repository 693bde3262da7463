"""A server that waits for slow clients, but not for ever."""

import contextlib
import socket
import threading
import time

import pytest
import uvicorn

from entrypoints.devnet.processes import free_port
from entrypoints.http.protocol import ImpatientProtocol


class Impatient(ImpatientProtocol):
    head_seconds = 0.3


async def application(scope, receive, send):
    del receive
    if scope["type"] == "http":
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port():
    port = free_port()
    config = uvicorn.Config(
        application, port=port, http=Impatient, lifespan="off", log_config=None, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield port
    server.should_exit = True
    thread.join(10)


@contextlib.contextmanager
def connected(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        yield connection


WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_client_that_says_nothing_is_cut(port):
    with connected(port) as connection:
        assert connection.recv(100) == b""


def test_a_client_that_sends_half_a_head_is_cut(port):
    with connected(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert connection.recv(100) == b""


def test_dribbling_does_not_help(port):
    with connected(port) as connection:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            connection.sendall(b"GET / HTTP/1.1\r\nX: ")
            while time.monotonic() - began < 5:
                connection.sendall(b"a")
                time.sleep(0.05)
            pytest.fail("the connection was kept")


def test_a_whole_request_is_answered_and_the_next_one_has_its_own_deadline(port):
    with connected(port) as connection:
        for _ in range(2):
            connection.sendall(WHOLE)
            answer = b""
            while not answer.endswith(b"ok"):
                answer += connection.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HT")
        assert connection.recv(100) == b""
