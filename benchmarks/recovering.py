"""Everything of ours is killed; how long until the first deployment moves again.

PostgreSQL, the API and the worker get SIGKILL amid their work and are started again at once, as
whoever supervises them does.  The chains are other people's, and go on.  A deployment has moved
when the database has an event of it that it had not.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import psycopg

from benchmarks.figures import Read, Reading, Readings
from benchmarks.http_client import on_time
from benchmarks.installation import (
    NOTES,
    Installation,
    NotReadyError,
    await_ready,
    installed,
)
from benchmarks.orders import orders
from entrypoints.devnet import embedded_postgres

CUSTOMERS = 20
#: Accepted before each kill: more than are done by then.
BACKLOG = 200
CONNECTIONS = 16
NAMES = ("serve", "work-0")
_PATIENCE_SECONDS = 60.0

#: What workers have brought about; what is accepted is another event.
_MOVES = """
SELECT count(*) FROM audit_events WHERE action IN ('deployment.submitted', 'deployment.pending',
       'deployment.confirmed', 'deployment.indexed', 'deployment.completed')
"""
_OPEN = "SELECT count(*) FROM operations WHERE due_at IS NOT NULL"


@contextmanager
def _recovering() -> Iterator[Readings]:
    with installed(customers=CUSTOMERS, workers=1) as place:
        yield recovering(place, BACKLOG)


def recovering(place: Installation, backlog: int) -> Readings:
    asked = orders(place)

    def read(_: float) -> Read:
        before = _count(place, _MOVES)
        due = [(0.0, each) for each in islice(asked, backlog)]
        answers = on_time(place.api, due, CONNECTIONS)
        _await_move(place, before)
        begun = time.perf_counter()
        _kill(place)
        embedded_postgres.start(place.postgres)
        # Nobody is at work yet.
        left, moved = _count(place, _OPEN), _count(place, _MOVES)
        if not left:
            raise NotReadyError(f"all of {backlog} deployments were over before the kill")
        for name in NAMES:
            place.start(name)
        _await_move(place, moved)
        seconds = time.perf_counter() - begun
        await_ready(place)
        errors = sum(not answer.is_good for answer in answers)
        return Read(value=seconds, count=left, errors=errors)

    return Readings(
        read=read,
        notes={
            **NOTES,
            "ours": f"SIGKILL of PostgreSQL, `serve` and `work` with up to {backlog} deployments"
            " open, and a start of all of them at once; the chains go on",
        },
    )


def _kill(place: Installation) -> None:
    for name in NAMES:
        place.kill(name)
    embedded_postgres.kill(place.postgres)


def _await_move(place: Installation, before: int) -> None:
    """Raises: NotReadyError."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with psycopg.connect(place.parts.database, autocommit=True) as connection:
        while _found(connection, _MOVES) == before:
            if time.monotonic() > deadline:
                raise NotReadyError(f"nothing has moved for {_PATIENCE_SECONDS:.0f} s")
            time.sleep(0.01)


def _count(place: Installation, query: str) -> int:
    with psycopg.connect(place.parts.database, autocommit=True) as connection:
        return _found(connection, query)


def _found(connection: psycopg.Connection, query: str) -> int:
    ((count,),) = connection.execute(query.encode()).fetchall()
    return int(count)


FIGURES = (
    Reading(
        name="recover_seconds",
        what="seconds from kill -9 of everything of ours to the first deployment that moves again",
        unit="seconds",
        floor=10,
        goal=3,
        prepare=_recovering,
    ),
)
