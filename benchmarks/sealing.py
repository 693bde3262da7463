"""Sealing: from rows of audit events to a signed checkpoint over them, one sealer."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from uuid import UUID

import psycopg
from attrs import frozen
from psycopg.conninfo import make_conninfo

from adapters.local_keys import LocalKeysCustodian, LocalKeyWrapping, Verification
from adapters.postgres import connect, seal_store
from adapters.postgres.migrate import Login, migrate
from adapters.postgres.storage import PostgresStore
from adapters.system import LogAlarms, SealStateFile, SystemClock, SystemIdentifiers
from application.audit.logs import OpenLog
from application.audit.seal import Round, Seal, Sealer
from application.ports.storage.work import Scope
from benchmarks.figures import Figure, Measured, Once, Sides
from domain.identifiers import InstallationId
from domain.merkle import HASH_BYTES, consistency_proof, inclusion_proof
from domain.merkle import root as root_of
from entrypoints.devnet import embedded_postgres
from verifier.tallystick_verifier.tree import is_consistent, is_included

ORGANISATIONS = 1_000
#: Months that have a partition: seven years of them.
MONTHS = 84
EVENTS = 100_000
#: Of a body, as they are on the average.
BODY_BYTES = 512
#: Of a million.
_ROUNDS = 10
#: Leaves and sizes of the log that are proved.
_PROOFS = 1_000

_INSTALLATION = InstallationId(UUID("01900000-0000-7000-8000-000000000001"))
_APPLICATION = Login(name="tallystick_bench", password="bench", group="tallystick_app")  # noqa: S106
_SEALER = Login(name="tallystick_bench_sealer", password="bench", group="tallystick_sealer")  # noqa: S106
_NOTES = {
    "postgresql": "embedded-postgres with its defaults: fsync and synchronous_commit are on",
    "events": f"{EVENTS} of {ORGANISATIONS} organisations and {BODY_BYTES} bytes in each round, "
    f"in the last of {MONTHS} monthly partitions",
    "ours": "one round of Seal: leaves and tiles, consistency proof, signature, state file, "
    "checkpoint",
}

_ORGANISATIONS = """
INSERT INTO organisations (id, name, tariff, created_at)
SELECT gen_random_uuid(), 'bench', 'free', now() FROM generate_series(1, %s)
"""
_HEADS = """
INSERT INTO audit_heads (organisation_id) SELECT id FROM organisations ON CONFLICT DO NOTHING
"""
#: Each organisation's next numbers in turn, as of that many requests at once.
_EVENTS = """
WITH organisation AS (
    SELECT organisation_id, sequence, row_number() OVER (ORDER BY organisation_id) - 1 AS number
      FROM audit_heads
), written AS (
    INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live, salt, body)
    SELECT organisation.organisation_id, organisation.sequence + turn + 1, gen_random_uuid(),
           now(), 'deployment.queued', 'dep_bench', false, uuid_send(gen_random_uuid()),
           convert_to(repeat(md5(turn::text), %(bytes)s / 32), 'UTF8')
      FROM generate_series(0, %(turns)s - 1) AS turn
     CROSS JOIN organisation
     ORDER BY turn, organisation.number
)
UPDATE audit_heads SET sequence = sequence + %(turns)s
"""


@frozen(kw_only=True)
class Place:
    administrator: psycopg.Connection
    sealer: Sealer
    store: PostgresStore


@contextmanager
def _sealing() -> Iterator[Sides]:
    with _place() as place:
        yield Sides(ours=lambda _: _round(place), notes=_NOTES)


def _million(say: Callable[[str], None]) -> Mapping[str, object]:
    """In one log, round by round; then what proofs in it are."""
    with _place() as place:
        rounds: list[Measured] = []
        for number in range(1, _ROUNDS + 1):
            rounds.append(_round(place))
            say(f"seal_million_seconds round {number}: {rounds[-1].rate:,.0f}/s")
        size, proofs = _proofs(place.store)
    seconds = [each.count / each.rate for each in rounds if not each.errors]
    return {
        "seconds": round(sum(seconds), 2),
        "per_second": round(sum(each.count for each in rounds) / sum(seconds)),
        "ours_seconds": {"max": round(max(seconds), 2), "min": round(min(seconds), 2)},
        "count": sum(each.count for each in rounds),
        "errors": sum(each.errors for each in rounds),
        "leaves": size,
        **proofs,
        "notes": _NOTES | {"proofs": f"of {_PROOFS} leaves and sizes; each was verified"},
    }


def _proofs(store: PostgresStore) -> tuple[int, Mapping[str, object]]:
    """The largest there are, and the tree's size."""
    inclusion, consistency = set(), set()
    with store.begin(Scope()) as work:
        (log,) = work.seals.logs()
        signed = work.seals.latest(log.number)
        if signed is None:
            raise RuntimeError("nothing was signed")
        size, root = signed.checkpoint.size, signed.checkpoint.root
        hashes = cache(work.seals.hashes(log.number))
        step = size // _PROOFS
        for index in (*range(0, size, step), size - 1):
            path = inclusion_proof(index, size, hashes)
            if not is_included(hashes(0, index), index, size, path, root):
                raise RuntimeError(f"leaf {index} is not proved")
            inclusion.add(len(path))
        for old in (*range(1, size, step), size - 1):
            path = consistency_proof(old, size, hashes)
            if not is_consistent(old, size, root_of(old, hashes), root, path):
                raise RuntimeError(f"size {old} is not proved")
            consistency.add(len(path))
    return size, {
        "inclusion_hashes": [min(inclusion), max(inclusion)],
        "inclusion_bytes": max(inclusion) * HASH_BYTES,
        "consistency_hashes": [min(consistency), max(consistency)],
        "consistency_bytes": max(consistency) * HASH_BYTES,
    }


