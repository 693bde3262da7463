"""An export on a real database and a real folder, by processes that are killed at any moment."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import psycopg
import pytest

from adapters.folder import connect as folder
from adapters.postgres import connect
from adapters.system import SystemClock, SystemIdentifiers
from application.exports.request import ExportRequest, RequestExport
from domain.export import ExportFormat, ExportState
from tests.application.house import PROVING
from tests.architecture.house import ROOT
from tests.contract.subjects.postgres import application_url, database
from tests.contract.tenants import a_tenant, an_event

EVENTS = 40_000 if PROVING else 4_000
PART_BYTES = EVENTS * 40

WORKER = """
import sys
from datetime import timedelta
from uuid import UUID
from adapters.folder import connect as folder
from adapters.postgres import connect
from adapters.system import SystemClock, SystemIdentifiers
from application.exports.make import MakeExport
from entrypoints.assembly import table_formats

url, place, organisation, export, part_limit = sys.argv[1:]
store = connect(url, min_size=1, max_size=2)
store.open()
clock = SystemClock()
make = MakeExport(
    store=store, files=folder(place), formats=table_formats(), clock=clock,
    identifiers=SystemIdentifiers(clock), part_limit=int(part_limit), kept_for=timedelta(days=1),
)
print("ready", flush=True)
make(UUID(organisation), UUID(export))
store.close()
"""


@pytest.fixture
def url(server_url):
    with database() as url:
        yield url


@pytest.mark.parametrize("encoding", [ExportFormat.JSON_LINES, ExportFormat.PARQUET])
def test_kill_nine_costs_a_part_and_nothing_else(url, tmp_path, encoding):
    store = connect(application_url(url), min_size=1, max_size=4)
    store.open()
    tenant = a_tenant(store)
    for _ in range(EVENTS // 1_000):
        with store.begin(tenant.scope) as work:
            work.audit.append(*(an_event(tenant) for _ in range(1_000)))
    clock = SystemClock()
    request = RequestExport(
        store=store, clock=clock, identifiers=SystemIdentifiers(clock), has_place=True
    )
    asked = request.as_operator(tenant.organisation, ExportRequest(format=encoding))
    arguments = [application_url(url), str(tmp_path), str(tenant.organisation), str(asked.id)]

    def worker():
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, *arguments, str(PART_BYTES)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert process.stdout.readline() == b"ready\n"
        return process

    def found():
        with store.begin(tenant.scope) as work:
            return work.exports.get(asked.id)

    killed, kept = 0, ()
    for round in range(6):
        process = worker()
        # As soon as there is a part more, or a little later: wherever it is by then.
        deadline = time.monotonic() + 30
        while len(found().parts) == len(kept) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002 * round)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
        process.stdout.close()
        now = found()
        assert now.parts[: len(kept)] == kept
        kept = now.parts
        with psycopg.connect(url, autocommit=True) as administrator:
            administrator.execute("UPDATE exports SET lease_until = clock_timestamp()")
        if now.state is ExportState.FINISHED:
            break
    last = worker()
    last.wait(timeout=120)
    last.stdout.close()
    done = found()
    assert killed >= 2
    assert done.state is ExportState.FINISHED
    assert done.written == EVENTS
    assert len(done.parts) >= 3
    files = folder(str(tmp_path))
    sequences = []
    for part in done.parts:
        with files.open(done.place_of(part)) as file:
            if encoding is ExportFormat.JSON_LINES:
                sequences += [json.loads(line)["body"]["sequence"] for line in file]
            else:
                import pyarrow.parquet as pq

                sequences += pq.read_table(file)["sequence"].to_pylist()
    assert sequences == list(range(1, EVENTS + 1))
    with store.begin(tenant.scope) as work:
        told = work.audit.all(after=EVENTS, limit=10)
    assert [event.action for event in told].count("export.finished") == 1
    assert timedelta(0) < done.expires_at - done.finished_at
    store.close()
