from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import TypeVar
from uuid import UUID

from attrs import define, field

from adapters.memory.storage.ledger import LedgerTables
from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.billing import (
    Billing,
    Checkout,
    Reconciliation,
    StaleStateError,
)
from application.ports.storage.work import Lock
from domain.errors import MisuseError
from domain.identifiers import OrganisationId
from domain.payment import (
    BillingFacts,
    CustomerId,
    Dispute,
    DisputeId,
    PaidPeriod,
    PaymentEvent,
    PaymentId,
    Purchase,
    Subscription,
    SubscriptionId,
)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def _table(name: str) -> Callable[[], Table[K, V]]:
    return lambda: Table(name)


@define(eq=False)
class BillingTables:
    customers: Table[OrganisationId, CustomerId] = field(factory=_table("payers"))
    #: A unique index.
    organisations: Table[CustomerId, OrganisationId] = field(factory=_table("payer_customers"))
    events: Table[tuple[OrganisationId, str], tuple[PaymentEvent, datetime]] = field(
        factory=_table("payment_events")
    )
    purchases: Table[tuple[OrganisationId, PaymentId], Purchase] = field(
        factory=_table("purchases")
    )
    subscriptions: Table[tuple[OrganisationId, SubscriptionId], Subscription] = field(
        factory=_table("subscriptions")
    )
    periods: Table[tuple[OrganisationId, str], PaidPeriod] = field(factory=_table("paid_periods"))
    disputes: Table[tuple[OrganisationId, DisputeId], Dispute] = field(factory=_table("disputes"))
    checkouts: Table[tuple[OrganisationId, UUID], Checkout] = field(factory=_table("checkouts"))
    reconciliations: Table[tuple[OrganisationId, datetime], Reconciliation] = field(
        factory=_table("reconciliations")
    )
    #: Not undone with a transaction.
    versions: Iterator[int] = field(factory=lambda: count(1))


