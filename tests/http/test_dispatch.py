"""The short way to a handler answers as the framework's own does."""

import asyncio

import pytest
from litestar import Litestar, Response, Router, get, post
from litestar.datastructures import Cookie
from litestar.exceptions import NotAuthorizedException
from litestar.params import FromPath, RawBody
from litestar.response import Stream

from entrypoints.http.decoding import AnyRequest
from entrypoints.http.dispatch import Dispatch
from entrypoints.http.handing import handed
from entrypoints.http.problems import Answering, not_found


@get("/plain", sync_to_thread=False)
def plain() -> Response[bytes]:
    return Response(b"{}", media_type="application/json")


@get("/text/{word:str}/{other:str}", sync_to_thread=True)
def text(word: FromPath[str], other: FromPath[str], request: AnyRequest) -> Response[bytes]:
    said = f"{word} {other} {request.query_params.get('q')} {request.url.path}".encode()
    return Response(said, status_code=203, media_type="text/plain", headers={"X-Said": "yés"})


@post("/echo", sync_to_thread=True)
def echo(body: RawBody) -> Response[bytes]:
    return Response(body, media_type="text/csv; charset=x", cookies=[Cookie("a", "b")])


@post("/later", status_code=202)
async def later(request: AnyRequest, body: RawBody) -> Response[bytes]:
    await asyncio.sleep(0)
    kind = request.content_type[0]
    return Response(body + kind.encode(), headers={"content-type": "x/y", "content-length": "3"})


@get("/nothing", sync_to_thread=True)
def nothing() -> Response[bytes]:
    return Response(b"", status_code=304, media_type="application/json", headers={"ETag": '"x"'})


@get("/too_much", sync_to_thread=True)
def too_much() -> Response[bytes]:
    return Response(b"a body", status_code=304)


@get("/words", sync_to_thread=True)
def words() -> Response[str]:
    return Response("a text")


@get("/missing", sync_to_thread=True)
def missing() -> Response[bytes]:
    raise not_found("thing")


@get("/broken", sync_to_thread=True)
def broken() -> Response[bytes]:
    raise RuntimeError("boom")


@get("/refused", sync_to_thread=True)
def refused() -> Response[bytes]:
    raise NotAuthorizedException


@get("/none", sync_to_thread=True)
def none() -> None:
    return None


@get("/number/{number:int}", sync_to_thread=True)
def number(number: FromPath[int]) -> Response[bytes]:
    return Response(str(number + 1).encode())


@get("/stream", sync_to_thread=True)
def stream() -> Stream:
    return Stream(iter([b"a", b"b"]))


SHORT = (plain, text, echo, later, nothing, too_much, words, missing, broken, refused)
LONG = (none, number, stream)


@pytest.fixture(scope="module")
def ways():
    problem = Answering(public_url="")
    handlers = [handed(each, {}) for each in (*SHORT, *LONG)]
    app = Litestar(
        [Router(path="/", route_handlers=handlers)],
        exception_handlers={Exception: problem},
        request_max_body_size=100,
        openapi_config=None,
        logging_config=None,
    )
    return app, Dispatch.of(app, problem)


def told(app, way, target, method="GET", body=(b"",), headers=()):
    """All that is sent, and the words that the log has of it."""
    path, _, query = target.partition("?")
    sent, pieces = [], list(body)
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": query.encode(), "root_path": "", "scheme": "http", "http_version": "1.1",
        "headers": [(b"host", b"x"), *headers], "client": ("192.0.2.1", 1),
        "server": ("localhost", 80), "extensions": {}, "litestar_app": app, "app": app,
        "state": {"request_id": "req_1"},
    }  # fmt: skip

    async def receive():
        piece = pieces.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message):
        sent.append(message)

    asyncio.run(way(scope, receive, send))
    begin, *rest = sent
    begin["headers"] = sorted(begin["headers"])
    handler = scope.get("route_handler")
    return [begin, *rest], scope.get("path_template"), handler and str(handler)


JSON = (b"content-type", b"application/json")


@pytest.mark.parametrize(
    "asked",
    [
        {"target": "/plain"}, {"target": "/plain/"}, {"target": "//plain"},
        {"target": "/plain", "method": "POST"}, {"target": "/plain", "method": "HEAD"},
        {"target": "/plain", "method": "OPTIONS"}, {"target": "/plain", "method": "BREW"},
        {"target": "/plain", "headers": [(b"host", b"a b")]},
        {"target": "/plain", "headers": [(b"host", b"a_b%c")]},
        {"target": "/text/one/two?q=3"}, {"target": "/text/é/%2e"}, {"target": "/text/one"},
        {"target": "/echo", "method": "POST", "body": [b"a", b"", b"b"]},
        {"target": "/echo", "method": "POST", "body": [b"a" * 101]},
        {"target": "/echo", "method": "POST", "body": [b"a" * 60, b"a" * 60]},
        {"target": "/echo", "method": "POST", "headers": [(b"content-length", b"101")]},
        {"target": "/echo", "method": "POST", "body": [b"a", None]},
        {"target": "/later", "method": "POST", "body": [b"[]"], "headers": [JSON]},
        {"target": "/nothing"}, {"target": "/too_much"}, {"target": "/words"},
        {"target": "/missing"}, {"target": "/broken"}, {"target": "/refused"},
        {"target": "/none"}, {"target": "/number/7"}, {"target": "/number/x"},
        {"target": "/nowhere"}, {"target": "/"},
    ],
    ids=str,
)  # fmt: skip
def test_both_ways_tell_the_same(ways, asked):
    app, straight = ways
    assert told(app, straight, **asked) == told(app, straight.framework, **asked)


def test_those_that_can_be_are_called_straight(ways):
    called = {str(handler).rpartition(".")[2] for handler in ways[1].straight}
    assert called == {each.handler_name for each in SHORT}
