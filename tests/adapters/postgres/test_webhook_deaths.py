"""Workers that are killed while they send: nothing is lost, and the first time is in order."""

import json
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psycopg
import pytest

from adapters.postgres import connect
from tests.adapters.egress.receivers import OK, receiving
from tests.adapters.postgres.test_webhooks import World
from tests.architecture.house import ROOT
from tests.contract.subjects.postgres import application_url, database
from tests.contract.tenants import a_tenant

WORKER = """
import sys, threading
from adapters.postgres import connect
from tests.adapters.postgres.test_webhooks import World

store = connect(sys.argv[1], min_size=1, max_size=8)
store.open()
loop = World(store).loop(threads=2)
print("at work", flush=True)
loop.run(threading.Event())
"""
ENDPOINTS = 2
EVENTS = 60
PATIENCE_SECONDS = 60


@contextmanager
def a_worker(url):
    command = [sys.executable, "-c", WORKER, application_url(url)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "at work\n"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def free_leases(url):
    """As if the dead worker's leases had run out: they take a minute."""
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute(
            "UPDATE webhook_endpoints SET lease_until = clock_timestamp(), held_until = NULL,"
            " due_at = least(due_at, now())"
        )


def pending(url):
    with psycopg.connect(url) as administrator:
        found = administrator.execute(
            "SELECT (SELECT count(*) FROM webhook_deliveries WHERE state = 'pending')"
            " + (SELECT count(*) FROM webhook_endpoints AS e JOIN audit_heads AS h"
            " USING (organisation_id) WHERE e.cursor < h.sequence)"
        )
        return found.fetchone()[0]


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_killed_whenever_nothing_is_lost(seed):
    chance = random.Random(seed)

    def answer(connection, _):
        # Long enough for most kills to strike while something is on its way.
        time.sleep(0.005)
        connection.sendall(OK)

    with database() as url, receiving(answer) as receiver:
        store = connect(application_url(url), min_size=1, max_size=4)
        store.open()
        try:
            world = World(store)
            tenant = a_tenant(store)
            for number in range(ENDPOINTS):
                world.endpoint(tenant, receiver.url(path=f"/{number}"))
            for batch in range(4):
                world.happen(tenant, *(batch * 15 + n for n in range(15)))
                with a_worker(url):
                    time.sleep(chance.uniform(0.02, 0.25))
                free_leases(url)
            with a_worker(url):
                deadline = time.monotonic() + PATIENCE_SECONDS
                while pending(url):
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
        finally:
            store.close()
    wanted = [f"dep_{number}" for number in range(EVENTS)]
    for number in range(ENDPOINTS):
        seen = [
            json.loads(request.partition(b"\r\n\r\n")[2])["data"]["id"]
            for request in receiver.requests
            if request.startswith(f"POST /{number} ".encode())
        ]
        assert list(dict.fromkeys(seen)) == wanted
