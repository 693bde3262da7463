"""Handlers get what they ask for by name, and who is calling in a thread."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from litestar import Litestar, Response, get
from litestar.exceptions import HTTPException, ImproperlyConfiguredException
from litestar.params import FromPath
from litestar.testing import TestClient

from entrypoints.http import openapi
from entrypoints.http.app import RESOURCES
from entrypoints.http.authentication import Source
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.error_codes import ERROR_CODES
from entrypoints.http.handing import GATEKEEPER, handed
from entrypoints.http.operations import Operation
from entrypoints.http.services import Given, PublicUrl

BRIEF = Operation(id="x", tag="x", summary="x", answers=None, is_brief=True).opt


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


def test_what_is_brief_is_served_also_while_all_others_wait():
    """For a node that dawdles, say; it has its caller and its errors all the same."""
    held, waiting = threading.Event(), threading.Barrier(3)

    @get("/slow", sync_to_thread=True)
    def slow(public_url: PublicUrl) -> Response[str]:
        waiting.wait(10)
        held.wait(10)
        return Response(public_url)

    @get("/brief/{id:str}", sync_to_thread=True, opt=BRIEF)
    def brief(id: FromPath[str], source: Given[Source]) -> Response[str]:
        name = threading.current_thread().name
        if id == "wrong":
            raise HTTPException(status_code=418, detail=name)
        return Response(f"{id} {source.prefix} by {name}")

    async def two_threads():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))

    parts = {GATEKEEPER: Keeper(), "public_url": "there"}
    with ThreadPoolExecutor(1, "brief") as own, ThreadPoolExecutor(2) as clients:
        handlers = [handed(each, parts, own) for each in (slow, brief)]
        app = Litestar(handlers, openapi_config=None, on_startup=[two_threads])
        with TestClient(app) as client:
            answers = [clients.submit(client.get, "/slow") for _ in range(2)]
            waiting.wait(10)
            told = client.get("/brief/seven").text
            assert told.startswith("seven /brief/seven in ")
            assert told.endswith(" by brief_0")
            assert client.get("/brief/wrong").json()["detail"] == "brief_0"
            held.set()
            assert [each.result().text for each in answers] == ["there", "there"]


def test_what_is_brief_waits_for_nobody_but_the_database():
    """Six who wait for a custodian would have all others wait for it."""
    handlers = [handler for resource in RESOURCES for handler in resource.HANDLERS]
    brief = [each for _, _, each in openapi.operations_of(handlers) if each.is_brief]
    others = {
        code
        for code in ERROR_CODES
        if code.endswith("_unavailable") and code != "storage_unavailable"
    }
    assert {"custodian_unavailable", "node_unavailable"} < others
    assert {each.id: others & set(each.codes) for each in brief if others & set(each.codes)} == {}
    assert "create_deployment" in [each.id for each in brief]


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
