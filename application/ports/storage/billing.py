"""Where it is kept who pays, and how it went."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from attrs import field, frozen

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


class StaleStateError(Exception):
    """A later state is kept already.  Nothing of this transaction is kept."""


@frozen(kw_only=True)
class Checkout:
    """A page of the provider's where something can be paid, as it was handed out."""

    id: UUID
    #: ``pack:small``, ``tariff:starter``.
    item: str
    #: The provider's name of it.
    session: str
    #: Whoever has it can pay; it shows who is paying.
    url: str = field(repr=False)
    expires_at: datetime
    created_at: datetime


@frozen(kw_only=True)
class Reconciliation:
    """One comparison of the provider's books with ours that came to its end."""

    at: datetime
    #: Everything of the provider's that was created before has been looked at.
    through: datetime
    #: What was repaired, and what needs a person.
    repaired: int
    alarms: int


class Billing(Protocol):
    """Of the scope's organisation, where nothing else is said.

    What is written here is written under `lock`.
    """

    def lock(self) -> CustomerId | None:
        """Have the organisation's billing until the transaction ends; who pays, as `customer`."""
        ...

    def customer(self) -> CustomerId | None:
        """The provider's name of the organisation; None: it has none."""
        ...

    def bind(self, customer: CustomerId, at: datetime) -> None:
        """For good.  Raises: MisuseError: one of the two is bound to another."""
        ...

    def organisation_of(self, customer: CustomerId) -> OrganisationId | None:
        """Whose customer it is, in any scope."""
        ...

    def draw(self) -> int:
        """A version: higher than all that were drawn before, in any scope.

        Whatever becomes of this transaction, it is not drawn again.
        """
        ...

    def record(self, event: PaymentEvent, at: datetime) -> bool:
        """Keep that *event* came; False: it is kept already, maybe with its effect."""
        ...

    def is_recorded(self, event: str) -> bool:
        """Whether any organisation's event has this id, in any scope."""
        ...

    def facts(self) -> BillingFacts: ...

    def purchase(self, payment: PaymentId) -> Purchase | None: ...

    def put_purchase(self, purchase: Purchase) -> None:
        """Raises: StaleStateError."""
        ...

    def subscription(self, id: SubscriptionId) -> Subscription | None: ...

    def put_subscription(self, subscription: Subscription) -> None:
        """Raises: StaleStateError."""
        ...

    def periods(self, subscription: SubscriptionId) -> Sequence[PaidPeriod]:
        """By their start, then by when they were paid."""
        ...

    def put_period(self, period: PaidPeriod) -> None: ...

    def disputes(self, payment: PaymentId) -> Sequence[Dispute]: ...

    def put_dispute(self, dispute: Dispute) -> None: ...

    def checkout(self, id: UUID) -> Checkout | None: ...

    def add_checkout(self, checkout: Checkout) -> None: ...

    def ended(self, now: datetime, limit: int) -> Sequence[OrganisationId]:
        """Whose subscription is over by *now* and has not been left; in any scope.

        Longest over first.
        """
        ...

    def granted_since(
        self, since: datetime, after: tuple[OrganisationId, str] | None, limit: int
    ) -> Sequence[tuple[OrganisationId, str]]:
        """Facts of lots that the provider's money paid for, in any scope, in ascending order.

        As the ledger has them, not as is kept here: the two are compared.
        """
        ...

    def last_reconciliation(self) -> Reconciliation | None: ...

    def add_reconciliation(self, reconciliation: Reconciliation) -> None:
        """Of two that began at the same instant the first is kept."""
        ...
