"""Fifty clients with one idempotency key, on the whole product."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from entrypoints.demo.parts import EVM, running
from tests.whole.processes import ONE_TOKEN, Client, sign_up

CLIENTS = 50
BODY = {
    "kind": "erc20_mintable",
    "network": EVM,
    "token": ONE_TOKEN | {"name": "One", "symbol": "ONE"},
}


@pytest.fixture(scope="module")
def parts():
    with running(request_limit=10_000) as parts:
        yield parts


def test_fifty_requests_with_one_key_start_one_deployment(parts):
    organisation, key = sign_up(parts)
    together = threading.Barrier(CLIENTS)
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "the same"}

    def ask(_):
        with httpx.Client(base_url=parts.api, headers=headers, timeout=60) as client:
            together.wait()
            first = client.post("/v1/deployments", json=BODY)
            answer = first
            while answer.status_code == 409:
                assert answer.json()["code"] == "request_in_flight"
                assert answer.headers["Retry-After"] == "1"
                time.sleep(0.1)
                answer = client.post("/v1/deployments", json=BODY)
            return first, answer

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(ask, range(CLIENTS)))
    assert {first.status_code for first, _ in answers} <= {202, 409}
    assert {answer.status_code for _, answer in answers} == {202}
    (id,) = {answer.json()["id"] for _, answer in answers}
    assert sum("Idempotent-Replayed" not in answer.headers for _, answer in answers) == 1
    client = Client(api=parts.api, key=key)
    while client.get(f"/v1/deployments/{id}")["state"] != "Completed":
        time.sleep(0.1)
    balance = client.get("/v1/credits/balance")
    assert (balance["available"], balance["held"]) == (20, 0)
    with psycopg.connect(parts.database) as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM operations WHERE kind = 'deployment'),"
            " (SELECT count(*) FROM holds), (SELECT count(*) FROM attempts AS a"
            " JOIN operations AS o ON o.id = a.operation_id WHERE o.kind = 'deployment')"
        ).fetchone()
    assert counts == (1, 1, 1), organisation
