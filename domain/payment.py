"""Money: what a payment provider's objects mean for us.

The provider tells of objects (a payment, a subscription) in states that are fetched whole; here
they become *facts* that are kept, and from facts follow credits, tariff and licence.  Nothing is
derived from the order in which news arrives::

    news ─▶ what it is about ─▶ the object as it is now ─▶ facts ─▶ lots, clawback, licence

Invariants: what is granted is named after what was paid for, and only once (`pack_fact`,
`plan_fact`); a state that was fetched earlier never overwrites one that was fetched later
(`version`, a number that is drawn before fetching); amounts are ours, and what the provider says
is only compared with them.

Amounts of money are integers in minor units of an ISO 4217 currency (cents of USD).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import NewType

from attrs import field, frozen, validators

from domain.catalogue import PackName, Period, TariffName
from domain.money import DIGITS

CustomerId = NewType("CustomerId", str)
PaymentId = NewType("PaymentId", str)
"""The provider's name of one payment: the economic fact of a pack."""
SubscriptionId = NewType("SubscriptionId", str)
DisputeId = NewType("DisputeId", str)

_whole = validators.and_(validators.instance_of(int), validators.ge(0))


class About(Enum):
    """What kind of object an event is about."""

    CHECKOUT = "checkout"
    PAYMENT = "payment"
    CHARGE = "charge"
    INVOICE = "invoice"
    SUBSCRIPTION = "subscription"
    DISPUTE = "dispute"


@frozen
class Subject:
    about: About
    #: The provider's id.
    id: str = field(validator=validators.min_len(1))


@frozen(kw_only=True)
class PaymentEvent:
    """News of the provider's.  It says what to look at; what it says of it may be old."""

    id: str = field(validator=validators.min_len(1))
    #: In the provider's words: ``invoice.paid``.
    kind: str
    created_at: datetime
    live: bool
    #: None: nothing that concerns us.
    subject: Subject | None


@frozen(kw_only=True)
class Dispute:
    id: DisputeId
    payment: PaymentId
    opened_at: datetime
    #: None: open.
    closed_at: datetime | None = None
    #: Whether the money stays with us; None while it is open.
    is_won: bool | None = None

    @property
    def takes_all(self) -> bool:
        """An open or lost dispute takes back all that was paid for."""
        return self.is_won is not True


@frozen(kw_only=True)
class Purchase:
    """A pack that was paid for."""

    payment: PaymentId
    pack: PackName
    credits: int = field(validator=validators.gt(0))
    #: What was paid, all told.
    amount_minor: int = field(validator=validators.gt(0))
    currency: str
    paid_at: datetime
    #: What went back to the payer.
    refunded_minor: int = field(default=0, validator=_whole)
    version: int = field(validator=_whole)

    @refunded_minor.validator
    def _is_within_the_amount(self, _: object, value: int) -> None:
        if value > self.amount_minor:
            raise ValueError("more was refunded than was paid")

    @property
    def fact(self) -> str:
        return pack_fact(self.payment)


@frozen(kw_only=True)
class PaidPeriod:
    """A tariff's price paid for one period of a subscription."""

    subscription: SubscriptionId
    #: How the provider's price is looked up (`Catalogue.tariff_key`).
    price: str
    tariff: TariffName
    start: datetime
    end: datetime
    payment: PaymentId | None
    #: What was paid for it: its invoice's money without what that asked for beside plans (fees,
    #: taxes); 0: not looked at.
    amount_minor: int = field(validator=_whole)
    currency: str
    paid_at: datetime
    refunded_minor: int = field(default=0, validator=_whole)
    #: What it granted; an upgrade inside a period grants the difference.
    credits: int = field(default=0, validator=_whole)
    #: Of these, what was taken back because the rest of its time was given up for a lesser
    #: tariff, and its money returned; None: its time was not given up.
    given_back: int | None = field(default=None, validator=validators.optional(_whole))

    @given_back.validator
    def _is_within_the_credits(self, _: object, value: int | None) -> None:
        if value is not None and value > self.credits:
            raise ValueError("more was given back than was granted")

    @property
    def is_refunded(self) -> bool:
        """All of its money went back: it is not paid for."""
        return 0 < self.amount_minor <= self.refunded_minor

    @property
    def fact(self) -> str:
        return plan_fact(self.subscription, self.price, self.start)

    def taken_back(self, disputes: Iterable[Dispute]) -> int:
        """Of what it granted, all that is taken back: refunds share what unused time left."""
        back = self.given_back or 0
        return back + taken_back(
            self.credits - back, self.amount_minor, self.refunded_minor, disputes
        )


@frozen(kw_only=True)
class Subscription:
    """What an organisation subscribes to, as facts; the licence follows from them."""

    id: SubscriptionId
    tariff: TariffName
    #: Of the last period that was paid for; without length: all of its money went back, and it
    #: has ended.
    period_start: datetime
    period_end: datetime
    #: Of the oldest invoice that is owed: when paying it failed first.
    first_failure_at: datetime | None = None
    #: When it was decided that it ends.
    cancelled_at: datetime | None = None
    #: When what it gives ends, or ended: what is paid for is given.
    ends_at: datetime | None = None
    #: When the provider ended it: it asks for nothing any more.
    ended_at: datetime | None = None
    trial_ends_at: datetime | None = None
    #: When, after its end, its tariff was taken from the organisation.
    left_at: datetime | None = None
    version: int = field(validator=_whole)

    @property
    def is_paid(self) -> bool:
        """Whether its last period is paid for: not one that is tried, nor one given back."""
        return self.period is not None and self.period_end != self.trial_ends_at

    @property
    def period(self) -> Period | None:
        """The last one that is paid for; None: all of it went back."""
        if self.period_end <= self.period_start:
            return None
        return Period(self.period_start, self.period_end)

    def is_over(self, now: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= now


@frozen(kw_only=True)
class BillingFacts:
    """All that was ever subscribed to, and every dispute, of one organisation."""

    subscriptions: tuple[Subscription, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    #: When a pack was last paid for that was not given back altogether; None: never.
    purchased_at: datetime | None = None

    def running(self, now: datetime) -> Subscription | None:
        """The subscription that says the tariff: of several, the one paid for longest ahead."""
        found = [each for each in self.subscriptions if not each.is_over(now)]
        return max(found, key=lambda each: (each.period_end, each.id), default=None)

    def is_charged(self, now: datetime) -> bool:
        """Whether a subscription may still ask for money; one that has ended only gives."""
        return any(each.ended_at is None and not each.is_over(now) for each in self.subscriptions)


def pack_fact(payment: PaymentId) -> str:
    return f"pack:{payment}"


def plan_fact(subscription: SubscriptionId, price: str, start: datetime) -> str:
    """Says the period by its first instant: there may be two in a day."""
    return f"plan:{subscription}:{price}:{start.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}"


def taken_back(
    granted: int, amount_minor: int, refunded_minor: int, disputes: Iterable[Dispute] = ()
) -> int:
    """Of the credits *granted* that *amount_minor* paid for: how many are taken back in all.

    The refunded share, rounded in the payer's favour; all of them while a dispute is open or lost.
    """
    if any(dispute.takes_all for dispute in disputes):
        return granted
    if amount_minor <= 0:
        return 0
    return granted * min(refunded_minor, amount_minor) // amount_minor


def unit_cost_micros(amount_minor: int, currency: str, granted: int) -> int:
    """What one credit cost, in millionths of a currency unit, rounded down."""
    micros_per_minor: int = 10 ** (6 - DIGITS[currency])
    return amount_minor * micros_per_minor // granted
