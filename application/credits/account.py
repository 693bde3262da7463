"""An account of a period: what there was, what came and went, what there is, and what it costs."""

from attrs import frozen

from application.credits.terms import terms_of
from application.ports.clock import Clock
from application.ports.storage.work import Scope, Store
from domain.catalogue import Catalogue, Period, month_of
from domain.errors import Refusal
from domain.identifiers import OrganisationId
from domain.statement import Statement, statement


@frozen(kw_only=True)
class StateAccount:
    store: Store
    catalogue: Catalogue
    clock: Clock

    def __call__(
        self, organisation: OrganisationId, period: Period | None = None
    ) -> Statement | Refusal:
        """The statement of *period*; None: of the one that counts now.

        What time has ended and nobody has written down yet is not in it: it is in the next one.
        """
        with self.store.begin(Scope(organisation=organisation)) as work:
            if work.organisations.get() is None:
                return Refusal(code="not_found", detail="there is no such organisation")
            now = self.clock.now()
            if period is None:
                terms = terms_of(work, self.catalogue, now)
                period = month_of(now) if isinstance(terms, Refusal) else terms.period
            flows = work.ledger.flows(period.start, period.end)
            return statement(period, flows, work.fees.between(period.start, period.end))
