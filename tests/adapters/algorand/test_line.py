"""Servers that dawdle, babble, send one elsewhere, hang up or keep the line."""

import base64
import gc
import json
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from algosdk.v2client.algod import AlgodClient
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from adapters.algorand.node import AnswerError, Node, UnreachableError
from adapters.line import KEPT_SECONDS, Line, NotSentError
from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint
from tests.adapters.odd_servers import EMPTY, OK, a_server, drips, says

MIB = 2**20


def a_node(server, seconds=5.0, **options):
    return Node(Endpoint(**{"url": server.url} | options), timedelta(seconds=seconds))


def ask(node):
    return node.ask(AlgodClient.status)


# In time.


@pytest.mark.parametrize(
    ("beginning", "drop"),
    [
        (OK + b"Content-Length: 100000\r\n\r\n", b" "),
        (OK + b"\r\n", b" "),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (OK, b"x"),
        (b"HTTP/1.1 200 O", b"O"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["body", "endless body", "chunks", "head", "status", "continue"],
)
def test_the_time_is_for_the_whole_answer_however_it_trickles(beginning, drop):
    with a_server(drips(beginning, drop)) as server:
        began = time.monotonic()
        with pytest.raises(ChainUnavailableError, match="TimeoutError"):
            ask(a_node(server, 0.3))
        assert 0.25 < time.monotonic() - began < 1


def sips(connection):
    while connection.recv(2**16):
        time.sleep(0.005)


def test_a_server_that_reads_slowly_is_not_written_to_for_ever():
    with a_server(sips) as server:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            Line(server.url).ask("POST", "/", {}, bytes(64 * MIB), within_seconds=0.3, at_most=1)
        assert time.monotonic() - began < 1


# Nowhere else.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_stays(status):
    with a_server(says(EMPTY)) as other:
        there = other.url.replace("127.0.0.1", "localhost")
        answer = f"HTTP/1.1 {status} There\r\nLocation: {there}/x\r\nContent-Length: 0\r\n\r\n"
        with a_server(says(answer.encode())) as server:
            with pytest.raises(ChainUnavailableError, match=f"status {status}$"):
                ask(a_node(server, token="a-token"))
            assert b"X-Algo-API-Token: a-token\r\n" in server.heads[0]
        assert not other.connections


# No more than is bearable.


def of_length(size):
    return OK + b"Content-Length: %d\r\n\r\n" % size + b'"' + b"x" * (size - 2) + b'"'


def endless(size):
    return OK + b'Connection: close\r\n\r\n"' + b"x" * (size - 2) + b'"'


def in_chunks(size):
    body = b'"' + b"x" * (size - 2) + b'"'
    return OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (size, body)


@pytest.mark.parametrize("told", [of_length, endless, in_chunks])
@pytest.mark.parametrize(
    ("question", "most"),
    [
        (lambda node: node.ask(AlgodClient.status), MIB),
        (lambda node: node.ask(AlgodClient.asset_info, 7), MIB),
        (lambda node: node.ask(AlgodClient.account_info, "A"), 32 * MIB),
        (lambda node: node.ask(AlgodClient.block_info, 7), 32 * MIB),
    ],
    ids=["status", "asset", "account", "block"],
)
def test_a_body_has_a_largest_size(told, question, most):
    with a_server(says(told(most), and_goes_on=False)) as server:
        assert len(question(a_node(server))) == most - 2
    with (
        a_server(says(told(most + 1), and_goes_on=False)) as server,
        pytest.raises(ChainUnavailableError, match="TooLongError"),
    ):
        question(a_node(server))


def test_a_size_that_is_only_claimed_is_refused_without_reading():
    claim = OK + b"Content-Length: 1000000000000\r\n\r\n"
    with (
        a_server(says(claim)) as server,
        pytest.raises(ChainUnavailableError, match="TooLongError"),
    ):
        ask(a_node(server))


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 3\r\n\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_none(answer):
    """Even where what has come by then looks like one."""
    with (
        a_server(says(answer, and_goes_on=False)) as server,
        pytest.raises(ChainUnavailableError, match="IncompleteRead"),
    ):
        ask(a_node(server))


# What is told of it.


def refusing(body, status=400):
    return b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def test_a_nodes_words_have_an_end():
    with a_server(says(refusing(b'{"message": "%s"}' % (b"x" * 100_000)))) as server:
        with pytest.raises(AnswerError) as raised:
            ask(a_node(server))
        assert raised.value.said.words == "x" * 500


@pytest.mark.parametrize(
    "body",
    [
        b"<html>AKIA",
        b'"AKIA"',
        b'{"error": "AKIA"}',
        b'{"message": ["AKIA"]}',
        b"",
        b"\xff",
        b"[" * 9_999,
    ],
)
@pytest.mark.parametrize("status", [400, 404, 500])
def test_what_is_no_message_is_not_repeated(body, status):
    with a_server(says(refusing(body, status))) as server:
        with pytest.raises((AnswerError, ChainUnavailableError)) as raised:
            ask(a_node(server))
        assert str(raised.value) == f"127.0.0.1:{server.port}: status: status {status}"


def test_no_secret_is_told_even_if_the_node_repeats_it():
    secrets = "a-token", "/the/path", "a=query", "the-name", "the word"
    repeated = b'{"message": "no: %s"}' % ", ".join(secrets).encode()
    with a_server(says(refusing(repeated))) as server:
        url = f"http://the-name:the%20word@127.0.0.1:{server.port}/the/path/?a=query"
        node = a_node(server, url=url, token="a-token")
        with pytest.raises(AnswerError) as raised:
            ask(node)
        assert raised.value.said.words == "no: …, …, …, …, …"
        head = server.heads[0]
    assert b"GET /the/path/v2/status?a=query HTTP/1.1\r\n" in head
    assert b"Authorization: Basic dGhlLW5hbWU6dGhlIHdvcmQ=\r\n" in head
    assert f"Host: 127.0.0.1:{server.port}\r\n".encode() in head
    with pytest.raises(UnreachableError) as unreachable:
        ask(Node(Endpoint(url="http://the-name:word@127.0.0.1:1/the/path"), timedelta(1)))
    assert str(unreachable.value) == "127.0.0.1:1: status: ConnectionRefusedError"
    assert unreachable.value.__context__ is None


def test_a_query_of_the_url_goes_with_that_of_the_question():
    with a_server(says(EMPTY)) as server:
        a_node(server, url=f"{server.url}?key=abc").ask(AlgodClient.account_info, "A", "all")
        assert server.heads[0].startswith(b"GET /v2/accounts/A?exclude=all&key=abc HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "url",
    ["http://", "ftp://a", "http://user:pa/ss@a", "http://a:0", "http://[secret", "http:a", "//a"],
)
def test_what_is_no_address_is_refused_and_not_quoted(url):
    with pytest.raises(ValueError) as raised:
        Line(url)
    assert str(raised.value) == "the URL of a node is not one of HTTP"


# The line is kept.


def test_one_connection_is_enough_for_many_questions():
    with a_server(says(EMPTY)) as server:
        node = a_node(server)
        for _ in range(5):
            assert ask(node) == {}
        assert (len(server.heads), len(server.connections)) == (5, 1)


def test_as_many_connections_as_there_are_questions_at_once():
    together = threading.Barrier(3)

    def behave(connection):
        together.wait(5)
        connection.sendall(EMPTY)
        return True

    with a_server(behave) as server:
        node = a_node(server)
        for _ in range(2):
            threads = [threading.Thread(target=ask, args=(node,)) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert (len(server.heads), len(server.connections)) == (6, 3)


def test_a_line_that_the_server_has_given_up_is_not_used():
    with a_server(says(EMPTY)) as server:
        node = a_node(server)
        for number in range(1, 4):
            assert ask(node) == {}
            server.connections[-1].shutdown(socket.SHUT_RDWR)
            assert len(server.connections) == number


def test_what_a_server_says_unasked_answers_nothing():
    with a_server(says(EMPTY)) as server:
        node = a_node(server)
        ask(node)
        server.connections[0].sendall(OK + b"Content-Length: 4\r\n\r\n1234")
        assert ask(node) == {}
        assert len(server.connections) == 2


def test_a_line_that_was_silent_for_long_is_given_up(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with a_server(says(EMPTY)) as server:
        node = a_node(server)
        for wait, connections in ((0, 1), (KEPT_SECONDS, 1), (KEPT_SECONDS + 0.1, 2)):
            now[0] += wait
            ask(node)
            assert len(server.connections) == connections


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        OK + b"Content-Length: %d\r\n\r\n" % (2 * MIB),
    ],
)
def test_a_line_that_is_over_or_has_something_left_on_it_is_not_kept(answer):
    with a_server(says(answer)) as server:
        node = a_node(server)
        for number in (1, 2):
            with suppress(ChainUnavailableError):
                ask(node)
            assert len(server.connections) == number


def test_nothing_is_sent_twice():
    with a_server(lambda _: False) as server:
        with pytest.raises(ChainUnavailableError) as raised:
            ask(a_node(server))
        assert not isinstance(raised.value, UnreachableError)
        assert len(server.heads) == 1


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_who_is_not_needed_any_more_hangs_up():
    with a_server(says(EMPTY)) as server:
        node = a_node(server)
        ask(node)
        del node
        gc.collect()
        assert server.hung_up.wait(5)


# Nobody there.


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "https://127.0.0.1:1", "http://no.such.name.invalid", "http://a..b"]
)  # fmt: skip
def test_where_there_is_no_connection_nothing_has_left(url):
    with pytest.raises(UnreachableError):
        ask(Node(Endpoint(url=url), timedelta(seconds=5)))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The server's own word for it that it is localhost; and the file that it is in."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return file


