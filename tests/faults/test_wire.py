"""The wire does to what passes what it says, and nothing when it says nothing."""

import socket
import socketserver
import threading

import pytest

from tests.faults.wire import Answer, Mode, Wire


class _Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while asked := self.request.recv(1_000):
            self.server.heard.append(asked)
            self.request.sendall(asked * 10)


@pytest.fixture
def server():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        server.heard = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def wire(server):
    with Wire(server.server_address) as wire:
        yield wire


def ask(wire, seconds=2.0):
    """All that comes within *seconds*, and whether the line was closed."""
    with socket.create_connection(("127.0.0.1", wire.port), timeout=seconds) as line:
        line.sendall(b"question")
        line.settimeout(seconds)
        got = b""
        try:
            while len(got) < 80:
                chunk = line.recv(1_000)
                if not chunk:
                    return got, True
                got += chunk
        except TimeoutError:
            return got, False
        return got, False


def test_what_is_sound_passes_whole(wire, server):
    assert ask(wire) == (b"question" * 10, False)
    assert server.heard == [b"question"]


def test_who_hangs_up_before_asking_has_not_asked(wire, server):
    with wire.broken(Mode(asks=False)):
        assert ask(wire) == (b"", True)
    assert server.heard == []
    assert ask(wire) == (b"question" * 10, False)


def test_a_lost_answer_was_asked_for(wire, server):
    with wire.broken(Mode(answer=Answer.LOST)):
        assert ask(wire) == (b"", True)
    assert server.heard == [b"question"]


def test_half_an_answer_is_half(wire):
    with wire.broken(Mode(answer=Answer.HALF)):
        assert ask(wire) == (b"question" * 5, True)


def test_silence_ends_with_the_fault(wire, server):
    with wire.broken(Mode(is_silent=True)):
        line = socket.create_connection(("127.0.0.1", wire.port), timeout=0.3)
        line.sendall(b"question")
        with pytest.raises(TimeoutError):
            line.recv(1)
        assert server.heard == []
    line.settimeout(5)
    assert line.recv(8) == b"question"
    line.close()


def test_byte_by_byte_comes_in_pieces_and_whole_at_last(wire):
    with socket.create_connection(("127.0.0.1", wire.port), timeout=5) as line:
        with wire.broken(Mode(answer=Answer.BY_THE_BYTE)):
            line.sendall(b"question")
            pieces = [line.recv(1_000) for _ in range(3)]
        assert len(b"".join(pieces)) < 80
        while len(b"".join(pieces)) < 80:
            pieces.append(line.recv(1_000))
    assert b"".join(pieces) == b"question" * 10


def test_nobody_can_connect_and_nobody_stays(wire):
    with socket.create_connection(("127.0.0.1", wire.port), timeout=2) as line:
        line.sendall(b"question")
        assert line.recv(1) == b"q"
        with wire.broken(Mode(is_reachable=False)):
            while line.recv(1_000):
                pass
            with pytest.raises(ConnectionResetError):
                ask(wire)
    assert ask(wire) == (b"question" * 10, False)


def test_a_share_is_a_share(wire, server):
    with wire.broken(Mode(asks=False, share=0.5)):
        for _ in range(40):
            ask(wire)
    assert 5 < len(server.heard) < 35
