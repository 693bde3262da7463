"""What a payment provider's object, fetched whole, means for us: facts, or a contradiction.

Pure rules over what was fetched, what is known and the catalogue.  Prices are ours: what was paid
is looked up by the price's key, and where its amount is neither the catalogue's nor one that we
published before, or its currency is another, nothing is granted and a person is called
(`Mismatch`).  What was recorded once is not asked about again: its refunds apply whatever the
catalogue has become.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum

from attrs import define, evolve, field, frozen, validators

from domain.catalogue import Catalogue, Pack, Tariff
from domain.payment import (
    CustomerId,
    Dispute,
    DisputeId,
    PaidPeriod,
    PaymentId,
    Purchase,
    Subscription,
    SubscriptionId,
    plan_fact,
)


@frozen(kw_only=True)
class ItemPrice:
    """A price at the provider's."""

    #: As it is looked up, or the name of what it is a price of; empty: none of ours.
    key: str
    amount_minor: int
    #: ISO 4217.
    currency: str
    #: Whether it carries the mark of a price that we published: its amount was ours then.
    is_published: bool = False


@frozen(kw_only=True)
class DisputeState:
    id: DisputeId
    opened_at: datetime
    #: Whether the money stays with us; None: it is open.
    is_won: bool | None = None

    def fact(self, payment: PaymentId, known: Iterable[Dispute], now: datetime) -> Dispute:
        """The provider does not say when it was closed: it is when we heard of it."""
        before = next((each for each in known if each.id == self.id), None)
        closed_at = None
        if self.is_won is not None:
            closed_at = (before and before.closed_at) or now
        return Dispute(
            id=self.id,
            payment=payment,
            opened_at=self.opened_at,
            closed_at=closed_at,
            is_won=self.is_won,
        )


@frozen(kw_only=True)
class Money:
    """A payment that succeeded, and what became of it."""

    payment: PaymentId
    amount_minor: int = field(validator=validators.gt(0))
    currency: str
    paid_at: datetime
    refunded_minor: int = 0
    disputes: tuple[DisputeState, ...] = ()


@frozen(kw_only=True)
class PackState:
    """A one-off payment."""

    customer: CustomerId | None
    price: ItemPrice
    quantity: int
    #: What was asked for it, before taxes and after discounts.
    asked_minor: int
    #: None: nothing is paid, or not yet.
    money: Money | None


@frozen(kw_only=True)
class Line:
    """A tariff's price on an invoice, for a time."""

    price: ItemPrice
    start: datetime
    end: datetime
    #: Below 0: given back for time that is not used.
    amount_minor: int
    #: Of part of a period: a change inside it.
    is_proration: bool = False


@frozen(kw_only=True)
class InvoiceState:
    id: str
    lines: tuple[Line, ...]
    #: None: not paid.
    paid_at: datetime | None
    #: When paying failed first, of one that is still owed.
    failed_at: datetime | None = None
    payment: PaymentId | None = None
    #: Looked at only where it is what was asked about.
    money: Money | None = None


class Standing(Enum):
    """How a subscription stands with the provider."""

    #: The first invoice was never paid: it has not begun.
    INCOMPLETE = "incomplete"
    TRIAL = "trial"
    ACTIVE = "active"
    OWED = "owed"
    ENDED = "ended"


@frozen(kw_only=True)
class SubscriptionState:
    id: SubscriptionId
    customer: CustomerId | None
    standing: Standing
    price: ItemPrice
    cancelled_at: datetime | None = None
    #: When it ends or ended, if that is decided.
    ends_at: datetime | None = None
    trial_start: datetime | None = None
    trial_end: datetime | None = None
    #: In the order in which they were made.
    invoices: tuple[InvoiceState, ...] = ()


State = PackState | SubscriptionState


def moneys(state: State) -> tuple[Money, ...]:
    """The payments that were looked at."""
    if isinstance(state, PackState):
        return (state.money,) if state.money is not None else ()
    return tuple(invoice.money for invoice in state.invoices if invoice.money is not None)


@frozen(kw_only=True)
class Mismatch:
    """Money came that the catalogue does not explain."""

    #: The payment or the invoice.
    subject: str
    detail: str


@frozen(kw_only=True)
class PackFacts:
    purchase: Purchase
    #: What the purchase is of, where it was not known before.
    pack: Pack | None
    #: What was asked for it, before taxes.
    asked_minor: int


@frozen(kw_only=True)
class SubscriptionFacts:
    subscription: Subscription | None
    #: Each with what it grants, in the order in which they were paid.
    periods: tuple[PaidPeriod, ...]
    #: Of those that were not known before, by their facts: what was asked for what they grant, in
    #: minor units.
    asked: Mapping[str, int]
    mismatches: tuple[Mismatch, ...]


def of_pack(
    state: PackState, catalogue: Catalogue, known: Purchase | None, version: int
) -> PackFacts | Mismatch | None:
    """None: nothing is paid.  What a known purchase was worth stays as it was recorded."""
    money = state.money
    if money is None:
        return None
    if known is not None:
        purchase = evolve(known, refunded_minor=_refunded(money), version=version)
        return PackFacts(purchase=purchase, pack=None, asked_minor=state.asked_minor)
    pack = next(
        (
            each
            for each in catalogue.packs.values()
            if catalogue.pack_key(each.name) == state.price.key
        ),
        None,
    )
    if pack is None:
        return Mismatch(subject=money.payment, detail=f"no pack has the price {state.price.key!r}")
    ours = (pack.price_minor, catalogue.currency)
    price = (state.price.amount_minor, state.price.currency)
    if price != ours and not _was_ours(state.price, catalogue):
        detail = _differs(pack.name, "the price is", price, ours)
        return Mismatch(subject=money.payment, detail=detail)
    asked = (state.asked_minor, money.currency)
    if asked != price:
        detail = f"{pack.name}: asked for was {asked[0]} {asked[1]} at a price of {price[0]}"
        return Mismatch(subject=money.payment, detail=detail)
    if state.quantity != 1 or money.amount_minor < state.price.amount_minor:
        detail = f"{money.amount_minor} were paid for {state.quantity} × {pack.name}"
        return Mismatch(subject=money.payment, detail=detail)
    return PackFacts(
        purchase=Purchase(
            payment=money.payment,
            pack=pack.name,
            credits=pack.credits,
            amount_minor=money.amount_minor,
            currency=money.currency,
            paid_at=money.paid_at,
            refunded_minor=_refunded(money),
            version=version,
        ),
        pack=pack,
        asked_minor=state.asked_minor,
    )


