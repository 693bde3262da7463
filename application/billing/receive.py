"""Take what the payment provider tells: believed when signed, answered when recorded."""

from attrs import frozen

from application.billing.checkout import NOT_CONFIGURED
from application.billing.settle import Settle, Settled
from application.billing.unsettled import settling
from application.ports.clock import Clock
from application.ports.payments import PaymentForgedError, Payments
from domain.errors import Refusal


@frozen(kw_only=True)
class ReceivePaymentEvent:
    payments: Payments
    settle: Settle
    clock: Clock

    def __call__(self, body: bytes, signature: str) -> Settled | Refusal:
        """What became of it.  Whoever is answered with it need not tell it again.

        Raises: UnsettledError, PaymentsUnavailableError, StoreUnavailableError: it is not
            recorded, and has to be told again.
        """
        if self.payments.live is None:
            return NOT_CONFIGURED
        try:
            event = self.payments.event(body, signature, self.clock.now())
        except PaymentForgedError as error:
            return Refusal(code="signature_invalid", detail=str(error))
        if event.live is not self.payments.live:
            mode = "live" if event.live else "test"
            return Refusal(code="event_of_other_mode", detail=f"this is a {mode} event")
        with settling(self.settle.alarms, event.id):
            return self.settle(event.subject, event)
