"""From the framework's router straight to a handler, and from its answer straight to the server.

Between the two the framework has layers for what no handler of ours uses: guards, hooks, caches,
sessions, an exit stack, a task for each dependency, two nets for exceptions, and types that are
converted to what they are.  What is here does what those do for a handler that takes its request,
its body and words of its path, and returns a `Response` of bytes; all others, and whatever leads
nowhere, take the framework's way.
"""

import asyncio
import inspect
import re
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial
from typing import Any, cast, get_origin

from attrs import frozen
from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.params import FromPath, RawBody
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.utils.path import normalize_path

from entrypoints.http.decoding import AnyRequest
from entrypoints.http.handing import ACT
from entrypoints.http.problems import Answering

#: Of what else the framework decides.
_HOST = re.compile(rb"[0-9A-Za-z.:\[\]-]*")
#: An answer of these has no body.
_EMPTY = frozenset({204, 304})


@frozen(kw_only=True)
class _Straight:
    act: Callable[..., Any]
    #: The status of an answer that does not say one.
    status: int
    takes_request: bool
    takes_body: bool
    in_thread: bool

    async def __call__(self, request: AnyRequest) -> Response[Any]:
        read: dict[str, Any] = dict(request.scope["path_params"])
        if self.takes_request:
            read["request"] = request
        if self.takes_body:
            read["body"] = await request.body()
        if self.in_thread:
            call = partial(copy_context().run, self.act, **read)
            answered = await asyncio.get_running_loop().run_in_executor(None, call)
        else:
            answered = self.act(**read)
            if inspect.isawaitable(answered):
                answered = await answered
        return cast("Response[Any]", answered)


@frozen(kw_only=True)
class Dispatch:
    app: Litestar
    #: The way of the framework.
    framework: ASGIApp
    problem: Answering
    straight: Mapping[BaseRouteHandler, _Straight]

    @classmethod
    def of(cls, app: Litestar, problem: Answering) -> "Dispatch":
        """For *app*, when all its handlers are registered."""
        straight: dict[BaseRouteHandler, _Straight] = {
            handler: way
            for route in app.routes
            if isinstance(route, HTTPRoute)
            for handler in route.route_handlers
            if (way := _straight(handler)) is not None
        }
        return cls(app=app, framework=app.asgi_handler, problem=problem, straight=straight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        way = self._way(scope)
        if way is None:
            await self.framework(scope, receive, send)
            return
        request: AnyRequest = Request(scope, receive, send)
        try:
            answered = await way(request)
            leave = _leaving(answered, request, way.status)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is answered by the one place
            leave = _leaving(self.problem(request, error), request, None)
        await leave(scope, receive, send)

    def _way(self, scope: Scope) -> _Straight | None:
        """The way to the handler, which the scope tells of from now on; None: the framework's."""
        if scope["type"] != ScopeType.HTTP or scope.get("root_path"):
            return None
        path = normalize_path(scope["path"])
        try:
            _, handler, path, parameters, template = self.app.asgi_router.handle_routing(
                path=path, method=scope["method"]
            )
        except HTTPException:
            return None
        way = self.straight.get(handler)
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if way is None or not all(_HOST.fullmatch(host) for host in hosts):
            return None
        scope["path"], scope["path_params"] = path, parameters
        scope["route_handler"], scope["path_template"] = handler, template
        return way


def _straight(handler: HTTPRouteHandler) -> _Straight | None:
    """How *handler* is called; None: only the framework knows."""
    act = handler.opt.get(ACT)
    if act is None:
        return None
    signature = inspect.signature(act, eval_str=True)
    kinds = {name: each.annotation for name, each in signature.parameters.items()}
    words = {name: kind for name, kind in kinds.items() if name not in {"request", "body"}}
    if get_origin(signature.return_annotation) is not Response:
        return None
    if any(kind != FromPath[str] for kind in words.values()):
        return None
    if kinds.get("body", RawBody) is not RawBody:
        return None
    return _Straight(
        act=act,
        status=handler.status_code,
        takes_request="request" in kinds,
        takes_body="body" in kinds,
        in_thread=bool(handler.sync_to_thread),
    )


def _leaving(answered: Response[Any], request: AnyRequest, status: int | None) -> ASGIApp:
    """*answered*, as it is sent; *status* where it says none."""
    body = answered.content
    if type(answered) is not Response or not isinstance(body, bytes) or answered.background:
        return answered.to_asgi_response(app=None, request=request, status_code=status)
    status = answered.status_code or status or 200
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answered.headers.items()
    ]
    if status not in _EMPTY:
        names = [name for name, _ in headers]
        if b"content-type" not in names:
            headers.append((b"content-type", _media_type(answered)))
        if b"content-length" not in names:
            headers.append((b"content-length", b"%d" % len(body)))
    elif body:
        raise ValueError(f"an answer of {status} has no body")
    headers += [cookie.to_encoded_header() for cookie in answered.cookies]

    async def leave(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return leave


def _media_type(answered: Response[Any]) -> bytes:
    media_type = str(answered.media_type or "application/json")
    charset = f"; charset={answered.encoding}" if media_type.startswith("text/") else ""
    return f"{media_type}{charset}".encode("latin-1")
