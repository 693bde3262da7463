"""What the tests of payments buy, and with whom."""

from datetime import datetime
from typing import Protocol

from application.ports.payments import Order, Page, Payments, Priced
from domain.payment import PaymentEvent

PACK = Priced(
    key="tallystick_contract_pack_small",
    name="small",
    amount_minor=2_900,
    currency="USD",
    is_recurring=False,
)
TARIFF = Priced(
    key="tallystick_contract_tariff_starter",
    name="starter",
    amount_minor=9_900,
    currency="USD",
    is_recurring=True,
)
ITEMS = (PACK, TARIFF)


class APaymentsWorld(Protocol):
    """The port, with `ITEMS` for sale, and what moves payers and banks."""

    payments: Payments

    def now(self) -> datetime: ...
    def signed(self, event: PaymentEvent) -> tuple[bytes, str]: ...
    def pay(self, page: Page) -> str:
        """The payment, or the subscription."""
        ...

    def promise(self, page: Page) -> None: ...
    def arrive(self, page: Page) -> str: ...
    def refund(self, payment: str, amount_minor: int) -> None: ...
    def dispute(self, payment: str) -> str: ...
    def decide(self, dispute: str, *, is_won: bool) -> None: ...
    def cancel(self, order: Order, subscription: str) -> None: ...
