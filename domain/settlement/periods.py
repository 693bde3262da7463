"""The periods that the invoices of a subscription have paid for, and what of them went back."""

from datetime import datetime

from attrs import define, evolve, field

from domain.catalogue import Catalogue, Tariff
from domain.payment import PaidPeriod, SubscriptionId, plan_fact
from domain.settlement.prices import tariff_of
from domain.settlement.states import InvoiceState, Line, Mismatch, refunded


@define
class Book:
    """The paid invoices of one subscription, entered in the order in which they were paid."""

    subscription: SubscriptionId
    catalogue: Catalogue
    facts: dict[str, PaidPeriod]
    asked: dict[str, int] = field(factory=dict)
    mismatches: list[Mismatch] = field(factory=list)
    #: By the fact, what its line asked for.
    prices: dict[str, int] = field(factory=dict)
    #: Time that was given up and is of no period so far, with the invoice that says so.
    given_up: list[tuple[Line, InvoiceState]] = field(factory=list)

    def enter(self, invoice: InvoiceState) -> None:
        if invoice.paid_at is None:
            return
        begun = []
        # What is given up makes room for what is bought instead from the same moment on.
        for line in sorted(invoice.lines, key=lambda each: (each.start, each.amount_minor > 0)):
            if line.amount_minor > 0 and line.price.key:
                begun += self._buy(line, invoice)
            elif line.amount_minor < 0 and line.is_proration:
                self.given_up.append((line, invoice))
                self._give_up()
        self._give_up()
        self._share(invoice, begun)

    def _buy(self, line: Line, invoice: InvoiceState) -> list[tuple[str, Line]]:
        """The fact that *line* begins, if it does."""
        fact = plan_fact(self.subscription, line.price.key, line.start)
        self.prices[fact] = line.amount_minor
        if fact in self.facts:
            self.facts[fact] = _looked_at(self.facts[fact], invoice)
            return []
        found = _period(self.subscription, invoice, line, self.catalogue)
        if isinstance(found, Mismatch):
            self.mismatches.append(found)
            return []
        worth = self.catalogue.tariffs[found.tariff].credits_per_month
        self.facts[fact] = evolve(found, credits=max(0, worth - self._given_until(found.end)))
        return [(fact, line)]

    def _share(self, invoice: InvoiceState, begun: list[tuple[str, Line]]) -> None:
        """Split an invoice's money for the plan over what it grants, by what each line asked."""
        granting = [each for each in begun if self.facts[each[0]].credits] or begun
        left = max(0, sum(line.amount_minor for line in invoice.lines))
        weight = sum(line.amount_minor for _, line in granting)
        self.asked.update({fact: 0 for fact, _ in begun})
        for fact, line in granting:
            self.asked[fact] = left * line.amount_minor // weight
            left, weight = left - self.asked[fact], weight - line.amount_minor

    def _give_up(self) -> None:
        """Time that was paid for once, and was not used, goes back with its credits."""
        self.given_up = [each for each in self.given_up if not self._is_given_back(*each)]

    def _is_given_back(self, line: Line, invoice: InvoiceState) -> bool:
        """Take back of a period's credits the share of its price that *line* returns.

        Only of what the tariff that takes its place does not give as well, rounded in the
        payer's favour, and once: what was taken is recorded.
        """
        period = max(
            (
                each
                for each in self.facts.values()
                if (each.price, each.end) == (line.price.key, line.end)
                and each.start <= line.start
            ),
            key=lambda each: each.start,
            default=None,
        )
        if period is None:
            return False
        if period.given_back is not None:
            return True
        kept = self._worth_instead(line, invoice)
        price = self.prices.get(period.fact, 0)
        if kept is None or not price:
            return False
        most = max(0, min(period.credits, self._given_until(line.end) - kept))
        back = most * min(-line.amount_minor, price) // price
        self.facts[period.fact] = evolve(period, given_back=back)
        return True

    def _worth_instead(self, line: Line, invoice: InvoiceState) -> int | None:
        """Credits of what is bought instead of *line*; None: it is not in the catalogue."""
        tariffs = [
            tariff_of(each.price, self.catalogue)
            for each in invoice.lines
            if each.amount_minor > 0 and (each.start, each.end) == (line.start, line.end)
        ]
        known = [each.credits_per_month for each in tariffs if isinstance(each, Tariff)]
        return min(known, default=0) if len(known) == len(tariffs) else None

    def _given_until(self, end: datetime) -> int:
        """Credits of the period that ends then: given, and not taken back with unused time."""
        return sum(
            each.credits - (each.given_back or 0)
            for each in self.facts.values()
            if each.end == end
        )


def _period(
    subscription: SubscriptionId, invoice: InvoiceState, line: Line, catalogue: Catalogue
) -> PaidPeriod | Mismatch:
    tariff = tariff_of(line.price, catalogue)
    if isinstance(tariff, str):
        return Mismatch(subject=invoice.id, detail=tariff)
    if not line.is_proration and line.amount_minor != line.price.amount_minor:
        detail = f"{line.amount_minor} were asked for {line.price.key}"
        return Mismatch(subject=invoice.id, detail=detail)
    money = _plan_money(invoice)
    return PaidPeriod(
        subscription=subscription,
        price=line.price.key,
        tariff=tariff.name,
        start=line.start,
        end=line.end,
        payment=invoice.payment,
        amount_minor=money[0] if money else 0,
        currency=line.price.currency,
        paid_at=invoice.paid_at or line.start,
        refunded_minor=money[1] if money else 0,
    )


def _looked_at(known: PaidPeriod, invoice: InvoiceState) -> PaidPeriod:
    """What became of the money for a period that is known; the catalogue is not asked."""
    money = _plan_money(invoice)
    return evolve(
        known,
        payment=known.payment or invoice.payment,
        amount_minor=money[0] if money else known.amount_minor,
        refunded_minor=money[1] if money else known.refunded_minor,
    )


def _plan_money(invoice: InvoiceState) -> tuple[int, int] | None:
    """What was paid for an invoice's plans, and what of that went back; None: not looked at.

    What was paid beside them, fees and taxes, goes back first.
    """
    money = invoice.money
    if money is None:
        return None
    asked = max(0, sum(line.amount_minor for line in invoice.lines))
    paid = min(money.amount_minor, asked)
    return paid, max(0, refunded(money) - (money.amount_minor - paid))
