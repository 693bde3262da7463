"""Balances and lots as of an instant, read from the trail, on every store.

Any history of the ledger's commands, written down as the product writes it: at its end, and at
each instant on the way, the trail alone tells what the tables said then.
"""

from attrs import evolve
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from adapters.memory.clock import MemoryClock
from adapters.system import SystemIdentifiers
from application.audit.trail import Trail
from application.credits.post import Order, post_all
from application.ports.storage.work import Store
from domain.audit import WORKER
from domain.ledger import Command, Grant
from tests.as_of import A_MOMENT, Album
from tests.contract.test_ledger_machine import Answer, LedgerHistory
from tests.strategies import examples


class ToldHistory(LedgerHistory):
    """As the ledger's own, with an event for every line."""

    def ask(self, command: Command) -> Answer:
        trail = Trail(
            identifiers=SystemIdentifiers(MemoryClock()),
            organisation=self.tenant.organisation,
            actor=WORKER,
        )
        with self.store.begin(self.tenant.scope) as work:
            work.ledger.lock()
            if isinstance(command, Grant):
                is_granted = work.ledger.is_granted(command.lot.fact)
                command = evolve(command, is_granted_before=is_granted)
            (outcome,) = post_all(work, [Order(trail=trail, command=command)], self.model.now)
            trail.write(work)
        self.model.time_ends()
        return outcome.events if outcome.refusal is None else outcome.refusal

    @property
    def album(self) -> Album:
        made: Album = self.__dict__.setdefault(
            "_album",
            # A tenant of the contract tests is put there, and nobody told of it.
            Album(self.store, self.tenant.organisation, untold=frozenset({"tariff", "members"})),
        )
        return made

    @invariant()
    def nothing_else_happens_at_this_instant(self) -> None:
        self.album.photograph(self.model.now)
        self.model.now += A_MOMENT

    def teardown(self) -> None:
        if "_album" in self.__dict__:
            self.album.compare()


def test_the_trail_alone_tells_every_balance_of_any_instant(store: Store):
    history = type("History", (ToldHistory,), {"store": store})
    run_state_machine_as_test(
        history,
        settings=settings(
            max_examples=examples(15),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
