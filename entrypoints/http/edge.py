"""The outermost layer: what holds for every answer, whoever gives it.

Each request gets a name (X-Request-Id, always ours), a place in a trace (its own traceparent, or a
new one where that is malformed), a time limit for its body, security headers and one line in the
log: method, route, status, milliseconds, sizes, ids, names of query parameters.  Never a body, a
header, a path with ids in it, or a parameter's value.
"""

import asyncio
import re
import time
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import parse_qsl

import structlog
from attrs import define, field, frozen
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

from application.access.caller import Caller
from application.ports.identifiers import Identifiers
from application.ports.telemetry import Span, SpanKind, Telemetry
from domain.identifiers import Prefix, public_id
from domain.trace import TraceContext

log = structlog.get_logger("tallystick.http")

#: Whatever else somebody sends as a method is one word in figures.
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
#: Two ways to say where a body ends.
_LENGTHS = {b"content-length", b"transfer-encoding"}
_STREAM = b"text/event-stream"
#: Names of query parameters that one line tells.
_MOST_PARAMETERS = 20

#: What a proxy in front may read in another way than we do: separators and dots that are encoded,
#: encoded twice, doubled, or meant to be walked.  Nothing of ours is written so.
_BENT = re.compile(rb"//|\\|%(?:2f|5c|25)|(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
#: Where no route leads.
_NOWHERE = "/-"

#: On every answer.  Pages that may do more say so themselves.
_SECURITY = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
)


class SlowBodyError(Exception):
    """The body did not arrive in time."""


def request_id_of(scope: Scope) -> str:
    request_id: str = scope["state"]["request_id"]
    return request_id


def trace_of(scope: Scope) -> TraceContext:
    """Where what is done for this request belongs."""
    span: Span = scope["state"]["span"]
    return span.context


def remember_caller(scope: Scope, caller: Caller) -> None:
    """Let log lines say for whom it was."""
    scope["state"]["caller"] = caller
    span: Span = scope["state"]["span"]
    span.concerns(
        organisation=public_id(Prefix.ORGANISATION, caller.organisation), caller=caller.name
    )


def add_headers(scope: Scope, headers: dict[str, str]) -> None:
    """Have *headers* on the answer, whether it is a good one or a problem."""
    scope["state"].setdefault("headers", {}).update(headers)


@frozen(kw_only=True)
class Edge:
    app: ASGIApp
    identifiers: Identifiers
    telemetry: Telemetry
    #: What a request that the router has seen asks for, in a word.
    use_case: Callable[[Scope], str]
    body_seconds: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        exchange = _Exchange()
        request_id = "req_" + public_id(Prefix.EVENT, self.identifiers.next()).partition("_")[2]
        before, has_two_lengths = _framing(scope)
        with self.telemetry.span("request", kind=SpanKind.SERVER, after=before) as span:
            span.concerns(request_id=request_id)
            headers = {"X-Request-Id": request_id, "traceparent": span.context.traceparent}
            scope.setdefault("state", {})
            if has_two_lengths:
                # RFC 9112, 6.1: whatever comes behind it may be part of it to somebody else.
                headers["Connection"] = "close"
            scope["state"].update(request_id=request_id, headers=headers, span=span)
            if _BENT.search(scope["raw_path"].partition(b"?")[0]):
                scope["path"], scope["raw_path"] = _NOWHERE, _NOWHERE.encode()
            try:
                await self.app(
                    scope,
                    exchange.receiving(receive, self.body_seconds),
                    exchange.answering(scope, send),
                )
            finally:
                span.named(self.use_case(scope))
                exchange.tell(scope, span)


@define
class _Exchange:
    """One request and its answer, as they pass the edge."""

    began: float = field(factory=time.perf_counter)
    status: int = 500
    #: Bytes of the two bodies.
    received: int = 0
    sent: int = 0
    #: It lasts for as long as somebody listens.
    is_stream: bool = False

    def receiving(self, receive: Receive, seconds: float) -> Receive:
        """*receive*, with a limit on the time in which the whole body has to be there."""
        deadline = time.monotonic() + seconds
        is_complete = False

        async def receive_in_time() -> ReceiveMessage:
            nonlocal is_complete
            if is_complete:
                return await receive()
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    message = await receive()
            except TimeoutError as error:
                raise SlowBodyError from error
            if message["type"] == "http.request":
                self.received += len(message["body"])
                is_complete = not message.get("more_body")
            else:
                is_complete = True
            return message

        return receive_in_time

    def answering(self, scope: Scope, send: Send) -> Send:
        """*send*, with the headers that every answer has."""

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                theirs = [(name.lower(), value) for name, value in message["headers"]]
                ours = {
                    _field(name): value.encode("latin-1")
                    for name, value in scope["state"]["headers"].items()
                }
                said = {**dict(theirs), **ours}
                self.is_stream = said.get(b"content-type", b"").startswith(_STREAM)
                message["headers"] = [
                    *[each for each in theirs if each[0] not in ours],
                    *[each for each in _SECURITY if each[0] not in said],
                    *ours.items(),
                ]
            elif message["type"] == "http.response.body":
                self.sent += len(message["body"])
            await send(message)

        return send_more

    def tell(self, scope: Scope, span: Span) -> None:
        """The line in the log, and what the span has to say; of a closed list of words."""
        caller: Caller | None = scope["state"].get("caller")
        method, route = str(scope.get("method")), scope.get("path_template") or "-"
        span.says(
            method=method if method in _METHODS else "other", route=route, status=self.status
        )
        if self.is_stream:
            span.says(is_stream=True)
        if self.status >= 500:
            span.failed(str(self.status))
        log.info(
            "request",
            method=method,
            route=route,
            status=self.status,
            ms=round((time.perf_counter() - self.began) * 1000, 1),
            bytes_in=self.received,
            bytes_out=self.sent,
            parameters=_parameters(scope) or None,
            request_id=request_id_of(scope),
            organisation=caller and public_id(Prefix.ORGANISATION, caller.organisation),
            caller=caller and caller.name,
        )


def _framing(scope: Scope) -> tuple[TraceContext | None, bool]:
    """What the client says that it is in, and whether it says two lengths of its body.

    A trace that is said twice is not said.
    """
    traces: list[bytes] = []
    lengths = set()
    for name, value in scope["headers"]:
        if name in _LENGTHS:
            lengths.add(name)
        elif name == b"traceparent":
            traces.append(value)
    given = traces[0].decode("latin-1").strip() if len(traces) == 1 else None
    return (TraceContext.parse(given) if given else None), lengths == _LENGTHS


@lru_cache(64)
def _field(name: str) -> bytes:
    """As a header's name is written; ours are few."""
    return name.lower().encode("latin-1")


def _parameters(scope: Scope) -> list[str]:
    """Names in the query, without what they are set to."""
    query = scope.get("query_string")
    if not query:
        return []
    said = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return list(dict.fromkeys(name for name, _ in said))[:_MOST_PARAMETERS]
