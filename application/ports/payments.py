"""Taking money, in our own words.

Who adapts a provider tells three kinds of bad news::

    PaymentsRefusedError       final: this will not be done, however often it is asked for
    PaymentsUnavailableError   no answer; what was asked for may or may not have happened.  The
                               same request with the same key finds out, and never does it twice
    PaymentForgedError         this is not the provider's word
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from attrs import field, frozen, validators

from domain.payment import CustomerId, PaymentEvent, Subject
from domain.settlement import State


class PaymentsRefusedError(Exception):
    pass


class NotPublishedError(PaymentsRefusedError):
    """There is no such price at the provider's: the catalogue has to be published first."""


class RequestChangedError(PaymentsRefusedError):
    """The key was used for a different request."""


class PaymentsUnavailableError(Exception):
    pass


class PaymentForgedError(Exception):
    """The body is not signed by the provider, or not in time, or not for this installation."""


@frozen(kw_only=True)
class Order:
    """What is to be paid for, once or every month."""

    customer: CustomerId
    #: How the price is looked up (`Catalogue.pack_key`, `Catalogue.tariff_key`).
    price: str
    is_recurring: bool
    #: The public id of the organisation: for people who look at the provider's pages.
    reference: str
    #: Where the payer goes on afterwards.  That somebody comes back proves nothing.
    success_url: str
    cancel_url: str


@frozen(kw_only=True)
class Page:
    """A page of the provider's."""

    id: str
    url: str = field(repr=False)
    expires_at: datetime


@frozen(kw_only=True)
class Invoice:
    id: str
    number: str | None
    #: ``draft``, ``open``, ``paid``, ``uncollectible``, ``void``.
    state: str
    total_minor: int
    currency: str
    created_at: datetime
    period_start: datetime
    period_end: datetime
    #: Where it can be read and paid; None: not yet.
    url: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class Priced:
    """What is for sale at the provider's: an item of the catalogue, under its lookup key."""

    key: str
    name: str
    amount_minor: int = field(validator=validators.gt(0))
    currency: str
    #: Every month; else once.
    is_recurring: bool


@frozen(kw_only=True)
class Fee:
    """An amount of money for the customer's next invoice."""

    customer: CustomerId
    amount_minor: int = field(validator=validators.gt(0))
    currency: str
    description: str


class Payments(Protocol):
    """Every call that changes something takes a *key*: the same key does it once."""

    @property
    def live(self) -> bool | None:
        """Whether real money moves; None: this installation takes none."""
        ...

    def create_customer(self, reference: str, name: str, key: str) -> CustomerId: ...

    def checkout(self, order: Order, key: str) -> Page:
        """Raises: RequestChangedError; PaymentsRefusedError: there is no such price."""
        ...

    def portal(self, customer: CustomerId, return_url: str) -> str:
        """The URL of a page where payer, card and subscription are changed; short-lived."""
        ...

    def invoices(
        self, customer: CustomerId, limit: int, after: str | None
    ) -> tuple[Sequence[Invoice], bool]:
        """Newest first, and whether there are more."""
        ...

    def event(self, body: bytes, signature: str, now: datetime) -> PaymentEvent:
        """What the provider says by *body*.

        Raises:
            PaymentForgedError: it does not say that, or said it too long ago.
        """
        ...

    def state_of(self, subject: Subject) -> State | None:
        """The object *subject* belongs to, whole and as it is now; None: nothing of ours.

        Every event about an object that is told after this call began is about a later state.
        """
        ...

    def events_since(self, since: datetime) -> Iterator[PaymentEvent]:
        """What happened since, oldest first, whether or not it was delivered."""
        ...

    def paid_since(self, since: datetime) -> Iterator[Subject]:
        """Payments begun since then that succeeded, each as a subject of `state_of`."""
        ...

    def publish(self, item: Priced) -> bool:
        """Have *item* for sale at its price; False: it was."""
        ...

    def bill(self, fee: Fee, key: str) -> str:
        """Put *fee* on the next invoice; the provider's name of it."""
        ...
