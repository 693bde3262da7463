"""The operator's margin: what captures were worth, less what chains took, organisation by
organisation, and by what they subscribe to and did.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from attrs import field, frozen

from application.ports.storage.books import Books, Window
from domain.identifiers import OrganisationId
from domain.margin import SIGNS, Margin, Worth


@frozen(kw_only=True)
class MarginLine:
    """What one organisation's operations of one kind came to; operation ``""``: of none."""

    organisation: OrganisationId
    #: The one of today.
    tariff: str | None
    operation: str
    currency: str
    #: Captured less corrected; in the line of its first currency only.
    credits: int
    #: Micros.
    worth: Mapping[Worth, int]
    #: Micros, exact.
    cost: Fraction

    @property
    def revenue(self) -> int:
        return sum(SIGNS[kind] * micros for kind, micros in self.worth.items())

    @property
    def margin(self) -> Fraction:
        return self.revenue - self.cost


@frozen(kw_only=True)
class MarginReport:
    lines: tuple[MarginLine, ...]
    #: Base units by network that nobody has said the worth of.
    unvalued: Mapping[str, int] = field(factory=dict)


@frozen(kw_only=True)
class ReportMargin:
    books: Books
    #: How many digits each network's coin has.
    decimals: Mapping[str, int]
    #: Of the line of an operation that was worth nothing and cost nothing.
    currency: str

    def __call__(
        self, window: Window, progress: Callable[[int], None] = lambda _: None
    ) -> MarginReport:
        """*progress* is told of each organisation."""
        lines: list[MarginLine] = []
        unvalued: Counter[str] = Counter()
        for volume in self.books.volumes():
            margin, tariff = self._of(volume.organisation, window)
            lines += self._lines(volume.organisation, tariff, margin)
            unvalued.update(margin.unvalued)
            progress(1)
        return MarginReport(lines=tuple(lines), unvalued=dict(unvalued))

    def _of(self, organisation: OrganisationId, window: Window) -> tuple[Margin, str | None]:
        margin = Margin()
        with self.books.read(organisation) as books:
            margin.know(books.lots())
            for line in books.lines(window):
                margin.feed(line)
            for cost in books.chain_costs(window):
                margin.charge(cost, self.decimals.get(cost.network))
            return margin, books.tariff()

    def _lines(
        self, organisation: OrganisationId, tariff: str | None, margin: Margin
    ) -> Iterator[MarginLine]:
        operations = {operation for operation, _, _ in margin.worth}
        operations |= {operation for operation, _ in margin.costs} | set(margin.credits)
        for operation in sorted(operations):
            currencies = {each for of, _, each in margin.worth if of == operation}
            currencies |= {each for of, each in margin.costs if of == operation}
            captured = margin.credits[operation]
            for currency in sorted(currencies) or [self.currency]:
                yield MarginLine(
                    organisation=organisation,
                    tariff=tariff,
                    operation=operation,
                    currency=currency,
                    credits=captured,
                    worth={kind: margin.worth[operation, kind, currency] for kind in Worth},
                    cost=margin.costs.get((operation, currency), Fraction(0)),
                )
                captured = 0
