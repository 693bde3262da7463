"""The Python helper against the API: what it holds is captured, released, or frees itself."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from attrs import evolve

from entrypoints.http.app import create_app
from tallystick_client import (
    Credits,
    HoldExpiredError,
    RefusedError,
    UnavailableError,
)
from tallystick_client.line import Line
from tests.http.site import services_of
from tests.postgres_house import RunningClock

CLIENT = Path(__file__).parents[2] / "clients" / "python"


class Boom(Exception):  # noqa: N818 - not an error of the client's
    pass


@pytest.fixture
def writer(ada):
    return ada.key(scopes=["usage:write", "credits:read"])


@pytest.fixture
def credits_(site, writer):
    return Credits("", writer.token, http=site.client, patience_seconds=2)


def state_of(writer, hold):
    return writer.get(f"/v1/usage/holds/{hold.id}").json()["state"]


def test_success_captures(writer, credits_):
    with credits_.hold("report", units=2) as hold:
        assert (hold.credits, writer.balance) == (4, (21, 4))
    assert (state_of(writer, hold), writer.balance) == ("captured", (21, 0))


def test_an_exception_releases_and_goes_on(writer, credits_):
    def fail():
        with credits_.hold("report") as hold:
            holds.append(hold)
            raise Boom

    holds = []
    with pytest.raises(Boom):
        fail()
    assert (state_of(writer, holds[0]), writer.balance) == ("released", (25, 0))


def test_a_part_is_captured_where_the_caller_says_so(writer, credits_):
    with credits_.hold("report", units=3) as hold:
        hold.capture(2)
        assert writer.balance == (23, 0)
    assert writer.balance == (23, 0)


def test_what_was_captured_stays_so_whatever_comes_after(writer, credits_):
    def fail():
        with credits_.hold("report") as hold:
            hold.capture()
            raise Boom

    with pytest.raises(Boom):
        fail()
    assert writer.balance == (23, 0)


def test_the_caller_may_give_back_everything(writer, credits_):
    with credits_.hold("report") as hold:
        hold.release()
    assert (state_of(writer, hold), writer.balance) == ("released", (25, 0))


def test_a_refusal_is_raised_before_the_block(credits_):
    with pytest.raises(RefusedError) as refused, credits_.hold("premium_call"):
        raise AssertionError("the block was entered")
    assert (refused.value.code, refused.value.status) == ("tariff_too_low", 403)


def test_a_lost_lease_is_told_and_nothing_is_spent(site, writer, credits_):
    def work():
        with credits_.hold("report", lease_seconds=30):
            site.house.pass_time(timedelta(seconds=31))

    with pytest.raises(HoldExpiredError):
        work()
    assert writer.balance == (25, 0)


def test_a_key_of_ones_own_is_the_same_hold_again(writer, credits_):
    with credits_.hold("report", key="mine"):
        pass
    with pytest.raises(RefusedError) as again, credits_.hold("report", key="mine"):
        raise AssertionError("the block was entered")
    assert (again.value.code, writer.balance) == ("hold_closed", (23, 0))


# Trouble on the way, with a transport that answers as a test says.


class Clock:
    def __init__(self):
        self.seconds = 0.0
        self.slept = []

    def now(self):
        return self.seconds

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.seconds += seconds


def problem(status, code, **headers):
    return httpx.Response(status, json={"code": code, "detail": "…"}, headers=headers)


def line_of(clock, *answers):
    """A line whose requests get *answers*, one after another; an exception is raised."""
    seen, left = [], list(answers)

    def answer(request):
        seen.append(request)
        given = left.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://api")
    return Line(http, "key", 30, sleep=clock.sleep, now=clock.now), seen


@pytest.mark.parametrize(
    ("trouble", "least"),
    [
        (httpx.ConnectError("no"), 0),
        (httpx.ReadTimeout("late"), 0),
        (problem(503, "storage_unavailable", **{"Retry-After": "2"}), 2),
        (problem(429, "too_soon", **{"Retry-After": "3"}), 3),
        (problem(409, "request_in_flight", **{"Retry-After": "1"}), 1),
        (httpx.Response(502, text="a proxy's words"), 0),
    ],
)
def test_what_may_pass_is_repeated_with_the_same_key(trouble, least):
    clock = Clock()
    line, seen = line_of(clock, trouble, httpx.Response(201, json={"id": "hold_1"}))
    assert line.post("/v1/usage/holds", {}, "the key") == {"id": "hold_1"}
    assert [request.headers["Idempotency-Key"] for request in seen] == ["the key"] * 2
    assert clock.slept[0] >= least


@pytest.mark.parametrize(
    "final",
    [
        problem(402, "insufficient_credits"),
        problem(409, "hold_expired"),
        problem(422, "idempotency_key_reused"),
        problem(403, "forbidden"),
    ],
)
def test_what_stays_so_is_raised_at_once(final):
    clock = Clock()
    line, seen = line_of(clock, final)
    with pytest.raises(RefusedError):
        line.post("/", {})
    assert (len(seen), clock.slept) == (1, [])


def test_patience_ends():
    clock = Clock()
    line, _ = line_of(clock, problem(423, "spending_blocked", **{"Retry-After": "900"}))
    with pytest.raises(RefusedError) as refused:
        line.post("/", {})
    assert refused.value.retry_after_seconds == 900
    dead, seen = line_of(clock, *[httpx.ConnectError("no")] * 100)
    with pytest.raises(UnavailableError):
        dead.post("/", {})
    assert 5 < len(seen) < 30
    assert clock.seconds <= 30


# A process of its own, which nobody lets say good-bye.

CALLER = """
import sys, time
from tallystick_client import Credits
with Credits(sys.argv[1], sys.argv[2]).hold("report", lease_seconds=1) as hold:
    print(hold.id, flush=True)
    while True:
        time.sleep(1)
"""


@contextlib.contextmanager
def served(services):
    """A real server on a real port."""
    config = uvicorn.Config(create_app(services), port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        await_that(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def await_that(condition, seconds=20.0):
    deadline, never = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        never.wait(0.02)


def test_a_caller_that_is_killed_gives_back_by_its_lease(house, site, services, writer):
    """Renewed for as long as it lives; after kill -9 the credits are back, with no job running."""
    house.clock = RunningClock(house.clock.now())
    with served(evolve(services_of(house), tokens=services.tokens)) as url:
        caller = subprocess.Popen(
            [sys.executable, "-c", CALLER, url, writer.token],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(CLIENT)},
            text=True,
        )
        try:
            id = caller.stdout.readline().strip()
            with httpx.Client(
                base_url=url, headers={"Authorization": f"Bearer {writer.token}"}
            ) as http:

                def hold():
                    return http.get(f"/v1/usage/holds/{id}").json()

                def balance():
                    told = http.get("/v1/credits/balance").json()
                    return told["available"], told["held"]

                first = hold()["lease_until"]
                await_that(lambda: hold()["lease_until"] > first)
                second = hold()["lease_until"]
                await_that(lambda: hold()["lease_until"] > second)
                assert balance() == (23, 2)
                caller.send_signal(signal.SIGKILL)
                caller.wait()
                await_that(lambda: balance() == (25, 0))
                assert hold()["state"] == "expired"
        finally:
            caller.kill()
            caller.wait()
            caller.stdout.close()
