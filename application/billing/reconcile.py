"""Compare the payment provider's books with ours, both ways.

What was paid and not given is given, on the same path as every other news.  What was given and is
not known to have been paid is told to a person and taken from nobody.  What cannot be settled is
told to a person, too, and looked at again by the next run; the others are settled meanwhile.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from attrs import frozen

from application.billing.settle import Outcome, Settle, Settled
from application.billing.unsettled import UnsettledError, settling
from application.ports.alarms import Alarms
from application.ports.clock import Clock
from application.ports.payments import Payments
from application.ports.storage.billing import Reconciliation
from application.ports.storage.work import Scope, Store
from domain.identifiers import OrganisationId, Prefix, public_id
from domain.payment import About, PaymentEvent, Subject, pack_fact, plan_fact
from domain.settlement import PackState

#: How far back the provider tells of what happened, and how long money may be on its way.
HORIZON = timedelta(days=30)
#: What may have been written down late is looked at twice.
OVERLAP = timedelta(days=1)
#: Where nothing was compared before, all that was ever paid is looked at.
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = 100


@frozen(kw_only=True)
class Compared:
    #: Events that had not been recorded.
    events: int
    #: What had been paid and not granted, after all events.
    payments: int
    #: Facts that were granted, and that the provider does not know as paid.
    unpaid: tuple[tuple[OrganisationId, str], ...]
    #: What could not be settled or looked up, by the provider's names and our facts.
    unsettled: tuple[str, ...] = ()


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
        unsettled: list[str] = []
        through = now
        events = 0
        for event in self.payments.events_since(
            max(since, min(last.through, now) - OVERLAP) if last is not None else since
        ):
            if event.live is not self.payments.live:
                continue
            settled = self._settled(event.subject, event, unsettled)
            if settled is None:
                through = min(through, event.created_at)
            elif settled.outcome is not Outcome.KNOWN:
                events += 1
        # However long nobody could compare: what was on its way then has been paid since.
        paid_since = min(last.through, now) - HORIZON if last is not None else _BEGINNING
        found = (
            self._settled(subject, None, unsettled)
            for subject in self.payments.paid_since(paid_since)
        )
        payments = sum(settled.granted for settled in found if settled is not None)
        unpaid = tuple(self._unpaid(since, unsettled))
        for organisation, fact in unpaid:
            self.alarms.sound(
                "granted_unpaid",
                public_id(Prefix.ORGANISATION, organisation),
                f"{fact} was granted, and the payment provider knows no such payment",
            )
        alarms = len(unpaid) + len(unsettled)
        with self.store.begin(Scope.installation()) as work:
            work.billing.add_reconciliation(
                Reconciliation(at=now, through=through, repaired=events + payments, alarms=alarms)
            )
        return Compared(
            events=events, payments=payments, unpaid=unpaid, unsettled=tuple(unsettled)
        )

    def _settled(
        self, subject: Subject | None, event: PaymentEvent | None, unsettled: list[str]
    ) -> Settled | None:
        """None: it could not be settled, and is one more of *unsettled*."""
        name = _name(subject, event)
        try:
            with settling(self.alarms, name):
                return self.settle(subject, event)
        except UnsettledError:
            unsettled.append(name)
            return None

    def _unpaid(
        self, since: datetime, unsettled: list[str]
    ) -> Iterator[tuple[OrganisationId, str]]:
        """What the ledger has granted for money that the provider does not know of."""
        after: tuple[OrganisationId, str] | None = None
        while True:
            with self.store.begin(Scope()) as work:
                page = work.billing.granted_since(since, after, _PAGE)
            for organisation, fact in page:
                try:
                    with settling(self.alarms, fact):
                        is_paid = self._is_paid(organisation, fact)
                except UnsettledError:
                    unsettled.append(fact)
                    continue
                if not is_paid:
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


def _name(subject: Subject | None, event: PaymentEvent | None) -> str:
    """As the provider calls it: the event that told of it, and what it is about."""
    return " ".join(each.id for each in (event, subject) if each is not None)
