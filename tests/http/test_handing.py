"""Handlers get what they ask for by name, and who is calling in a thread."""

import threading

import pytest
from litestar import Litestar, Response, get
from litestar.exceptions import ImproperlyConfiguredException
from litestar.params import FromPath
from litestar.testing import TestClient

from entrypoints.http.authentication import Source
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.handing import GATEKEEPER, handed
from entrypoints.http.services import Given, PublicUrl


class Keeper:
    """Says in which thread it was asked."""

    def source(self, request):
        return Source(f"{request.url.path} in {threading.get_ident()}")


@pytest.fixture(autouse=True)
def asks_the_keeper(monkeypatch):
    monkeypatch.setitem(
        handed.__globals__, "_ASKED", {"source": lambda keeper, request: keeper.source(request)}
    )


def test_a_part_is_looked_up_at_each_request_and_the_asker_is_asked_in_the_acting_thread():
    @get("/of/{id:str}", sync_to_thread=True)
    def act(id: FromPath[str], source: Given[Source], public_url: PublicUrl) -> Response[str]:
        return Response(f"{id} {public_url} {source.prefix} in {threading.get_ident()}")

    parts = {GATEKEEPER: Keeper(), "public_url": "first"}
    with TestClient(Litestar([handed(act, parts)], openapi_config=None)) as client:
        id, url, path, _, asked, _, acting = client.get("/of/seven").text.split()
        assert (id, url, path) == ("seven", "first", "/of/seven")
        assert asked == acting
        parts["public_url"] = "second"
        assert client.get("/of/seven").text.startswith("seven second ")


def test_for_a_handler_that_waits_on_the_loop_the_asker_is_asked_beside_it():
    @get("/of/{id:str}")
    async def act(
        request: AnyRequest, id: FromPath[str], source: Given[Source], public_url: PublicUrl
    ) -> Response[str]:
        here = threading.get_ident()
        return Response(f"{id} {public_url} {source.prefix} in {here} {request.method}")

    @get("/loop")
    async def loop() -> Response[str]:
        return Response(str(threading.get_ident()))

    parts = {GATEKEEPER: Keeper(), "public_url": "first"}
    handlers = [handed(each, parts) for each in (act, loop)]
    with TestClient(Litestar(handlers, openapi_config=None)) as client:
        id, url, path, _, asked, _, acting, method = client.get("/of/seven").text.split()
        assert (id, url, path, method) == ("seven", "first", "/of/seven", "GET")
        assert acting == client.get("/loop").text != asked


def test_who_is_calling_is_not_asked_on_the_loop():
    @get("/", sync_to_thread=False)
    def act(source: Given[Source]) -> Response[str]:
        return Response(source.prefix)

    with pytest.raises(TypeError, match="needs a thread to ask for its source"):
        handed(act, {})


def test_a_name_that_nobody_has_is_refused_when_the_application_is_made():
    @get("/", sync_to_thread=True)
    def act(source: Given[Source], nothing: Given[str]) -> Response[str]:
        return Response(source.prefix + nothing)

    with pytest.raises(ImproperlyConfiguredException, match="nothing"):
        Litestar([handed(act, {})], openapi_config=None)
