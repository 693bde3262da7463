"""Webhooks: deliveries signed, sent over loopback and recorded, one worker.

The receiver is a process of its own that answers and does nothing else.
"""

import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import psycopg
from psycopg.conninfo import make_conninfo

from adapters.egress import Guard, Rules
from adapters.local_keys import LocalKeyWrapping, SeedSigning
from adapters.postgres.storage import PostgresStore
from adapters.telemetry import Tracing
from application.notifications.deliver import DeliverWebhooks
from application.notifications.fan_out import FanOut
from application.notifications.secrets import EndpointSecrets
from application.ports.storage.work import Scope
from benchmarks.figures import Figure, Measured, Sides
from benchmarks.organisations import Town, town
from domain.identifiers import EndpointId, OrganisationId
from domain.webhook import Endpoint
from entrypoints.devnet import embedded_postgres
from entrypoints.worker.webhooks import WebhookLoop

ORGANISATIONS = 20
#: Of each, with one endpoint.
EVENTS = 200
THREADS = 8

_ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
_PATIENCE_SECONDS = 60.0
_NOTES = {
    "postgresql": "embedded-postgres with its defaults: fsync and synchronous_commit are on",
    "deliveries": f"{ORGANISATIONS} organisations with one endpoint each and {EVENTS} events in "
    f"each round; {THREADS} threads send",
    "ours": "from rows of audit events to recorded deliveries: made, signed (HMAC-SHA256), sent "
    "through the guard to a receiver over loopback HTTP, logged with their attempts",
}
#: Bodies as the trail has them.
_EVENTS = """
WITH head AS (
    UPDATE audit_heads SET sequence = sequence + %(events)s
     WHERE organisation_id = ANY(%(organisations)s)
 RETURNING organisation_id, sequence - %(events)s AS sequence
)
INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live, salt, body)
SELECT head.organisation_id, head.sequence + turn, gen_random_uuid(), now(),
       'deployment.completed', 'dep_01k9zvkx9te1mt5qg4s7z9ht6e', false,
       uuid_send(gen_random_uuid()),
       convert_to('{"action":"deployment.completed","details":{"credits":1,"state":"Completed",'
                  || '"state_before":"Indexed"},"padding":"' || repeat('x', 400) || '"}', 'UTF8')
  FROM head
 CROSS JOIN generate_series(1, %(events)s) AS turn
"""
_DELIVERED = """
SELECT count(*) FROM webhook_deliveries WHERE state = 'delivered'
"""


@contextmanager
def _telling() -> Iterator[Sides]:
    folder = embedded_postgres.temporary_folder()
    with (
        embedded_postgres.running(folder / "postgres") as server,
        town(server, "webhooks", ORGANISATIONS, THREADS + 4) as settled,
        _receiver() as url,
        psycopg.connect(make_conninfo(server, dbname="webhooks"), autocommit=True) as watching,
    ):
        loop = _loop(settled)
        for organisation in settled.organisations:
            _register(settled, loop.deliver.secrets, organisation, f"{url}/{organisation}")
        stop = threading.Event()
        working = threading.Thread(target=loop.run, args=(stop,))
        working.start()
        try:
            yield Sides(ours=lambda _: _round(watching, settled), notes=_NOTES)
        finally:
            stop.set()
            working.join()


def _loop(settled: Town) -> WebhookLoop:
    common = {
        "store": settled.store, "clock": settled.clock, "identifiers": settled.identifiers,
    }  # fmt: skip
    secrets = EndpointSecrets(
        wrapping=LocalKeyWrapping({1: os.urandom(32)}),
        seeds=SeedSigning(),
        identifiers=settled.identifiers,
    )
    guard = Guard(Rules(allows_plain=True, allows_loopback=True))
    deliver = DeliverWebhooks(**common, egress=guard, secrets=secrets, telemetry=Tracing())
    return WebhookLoop(fan_out=FanOut(**common), deliver=deliver, threads=THREADS)


def _register(
    settled: Town, secrets: EndpointSecrets, organisation: OrganisationId, url: str
) -> None:
    id, now = EndpointId(settled.identifiers.next()), settled.clock.now()
    secret, _ = secrets.new(organisation, id, 1, now)
    store: PostgresStore = settled.store
    with store.begin(Scope(organisation=organisation)) as work:
        endpoint = Endpoint(
            organisation=organisation,
            id=id,
            url=url,
            live=False,
            created_by="mem_bench",
            created_at=now,
            cursor=work.audit.head(),
        )
        work.webhooks.add(endpoint, secret)


def _round(watching: psycopg.Connection, settled: Town) -> Measured:
    before = _count(watching, _DELIVERED)
    wanted = ORGANISATIONS * EVENTS
    begun = time.perf_counter()
    watching.execute(_EVENTS, {"events": EVENTS, "organisations": [*settled.organisations]})
    while _count(watching, _DELIVERED) - before < wanted:
        if time.perf_counter() - begun > _PATIENCE_SECONDS:
            break
        time.sleep(0.02)
    elapsed = time.perf_counter() - begun
    done = _count(watching, _DELIVERED) - before
    errors = wanted - done
    return Measured(rate=done / elapsed, count=done, errors=errors)


def _count(watching: psycopg.Connection, query: str) -> int:
    row = watching.execute(query).fetchone()  # type: ignore[call-overload]  # one of ours, above
    return int(row[0])


@contextmanager
def _receiver() -> Iterator[str]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_receive, args=(theirs,))
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _receive(told: Connection) -> None:
    """Answer whatever comes, on connections that stay open."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    told.send(listening.getsockname()[1])
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    waiting = b""
    with connection:
        while piece := connection.recv(65_536):
            waiting += piece
            while (end := waiting.find(b"\r\n\r\n")) >= 0:
                head = waiting[:end].lower()
                length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
                if len(waiting) < end + 4 + length:
                    break
                waiting = waiting[end + 4 + length :]
                connection.sendall(_ANSWER)


FIGURES = (
    Figure(
        name="webhooks_per_second",
        what="deliveries made, signed, sent to a loopback receiver and recorded, per second, one "
        "worker",
        floor=300,
        goal=1_000,
        prepare=_telling,
    ),
)