@contextmanager
def _place() -> Iterator[Place]:
    """Organisations, partitions and an open log."""
    folder = embedded_postgres.temporary_folder()
    with embedded_postgres.running(folder / "postgres") as server:
        migrate(
            server,
            installation=_INSTALLATION,
            environment="development",
            logins=[_APPLICATION, _SEALER],
        )
        store = connect(_of(server, _APPLICATION), min_size=1, max_size=4)
        store.open()
        clock = SystemClock()
        custodian = LocalKeysCustodian(store, LocalKeyWrapping({1: os.urandom(32)}))
        seals, state = seal_store(_of(server, _SEALER)), SealStateFile(folder / "sealer.json")
        OpenLog(
            store=store,
            seals=seals,
            state=state,
            custodians={"local-keys": custodian},
            custodian="local-keys",
            key=None,
            installation=_INSTALLATION,
            host="bench.example.com",
            clock=clock,
            identifiers=SystemIdentifiers(clock),
        )("to measure")
        seal = Seal(
            seals=seals,
            state=state,
            custodians={"local-keys": custodian},
            verifies=Verification(),
            alarms=LogAlarms(),
            clock=clock,
        )
        try:
            with (
                psycopg.connect(server, autocommit=True) as administrator,
                seal.session() as sealer,
            ):
                _prepare(administrator)
                yield Place(administrator=administrator, sealer=sealer, store=store)
        finally:
            store.close()


def _prepare(administrator: psycopg.Connection) -> None:
    for number in range(MONTHS):
        month = f"{2020 + number // 12}-{number % 12 + 1:02}-01"
        administrator.execute("SELECT narrow.prepare_month(%s::date)", [month])
    administrator.execute(_ORGANISATIONS, [ORGANISATIONS])
    administrator.execute(_HEADS)


def _round(place: Place) -> Measured:
    turns = EVENTS // ORGANISATIONS
    place.administrator.execute(_EVENTS, {"turns": turns, "bytes": BODY_BYTES})
    begun = time.perf_counter()
    done = place.sealer()
    elapsed = time.perf_counter() - begun
    if not isinstance(done, Round) or done.signed is None:
        return Measured(rate=0.0, count=0, errors=1)
    return Measured(rate=done.sealed / elapsed, count=done.sealed)


def _of(server: str, login: Login) -> str:
    return make_conninfo(server, user=login.name, password=login.password)


FIGURES = (
    Figure(
        name="seal_events_per_second",
        what="audit events from rows to a signed checkpoint, per second, one sealer",
        floor=20_000,
        goal=60_000,
        prepare=_sealing,
    ),
    Once(
        name="seal_million_seconds",
        what="a million audit events sealed in one log, and the largest proofs in it; rounds "
        "are written between, and only sealing is timed",
        measure=_million,
    ),
)
