"""Who pays, and how it went, as rows."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from attrs import asdict, define

from adapters.postgres import queries
from adapters.postgres.rows import Row
from adapters.postgres.transaction import Transaction
from application.ports.storage.billing import (
    Billing,
    Checkout,
    Reconciliation,
    StaleStateError,
)
from application.ports.storage.work import Lock
from domain.catalogue import TariffName
from domain.errors import MisuseError
from domain.identifiers import OrganisationId
from domain.payment import (
    BillingFacts,
    CustomerId,
    Dispute,
    PaidPeriod,
    PaymentEvent,
    PaymentId,
    Purchase,
    Subscription,
    SubscriptionId,
)

BILLING = queries.load("billing.sql")

#: Before every id there is.
_NIL = UUID(int=0)


@define
class PostgresBilling(Billing):
    _transaction: Transaction
    _is_locked: bool = False

    def lock(self) -> CustomerId | None:
        self._transaction.enter(Lock.BILLING, self._transaction.scope.organisation)
        _, locked = self._transaction.batch([(BILLING["open"], {}), (BILLING["lock"], {})])
        row = locked.fetchone()
        self._is_locked = True
        return row["customer"] if row else None

    def customer(self) -> CustomerId | None:
        row = self._transaction.row(BILLING["customer"])
        return row["customer"] if row else None

    def bind(self, customer: CustomerId, at: datetime) -> None:
        self._require_lock()
        if self.customer() == customer:
            return
        parameters = {"customer": customer, "at": at}
        self._transaction.update("unbound payer", BILLING["bind"], parameters)

    def organisation_of(self, customer: CustomerId) -> OrganisationId | None:
        row = self._transaction.row(BILLING["find_payer"], {"customer": customer})
        return row["organisation_id"] if row else None

    def draw(self) -> int:
        row = self._transaction.row(BILLING["draw"])
        if row is None:
            raise MisuseError("a sequence has ended")
        return int(row["version"])

    def record(self, event: PaymentEvent, at: datetime) -> bool:
        self._require_lock()
        subject = event.subject
        row = {
            "id": event.id,
            "kind": event.kind,
            "about": subject and subject.about.value,
            "subject": subject and subject.id,
            "live": event.live,
            "created_at": event.created_at,
            "recorded_at": at,
        }
        return self._transaction.change(BILLING["record"], row) == 1

    def is_recorded(self, event: str) -> bool:
        row = self._transaction.row(BILLING["is_recorded"], {"id": event})
        return row is not None and row["is_recorded"]

    def facts(self) -> BillingFacts:
        subscriptions, disputes, purchases = self._transaction.read(
            (BILLING["select_subscriptions"], {"id": None}),
            (BILLING["select_disputes"], {"payment": None}),
            (BILLING["newest_purchase"], {}),
        )
        newest = purchases[0] if purchases else None
        return BillingFacts(
            subscriptions=tuple(map(_subscription, subscriptions)),
            disputes=tuple(map(_dispute, disputes)),
            purchased_at=newest["paid_at"] if newest else None,
        )

    def purchase(self, payment: PaymentId) -> Purchase | None:
        row = self._transaction.row(BILLING["select_purchase"], {"payment": payment})
        return Purchase(**row) if row else None

    def put_purchase(self, purchase: Purchase) -> None:
        self._put_unless_stale("put_purchase", purchase)

    def subscription(self, id: SubscriptionId) -> Subscription | None:
        row = self._transaction.row(BILLING["select_subscriptions"], {"id": id})
        return _subscription(row) if row else None

    def put_subscription(self, subscription: Subscription) -> None:
        self._put_unless_stale("put_subscription", subscription)

    def periods(self, subscription: SubscriptionId) -> Sequence[PaidPeriod]:
        found = self._transaction.rows(BILLING["select_periods"], {"subscription": subscription})
        return [_period(row) for row in found]

    def put_period(self, period: PaidPeriod) -> None:
        self._require_lock()
        row = {**_row(period), "starts_at": period.start, "ends_at": period.end}
        self._transaction.write(BILLING["put_period"], row)

    def disputes(self, payment: PaymentId) -> Sequence[Dispute]:
        found = self._transaction.rows(BILLING["select_disputes"], {"payment": payment})
        return [_dispute(row) for row in found]

    def put_dispute(self, dispute: Dispute) -> None:
        self._require_lock()
        self._transaction.write(BILLING["put_dispute"], asdict(dispute))

    def checkout(self, id: UUID) -> Checkout | None:
        row = self._transaction.row(BILLING["select_checkout"], {"id": id})
        return Checkout(**row) if row else None

    def add_checkout(self, checkout: Checkout) -> None:
        self._transaction.write(BILLING["insert_checkout"], asdict(checkout))

    def ended(self, now: datetime, limit: int) -> Sequence[OrganisationId]:
        found = self._transaction.rows(BILLING["ended"], {"now": now, "limit": limit})
        return [row["organisation_id"] for row in found]

    def granted_since(
        self, since: datetime, after: tuple[OrganisationId, str] | None, limit: int
    ) -> Sequence[tuple[OrganisationId, str]]:
        organisation, fact = after or (_NIL, "")
        found = self._transaction.rows(
            BILLING["paid_lots"],
            {
                "since": since,
                "after_organisation": organisation,
                "after_fact": fact,
                "limit": limit,
            },
        )
        return [(row["organisation_id"], row["fact"]) for row in found]

    def last_reconciliation(self) -> Reconciliation | None:
        row = self._transaction.row(BILLING["last_reconciliation"])
        return Reconciliation(**row) if row else None

    def add_reconciliation(self, reconciliation: Reconciliation) -> None:
        self._transaction.write(BILLING["insert_reconciliation"], asdict(reconciliation))

    def _put_unless_stale(self, query: str, value: Purchase | Subscription) -> None:
        self._require_lock()
        if self._transaction.change(BILLING[query], _row(value)) != 1:
            raise StaleStateError(f"a later state is kept than {value.version}")

    def _require_lock(self) -> None:
        if not self._is_locked:
            raise MisuseError("the billing of the scope's organisation is not locked")


def _row(value: Purchase | Subscription | PaidPeriod) -> Row:
    row = asdict(value)
    return {**row, "tariff": str(row["tariff"])} if "tariff" in row else row


def _subscription(row: Row) -> Subscription:
    return Subscription(**{**row, "tariff": TariffName(row["tariff"])})


def _period(row: Row) -> PaidPeriod:
    values = {**row, "tariff": TariffName(row["tariff"])}
    return PaidPeriod(start=values.pop("starts_at"), end=values.pop("ends_at"), **values)


def _dispute(row: Row) -> Dispute:
    return Dispute(**row)
