"""When a subscription is over, its organisation goes back to the catalogue's first tariff."""

from collections.abc import Set as AbstractSet
from datetime import datetime

from attrs import evolve, frozen

from application.audit.trail import Trail
from application.credits.licence import follow_licence
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from domain.audit import WORKER
from domain.catalogue import Catalogue, TariffName
from domain.identifiers import OrganisationId, Prefix, public_id

BATCH = 100


@frozen(kw_only=True)
class LeaveEnded:
    store: Store
    catalogue: Catalogue
    clock: Clock
    identifiers: Identifiers

    def __call__(self) -> int:
        """Tell how many organisations were looked at."""
        with self.store.begin(Scope()) as work:
            ended = work.billing.ended(self.clock.now(), BATCH)
        for organisation in ended:
            self._leave(organisation)
        return len(ended)

    def _leave(self, organisation: OrganisationId) -> None:
        with self.store.begin(Scope(organisation=organisation)) as work:
            work.billing.lock()
            work.ledger.stand_in_line()
            now = self.clock.now()
            facts = work.billing.facts()
            over = [each for each in facts.subscriptions if each.is_over(now) and not each.left_at]
            for each in over:
                work.billing.put_subscription(evolve(each, left_at=now))
            trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=WORKER)
            running = facts.running(now)
            following = self.catalogue.first_tariff if running is None else running.tariff
            self._change(work, trail, {each.tariff for each in over}, following, now)
            follow_licence(work, trail, now)
            trail.write(work)

    def _change(
        self,
        work: Work,
        trail: Trail,
        over: AbstractSet[TariffName],
        following: TariffName,
        now: datetime,
    ) -> None:
        """A tariff that the operator has given meanwhile is not the subscription's to take."""
        owner = work.organisations.get()
        if owner is None or owner.tariff not in over or owner.tariff == following:
            return
        work.organisations.set_tariff(following)
        trail.add(
            "billing.tariff_changed",
            public_id(Prefix.ORGANISATION, trail.organisation),
            now,
            details={"tariff": following, "tariff_before": owner.tariff},
        )
