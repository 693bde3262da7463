"""HTTP as a node is spoken to: one request and its answer, in one time, of a bearable size.

- The time is for all of it, from the connection to the last byte, however they trickle.  Only the
  resolving of names has a time of its own, the system's.
- Nobody is followed elsewhere: a redirect is an answer like any other, and no good one.
- A body is read up to a size, and refused beyond it.
- Connections are kept for a while.  One that the server has hung up on is not used; one that it
  hangs up on in that very moment fails, and nothing is sent twice here.
- Proxies are those of the environment, as for `urllib`; there is none to this very machine.
- What a node says in its own words is for rows, events and answers only after `Line.words`, and
  is judged by what it was before (`Said`): what is hidden of it may be a wording.

What is raised here may quote an address with its passwords: it is not for anybody's eyes.
"""

import base64
import io
import json
import re
import select
import socket
import ssl
import time
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from itertools import islice
from threading import Lock
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from attrs import field, frozen

from adapters.line.answer import TooLongError, heard, question
from application.ports.nodes import PORTS
from domain.fields import readable

__all__ = ["KEPT_SECONDS", "WORDS", "Line", "NotSentError", "Reply", "Said", "TooLongError"]

#: Servers hang up on who is silent for longer; algod after 15 seconds (RestReadTimeoutSeconds).
KEPT_SECONDS = 10.0
#: Letters that are kept of what a node says in its own words.
WORDS = 500
#: Letters of it that are looked at for wordings: with what may be hidden before one.
_JUDGED = 4 * WORDS
#: Levels of an answer that are shown, and members of each: it may nest deeper than can be written
#: out, and be large.
_LEVELS = 3
_MEMBERS = 10
#: Shorter than this, it is no secret, and hiding it would garble what is said.
_SECRET_LETTERS = 4
#: Likewise of a part of a path or a query: shorter ones name networks and versions.
_SECRET_PART_LETTERS = 8


class NotSentError(Exception):
    """No connection came about: not a byte of the request has left.  The cause says why."""


@frozen
class Reply:
    status: int
    body: bytes = field(repr=False)


@frozen
class Said:
    """What a server said in its own words."""

    #: Fit to be kept and shown (`Line.words`).
    words: str
    #: As it was said, in lower case, with our secrets where it repeats them.
    _judged: str = field(repr=False, eq=False)

    def has(self, wording: str) -> bool:
        """Whether *wording*, in lower case, occurs in it, whatever its case there."""
        return wording in self._judged


