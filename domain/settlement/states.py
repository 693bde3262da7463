"""A payment provider's objects, as far as they mean anything for us."""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum

from attrs import field, frozen, validators

from domain.payment import CustomerId, Dispute, DisputeId, PaymentId, SubscriptionId


@frozen(kw_only=True)
class ItemPrice:
    """A price at the provider's."""

    #: As it is looked up, or the name of what it is a price of; empty: none of ours.
    key: str
    amount_minor: int
    #: ISO 4217.
    currency: str
    #: Whether it carries the mark of a price that we published: its amount was ours then.
    is_published: bool = False


@frozen(kw_only=True)
class DisputeState:
    id: DisputeId
    opened_at: datetime
    #: Whether the money stays with us; None: it is open.
    is_won: bool | None = None

    def fact(self, payment: PaymentId, known: Iterable[Dispute], now: datetime) -> Dispute:
        """The provider does not say when it was closed: it is when we heard of it."""
        before = next((each for each in known if each.id == self.id), None)
        closed_at = None
        if self.is_won is not None:
            closed_at = (before and before.closed_at) or now
        return Dispute(
            id=self.id,
            payment=payment,
            opened_at=self.opened_at,
            closed_at=closed_at,
            is_won=self.is_won,
        )


@frozen(kw_only=True)
class Money:
    """A payment that succeeded, and what became of it."""

    payment: PaymentId
    amount_minor: int = field(validator=validators.gt(0))
    currency: str
    paid_at: datetime
    refunded_minor: int = 0
    disputes: tuple[DisputeState, ...] = ()


@frozen(kw_only=True)
class PackState:
    """A one-off payment."""

    customer: CustomerId | None
    price: ItemPrice
    quantity: int
    #: What was asked for it, before taxes and after discounts.
    asked_minor: int
    #: None: nothing is paid, or not yet.
    money: Money | None


@frozen(kw_only=True)
class Line:
    """A tariff's price on an invoice, for a time."""

    price: ItemPrice
    start: datetime
    end: datetime
    #: Below 0: given back for time that is not used.
    amount_minor: int
    #: Of part of a period: a change inside it.
    is_proration: bool = False


@frozen(kw_only=True)
class InvoiceState:
    id: str
    lines: tuple[Line, ...]
    #: None: not paid.
    paid_at: datetime | None
    #: When paying failed first, of one that is still owed.
    failed_at: datetime | None = None
    payment: PaymentId | None = None
    #: Looked at only where it is what was asked about.
    money: Money | None = None


class Standing(Enum):
    """How a subscription stands with the provider."""

    #: The first invoice was never paid: it has not begun.
    INCOMPLETE = "incomplete"
    TRIAL = "trial"
    ACTIVE = "active"
    OWED = "owed"
    ENDED = "ended"


@frozen(kw_only=True)
class SubscriptionState:
    id: SubscriptionId
    customer: CustomerId | None
    standing: Standing
    price: ItemPrice
    cancelled_at: datetime | None = None
    #: When it ends or ended, if that is decided.
    ends_at: datetime | None = None
    trial_start: datetime | None = None
    trial_end: datetime | None = None
    #: In the order in which they were made.
    invoices: tuple[InvoiceState, ...] = ()


State = PackState | SubscriptionState


def moneys(state: State) -> tuple[Money, ...]:
    """The payments that were looked at."""
    if isinstance(state, PackState):
        return (state.money,) if state.money is not None else ()
    return tuple(invoice.money for invoice in state.invoices if invoice.money is not None)


@frozen(kw_only=True)
class Mismatch:
    """Money came that the catalogue does not explain."""

    #: The payment or the invoice.
    subject: str
    detail: str


def refunded(money: Money) -> int:
    return max(0, min(money.refunded_minor, money.amount_minor))
