"""One request and its answer, on a connection that is there.

The standard library's reader of answers, over a socket that knows when it must be over and how
much may come: a server that sends a byte every second, or headers without end, is cut off.
"""

import io
import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from socket import socket
from typing import Any, cast

from attrs import define, field

from adapters.egress.urls import Target
from application.ports.egress import EgressUnavailableError, Reply

#: Status line and headers, in bytes.
_LONGEST_HEAD = 64 * 1024
_CHUNK = 16 * 1024


class NothingCameError(Exception):
    """The connection ended before the first byte of an answer."""


@define
class Deadline:
    """When everything must be over, on the machine's own clock."""

    _at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    def left(self, at_most: float | None = None) -> float:
        """Raises: EgressUnavailableError: nothing is."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise EgressUnavailableError("timeout", "the receiver took too long to answer")
        return left if at_most is None else min(left, at_most)


class _Incoming(io.RawIOBase):
    """What comes, as long as there is time for it, and as much as there is room for."""

    def __init__(self, connection: socket, deadline: Deadline, room: int) -> None:
        super().__init__()
        self._connection, self._deadline, self._room = connection, deadline, room
        self.received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.received >= self._room:
            raise EgressUnavailableError("too_large", "the receiver's answer does not end")
        self._connection.settimeout(self._deadline.left())
        try:
            count = self._connection.recv_into(buffer, min(len(buffer), _CHUNK))
        except TimeoutError as error:
            self._deadline.left()
            raise EgressUnavailableError(
                "timeout", "the receiver took too long to answer"
            ) from error
        self.received += count
        return count


@define
class _Socket:
    """As much of a socket as `HTTPResponse` asks for."""

    incoming: _Incoming

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self.incoming, _CHUNK)


@define
class Exchange:
    """Requests on one connection, one after the other."""

    connection: socket
    target: Target
    #: Whether another request may follow.
    is_open: bool = True
    is_used: bool = field(default=False)

    def ask(
        self,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        longest: int,
        deadline: Deadline,
    ) -> Reply:
        """Raises: NothingCameError, EgressUnavailableError; the connection is of no use then."""
        is_first, self.is_used, keeps = not self.is_used, True, self.is_open
        self.is_open = False
        request = self._head(method, headers, body) + body
        incoming = _Incoming(self.connection, deadline, _LONGEST_HEAD + longest)
        response = HTTPResponse(cast("socket", _Socket(incoming)), method=method)
        try:
            self.connection.settimeout(deadline.left())
            self.connection.sendall(request)
            response.begin()
        except TimeoutError as error:
            raise EgressUnavailableError(
                "timeout", "the receiver took too long to answer"
            ) from error
        except (OSError, HTTPException, ValueError) as error:
            if not incoming.received and not is_first:
                raise NothingCameError(str(error)) from error
            raise EgressUnavailableError("no_answer", _words(error)) from error
        content, is_cut = _content(response, longest)
        self.is_open = keeps and not is_cut and not response.will_close
        return Reply(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=content,
            is_cut=is_cut,
        )

    def _head(self, method: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = [f"{method} {self.target.path} HTTP/1.1", f"Host: {self.target.authority}"]
        lines += [f"{name}: {_one_line(value)}" for name, value in headers.items()]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        lines += ["Accept-Encoding: identity", "Accept: */*", "", ""]
        return "\r\n".join(lines).encode("ascii")


def _content(response: HTTPResponse, longest: int) -> tuple[bytes, bool]:
    """What there is room and time for, and whether that is not all: its status has come."""
    content = bytearray()
    try:
        while len(content) <= longest:
            piece = response.read1(longest + 1 - len(content))
            if not piece:
                break
            content += piece
    except (EgressUnavailableError, OSError, HTTPException, ValueError):
        return bytes(content[:longest]), True
    is_cut = len(content) > longest or bool(not response.chunked and response.length)
    return bytes(content[:longest]), is_cut


def _one_line(value: str) -> str:
    if "\r" in value or "\n" in value:
        raise ValueError("a header is one line")
    return value


def _words(error: Exception) -> str:
    """What went wrong, without anything that came over the line."""
    if isinstance(error, HTTPException | ValueError):
        return "the receiver's answer is no HTTP"
    return "the connection ended before the answer did"
