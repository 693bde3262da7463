"""Compare the payment provider's books with ours, both ways.

What was paid and not given is given, on the same path as every other news.  What was given and is
not known to have been paid is told to a person and taken from nobody.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from attrs import frozen

from application.billing.settle import Outcome, Settle
from application.ports.alarms import Alarms
from application.ports.clock import Clock
from application.ports.payments import Payments
from application.ports.storage.billing import Reconciliation
from application.ports.storage.work import Scope, Store
from domain.identifiers import OrganisationId, Prefix, public_id
from domain.payment import About, Subject, pack_fact, plan_fact
from domain.settlement import PackState

#: How far back the provider tells of what happened, and how long money may be on its way.
HORIZON = timedelta(days=30)
#: What may have been written down late is looked at twice.
OVERLAP = timedelta(days=1)
_PAGE = 100


@frozen(kw_only=True)
class Compared:
    #: Events that had not been recorded.
    events: int
    #: What had been paid and not granted, after all events.
    payments: int
    #: Facts that were granted, and that the provider does not know as paid.
    unpaid: tuple[tuple[OrganisationId, str], ...]


@frozen(kw_only=True)
class Reconcile:
    store: Store
    payments: Payments
    settle: Settle
    alarms: Alarms
    clock: Clock

    def __call__(self) -> Compared:
        """Raises: PaymentsRefusedError, PaymentsUnavailableError, StoreUnavailableError: what was
        repaired stays repaired; the next one begins where the last finished one ended.
        """
        now = self.clock.now()
        with self.store.begin(Scope.installation()) as work:
            last = work.billing.last_reconciliation()
        since = now - HORIZON
        events = sum(
            self.settle(event.subject, event).outcome is not Outcome.KNOWN
            for event in self.payments.events_since(
                max(since, min(last.through, now) - OVERLAP) if last is not None else since
            )
            if event.live is self.payments.live
        )
        payments = sum(self.settle(subject).granted for subject in self.payments.paid_since(since))
        unpaid = tuple(self._unpaid(since))
        for organisation, fact in unpaid:
            self.alarms.sound(
                "granted_unpaid",
                public_id(Prefix.ORGANISATION, organisation),
                f"{fact} was granted, and the payment provider knows no such payment",
            )
        with self.store.begin(Scope.installation()) as work:
            work.billing.add_reconciliation(
                Reconciliation(at=now, through=now, repaired=events + payments, alarms=len(unpaid))
            )
        return Compared(events=events, payments=payments, unpaid=unpaid)

    def _unpaid(self, since: datetime) -> Iterator[tuple[OrganisationId, str]]:
        """What the ledger has granted for money that the provider does not know of."""
        after: tuple[OrganisationId, str] | None = None
        while True:
            with self.store.begin(Scope()) as work:
                page = work.billing.granted_since(since, after, _PAGE)
            for organisation, fact in page:
                if not self._is_paid(organisation, fact):
                    yield organisation, fact
            if len(page) < _PAGE:
                return
            after = page[-1]

    def _is_paid(self, organisation: OrganisationId, fact: str) -> bool:
        kind, _, rest = fact.partition(":")
        about = Subject(About.PAYMENT, rest)
        if kind == "plan":
            about = Subject(About.SUBSCRIPTION, rest.partition(":")[0])
        state = self.payments.state_of(about)
        if state is None or state.customer is None:
            return False
        with self.store.begin(Scope()) as work:
            if work.billing.organisation_of(state.customer) != organisation:
                return False
        if isinstance(state, PackState):
            return state.money is not None and fact == pack_fact(state.money.payment)
        return fact in {
            plan_fact(state.id, line.price.key, line.start)
            for invoice in state.invoices
            if invoice.paid_at is not None
            for line in invoice.lines
        }