@define(eq=False)
class MemoryBilling(Billing):
    _transaction: Transaction
    _tables: BillingTables
    _ledger: LedgerTables

    def lock(self) -> CustomerId | None:
        organisation = self._transaction.require_organisation()
        return self._transaction.lock(Lock.BILLING, self._tables.customers, organisation)

    def customer(self) -> CustomerId | None:
        organisation = self._transaction.require_organisation()
        return self._transaction.get(self._tables.customers, organisation)

    def bind(self, customer: CustomerId, at: datetime) -> None:  # noqa: ARG002 - never told
        organisation = self._locked()
        if self.customer() == customer:
            return
        is_free = self._transaction.insert(self._tables.organisations, customer, organisation)
        if not is_free or self.customer() is not None:
            raise MisuseError(f"{customer} or {organisation} is bound to another")
        self._transaction.insert(self._tables.customers, organisation, customer)

    def organisation_of(self, customer: CustomerId) -> OrganisationId | None:
        return self._transaction.get(self._tables.organisations, customer)

    def draw(self) -> int:
        return next(self._tables.versions)

    def record(self, event: PaymentEvent, at: datetime) -> bool:
        place = (self._locked(), event.id)
        return self._transaction.insert(self._tables.events, place, (event, at))

    def is_recorded(self, event: str) -> bool:
        return any(id == event for (_, id), _ in self._transaction.items(self._tables.events))

    def facts(self) -> BillingFacts:
        mine = self._transaction.require_organisation()
        return BillingFacts(
            subscriptions=tuple(self._mine(self._tables.subscriptions, mine)),
            disputes=tuple(self._mine(self._tables.disputes, mine)),
            purchased_at=max(
                (
                    each.paid_at
                    for each in self._mine(self._tables.purchases, mine)
                    if each.refunded_minor < each.amount_minor
                ),
                default=None,
            ),
        )

    def purchase(self, payment: PaymentId) -> Purchase | None:
        place = (self._transaction.require_organisation(), payment)
        return self._transaction.get(self._tables.purchases, place)

    def put_purchase(self, purchase: Purchase) -> None:
        known = self.purchase(purchase.payment)
        if known is not None and known.version > purchase.version:
            raise StaleStateError(purchase.payment)
        place = (self._locked(), purchase.payment)
        self._transaction.put(self._tables.purchases, place, purchase)

    def subscription(self, id: SubscriptionId) -> Subscription | None:
        place = (self._transaction.require_organisation(), id)
        return self._transaction.get(self._tables.subscriptions, place)

    def put_subscription(self, subscription: Subscription) -> None:
        known = self.subscription(subscription.id)
        if known is not None and known.version > subscription.version:
            raise StaleStateError(subscription.id)
        place = (self._locked(), subscription.id)
        self._transaction.put(self._tables.subscriptions, place, subscription)

    def periods(self, subscription: SubscriptionId) -> Sequence[PaidPeriod]:
        mine = self._mine(self._tables.periods, self._transaction.require_organisation())
        found = [period for period in mine if period.subscription == subscription]
        return sorted(found, key=lambda each: (each.start, each.paid_at, each.price))

    def put_period(self, period: PaidPeriod) -> None:
        organisation = self._locked()
        if self.subscription(period.subscription) is None:
            raise MisuseError(f"there is no subscription {period.subscription}")
        self._transaction.put(self._tables.periods, (organisation, period.fact), period)

    def disputes(self, payment: PaymentId) -> Sequence[Dispute]:
        mine = self._mine(self._tables.disputes, self._transaction.require_organisation())
        return [dispute for dispute in mine if dispute.payment == payment]

    def put_dispute(self, dispute: Dispute) -> None:
        self._transaction.put(self._tables.disputes, (self._locked(), dispute.id), dispute)

    def checkout(self, id: UUID) -> Checkout | None:
        place = (self._transaction.require_organisation(), id)
        return self._transaction.get(self._tables.checkouts, place)

    def add_checkout(self, checkout: Checkout) -> None:
        place = (self._transaction.require_organisation(), checkout.id)
        if not self._transaction.insert(self._tables.checkouts, place, checkout):
            raise MisuseError(f"there is a checkout {checkout.id}")

    def ended(self, now: datetime, limit: int) -> Sequence[OrganisationId]:
        over: dict[OrganisationId, datetime] = {}
        for (organisation, _), each in self._transaction.items(self._tables.subscriptions):
            if each.ends_at is not None and each.ends_at <= now and each.left_at is None:
                over[organisation] = min(each.ends_at, over.get(organisation, each.ends_at))
        return sorted(over, key=lambda organisation: (over[organisation], organisation))[:limit]

    def granted_since(
        self, since: datetime, after: tuple[OrganisationId, str] | None, limit: int
    ) -> Sequence[tuple[OrganisationId, str]]:
        found = sorted(
            (organisation, lot.fact)
            for (organisation, _), lot in self._transaction.items(self._ledger.lots)
            if lot.effective_at >= since
            and lot.fact.startswith(("pack:", "plan:"))
            and not lot.fact.startswith("plan:free:")
        )
        return [each for each in found if after is None or each > after][:limit]

    def last_reconciliation(self) -> Reconciliation | None:
        mine = self._mine(self._tables.reconciliations, self._transaction.require_organisation())
        return max(mine, key=lambda each: each.at, default=None)

    def add_reconciliation(self, reconciliation: Reconciliation) -> None:
        place = (self._transaction.require_organisation(), reconciliation.at)
        self._transaction.insert(self._tables.reconciliations, place, reconciliation)

    def _locked(self) -> OrganisationId:
        organisation = self._transaction.require_organisation()
        if not self._transaction.holds(self._tables.customers, organisation):
            raise MisuseError(f"the billing of {organisation} is not locked")
        return organisation

    def _mine(self, table: Table[tuple[OrganisationId, K], V], organisation: UUID) -> list[V]:
        """By id."""
        rows = self._transaction.items(table)
        mine = {id: row for (owner, id), row in rows if owner == organisation}
        return [mine[id] for id in sorted(mine, key=str)]
