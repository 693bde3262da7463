"""The guard on real sockets: names that lie, receivers that hang, and where nobody is sent."""

import socket
import threading
import time

import pytest

from adapters.egress import Guard, Rules
from application.ports.egress import EgressRefusedError, EgressUnavailableError
from tests.adapters.egress.receivers import OK, Authority, keeping_open, receiving, saying, status

#: Of this machine, for the tests' own receivers; short, because some of them never answer.
LOCAL = Rules(allows_plain=True, allows_loopback=True, connect_seconds=0.5, total_seconds=0.8)
BODY = b'{"type":"deployment.completed"}'
HEADERS = {"Content-Type": "application/json", "webhook-id": "evt_1"}


def leading_to(*addresses):
    """A resolver double: says the next of *addresses* each time, the last one for ever."""
    said = list(addresses)

    def resolve(host, port):
        del host, port
        found = said.pop(0) if len(said) > 1 else said[0]
        return [found] if isinstance(found, str) else found

    return resolve


def post(guard, url, body=BODY):
    with guard.line(url) as line:
        return line.post(body, HEADERS)


def test_what_is_sent_arrives_as_it_is():
    with receiving(saying(status(201, "X-Word: yes", body=b"fine"))) as receiver:
        reply = post(Guard(LOCAL), receiver.url(path="/hook?x=1"))
    assert (reply.status, reply.headers["x-word"], reply.body) == (201, "yes", b"fine")
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?x=1 HTTP/1.1"
    assert body == BODY
    assert f"Host: 127.0.0.1:{receiver.port}" in lines
    assert {"webhook-id: evt_1", f"Content-Length: {len(BODY)}"} <= set(lines)


def test_several_go_over_one_connection():
    with receiving(keeping_open) as receiver, Guard(LOCAL).line(receiver.url()) as line:
        assert [line.post(BODY, HEADERS).status for _ in range(3)] == [200] * 3
    assert (len(receiver.requests), receiver.connections) == (3, 1)


def test_a_connection_that_was_closed_meanwhile_is_made_anew():
    with receiving(saying(OK)) as receiver, Guard(LOCAL).line(receiver.url()) as line:
        assert [line.post(BODY, HEADERS).status for _ in range(3)] == [200] * 3
    assert len(receiver.requests) == receiver.connections == 3


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_nobody_is_followed(code):
    with receiving(saying(OK)) as other:
        location = f"Location: {other.url()}"
        with receiving(saying(status(code, location))) as receiver:
            assert post(Guard(LOCAL), receiver.url()).status == code
    assert other.connections == 0


def test_an_answer_without_end_is_cut():
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    with receiving(saying(head, b"x" * 5_000_000)) as receiver:
        reply = post(Guard(LOCAL), receiver.url())
    assert (reply.status, len(reply.body), reply.is_cut) == (200, 16_384, True)


def test_headers_without_end_are_no_answer():
    def answer(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(100_000):
            connection.sendall(b"X-%d: y\r\n" % number)

    with receiving(answer) as receiver, pytest.raises(EgressUnavailableError):
        post(Guard(LOCAL), receiver.url())


def dripping(text, seconds):
    def answer(connection, _):
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(seconds)

    return answer


@pytest.mark.parametrize(
    "answer",
    [lambda *_: time.sleep(5), dripping(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200, 0.1)],
    ids=["silent", "a byte now and then"],
)
def test_who_takes_too_long_is_not_waited_for(answer):
    with receiving(answer) as receiver:
        begun = time.monotonic()
        with pytest.raises(EgressUnavailableError) as late:
            post(Guard(LOCAL), receiver.url())
        assert time.monotonic() - begun < 8
    assert late.value.code == "timeout"


def test_a_body_that_drips_ends_with_the_deadline_and_its_status_counts():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"

    def answer(connection, request):
        connection.sendall(head)
        dripping(b"x" * 999, 0.05)(connection, request)

    with receiving(answer) as receiver:
        begun = time.monotonic()
        reply = post(Guard(LOCAL), receiver.url())
        assert time.monotonic() - begun < 8
    assert (reply.status, reply.is_cut) == (200, True)


@pytest.mark.parametrize(
    "text", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 100]
)
def test_what_is_no_answer(text):
    with receiving(saying(text)) as receiver, pytest.raises(EgressUnavailableError) as none:
        post(Guard(LOCAL), receiver.url())
    assert none.value.code == "no_answer"
    assert "SSH" not in str(none.value)


def test_nobody_there():
    with receiving(saying(OK)) as receiver:
        pass
    with pytest.raises(EgressUnavailableError) as none:
        post(Guard(LOCAL), receiver.url())
    assert none.value.code == "not_connected"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_this_machine_is_nobodys_business(host):
    with receiving(saying(OK), host=host) as receiver:
        name = f"[{host}]" if ":" in host else host
        for rules in (Rules(), Rules(allows_plain=True)):
            with pytest.raises(EgressRefusedError):
                post(Guard(rules), receiver.url(name))
            with pytest.raises(EgressRefusedError) as refused:
                Guard(rules).check(receiver.url(name, "https"))
            assert refused.value.code == "address_refused"
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "found",
    [
        "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "::1", "64:ff9b::7f00:1",
        "fd00:ec2::254",
        ["93.184.216.34", "127.0.0.1"], ["2606:4700::1111", "fe80::1"],
    ],
    ids=str,
)  # fmt: skip
def test_a_name_that_leads_somewhere_private_is_refused_whole(found):
    guard = Guard(Rules(), leading_to(found))
    with pytest.raises(EgressRefusedError) as refused:
        guard.check("https://innocent.example/")
    assert refused.value.code == "address_refused"
    # Whoever asks learns no address of ours.
    assert not any(part in str(refused.value) for part in ("10.0", "169.254", "127.0", "fd00"))


