"""HTTP/1.1, read by llhttp: fast, and of those who mean ill, nothing more than they may send.

uvicorn's own protocol over the same parser takes what comes at its word.  This one also has:

- a deadline for a request's head, so that a few thousand half-sent ones do not take every place;
- limits on the size of a head, and on what a body in chunks has beside its data;
- one request at a time: what is sent behind it is not looked at before it is answered, so that
  answers keep their order and nobody queues thousands of requests in one packet;
- one way to say where a request ends, or none is read: see `_check_framing`;
- no other protocol: a request that asks for one is answered as what it is.

What is refused here is not HTTP, so it has no place in the log of requests, and no problem
document.  A body has its own deadline (`entrypoints.http.edge`).
"""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

_END_OF_HEAD = b"\r\n\r\n"
_VERSIONS = frozenset({"1.0", "1.1"})
#: llhttp reads these as if they were HTTP's.
_OTHER_PROTOCOLS = (b"RTSP", b"ICE")


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection that has not sent a whole head in time, or whose head is none."""

    head_seconds = 10.0
    #: Of the request line and all header fields; of trailers and chunk extensions likewise.
    most_head_bytes = 32 * 1024

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        #: What has come of a head that is not complete.
        self._head = b""
        self._is_in_body = False
        #: Bytes of the body that are still to come; None: it says itself where it ends.
        self._left: int | None = 0
        #: Of a body in chunks, since the last of its data.
        self._beside_data = 0
        #: Sent behind a request that is not answered yet.
        self._behind = b""
        #: Why the parser is stopped, where that is not its own finding.
        self._refusal: HTTPStatus | None = None
        #: The parser is told again of a head that was read.
        self._is_told_again = False
        #: When the connection is closed unless something happens, by the loop's clock.
        self._deadline: float | None = None
        self._is_reading_head = False
        #: Looks at the deadline; set seldom, and not at each request.
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(
        self,
        transport: asyncio.Transport,  # type: ignore[override]  # narrowed as uvicorn does
    ) -> None:
        super().connection_made(transport)
        self._expect_a_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline = None
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._read(data)
        if self._is_answering():
            self._deadline = None
            self._is_reading_head = False
        elif not self._is_reading_head:
            self._expect_a_head()

    # Reading.

    def _read(self, data: bytes) -> None:
        try:
            while data:
                if self._is_in_body:
                    data = self._read_body(data)
                elif self._is_answering():
                    self._put_behind(data)
                    return
                else:
                    data = self._read_head(data)
        except httptools.HttpParserError as error:
            if self._is_answering() and not self._is_in_body:
                # What is behind a body in chunks: nobody says where it begins.
                self.cycle.keep_alive = False
            elif isinstance(error, httptools.HttpParserInvalidMethodError):
                self._refuse(HTTPStatus.NOT_IMPLEMENTED)
            else:
                self._refuse(self._refusal or HTTPStatus.BAD_REQUEST)

    def _read_head(self, data: bytes) -> bytes:
        """What of *data* is behind the head."""
        known = len(self._head)
        self._head += data
        end = self._head.find(_END_OF_HEAD, max(0, known - len(_END_OF_HEAD) + 1))
        size = len(self._head) if end < 0 else end + len(_END_OF_HEAD)
        if size > self.most_head_bytes:
            raise self._refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        try:
            self.parser.feed_data(data[: size - known])
        except httptools.HttpParserUpgrade:
            self._stay_with_http()
        if end >= 0:
            self._head = b""
        return data[size - known :]

    def _read_body(self, data: bytes) -> bytes:
        """What of *data* is behind the body."""
        if self._left is not None:
            piece, data = data[: self._left], data[self._left :]
            self._left -= len(piece)
            self.parser.feed_data(piece)
            return data
        self._beside_data += len(data)
        self.parser.feed_data(data)
        if self._beside_data > self.most_head_bytes:
            raise self._refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return b""

    def _put_behind(self, data: bytes) -> None:
        self._behind += data
        self.flow.pause_reading()
        if len(self._behind) > self.most_head_bytes + 2**16:
            # The handler has us read, which is waiting for the client to go away.
            self.cycle.keep_alive = False
            self._behind = b""

    def _stay_with_http(self) -> None:
        """Go on with what the head says of the body.

        The parser leaves all that follows a wish for another protocol to that protocol, the body
        of the request itself included.
        """
        if self.scope["method"] == "CONNECT":
            # RFC 9110, 9.3.6: what follows is for somebody else, whatever lengths it has.
            self.cycle.keep_alive = False
            self._complete()
            return
        self.parser = httptools.HttpRequestParser(self)
        framing = b"".join(
            b"%b: %b\r\n" % (name, value)
            for name, value in self.scope["headers"]
            if name in {b"content-length", b"transfer-encoding"}
        )
        self._is_told_again = True
        self.parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")

    # Called by the parser.

    def on_message_begin(self) -> None:
        if self._is_told_again:
            return
        if not self._head or self._is_answering():
            raise self._refused(HTTPStatus.BAD_REQUEST)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._is_told_again:
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_body or self._is_told_again:
            return  # a trailer, which nobody reads
        name = name.lower()
        value = value.strip(b" \t")
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._is_told_again:
            self._is_told_again = False
            return
        version = self.parser.get_http_version()
        self._check_framing(version)
        raw_path, _, query = self.url.partition(b"?")
        path = raw_path.decode("ascii")
        scope = self.scope
        scope["http_version"] = version
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["path"] = self.root_path + (unquote(path) if "%" in path else path)
        scope["raw_path"] = self.root_path.encode("ascii") + raw_path
        scope["query_string"] = query
        app = self.app
        most = self.limit_concurrency
        if most is not None and max(len(self.connections), len(self.tasks)) >= most:
            app = service_unavailable
            self.logger.warning("Exceeded concurrency limit.")
        self._is_in_body = True
        self.cycle = Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version == "1.1" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self._start_asgi_task(self.cycle, app)

    def _check_framing(self, version: str) -> None:
        """RFC 9112, 6: one who stands before us might read it in another way.

        llhttp refuses two lengths, bare line feeds, folded lines, blanks before a colon and
        controls.  The rest is for whoever uses it.
        """
        line = self._head.lstrip(b"\r\n").partition(b"\r\n")[0]
        if version not in _VERSIONS or line[-8:-4] != b"HTTP":
            raise self._refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        said = dict(self.headers)
        names = [name for name, _ in self.headers]
        hosts = names.count(b"host")
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            raise self._refused(HTTPStatus.BAD_REQUEST)
        self._left = int(said.get(b"content-length", 0))
        self._beside_data = 0
        if (coding := said.get(b"transfer-encoding")) is not None:
            if names.count(b"transfer-encoding") > 1 or coding.lower() != b"chunked":
                raise self._refused(HTTPStatus.NOT_IMPLEMENTED)
            if version != "1.1" or b"content-length" in said:
                raise self._refused(HTTPStatus.BAD_REQUEST)
            self._left = None

    def on_body(self, body: bytes) -> None:
        self._beside_data = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            self._complete()

    def _complete(self) -> None:
        self._is_in_body = False
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    # Answering.

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._is_reading_head = False
        self._wait(self.timeout_keep_alive)
        self.flow.resume_reading()
        if self._behind:
            data, self._behind = self._behind, b""
            self.data_received(data)

    def _refused(self, status: HTTPStatus) -> httptools.HttpParserError:
        """To be raised, also through the parser, which keeps no exception but its own."""
        self._refusal = status
        return httptools.HttpParserError(status.phrase)

    def _refuse(self, status: HTTPStatus) -> None:
        """Tell the client, unless it was told something else already, and hang up."""
        self.logger.warning("Invalid HTTP request received.")
        if self._is_answering():
            # Half a body is none; whoever reads it hears that nobody is there any more.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not self._is_in_body or not self.cycle.response_started:
            headers = [
                *self.server_state.default_headers,
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", b"%d" % len(status.phrase)),
                (b"connection", b"close"),
            ]
            self.transport.write(_head_of(status, headers) + status.phrase.encode())
        self.transport.close()

    def _is_answering(self) -> bool:
        # None until the first request, whatever uvicorn's annotation says.
        return bool(self.cycle) and not self.cycle.response_complete

    # Waiting.

    def _expect_a_head(self) -> None:
        self._is_reading_head = True
        self._wait(self.head_seconds)

    def _wait(self, seconds: float) -> None:
        """Close the connection after *seconds*, unless it is busy then, or told anew."""
        self._deadline = self.loop.time() + seconds
        if self._watch is None or self._watch.when() > self._deadline:
            self._look_at(self._deadline)

    def _look_at(self, when: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self.loop.call_at(when, self._look)

    def _look(self) -> None:
        self._watch = None
        if self._deadline is None or self.transport.is_closing():
            return
        if self.loop.time() < self._deadline:
            self._look_at(self._deadline)
        elif not self._is_answering():
            self.transport.close()


class Cycle(RequestResponseCycle):
    """One request and its answer, which leaves in one piece where its length is known."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        #: Of an answer whose body is to come.
        self._head: bytes | None = None

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start" and not self.response_started:
            headers = [*self.default_headers, *message.get("headers", ())]
            said = dict(headers)
            if b"content-length" in said and b"transfer-encoding" not in said:
                self._begin(message["status"], headers, int(said[b"content-length"]))
                return
        elif self._head is not None and message["type"] == "http.response.body":
            if self.flow.write_paused and not self.disconnected:
                await self.flow.drain()
            if self.disconnected:
                return
            head, self._head = self._head, None
            body = message.get("body", b"")
            if not message.get("more_body", False) and self._is_all(body):
                self.transport.write(head if self.scope["method"] == "HEAD" else head + body)
                self._end()
                return
            self.transport.write(head)
        await super().send(message)

    def _begin(self, status: int, headers: list[tuple[bytes, bytes]], length: int) -> None:
        names = [name for name, _ in headers]
        values = [value for _, value in headers]
        if HEADER_RE.search(b"".join(names)) or HEADER_VALUE_RE.search(b"".join(values)):
            raise RuntimeError("a header of the answer is none")
        self.response_started = True
        self.waiting_for_100_continue = False
        self.chunked_encoding = False
        self.expected_content_length = length
        if b"connection" in names:
            said = dict(headers)[b"connection"].lower().split(b",")
            self.keep_alive = self.keep_alive and b"close" not in {each.strip() for each in said}
        elif not self.keep_alive:
            headers.append((b"connection", b"close"))
        self._head = _head_of(status, headers)

    def _is_all(self, body: bytes) -> bool:
        return self.scope["method"] == "HEAD" or len(body) == self.expected_content_length

    def _end(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _head_of(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    lines = [b"%b: %b\r\n" % header for header in headers]
    return b"".join([STATUS_LINE[status], *lines, b"\r\n"])