def of_subscription(
    state: SubscriptionState,
    catalogue: Catalogue,
    known: Subscription | None,
    periods: Sequence[PaidPeriod],
    version: int,
) -> SubscriptionFacts:
    """A subscription of which no period was ever paid, nor is on trial, is no fact."""
    book = _Book(state.id, catalogue, {period.fact: period for period in periods})
    for invoice in sorted(state.invoices, key=_when_paid):
        book.enter(invoice)
    paid = tuple(
        sorted(book.facts.values(), key=lambda each: (each.paid_at, each.start, each.price))
    )
    return SubscriptionFacts(
        subscription=_subscription(state, catalogue, known, paid, version),
        periods=paid,
        asked=book.asked,
        mismatches=tuple(book.mismatches),
    )


@define
class _Book:
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
            _tariff_of(each.price, self.catalogue)
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


def _subscription(
    state: SubscriptionState,
    catalogue: Catalogue,
    known: Subscription | None,
    paid: Sequence[PaidPeriod],
    version: int,
) -> Subscription | None:
    kept = [each for each in paid if not each.is_refunded] or paid
    if kept:
        last = max(kept, key=lambda each: (each.end, each.paid_at, each.start, each.price))
        tariff, end = last.tariff, last.end
        # An upgrade begins inside the period that it is part of.
        start = min(each.start for each in kept if each.end == end)
        if last.is_refunded and state.standing is Standing.ENDED:
            end = start
    elif state.standing is Standing.TRIAL and state.trial_start and state.trial_end:
        tried = _tariff_of(state.price, catalogue)
        if isinstance(tried, str):
            return None
        tariff, start, end = tried.name, state.trial_start, state.trial_end
    elif known is not None:
        tariff, start, end = known.tariff, known.period_start, known.period_end
    else:
        return None
    ends_at = state.ends_at
    ended_at = ends_at if state.standing is Standing.ENDED else None
    if ended_at is not None:
        # What is paid for is given.
        ends_at = max(ended_at, end)
    left_at = known.left_at if known is not None else None
    if left_at is not None and (ends_at is None or ends_at > left_at):
        # A refund that failed: it is paid for after all.
        left_at = None
    failures = [each.failed_at for each in state.invoices if each.failed_at is not None]
    is_owed = state.standing is Standing.OWED
    return Subscription(
        id=state.id,
        tariff=tariff,
        period_start=start,
        period_end=end,
        first_failure_at=min(failures, default=end) if is_owed else None,
        cancelled_at=state.cancelled_at,
        ends_at=ends_at,
        ended_at=ended_at,
        trial_ends_at=state.trial_end,
        left_at=left_at,
        version=version,
    )


def _period(
    subscription: SubscriptionId, invoice: InvoiceState, line: Line, catalogue: Catalogue
) -> PaidPeriod | Mismatch:
    tariff = _tariff_of(line.price, catalogue)
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


def _tariff_of(price: ItemPrice, catalogue: Catalogue) -> Tariff | str:
    """The tariff, or why it is none."""
    tariff = next(
        (
            each
            for each in catalogue.tariffs.values()
            if catalogue.tariff_key(each.name) == price.key
        ),
        None,
    )
    if tariff is None:
        return f"no tariff has the price {price.key!r}"
    expected = (tariff.price_minor, catalogue.currency)
    found = (price.amount_minor, price.currency)
    is_agreed = tariff.is_price_least and found[0] >= expected[0] and found[1] == expected[1]
    if found == expected or is_agreed or _was_ours(price, catalogue):
        return tariff
    return _differs(tariff.name, "the price is", found, expected)


def _was_ours(price: ItemPrice, catalogue: Catalogue) -> bool:
    """Whether we asked for it once: pages that were open then and subscriptions go on at it."""
    return price.is_published and price.amount_minor > 0 and price.currency == catalogue.currency


def _plan_money(invoice: InvoiceState) -> tuple[int, int] | None:
    """What was paid for an invoice's plans, and what of that went back; None: not looked at.

    What was paid beside them, fees and taxes, goes back first.
    """
    money = invoice.money
    if money is None:
        return None
    asked = max(0, sum(line.amount_minor for line in invoice.lines))
    paid = min(money.amount_minor, asked)
    return paid, max(0, _refunded(money) - (money.amount_minor - paid))


def _refunded(money: Money) -> int:
    return max(0, min(money.refunded_minor, money.amount_minor))


def _when_paid(invoice: InvoiceState) -> datetime:
    return invoice.paid_at or _NEVER


def _differs(name: str, what: str, found: tuple[int, str], expected: tuple[int, str]) -> str:
    (amount, currency), (ours, our_currency) = found, expected
    return f"{name}: {what} {amount} {currency}, and in the catalogue it is {ours} {our_currency}"


_NEVER = datetime.max.replace(tzinfo=UTC)
