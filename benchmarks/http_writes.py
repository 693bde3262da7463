"""What authentication, limits, idempotency, the trail and the rest of the API cost one write."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

from benchmarks import bare
from benchmarks.figures import Figure, Measured, Sides
from benchmarks.http_client import Request, await_port, in_turns, request, shared
from benchmarks.installation import NOTES, Customer, Installation, installed
from entrypoints.devnet.processes import free_port, spawn
from entrypoints.http.services import Limits
from entrypoints.settings import load

CUSTOMERS = 100
CONNECTIONS = 64


class RefusedError(Exception):
    """Something was answered that is no good news."""


@contextmanager
def _prepared() -> Iterator[Sides]:
    with installed(customers=CUSTOMERS, workers=0) as place, writing(place, CONNECTIONS) as sides:
        yield sides


@contextmanager
def writing(place: Installation, connections: int) -> Iterator[Sides]:
    settings = load(None, place.parts.environment)
    bare.make_table(place.parts.database)
    port, threads = free_port(), Limits().threads
    process = spawn(
        [
            *(sys.executable, "-m", "benchmarks.bare"),
            *map(str, (port, settings.database_connections, threads)),
        ],
        dies_by=signal.SIGTERM,
        env=dict(place.parts.environment),
    )
    try:
        plain = f"http://127.0.0.1:{port}"
        await_port(plain)
        yield Sides(
            ours=partial(_made, place.api, shared(place.customers, team), connections),
            limit=partial(_made, plain, shared(place.customers, lambda _: _name()), connections),
            notes={
                "postgresql": NOTES["postgresql"],
                "ours": f"POST /v1/teams of {len(place.customers)} organisations by turns, by"
                " their API keys, each with an Idempotency-Key of its own; one process of"
                " `tallystick serve`",
                "limit": "a bare ASGI application: parses the body, makes one INSERT in a thread",
                "both": f"{connections} connections; uvicorn as `serve` has it, one process,"
                f" {threads} threads, {settings.database_connections} connections to the"
                " database; the client runs on the same processors",
            },
        )
    finally:
        process.terminate()
        process.wait()


def team(customer: Customer) -> Request:
    headers = {**customer.headers(), "Idempotency-Key": uuid4().hex}
    return request("POST", "/v1/teams", headers, _body())


def _name() -> Request:
    return request("POST", "/", {}, _body())


def _body() -> bytes:
    return json.dumps({"name": f"Team {uuid4().hex[:8]}"}).encode()


def _made(url: str, requests: Iterator[Request], connections: int, seconds: float) -> Measured:
    """Raises: RefusedError: nothing was good."""
    answers, taken = in_turns(url, requests, connections, seconds)
    good = sum(answer.is_good for answer in answers)
    if not good:
        raise RefusedError(answers[0].body.decode() if answers else "there was no answer")
    return Measured(rate=good / taken, count=good, errors=len(answers) - good)


FIGURES = (
    Figure(
        name="http_write_vs_bare",
        what="authenticated, idempotent POSTs that write one row, per second",
        against="a bare ASGI application that makes one INSERT, per second",
        floor=0.3,
        goal=0.7,
        prepare=_prepared,
    ),
)