class Line:
    """The way to one server; threads share it."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """Asks nobody.  *token*: whoever asks sends it; here it is only kept out of `words`.

        Raises:
            ValueError: not the address of an HTTP server.
        """
        parts = _address(url)
        self.path, self.query = parts.path.rstrip("/"), parts.query
        self._headers = {"Host": _named(parts)} | _credentials("Authorization", parts)
        self._host = parts.hostname or ""
        self._port = parts.port or PORTS[parts.scheme]
        self._proxy = _proxy_to(parts)
        secrets = {form for each in _secrets(parts, self._proxy, token) for form in _forms(each)}
        longest_first = sorted(secrets, key=len, reverse=True)
        # In any case: servers write keys as they like.  Where there are none, none is found.
        self._secrets = re.compile(
            "|".join(map(re.escape, longest_first)) or "(?!)", re.IGNORECASE
        )
        self._longest_secret = max(map(len, secrets), default=0)
        self._target = ""
        if self._proxy is not None and parts.scheme == "http":
            self._target = f"http://{_named(parts)}"
            self._headers |= _credentials("Proxy-Authorization", self._proxy)
        self._context = _context() if parts.scheme == "https" else None
        self._idle: deque[_Wire] = deque()
        self._lock = Lock()
        weakref.finalize(self, _cut, self._idle)

    def words(self, said: object) -> str:
        """What the server said, a text or an answer with texts in it, fit to be kept and shown.

        No more than can be read, no secret of ours, and nothing that a reader does not see or a
        database does not take.  What is left out is replaced, so that the rest says nothing new.
        """
        return readable(self._hidden(str(self._beginning(said))), WORDS)

    def said(self, text: str) -> Said:
        """*text*, to be judged and shown.  What no reader sees makes no wordings of the rest."""
        return Said(self.words(text), readable(text, _JUDGED).lower())

    def _beginning(self, said: object, levels: int = _LEVELS) -> object:
        """Of *said*, without secrets in its texts: once it is written out, they are escaped."""
        if isinstance(said, bytes):
            said = said.decode(errors="backslashreplace")
        if isinstance(said, str):
            return self._hidden(said)
        if not isinstance(said, dict | list):
            return said
        if levels == 0:
            return "…"
        if isinstance(said, list):
            return [self._beginning(each, levels - 1) for each in said[:_MEMBERS]]
        return {
            self._beginning(name, 0): self._beginning(each, levels - 1)
            for name, each in islice(said.items(), _MEMBERS)
        }

    def _hidden(self, text: str) -> str:
        """The first `WORDS` letters of what *text* is without our secrets.

        No more of it is searched than that takes: it may be as large as an answer.
        """
        shown, at = "", 0
        while at < len(text) and len(shown) < WORDS:
            secret = self._secrets.search(text, at, at + WORDS + self._longest_secret)
            if secret is None:
                shown += text[at : at + WORDS]
                break
            shown += text[at : secret.start()] + "…"
            at = secret.end()
        return shown[:WORDS]

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        within_seconds: float,
        at_most: int,
    ) -> Reply:
        """The answer to one request; *at_most* bytes of it.

        Raises:
            NotSentError: nothing has left.
            TooLongError, OSError, HTTPException, ValueError: what has arrived is not known.
        """
        deadline = _Deadline(within_seconds)
        wire = self._kept() or self._connected(deadline)
        wire.deadline = deadline
        try:
            wire.sendall(
                question(method, self._target + target, {**self._headers, **headers}, body)
            )
            answer = heard(wire.recv, at_most)
        except BaseException:
            wire.cut()
            raise
        if answer.will_close:
            wire.cut()
        else:
            self._keep(wire)
        return Reply(answer.status, answer.body)

    def _kept(self) -> "_Wire | None":
        with self._lock:
            oldest = time.monotonic() - KEPT_SECONDS
            while self._idle and self._idle[0].used_at < oldest:
                self._idle.popleft().cut()
            while self._idle:
                wire = self._idle.pop()
                if wire.is_quiet():
                    return wire
                wire.cut()
        return None

    def _keep(self, wire: "_Wire") -> None:
        wire.used_at = time.monotonic()
        with self._lock:
            self._idle.append(wire)

    def _connected(self, deadline: "_Deadline") -> "_Wire":
        peer = (self._host, self._port)
        if self._proxy is not None:
            peer = (self._proxy.hostname or "", self._proxy.port or PORTS["http"])
        try:
            sock = _dialled(*peer, deadline)
            try:
                if self._context is not None:
                    if self._proxy is not None:
                        self._tunnel(sock, self._proxy, deadline)
                    sock.settimeout(deadline.left())
                    sock = self._context.wrap_socket(sock, server_hostname=self._host)
            except BaseException:
                sock.close()
                raise
        except (OSError, HTTPException, ValueError) as error:
            raise NotSentError from error
        return _Wire(sock, deadline)

    def _tunnel(self, sock: socket.socket, proxy: SplitResult, deadline: "_Deadline") -> None:
        there = f"[{self._host}]" if ":" in self._host else self._host
        there = f"{there}:{self._port}"
        connection = _over(_Wire(sock, deadline), self._host, self._port)
        headers = {"Host": there} | _credentials("Proxy-Authorization", proxy)
        connection.request("CONNECT", there, headers=headers)
        status = connection.getresponse().status
        if status != 200:
            raise ConnectionError(f"the proxy answers with status {status}")


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than none.  Raises: TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Wire:
    """A connected socket, as far as `http.client` uses one, that keeps to a deadline."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock = sock
        self.deadline = deadline
        self.used_at = 0.0

    def sendall(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self._sock.settimeout(self.deadline.left())
            left = left[self._sock.send(left) :]

    def recv(self, at_most: int) -> bytes:
        self._sock.settimeout(self.deadline.left())
        return self._sock.recv(at_most)

    def recv_into(self, buffer: memoryview) -> int:
        self._sock.settimeout(self.deadline.left())
        return self._sock.recv_into(buffer)

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """Nothing: `http.client` closes before the body is read."""

    def cut(self) -> None:
        self._sock.close()

    def is_quiet(self) -> bool:
        """The other side has neither hung up nor said anything that nobody asked for."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)


class _Incoming(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as its reader does
        return self._wire.recv_into(buffer)


def _over(wire: _Wire, host: str, port: int) -> HTTPConnection:
    connection = HTTPConnection(host, port)
    connection.sock = wire  # as much of a socket as it uses
    # It must not connect by itself, without a deadline.
    connection.auto_open = 0
    return connection


def _dialled(host: str, port: int, deadline: _Deadline) -> socket.socket:
    """Connected to one of the host's addresses; each has an equal part of the time left."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure = OSError("a name without address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(deadline.left() / (len(addresses) - number))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def _address(url: str) -> SplitResult:
    """Raises: ValueError: without quoting what may be a password."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in PORTS and parts.hostname and parts.port != 0:
            return parts
    raise ValueError("the URL of a node is not one of HTTP")


def _secrets(parts: SplitResult, proxy: SplitResult | None, token: str | None) -> set[str]:
    """What the URL says besides the server's name: all of it may be a password."""
    path, query = parts.path.rstrip("/"), parts.query
    whole = [path, query, token or ""]
    for each in (parts, proxy):
        if each is not None:
            sent = _credentials("", each).get("", "").removeprefix("Basic ")
            whole += [each.username or "", each.password or "", sent]
    named = query.split("&")
    values = (*(each.partition("=")[2] for each in named), *(each for _, each in parse_qsl(query)))
    pieces = (*path.split("/"), *named, *values)
    known = {each for each in whole if len(each) >= _SECRET_LETTERS}
    return known | {each for each in pieces if len(each) >= _SECRET_PART_LETTERS}


def _forms(secret: str) -> set[str]:
    """As it is written, as it is sent, as a server reads it, and as that one writes it down."""
    read = unquote(secret)
    plain = {secret, read, quote(read), quote(read, safe="")}
    escaped = {json.dumps(each)[1:-1] for each in plain}
    escaped |= {json.dumps(each, ensure_ascii=False)[1:-1] for each in plain}
    # Python, of a text with a double quote in it and of one without.
    for each in plain:
        single = repr(each + '"')[1:-2]
        escaped |= {single, single.replace("\\'", "'")}
    return plain | escaped


def _named(parts: SplitResult) -> str:
    """Host and port as the URL has them."""
    return parts.netloc.rpartition("@")[2]


def _credentials(header: str, parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {header: f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _proxy_to(parts: SplitResult) -> SplitResult | None:
    if _is_here(parts.hostname or "") or proxy_bypass(_named(parts)):
        return None
    named = getproxies().get(parts.scheme)
    if not named:
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise ValueError(f"the proxy for {parts.scheme} is not one of HTTP")
    return proxy


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _cut(wires: deque[_Wire]) -> None:
    for wire in wires:
        wire.cut()
