"""A developer's first webhook, on the whole product: register, issue, be told, look it up."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import httpx
import pytest

from entrypoints.demo.parts import EVM, running
from tests.adapters.egress.receivers import keeping_open, receiving
from tests.test_webhooks_page import PAGE, reader_of
from tests.whole.processes import ONE_TOKEN, Client, sign_up

STEPS = ("queued", "submitted", "pending", "confirmed", "indexed", "completed")


@pytest.fixture(scope="module")
def parts():
    with running(request_limit=10_000) as parts:
        yield parts


def headers_of(request):
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def body_of(request):
    return request.partition(b"\r\n\r\n")[2]


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_first_webhook(parts):
    _, key = sign_up(parts)
    client = httpx.Client(base_url=parts.api, headers={"Authorization": f"Bearer {key}"})
    listening = subprocess.Popen(
        [sys.executable, "-m", "entrypoints.main", "listen", "--url", parts.api, "--json"],
        env={**os.environ, "TALLYSTICK_API_KEY": key, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with ExitStack() as ends:
        ends.enter_context(client)
        ends.enter_context(listening)
        ends.callback(listening.kill)
        receiver = ends.enter_context(receiving(keeping_open))
        made = client.post(
            "/v1/webhook_endpoints", json={"url": receiver.url()}, headers={"Idempotency-Key": "k"}
        )
        assert made.status_code == 201, made.text
        endpoint = made.json()
        # It begins now: let it say so first.
        time.sleep(2)
        issued = Client(api=parts.api, key=key).post(
            "/v1/deployments",
            {"kind": "erc20_mintable", "network": EVM,
             "token": ONE_TOKEN | {"name": "One", "symbol": "ONE"}},
            "one",
        )  # fmt: skip
        until(lambda: len(receiver.requests) == len(STEPS))
        verified = reader_of(PAGE)
        for request in receiver.requests:
            assert verified(headers_of(request), body_of(request), endpoint["secret"])
        events = [json.loads(body_of(request)) for request in receiver.requests]
        assert [each["type"] for each in events] == [f"deployment.{step}" for step in STEPS]
        assert {each["data"]["id"] for each in events} == {issued["id"]}
        path = f"/v1/webhook_endpoints/{endpoint['id']}/deliveries"
        until(lambda: client.get(path, params={"state": "delivered"}).json()["data"][5:])
        log = client.get(path).json()["data"]
        assert [each["event"] for each in log] == [each["id"] for each in events][::-1]
        assert client.get("/v1/events").json()["data"] == events
        assert [json.loads(listening.stdout.readline()) for _ in STEPS] == events
        private = client.post(
            "/v1/webhook_endpoints", json={"url": "http://169.254.169.254/latest/meta-data/"},
            headers={"Idempotency-Key": "p"},
        )  # fmt: skip
        assert private.json()["code"] == "webhook_url_refused"
        listening.send_signal(signal.SIGINT)
