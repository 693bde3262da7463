"""Stripe: the loopback of ours over the real SDK, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from attrs import frozen

from adapters.stripe.payments import StripePayments
from application.ports.payments import Order, Page
from domain.payment import PaymentEvent
from entrypoints.devnet.stripe import Loopback, loopback, signed
from tests.billing.sdk import SECRET, payments_on
from tests.contract.payers import ITEMS


@frozen
class StripeWorld:
    payments: StripePayments
    _loopback: Loopback

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._loopback.account.now, UTC)

    def signed(self, event: PaymentEvent) -> tuple[bytes, str]:
        body = b'{"id": "%s", "type": "%s", "created": 0, "livemode": false,' % (
            event.id.encode(),
            event.kind.encode(),
        )
        body += b' "data": {"object": {"id": "cs_1"}}}'
        return body, signed(body, [SECRET], self._loopback.account.now)

    def pay(self, page: Page) -> str:
        session = self._loopback.control.pay_checkout(page.id)
        if session["mode"] == "payment":
            return str(session["payment_intent"])
        return str(session["subscription"])

    def promise(self, page: Page) -> None:
        self._loopback.control.pay_checkout(page.id, later=True)

    def arrive(self, page: Page) -> str:
        return str(self._loopback.control.settle_checkout(page.id)["payment_intent"])

    def refund(self, payment: str, amount_minor: int) -> None:
        self._loopback.control.refund(payment, amount_minor)

    def dispute(self, payment: str) -> str:
        return str(self._loopback.control.dispute(payment)["id"])

    def decide(self, dispute: str, *, is_won: bool) -> None:
        self._loopback.control.close_dispute(dispute, won=is_won)

    def cancel(self, order: Order, subscription: str) -> None:
        del order
        self._loopback.control.cancel_subscription(subscription)


@contextmanager
def payments() -> Iterator[StripeWorld]:
    world = loopback(seed=1)
    port = payments_on(world)
    for item in ITEMS:
        port.publish(item)
    yield StripeWorld(port, world)
