"""An HTTP client that takes little of the processor: what it takes the server cannot have.

It knows as much of HTTP/1.1 as our own servers speak: a status, a length, a body, and connections
that stay open.  `in_turns` asks on every connection as soon as the answer before is there, which
finds how much a server can do.  `on_time` asks at instants set beforehand, whatever the server is
at, and counts from the instant at which the question was due: what waits for a connection has
waited too.
"""

import asyncio
import socket
import time
from asyncio import Future, Transport
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from attrs import define, field, frozen

#: Whoever is this late is not coming.
_PATIENCE_SECONDS = 30.0

R = TypeVar("R")


class ConnectionClosedError(Exception):
    """The server has closed the connection before its answer was complete."""


@frozen(kw_only=True)
class Request:
    #: As it goes over the wire.
    content: bytes
    #: What answers to its like are told apart by.
    kind: str = ""


@frozen(kw_only=True)
class Answer:
    kind: str
    #: 0: there was none.
    status: int
    #: From the instant at which it was due, to the last byte of the answer.
    seconds: float
    body: bytes = field(repr=False, default=b"")

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


def request(
    method: str, path: str, headers: Mapping[str, str], body: bytes = b"", kind: str = ""
) -> Request:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return Request(content="\r\n".join([*lines, "", ""]).encode() + body, kind=kind)


def in_turns(
    url: str, requests: Iterator[Request], connections: int, seconds: float
) -> tuple[list[Answer], float]:
    """What so many connections heard, each asking until the time is over; and the seconds."""

    async def ask(line: "_Line", until: float, answers: list[Answer]) -> None:
        while (due := time.perf_counter()) < until:
            answers.append(await _answer(line, next(requests), due))

    async def all_of_them() -> tuple[list[Answer], float]:
        answers: list[Answer] = []
        lines = await _connected(url, connections)
        begun = time.perf_counter()
        await asyncio.gather(*(ask(line, begun + seconds, answers) for line in lines))
        taken = time.perf_counter() - begun
        _hang_up(lines)
        return answers, taken

    return asyncio.run(all_of_them())


def on_time(url: str, requests: Sequence[tuple[float, Request]], connections: int) -> list[Answer]:
    """What was heard of *requests*, each with the second at which it is due, in that order."""

    async def all_of_them() -> list[Answer]:
        lines = await _connected(url, connections)
        free: asyncio.LifoQueue[_Line] = asyncio.LifoQueue()
        for line in lines:
            free.put_nowait(line)
        begun = time.perf_counter() + 0.1

        async def ask(each: Request, due: float) -> Answer:
            line = await free.get()
            try:
                return await _answer(line, each, due)
            finally:
                free.put_nowait(line)

        asked: list[asyncio.Task[Answer]] = []
        for at, each in requests:
            if (wait := begun + at - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            asked.append(asyncio.create_task(ask(each, begun + at)))
        answers = await asyncio.gather(*asked)
        _hang_up(lines)
        return answers

    return asyncio.run(all_of_them())


async def _answer(line: "_Line", asked: Request, due: float) -> Answer:
    try:
        status, body = await _in_time(line.ask(asked.content))
    except (ConnectionClosedError, TimeoutError, OSError):
        status, body = 0, b""
    seconds = time.perf_counter() - due
    return Answer(kind=asked.kind, status=status, seconds=seconds, body=body)


async def _in_time(awaited: Awaitable[R]) -> R:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        return await awaited


async def _connected(url: str, connections: int) -> list["_Line"]:
    place = urlsplit(url)
    lines = [_Line(host=str(place.hostname), port=place.port or 80) for _ in range(connections)]
    await asyncio.gather(*(line.connect() for line in lines))
    return lines


def _hang_up(lines: Sequence["_Line"]) -> None:
    for line in lines:
        line.close()


@define(eq=False)
class _Line(asyncio.Protocol):
    """One connection, and one question at a time on it."""

    host: str = field(kw_only=True)
    port: int = field(kw_only=True)
    _transport: Transport | None = None
    _waiting: Future[tuple[int, bytes]] | None = None
    _heard: bytearray = field(factory=bytearray)

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self.host, self.port)

    async def ask(self, content: bytes) -> tuple[int, bytes]:
        """Status and body.  Raises: ConnectionClosedError, OSError."""
        if self._transport is None:
            await self.connect()
        if self._transport is None:
            raise ConnectionClosedError
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(content)
        return await self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, Transport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._heard.clear()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionClosedError())

    def data_received(self, data: bytes) -> None:
        self._heard += data
        end = self._heard.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None:
            return
        whole = end + 4 + _length(bytes(self._heard[:end]))
        if len(self._heard) >= whole and not self._waiting.done():
            status, body = int(self._heard[9:12]), bytes(self._heard[end + 4 : whole])
            del self._heard[:whole]
            self._waiting.set_result((status, body))


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def await_port(url: str) -> None:
    """Until somebody listens there.  Raises: TimeoutError."""
    place = urlsplit(url)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((str(place.hostname), place.port or 80), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody listens at {url}") from None
            time.sleep(0.05)
        else:
            return


def percentile(seconds: Sequence[float], percent: int) -> float:
    """The least that so many of a hundred do not exceed (nearest rank).

    Raises: ValueError: of nothing.
    """
    if not seconds:
        raise ValueError("there is nothing to tell of")
    rank = -(-len(seconds) * percent // 100)
    return sorted(seconds)[max(rank, 1) - 1]


def shared(callers: Sequence[R], made: Callable[[R], Request]) -> Iterator[Request]:
    """Requests of *callers* by turns, without end."""
    while True:
        for caller in callers:
            yield made(caller)
