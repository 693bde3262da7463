"""What handlers ask for, handed to them by its name, in the one thread that a request has.

A handler that waits on the loop has one until it is known who is calling.

The framework would start a task for each name, and a thread for who is calling before the one that
acts.  So it is told only of what it reads itself: the request, its body, and what its path names.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextvars import copy_context
from copy import copy
from functools import partial, wraps
from typing import Any

from litestar.handlers import HTTPRouteHandler

from entrypoints.http.authentication import Gatekeeper
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.operations import Operation

#: Name of the one part that is needed for what is asked of a request.
GATEKEEPER = "gatekeeper"
#: What is found out about each request before its handler acts; may wait for the store.
_ASKED: Mapping[str, Callable[[Gatekeeper, AnyRequest], object]] = {
    "caller": Gatekeeper.caller,
    "source": Gatekeeper.source,
}


def handed(
    handler: HTTPRouteHandler, parts: Mapping[str, Any], brief: Executor | None = None
) -> HTTPRouteHandler:
    """*handler* as the framework is told of it; *parts* are looked up at every request.

    *brief*: where it acts, where its operation is brief; None: where all others do.

    Raises: TypeError: it holds the loop, and who is calling would have to be waited for.
    """
    act = handler.fn
    signature = inspect.signature(act)
    given = [name for name in signature.parameters if name in parts]
    asked = [name for name in signature.parameters if name in _ASKED]
    if not given and not asked:
        return handler
    waits = inspect.iscoroutinefunction(act)
    if asked and not handler.sync_to_thread and not waits:
        raise TypeError(f"{act.__qualname__} needs a thread to ask for its {' and '.join(asked)}")
    takes_request = "request" in signature.parameters

    def ask(request: AnyRequest, read: dict[str, Any]) -> None:
        for name in asked:
            read[name] = _ASKED[name](parts[GATEKEEPER], request)
        for name in given:
            read[name] = parts[name]
        if takes_request:
            read["request"] = request

    @wraps(act)
    def act_on(request: AnyRequest, **read: Any) -> Any:
        ask(request, read)
        return act(**read)

    @wraps(act)
    async def wait_on(request: AnyRequest, **read: Any) -> Any:
        if asked:
            await asyncio.to_thread(ask, request, read)
        else:
            ask(request, read)
        return await act(**read)

    @wraps(act)
    async def act_briefly(request: AnyRequest, **read: Any) -> Any:
        call = partial(copy_context().run, act_on, request, **read)
        return await asyncio.get_running_loop().run_in_executor(brief, call)

    made, acting = copy(handler), wait_on if waits else act_on
    if _is_brief(handler):
        made.sync_to_thread, acting = None, act_briefly
    _tell(acting, signature, {*given, *asked})
    return made(acting)


def _is_brief(handler: HTTPRouteHandler) -> bool:
    operation = handler.opt.get("operation")
    return isinstance(operation, Operation) and operation.is_brief


def _tell(function: Callable[..., Any], signature: inspect.Signature, left_out: set[str]) -> None:
    """Have *function* look as *signature* does, without some names, and with a request."""
    kept = {name: each for name, each in signature.parameters.items() if name not in left_out}
    kind = inspect.Parameter.KEYWORD_ONLY
    kept["request"] = inspect.Parameter("request", kind, annotation=AnyRequest)
    function.__annotations__ = {name: each.annotation for name, each in kept.items()}
    function.__annotations__["return"] = signature.return_annotation
    parameters = [each.replace(kind=kind) for each in kept.values()]
    # Where `inspect` and the framework look first.
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # no function declares it
