"""What holds for every answer, whoever gives it; and what happens when the world does not."""

import asyncio
import json
import re
from datetime import timedelta
from uuid import UUID

import pytest
import structlog
from attrs import evolve
from litestar.testing import TestClient

from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.custody import CustodyUnavailableError
from application.ports.egress import Reply
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.trace import Cause, TraceContext
from entrypoints.http.app import create_app
from entrypoints.http.rate_limit import MOST_BUCKETS, RateLimits
from entrypoints.http.services import Limits
from tests.http.site import PASSWORD, Site, count_requests, services_of

HOOK = "https://hooks.example.com/tallystick"
EVERYWHERE = ["/healthz", "/v1/deployments", "/nowhere", "/docs", "/v1/auth/login"]


def with_services(house, **changes):
    """A client of an app of its own."""
    app = create_app(services_of(house, **changes))
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_has_a_name_of_ours(site, path):
    answers = [site.call("GET", path, headers={"X-Request-Id": "mine"}) for _ in range(2)]
    names = {answered.headers["X-Request-Id"] for answered in answers}
    assert len(names) == 2
    assert all(name.startswith("req_") for name in names)


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_is_guarded(site, path):
    headers = site.call("GET", path, headers={"Origin": "https://evil.example"}).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not [name for name in headers if name.startswith("access-control")]


def test_what_is_somebodys_is_kept_by_no_shared_cache(ada):
    deployment = ada.deploy()
    for path in ("/v1/organisations", deployment["links"]["self"], deployment["links"]["history"]):
        assert ada.get(path).headers["Cache-Control"] in {"no-store", "private, no-cache"}


@pytest.mark.parametrize("flags", ["00", "01"])
def test_an_answer_is_in_the_trace_of_its_request(site, flags):
    asked = f"00-{'a' * 32}-{'b' * 16}-{flags}"
    traceparent = site.call("GET", "/healthz", headers={"traceparent": asked}).headers[
        "traceparent"
    ]
    assert re.fullmatch(rf"00-a{{32}}-[0-9a-f]{{16}}-{flags}", traceparent)
    assert traceparent != asked


@pytest.mark.parametrize("asked", ["x" * 55, f"00-{'0' * 32}-{'b' * 16}-01", "", None])
def test_a_trace_is_begun_where_there_is_none_to_go_on_with(site, asked):
    headers = {} if asked is None else {"traceparent": asked}
    answers = [site.call("GET", "/healthz", headers=headers) for _ in range(2)]
    traces = [answered.headers["traceparent"] for answered in answers]
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace) for trace in traces)
    assert len({trace.split("-")[1] for trace in traces}) == 2


def test_a_trace_that_is_said_twice_is_not_said(site):
    said = [("traceparent", f"00-{letter * 32}-{'b' * 16}-01") for letter in "ac"]
    answered = site.call("GET", "/healthz", headers=said)
    assert answered.headers["traceparent"].split("-")[1] not in {"a" * 32, "c" * 32}


def test_what_a_request_asks_for_is_done_told_and_carried_on_in_its_trace(site, ada, house):
    """From the request to the job's row, to the worker's turn, to the message that leaves."""
    house.egress.receivers[HOOK] = lambda _: Reply(status=200)
    made = ada.post(
        "/v1/webhook_endpoints",
        {"url": HOOK, "live": False},
        headers={"Idempotency-Key": "hook"},
    )
    assert made.status_code == 201, made.text
    asked = f"00-{'a' * 32}-{'b' * 16}-01"
    answered = ada.post(
        "/v1/deployments",
        site.body(),
        headers={"Idempotency-Key": "traced", "traceparent": asked},
    )
    assert answered.status_code == 202
    answer = TraceContext.parse(answered.headers["traceparent"])
    with house.store.begin(Scope()) as work:
        (claim,) = work.claims.take(house.clock.now(), 1, timedelta(seconds=8), UUID(int=1))
        work.claims.give_back([claim])
    assert claim.cause == Cause(request_id=answered.headers["X-Request-Id"], trace=answer)
    site.work_until_done()
    house.tell()
    told = [
        sent.headers["traceparent"]
        for sent in house.egress.received
        if json.loads(sent.body)["type"].startswith("deployment.")
    ]
    assert told
    assert {traceparent.split("-")[1] for traceparent in told} == {"a" * 32}
    assert len(set(told)) == len(told)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nowhere", "route_not_found"),
        ("GET", "/v1/deployments/a/b/c", "route_not_found"),
        ("DELETE", "/v1/deployments", "method_not_allowed"),
        ("PUT", "/healthz", "method_not_allowed"),
    ],
)
def test_what_the_router_refuses_has_the_same_shape(site, method, path, code):
    answered = site.call(method, path)
    assert answered.headers["Content-Type"] == "application/problem+json"
    assert answered.json()["code"] == code
    assert answered.json()["type"] == f"/errors#{code}"
    assert (code == "method_not_allowed") == ("Allow" in answered.headers)


def test_links_are_absolute_where_the_installation_has_an_address(house):
    with with_services(house, public_url="https://issue.example") as client:
        assert client.get("/x").json()["type"] == "https://issue.example/errors#route_not_found"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreUnavailableError("host db.internal, password=x"), 503, "storage_unavailable"),
        (ChainUnavailableError("https://user:key@node.internal"), 503, "node_unavailable"),
        (WrongChainError("chain 5"), 503, "network_halted"),
        (CustodyUnavailableError("vault sealed"), 503, "custodian_unavailable"),
        (RuntimeError("SELECT secret FROM users"), 500, "internal_error"),
    ],
)
def test_a_world_that_does_not_answer_is_told_without_its_words(site, ada, error, status, code):
    def fails(intent):
        raise error

    site.house.chain.plan = fails
    answered = site.client.post(
        "/v1/deployments/plan",
        json=site.body(),
        headers={"Authorization": f"Bearer {ada.token}"},
    )
    assert (answered.status_code, answered.json()["code"]) == (status, code)
    assert str(error) not in answered.text
    assert answered.json()["remediation"]
    assert ("Retry-After" in answered.headers) == (code != "network_halted")


