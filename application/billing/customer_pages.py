"""What a payer sees at the provider's: the portal, and the invoices."""

from collections.abc import Sequence

from attrs import frozen

from application.access.caller import Caller
from application.billing.checkout import NOT_CONFIGURED, UNAVAILABLE
from application.ports.payments import (
    Invoice,
    Payments,
    PaymentsRefusedError,
    PaymentsUnavailableError,
)
from application.ports.storage.work import Store
from domain.errors import Refusal
from domain.organisation import Permission

_NO_CUSTOMER = Refusal(
    code="nothing_paid_yet", detail="this organisation has not begun to pay for anything"
)
_REFUSED = Refusal(
    code="payments_refused", detail="the payment provider refused; the operator can see why"
)


@frozen(kw_only=True)
class OpenPortal:
    store: Store
    payments: Payments
    return_url: str

    def __call__(self, caller: Caller) -> str | Refusal:
        """The URL of a page where card, invoices and subscription are changed; short-lived."""
        if self.payments.live is None:
            return NOT_CONFIGURED
        if refusal := caller.refusal(Permission.WRITE_BILLING, live=self.payments.live):
            return refusal
        with self.store.begin(caller.scope) as work:
            customer = work.billing.customer()
        if customer is None:
            return _NO_CUSTOMER
        try:
            return self.payments.portal(customer, self.return_url)
        except PaymentsUnavailableError:
            return UNAVAILABLE
        except PaymentsRefusedError:
            return _REFUSED


@frozen(kw_only=True)
class ListInvoices:
    store: Store
    payments: Payments

    def __call__(
        self, caller: Caller, limit: int, after: str | None
    ) -> tuple[Sequence[Invoice], bool] | Refusal:
        """Newest first, and whether there are more; of the caller's own customer only."""
        if self.payments.live is None:
            return NOT_CONFIGURED
        if refusal := caller.refusal(Permission.READ_BILLING):
            return refusal
        with self.store.begin(caller.scope) as work:
            customer = work.billing.customer()
        if customer is None:
            return (), False
        try:
            return self.payments.invoices(customer, limit, after)
        except PaymentsUnavailableError:
            return UNAVAILABLE
        except PaymentsRefusedError:
            return _REFUSED
