"""The ledger against TPC-B: credits held and captured through the application's use cases."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from adapters.system.group_commit import GroupCommit
from application.access.caller import Caller
from application.metered.serve import ServeTurn
from application.metered.spend import SpendCredits
from application.metered.usage import ROUTE, Answer, Asked, CaptureUsage, HoldUsage, Served
from application.ports.storage.idempotency import IdempotencyKey
from benchmarks.callers import calls
from benchmarks.figures import Figure, Sides
from benchmarks.organisations import Town, town
from benchmarks.tpcb import CLIENTS, SCALE, tpcb
from domain.abuse import AbuseRules
from domain.audit import Actor
from domain.errors import Refusal
from domain.identifiers import MemberId, OrganisationId, Prefix, public_id
from domain.organisation import PERMISSIONS, Role
from entrypoints.devnet import embedded_postgres
from entrypoints.garbage import look_seldom

ORGANISATIONS = 1_000
CALLERS = 16
HOT_CALLERS = 64
OPERATION = "premium_call"

_NOTES = {
    "postgresql": "embedded-postgres with its defaults: fsync and synchronous_commit are on",
    "pgbench": f"built-in TPC-B-like script, {CLIENTS} clients, simple protocol",
    "ours": "one process, one thread for each caller; SpendCredits with its group commit",
}
_SERVER = ["max_connections=100"]


class RefusedError(Exception):
    pass


class Service:
    """Another service that spends an organisation's credits, as the API would let it."""

    def __init__(self, place: Town) -> None:
        self._place = place
        serve = ServeTurn(
            store=place.store,
            clock=place.clock,
            identifiers=place.identifiers,
            catalogue=place.catalogue,
            # No limit that a benchmark would run into; all are counted.
            rules=AbuseRules(premium_gap=timedelta(0), credits_per_hour=10**12),
        )
        group: GroupCommit[Asked, Answer] = GroupCommit(serve)
        self._spend = SpendCredits(together=group)
        self._callers = {id: self._caller(id) for id in place.organisations}
        look_seldom()  # as the server does

    def hold(self, organisation: OrganisationId) -> Served:
        key = str(self._place.identifiers.next())
        usage = HoldUsage(
            key=IdempotencyKey(live=False, route=ROUTE, key=key),
            fingerprint=hashlib.sha256(key.encode()).digest(),
            operation=OPERATION,
            lease=timedelta(seconds=300),
        )
        return self._served(organisation, usage)

    def hold_and_capture(self, organisation: OrganisationId) -> None:
        held = self.hold(organisation)
        self._served(organisation, CaptureUsage(id=held.hold.id))

    def _served(self, organisation: OrganisationId, usage: HoldUsage | CaptureUsage) -> Served:
        answer = self._spend(self._callers[organisation], usage, live=False)
        if isinstance(answer, Refusal):
            raise RefusedError(answer.code)
        return answer

    def _caller(self, organisation: OrganisationId) -> Caller:
        member = MemberId(self._place.identifiers.next())
        return Caller(
            organisation=organisation,
            actor=Actor("member", public_id(Prefix.MEMBER, member)),
            permissions=PERMISSIONS[Role.OWNER],
            live=None,
            request_id="req_bench",
            member=member,
        )


@contextmanager
def _spread() -> Iterator[Sides]:
    with (
        embedded_postgres.running(options=_SERVER) as server,
        town(server, "spread", ORGANISATIONS, CALLERS) as place,
        tpcb(server, SCALE) as limit,
    ):
        service = Service(place)

        def act(_: int) -> None:
            service.hold_and_capture(random.choice(place.organisations))

        yield Sides(ours=lambda seconds: calls(act, CALLERS, seconds), limit=limit, notes=_NOTES)


@contextmanager
def _hot() -> Iterator[Sides]:
    with (
        embedded_postgres.running(options=_SERVER) as server,
        town(server, "hot", 1, CALLERS) as place,
        tpcb(server, 1) as limit,
    ):
        service = Service(place)

        def act(_: int) -> None:
            service.hold(place.organisations[0])

        yield Sides(
            ours=lambda seconds: calls(act, HOT_CALLERS, seconds), limit=limit, notes=_NOTES
        )


FIGURES = (
    Figure(
        name="hold_capture_vs_tpcb",
        what="hold and capture pairs per second, 1,000 organisations, 16 callers",
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