def test_a_silent_database_is_told_before_anybody_is_let_in(site, ada, monkeypatch):
    def lost(scope):
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(type(site.house.store), "begin", lambda self, scope: lost(scope))
    answered = ada.get("/v1/deployments")
    assert (answered.status_code, answered.json()["code"]) == (503, "storage_unavailable")
    assert answered.headers["Retry-After"] == "2"


def test_a_request_leaves_one_line_that_tells_no_secrets(site):
    with structlog.testing.capture_logs() as lines:
        ada = site.register("ada@example.org")
        deployment = ada.deploy(client_reference="in confidence")
        ada.get(deployment["links"]["self"])
        ada.get("/v1/deployments/nothing")
        site.call("GET", "/nowhere?password=hunter2")
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/v1/auth/register", 201),
        ("POST", "/v1/deployments", 202),
        ("GET", "/v1/deployments/{id}", 200),
        ("GET", "/v1/deployments/{id}", 404),
        ("GET", "-", 404),
    ]
    assert [line["organisation"] for line in lines[1:4]] == [ada.organisation] * 3
    assert all(line["request_id"] and line["ms"] >= 0 for line in lines)
    written = json.dumps(lines)
    for secret in (PASSWORD, "ada@", ada.token, "in confidence", "hunter2"):
        assert secret not in written


def test_a_fault_of_ours_is_logged_without_what_was_sent(site, ada):
    def fails(intent):
        raise RuntimeError("boom")

    site.house.chain.plan = fails
    with structlog.testing.capture_logs() as lines:
        ada.plan(client_reference="in confidence")
    (unhandled,) = [line for line in lines if line["event"] == "unhandled"]
    assert "RuntimeError: boom" in unhandled["traceback"]
    written = json.dumps(lines)
    assert "in confidence" not in written
    assert ada.token not in written


def test_changing_requests_have_a_limit_per_member(house):
    counted = count_requests(house, requests_per_minute=2)
    with with_services(house, count_requests=counted) as client:
        site = Site(house, services_of(house), client)
        ada = site.register()
        assert ada.deploy("one")
        fresh = ada.create("one")
        assert fresh.headers["RateLimit-Policy"] == '"changes";q=2;w=60'
        # A second counts until all of it is a minute old.
        assert fresh.headers["RateLimit"] == '"changes";r=0;t=61'
        limited = ada.create("two")
        assert (limited.status_code, limited.json()["code"]) == (429, "rate_limited")
        assert limited.headers["Retry-After"] == "61"
        assert limited.headers["RateLimit"] == '"changes";r=0;t=61'
        assert ada.get("/v1/deployments").status_code == 200, "reads are counted apart"
        assert ada.plan().status_code == 200, "and plans are reads"
        house.pass_time(timedelta(seconds=61))
        assert ada.create("two").status_code == 202
        bob = site.register("bob@example.org")
        assert bob.create("one").status_code == 202, "and everybody has their own"


def test_strangers_have_a_limit_per_network(house):
    limits = Limits(read_limit_per_minute=3)
    with with_services(house, limits=limits) as client:
        answers = [
            client.post("/v1/auth/login", json={"email": f"{n}@example.org", "password": "x"})
            for n in range(4)
        ]
    assert [answered.status_code for answered in answers] == [401, 401, 401, 429]


def test_forgotten_callers_cost_no_memory(house):
    rates = RateLimits()
    for number in range(MOST_BUCKETS + 10):
        rates.take(str(number), 5, house.clock.now())
    assert len(rates._buckets) == MOST_BUCKETS


def test_a_body_that_does_not_arrive_is_given_up(house):
    limits = Limits(body_seconds=0.05)
    app = create_app(services_of(house, limits=limits))
    sent = []

    async def receive():
        if not sent:
            await asyncio.sleep(30)
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/v1/auth/login", "raw_path": b"/v1/auth/login",
        "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
        "headers": [(b"content-length", b"10"), (b"content-type", b"application/json")],
        "client": ("192.0.2.1", 1), "server": ("localhost", 80), "extensions": {},
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["code"] == "request_timeout"


def test_readiness_names_what_is_missing(house):
    problems = {"database": "migrations are behind", "custodian": "no answer"}
    with with_services(house, ready=lambda: problems) as client:
        answered = client.get("/readyz")
        assert answered.status_code == 503
        assert answered.json()["code"] == "not_ready"
        named = {fault["pointer"]: fault["message"] for fault in answered.json()["errors"]}
        assert named == {"/database": "migrations are behind", "/custodian": "no answer"}
        assert client.get("/healthz").status_code == 200


def test_hooks_run_with_the_server(house):
    ran = []

    async def start():
        ran.append("started")

    async def stop():
        ran.append("stopped")

    with with_services(house, on_startup=(start,), on_shutdown=(stop,)):
        assert ran == ["started"]
    assert ran == ["started", "stopped"]


def test_two_applications_live_in_one_process(house):
    services = services_of(house)
    first = create_app(services)
    second = create_app(evolve(services, documentation=False))
    with TestClient(first) as one, TestClient(second) as other:
        assert (one.get("/docs").status_code, other.get("/docs").status_code) == (200, 404)
        assert one.get("/healthz").json() == other.get("/healthz").json()