def test_a_name_that_changes_its_mind_leads_nobody_there(monkeypatch):
    """DNS rebinding: public when it is checked, this machine when it is used."""
    with receiving(saying(OK)) as receiver:
        ports = frozenset({receiver.port})
        rules = Rules(allows_plain=True, ports=ports, connect_seconds=0.5, total_seconds=1)
        guard = Guard(rules, leading_to("93.184.216.34", "127.0.0.1"))
        url = receiver.url("rebind.example")
        guard.check(url)
        with pytest.raises(EgressRefusedError):
            post(guard, url)
    assert receiver.connections == 0


def test_what_was_looked_at_is_what_is_connected_to(monkeypatch):
    """One question to the resolver for one connection, and the answer is used as a number."""
    asked, connected = [], []

    def resolve(host, port):
        asked.append(host)
        return ["93.184.216.34"]

    def connection(address, timeout):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connection)
    with pytest.raises(EgressUnavailableError):
        post(Guard(Rules(), resolve), "https://example.com/")
    assert asked == ["example.com"]
    assert connected == [("93.184.216.34", 443)]


def test_a_line_looks_again_for_every_connection():
    with receiving(saying(OK)) as receiver:
        guard = Guard(LOCAL, leading_to("127.0.0.1", "10.0.0.1"))
        with guard.line(receiver.url("hooks.example")) as line:
            assert line.post(BODY, HEADERS).status == 200
            with pytest.raises(EgressRefusedError):
                line.post(BODY, HEADERS)
    assert receiver.connections == 1


def test_other_ports_are_other_services():
    guard = Guard(Rules(), leading_to("93.184.216.34"))
    guard.check("https://example.com/")
    guard.check("https://example.com:8443/")
    for port in (22, 25, 80, 5432, 6379, 11211):
        with pytest.raises(EgressRefusedError) as refused:
            guard.check(f"https://example.com:{port}/")
        assert refused.value.code == "port_refused"


def test_nothing_goes_unencrypted():
    with pytest.raises(EgressRefusedError) as refused:
        Guard(Rules(), leading_to("93.184.216.34")).check("http://example.com/")
    assert refused.value.code == "scheme_refused"


@pytest.mark.parametrize("found", [OSError("no such name"), []], ids=str)
def test_a_name_that_leads_nowhere(found):
    def resolve(host, port):
        if isinstance(found, Exception):
            raise found
        return found

    with pytest.raises(EgressUnavailableError) as none:
        Guard(Rules(), resolve).check("https://nowhere.example/")
    assert none.value.code == "name_unresolved"


def test_a_resolver_that_hangs_is_not_waited_for():
    over, answered = threading.Event(), threading.Event()

    def resolve(*_):
        over.wait(30)
        answered.set()
        return []

    with pytest.raises(EgressUnavailableError):
        Guard(LOCAL, resolve).check("https://slow.example/")
    assert not answered.is_set()
    over.set()


def test_no_proxy_of_the_environment_is_asked(monkeypatch):
    with receiving(saying(OK)) as proxy, receiving(saying(OK)) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.url())
        assert post(Guard(LOCAL), receiver.url()).status == 200
    assert proxy.connections == 0


def test_the_certificate_is_held_against_the_name(tmp_path):
    authority = Authority(tmp_path)
    trusted = authority.trusting()
    with receiving(saying(OK), tls=authority.serving("hooks.example")) as receiver:
        guard = Guard(LOCAL, leading_to("127.0.0.1"), trusted)
        assert post(guard, receiver.url("hooks.example", "https")).status == 200
        with pytest.raises(EgressUnavailableError) as other:
            post(guard, receiver.url("other.example", "https"))
        with pytest.raises(EgressUnavailableError) as unknown:
            post(Guard(LOCAL, leading_to("127.0.0.1")), receiver.url("hooks.example", "https"))
    assert other.value.code == unknown.value.code == "tls_failed"
    assert len(receiver.requests) == 1


def test_a_document_is_fetched_and_a_large_one_cut():
    with receiving(saying(status(200, body=b"x" * 100))) as receiver:
        guard = Guard(LOCAL)
        whole = guard.fetch(receiver.url(), {"Accept": "text/plain"}, 100)
        part = guard.fetch(receiver.url(), {}, 99)
    assert (whole.body, whole.is_cut) == (b"x" * 100, False)
    assert (part.body, part.is_cut) == (b"x" * 99, True)
    assert receiver.requests[0].startswith(b"GET /hook HTTP/1.1\r\n")


def test_no_header_is_two():
    with (
        receiving(saying(OK)) as receiver,
        Guard(LOCAL).line(receiver.url()) as line,
        pytest.raises(ValueError, match="one line"),
    ):
        line.post(BODY, {"X-A": "b\r\nX-C: d"})
    assert receiver.requests == []
