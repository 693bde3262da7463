from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NoReturn

from application.ports.payments import (
    Fee,
    Invoice,
    Order,
    Page,
    PaymentForgedError,
    Payments,
    PaymentsRefusedError,
    Priced,
)
from domain.payment import CustomerId, PaymentEvent, Subject
from domain.settlement import State


class NoPayments(Payments):
    """Of an installation that takes no money."""

    live: bool | None = None

    def create_customer(self, reference: str, name: str, key: str) -> CustomerId:
        _refuse(reference, name, key)

    def checkout(self, order: Order, key: str) -> Page:
        _refuse(order, key)

    def portal(self, customer: CustomerId, return_url: str) -> str:
        _refuse(customer, return_url)

    def invoices(
        self, customer: CustomerId, limit: int, after: str | None
    ) -> tuple[Sequence[Invoice], bool]:
        _refuse(customer, limit, after)

    def event(self, body: bytes, signature: str, now: datetime) -> PaymentEvent:
        del body, signature, now
        raise PaymentForgedError("nobody is expected to tell of payments")

    def state_of(self, subject: Subject) -> State | None:
        _refuse(subject)

    def events_since(self, since: datetime) -> Iterator[PaymentEvent]:
        _refuse(since)

    def paid_since(self, since: datetime) -> Iterator[Subject]:
        _refuse(since)

    def publish(self, item: Priced) -> bool:
        _refuse(item)

    def bill(self, fee: Fee, key: str) -> str:
        _refuse(fee, key)


def _refuse(*_: object) -> NoReturn:
    raise PaymentsRefusedError("this installation takes no money")