@contextmanager
def a_tls_server(behave, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with a_server(behave, lambda sock: context.wrap_socket(sock, server_side=True)) as server:
        yield server


def test_a_server_that_shows_its_certificate_is_kept_too(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with a_tls_server(says(EMPTY), certificate) as server:
        node = a_node(server, url=f"https://localhost:{server.port}")
        assert [ask(node) for _ in range(3)] == [{}, {}, {}]
        assert (len(server.heads), len(server.connections)) == (3, 1)
        with pytest.raises(UnreachableError, match="SSLCertVerificationError"):
            ask(a_node(server, url=f"https://127.0.0.1:{server.port}"))
    with (
        a_tls_server(drips(OK + b"Content-Length: 100000\r\n\r\n"), certificate) as server,
        pytest.raises(ChainUnavailableError, match="TimeoutError"),
    ):
        ask(a_node(server, 0.5, url=f"https://localhost:{server.port}"))


def test_without_the_servers_identity_nothing_has_left(certificate):
    with a_tls_server(says(EMPTY), certificate) as server:
        with pytest.raises(UnreachableError, match="SSLCertVerificationError"):
            ask(a_node(server, url=f"https://localhost:{server.port}"))
        assert not server.heads


def test_a_handshake_has_no_more_time_than_the_rest():
    with a_server(says(b"")) as server, pytest.raises(UnreachableError, match="TimeoutError"):
        ask(a_node(server, 0.3, url=server.url.replace("http:", "https:")))


def test_a_host_of_several_addresses_is_there_if_one_of_them_is(monkeypatch):
    with a_server(says(EMPTY)) as server:
        (here,) = socket.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)
        nowhere = (*here[:4], ("127.0.0.1", 1))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [nowhere, here])
        assert ask(a_node(server)) == {}


