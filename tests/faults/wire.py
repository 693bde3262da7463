"""A line between a process and a server that breaks as told: TCP, and TLS towards the client.

    with Wire(("127.0.0.1", 8545)) as wire:
        with wire.broken(Mode(answer=Answer.LOST)):
            ...             # the server does what it is asked, and nobody hears of it

It knows nothing of what passes, so it breaks JSON-RPC, algod's HTTP and PostgreSQL alike.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Self

from attrs import define, field, frozen

from entrypoints.devnet.processes import free_port

_CHUNK = 65_536
_BYTE_SECONDS = 0.05
#: Closing then sends a reset, as a machine does that has forgotten the connection.
_RESET = struct.pack("ii", 1, 0)
_PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 21\r\n\r\n"
    b"<html>welcome!</html>"
)


class Answer(StrEnum):
    WHOLE = "whole"
    LOST = "lost"
    HALF = "half"
    BY_THE_BYTE = "by the byte"
    A_WEB_PAGE = "a web page"


@frozen(kw_only=True)
class Mode:
    #: Whether anybody may connect, or stay connected.
    is_reachable: bool = True
    #: Nothing passes, and nobody is told so.
    is_silent: bool = False
    #: Whether a question reaches the server; if not, the line is closed.
    asks: bool = True
    answer: Answer = Answer.WHOLE
    delay_seconds: float = 0.0
    #: Of how many questions, or answers, this is so.
    share: float = 1.0


_SOUND = Mode()
#: Says whether the line stays open.
_Pass = Callable[[socket.socket, bytes, Mode], bool]


@define(eq=False)
class Wire:
    upstream: tuple[str, int]
    #: Towards the client; its certificate may be changed meanwhile.
    tls: ssl.SSLContext | None = None
    port: int = field(factory=free_port)
    _mode: Mode = field(default=_SOUND, init=False)
    _healed: threading.Event = field(factory=threading.Event, init=False)
    _open: set[socket.socket] = field(factory=set, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _listener: socket.socket = field(init=False)
    _chance: random.Random = field(factory=lambda: random.Random(7), init=False)

    @contextlib.contextmanager
    def broken(self, mode: Mode) -> Iterator[None]:
        self._healed.clear()
        self._mode = mode
        if not mode.is_reachable:
            self.cut()
        try:
            yield
        finally:
            self._mode = _SOUND
            self._healed.set()

    def cut(self) -> None:
        """Whoever is connected is not any more."""
        with self._lock:
            gone = list(self._open)
        for line in gone:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._healed.set()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that accepts is not woken by a close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._mode.is_reachable:
                threading.Thread(target=self._join, args=(client,), daemon=True).start()
            else:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                client.close()

    def _join(self, client: socket.socket) -> None:
        """Both ways, until either side has enough."""
        with client, contextlib.suppress(OSError):
            line = self.tls.wrap_socket(client, server_side=True) if self.tls else client
            with line, socket.create_connection(self.upstream) as server:
                with self._lock:
                    self._open |= {line, server}
                try:
                    answering = threading.Thread(
                        target=self._pump, args=(server, line, self._answer), daemon=True
                    )
                    answering.start()
                    self._pump(line, server, self._ask)
                    answering.join()
                finally:
                    with self._lock:
                        self._open -= {line, server}

    def _pump(self, source: socket.socket, target: socket.socket, pass_on: _Pass) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                mode = self._mode
                if mode.share < 1.0 and self._chance.random() >= mode.share:
                    mode = _SOUND
                if mode.is_silent:
                    self._healed.wait()
                if not mode.is_reachable:
                    break
                if mode.delay_seconds:
                    self._healed.wait(mode.delay_seconds)
                if not pass_on(target, chunk, mode):
                    break
        for line in (source, target):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _ask(self, server: socket.socket, chunk: bytes, mode: Mode) -> bool:
        """Whether the line stays open."""
        if not mode.asks:
            return False
        server.sendall(chunk)
        return True

    def _answer(self, client: socket.socket, chunk: bytes, mode: Mode) -> bool:
        """Whether the line stays open."""
        match mode.answer:
            case Answer.WHOLE:
                client.sendall(chunk)
                return True
            case Answer.LOST:
                return False
            case Answer.HALF:
                client.sendall(chunk[: len(chunk) // 2])
                return False
            case Answer.A_WEB_PAGE:
                client.sendall(_PAGE)
                return False
            case Answer.BY_THE_BYTE:
                for at in range(len(chunk)):
                    if self._healed.wait(_BYTE_SECONDS):
                        client.sendall(chunk[at:])
                        break
                    client.sendall(chunk[at : at + 1])
                return True
