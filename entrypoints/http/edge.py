"""The outermost layer: what holds for every answer, whoever gives it.

Each request gets a name (X-Request-Id, always ours), a time limit for its body, security headers
and one line in the log: method, route, status, milliseconds, ids.  Never a body, a token or an
address.
"""

import asyncio
import re
import time

import structlog
from attrs import frozen
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

from application.access.caller import Caller
from application.ports.identifiers import Identifiers
from domain.identifiers import Prefix, public_id

log = structlog.get_logger("tallystick.http")

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

#: On every answer.  Pages that may do more say so themselves.
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class SlowBodyError(Exception):
    """The body did not arrive in time."""


def request_id_of(scope: Scope) -> str:
    request_id: str = scope["state"]["request_id"]
    return request_id


def remember_caller(scope: Scope, caller: Caller) -> None:
    """Let the log line say for whom it was."""
    scope["state"]["caller"] = caller


def add_headers(scope: Scope, headers: dict[str, str]) -> None:
    """Have *headers* on the answer, whether it is a good one or a problem."""
    scope["state"].setdefault("headers", {}).update(headers)


@frozen(kw_only=True)
class Edge:
    app: ASGIApp
    identifiers: Identifiers
    body_seconds: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500
        request_id = "req_" + public_id(Prefix.EVENT, self.identifiers.next()).partition("_")[2]
        scope.setdefault("state", {})
        scope["state"].update(request_id=request_id, headers={"X-Request-Id": request_id})
        self._trace(scope)

        async def send_more(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableScopeHeaders.from_message(message)
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
                for name, value in scope["state"]["headers"].items():
                    headers[name] = value
            await send(message)

        try:
            await self.app(scope, self._timed(receive), send_more)
        finally:
            self._log(scope, request_id, status, (time.perf_counter() - started) * 1000)

    def _trace(self, scope: Scope) -> None:
        traceparent = Headers.from_scope(scope).get("traceparent", "")
        if _TRACEPARENT.fullmatch(traceparent):
            scope["state"]["headers"]["traceparent"] = traceparent

    def _timed(self, receive: Receive) -> Receive:
        """*receive*, with a limit on the time in which the whole body has to be there."""
        deadline = time.monotonic() + self.body_seconds
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
            is_complete = message["type"] != "http.request" or not message.get("more_body")
            return message

        return receive_in_time

    def _log(self, scope: Scope, request_id: str, status: int, milliseconds: float) -> None:
        caller: Caller | None = scope["state"].get("caller")
        log.info(
            "request",
            method=scope.get("method"),
            route=scope.get("path_template") or "-",
            status=status,
            ms=round(milliseconds, 1),
            request_id=request_id,
            organisation=caller and public_id(Prefix.ORGANISATION, caller.organisation),
            traceparent=scope["state"]["headers"].get("traceparent"),
        )