# Proxies.


@pytest.fixture
def proxied(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def through(server, **others):
        proxy = server.url.replace("http://", "http://who:word@")
        for name, value in ({"http_proxy": proxy, "https_proxy": proxy} | others).items():
            monkeypatch.setenv(name, value)

    return through


def test_the_environments_proxy_is_asked_for_what_is_elsewhere(proxied):
    with a_server(says(EMPTY)) as server:
        proxied(server)
        node = a_node(server, url="http://user:pass@node.invalid:4001/x", token="a-token")
        assert ask(node) == ask(node) == {}
        assert len(server.connections) == 1
        head = server.heads[0]
    assert head.startswith(b"GET http://node.invalid:4001/x/v2/status HTTP/1.1\r\n")
    assert b"Host: node.invalid:4001\r\n" in head
    assert b"Proxy-Authorization: Basic d2hvOndvcmQ=\r\n" in head
    assert b"Authorization: Basic dXNlcjpwYXNz\r\n" in head


def test_what_is_here_or_exempt_is_asked_without_a_proxy(proxied):
    with a_server(says(EMPTY)) as server, a_server(says(EMPTY)) as proxy:
        proxied(proxy)
        assert ask(a_node(server)) == {}
        assert ask(a_node(server, url=f"http://localhost:{server.port}")) == {}
        proxied(proxy, no_proxy="node.invalid")
        with pytest.raises(UnreachableError):
            ask(a_node(server, url="http://node.invalid"))
        assert not proxy.heads


def test_a_proxy_is_no_party_to_tls(proxied):
    with a_server(says(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")) as server:
        proxied(server)
        with pytest.raises(UnreachableError, match="ConnectionError"):
            ask(a_node(server, url="https://node.invalid/x", token="a-token"))
        (head,) = server.heads
    assert head.startswith(b"CONNECT node.invalid:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic d2hvOndvcmQ=\r\n" in head
    assert b"a-token" not in head


def test_through_a_proxy_the_server_is_asked_for_its_certificate(
    proxied, certificate, monkeypatch
):
    """This proxy is the server, too: it goes on in TLS by itself."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def tunnel(connection):
        assert connection.recv(4096).startswith(b"CONNECT ")
        connection.sendall(OK + b"\r\n")
        return context.wrap_socket(connection, server_side=True)

    with a_server(says(EMPTY), tunnel) as server:
        proxied(server)
        with pytest.raises(UnreachableError, match="SSLCertVerificationError"):
            ask(a_node(server, url="https://node.invalid/x"))
        monkeypatch.setattr("adapters.line._is_here", lambda _: False)
        monkeypatch.setenv("no_proxy", "")
        node = a_node(server, url="https://localhost/x", token="a-token")
        assert ask(node) == ask(node) == {}
        assert server.heads[0].startswith(b"GET /x/v2/status HTTP/1.1\r\n")
    assert b"Proxy-Authorization" not in server.heads[0]


def test_a_proxy_that_is_none_of_http_is_refused(monkeypatch, proxied):
    monkeypatch.setenv("http_proxy", "socks5://secret@a")
    with pytest.raises(ValueError, match="proxy") as raised:
        Line("http://node.invalid")
    assert "secret" not in str(raised.value)


def test_the_reason_for_no_connection_is_kept():
    with pytest.raises(NotSentError) as raised:
        Line("http://127.0.0.1:1").ask("GET", "/", {}, None, within_seconds=1, at_most=1)
    assert isinstance(raised.value.__cause__, ConnectionRefusedError)


# What it is said in.


SECRET = """who:p\\s's"wörd 1"""
HIDING = Line(
    "https://who:p%5Cs%27s%22w%c3%b6rd%201@node.invalid/v3/AbCdEf0123456789?key=my+long+key",
    "TokenTokenToken",
)


@pytest.mark.parametrize(
    "repeated",
    [
        SECRET.partition(":")[2],
        "p%5cs%27s%22w%C3%B6rd%201",
        base64.b64encode(SECRET.encode()).decode(),
        json.dumps(SECRET)[5:-1],
        json.dumps(SECRET, ensure_ascii=False)[5:-1],
        str([SECRET])[6:-2],
        "AbCdEf0123456789",
        "abcdef0123456789",
        "ABCDEF0123456789",
        "%2Fv3%2FAbCdEf0123456789",
        "my+long+key",
        "my long key",
        "tokentokentoken",
    ],
)
@pytest.mark.parametrize("around", ["{}", "a {} b", 499 * "x" + "{}", 200 * "{} "])
def test_no_secret_is_told_in_whatever_form(repeated, around):
    told = HIDING.words(around.replace("{}", repeated))
    assert repeated[:8].lower() not in told.lower()
    assert repeated[-8:].lower() not in told.lower()


@pytest.mark.parametrize(
    "answer",
    [
        [SECRET],
        {"a": {"b": SECRET}},
        {SECRET: 1},
        {"a": f"'{SECRET}'"},
        {"a": json.dumps({"b": SECRET})},
        {"a": SECRET.encode()},
        {"a": ["x" * 490 + SECRET]},
    ],
    ids=ascii,
)
def test_no_secret_is_told_of_an_answer_that_is_written_out(answer):
    told = HIDING.words(answer)
    assert "s's" not in told.replace("\\", "")
    assert "rd 1" not in told


def test_of_a_deep_or_large_answer_the_beginning_is_told():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert HIDING.words(deep) == "[[['…']]]"
    began = time.monotonic()
    assert HIDING.words({"a": ["x" * 10**7] * 1000, "b": "y" * 10**7}).startswith("{'a': ['xxx")
    assert HIDING.words("/AbCdEf012345678" * 10**6) == ("/AbCdEf012345678" * 32)[:500]
    assert time.monotonic() - began < 1


def test_what_is_said_is_judged_as_it_was_and_shown_without_its_secrets():
    said = HIDING.said("No AbCdEf0123456789 Here" + "\0" + "now")
    assert said.words == "No … Here…now"
    assert said.has("no abcdef0123456789 here…now")
    assert not said.has("herenow")
    assert "0123456789" not in repr(said).lower()
