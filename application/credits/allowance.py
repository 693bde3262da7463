"""Give what a tariff gives every month, at the first moment when somebody could want it.

No job is needed for it: whatever takes credits asks first, under the wallet's lock.  A sweep does
the same, so that what has been given is also written where nothing was asked for.
"""

from datetime import datetime

from attrs import frozen

from application.audit.trail import Trail
from application.credits.post import Order, post_all
from application.credits.terms import Terms, terms_of
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from domain.allowance import due, monthly_facts
from domain.audit import WORKER
from domain.catalogue import Catalogue
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, OrganisationId
from domain.ledger import Grant, Lot

_PAGE = 100


def lot_due(work: Work, catalogue: Catalogue, now: datetime) -> Lot | None:
    """The lot that the scope's organisation is to be given now; ask under its wallet's lock.

    Whoever pays for periods is given their credits when they are paid for, and none by the month;
    the installation's own organisation pays nobody, and is given none.
    """
    organisation = work.organisations.get()
    terms = terms_of(work, catalogue, now)
    if organisation is None or isinstance(terms, Refusal):
        return None
    return _lot_due(work, organisation.id, terms, now)


def orders_due(work: Work, trail: Trail, catalogue: Catalogue, now: datetime) -> list[Order]:
    """What is to be posted before any command that takes credits: one grant, or nothing.

    Told in *trail*, as a deed of ours.  Locks the wallet.
    """
    work.ledger.stand_in_line()
    terms = terms_of(work, catalogue, now)
    return [] if isinstance(terms, Refusal) else orders_due_on(work, trail, terms, now)


def orders_due_on(work: Work, trail: Trail, terms: Terms, now: datetime) -> list[Order]:
    """The same on *terms* that were asked for under the wallet's lock, which is held."""
    lot = _lot_due(work, trail.organisation, terms, now)
    if lot is None:
        return []
    grant = Grant(lot=lot, is_granted_before=False)
    return [Order(trail=trail.by(WORKER), command=grant)]


def _lot_due(work: Work, organisation: OrganisationId, terms: Terms, now: datetime) -> Lot | None:
    if terms.is_subscribed or not terms.tariff.credits_per_month or organisation == INSTALLATION:
        return None
    facts = monthly_facts(organisation, now)
    missing = due(terms.tariff.credits_per_month, facts, work.ledger.granted(facts), now)
    return None if missing is None else missing.lot(organisation, now)


@frozen(kw_only=True)
class GiveAllowances:
    """Give every organisation what is due to it."""

    store: Store
    catalogue: Catalogue
    clock: Clock
    identifiers: Identifiers

    def __call__(self) -> int:
        """Tell how many were given something."""
        given, last = 0, INSTALLATION
        while page := self._page(last):
            given += sum(self._give(organisation) for organisation in page)
            last = page[-1]
        return given

    def _page(self, after: OrganisationId) -> list[OrganisationId]:
        with self.store.begin(Scope()) as work:
            return work.organisations.after(after, _PAGE)

    def _give(self, organisation: OrganisationId) -> bool:
        trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=WORKER)
        with self.store.begin(Scope(organisation=organisation)) as work:
            # Most have been given it: those are not locked.
            if lot_due(work, self.catalogue, self.clock.now()) is None:
                return False
            work.ledger.stand_in_line()
            now = self.clock.now()
            orders = orders_due(work, trail, self.catalogue, now)
            post_all(work, orders, now)
            trail.write(work)
        return bool(orders)
