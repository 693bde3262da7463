"""Recurring revenue by month, and how soon organisations complete a first deployment.

Both walk the organisations one by one and keep sums only.
"""

from collections.abc import Callable

from attrs import frozen

from application.ports.clock import Clock
from application.ports.storage.books import Books
from domain.catalogue import Catalogue
from domain.growth import Cohort, PriceOf, Recurring, month_of, months_until, recurring
from domain.identifiers import INSTALLATION, OrganisationId


@frozen(kw_only=True)
class ReportRecurring:
    books: Books
    catalogue: Catalogue
    clock: Clock

    def __call__(
        self, months: int, progress: Callable[[int], None] = lambda _: None
    ) -> list[Recurring]:
        """The last *months* months, the current one as it is now; *progress* is told of each
        organisation.
        """
        now = self.clock.now()
        starts = months_until(now, months)
        # A month is looked at when the next one begins; the current one, now.
        ends = [*(start for _, start in starts[1:]), now]
        found = [Recurring(month, at) for (month, _), at in zip(starts, ends, strict=True)]
        prices = {
            str(name): PriceOf(price_minor=tariff.price_minor, is_least=tariff.is_price_least)
            for name, tariff in self.catalogue.tariffs.items()
        }
        for organisation in _organisations(self.books):
            with self.books.read(organisation) as books:
                periods = list(books.paid_periods())
            before = recurring(periods, prices, self.catalogue.currency, starts[0][1])
            for each in found:
                after = recurring(periods, prices, self.catalogue.currency, each.at)
                each.add(before, after)
                before = after
            progress(1)
        return found


@frozen(kw_only=True)
class ReportActivation:
    books: Books
    clock: Clock

    def __call__(
        self, months: int, progress: Callable[[int], None] = lambda _: None
    ) -> list[Cohort]:
        now = self.clock.now()
        cohorts = {month: Cohort(month) for month, _ in months_until(now, months)}
        for organisation in _organisations(self.books):
            with self.books.read(organisation) as books:
                began = books.began()
            if began is not None and (cohort := cohorts.get(month_of(began[0]))) is not None:
                cohort.add(*began, now)
            progress(1)
        return list(cohorts.values())


def _organisations(books: Books) -> list[OrganisationId]:
    return [each.organisation for each in books.volumes() if each.organisation != INSTALLATION]
