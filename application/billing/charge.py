"""Put fees in money on the next invoice: each line once, by its economic fact.

A crash between the invoice item and our note of it leads to the same item again: it carries the
line's fact, and is looked for before another one is made.
"""

from attrs import frozen

from application.audit.trail import Trail
from application.ports.alarms import Alarms
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.payments import Fee, Payments, PaymentsRefusedError
from application.ports.storage.work import Scope, Store
from domain.audit import WORKER
from domain.fees import FeeLine
from domain.identifiers import INSTALLATION, OrganisationId, Prefix, public_id
from domain.payment import CustomerId

_PAGE = 100


@frozen(kw_only=True)
class ChargeFees:
    store: Store
    payments: Payments
    alarms: Alarms
    clock: Clock
    identifiers: Identifiers

    def __call__(self) -> int:
        """Tell how many lines were charged.

        Who has not begun to pay for anything is charged when they have; a line of the other mode
        never.  What the provider refuses sounds an alarm, and keeps nobody else from being
        charged.

        Raises: PaymentsUnavailableError, StoreUnavailableError: what was charged stays charged.
        """
        charged, last = 0, INSTALLATION
        while page := self._owing(last):
            charged += sum(self._charge_all(organisation) for organisation in page)
            last = page[-1]
        return charged

    def _owing(self, after: OrganisationId) -> list[OrganisationId]:
        with self.store.begin(Scope()) as work:
            return [*work.fees.owing(after, _PAGE)]

    def _charge_all(self, organisation: OrganisationId) -> int:
        with self.store.begin(Scope(organisation=organisation)) as work:
            customer = work.billing.customer()
            lines = work.fees.unbilled() if customer is not None else ()
        if customer is None:
            return 0
        return sum(
            self._charge(organisation, customer, line)
            for line in lines
            if line.amount_minor and line.live is self.payments.live
        )

    def _charge(self, organisation: OrganisationId, customer: CustomerId, line: FeeLine) -> bool:
        fee = Fee(
            customer=customer,
            amount_minor=line.amount_minor or 0,
            currency=line.currency,
            description=f"{public_id(Prefix.DEPLOYMENT, line.deployment)}: {line.kind} fee",
        )
        try:
            item = self.payments.bill(fee, line.fact)
        except PaymentsRefusedError as error:
            name = public_id(Prefix.ORGANISATION, organisation)
            self.alarms.sound("fee_refused", name, f"{line.fact}: {error}")
            return False
        with self.store.begin(Scope(organisation=organisation)) as work:
            now = self.clock.now()
            if not work.fees.mark_billed(line.fact, item, now):
                return False
            trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=WORKER)
            trail.add(
                "billing.fee_charged",
                public_id(Prefix.DEPLOYMENT, line.deployment),
                now,
                live=line.live,
                details={
                    "amount_minor": fee.amount_minor,
                    "currency": fee.currency,
                    "invoice_item": item,
                    "kind": line.kind.value,
                },
            )
            trail.write(work)
        return True
