"""How the operator's business grows: recurring revenue by month, and how soon people get a token.

*Monthly recurring revenue* at an instant is the sum, over organisations, of the price of the
tariff whose period was paid and contains it.  What it is from one month's end to the next follows
from each organisation's two numbers, so the parts always add up::

    before + new + expansion - contraction - churn = after

Amounts are integers in minor units of one currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from attrs import define, field, frozen

DAY, WEEK = timedelta(days=1), timedelta(days=7)


@frozen(kw_only=True)
class PaidPeriodRow:
    """A tariff that was paid for, from `starts_at` until before `ends_at`."""

    tariff: str
    starts_at: datetime
    ends_at: datetime
    #: What the tariff's price came to on the invoice; less of it where it was for a part.
    amount_minor: int
    refunded_minor: int
    currency: str


@frozen(kw_only=True)
class PriceOf:
    """A tariff's price per month today."""

    price_minor: int
    #: It is the least: what was agreed upon is what was paid.
    is_least: bool


def recurring(
    periods: Iterable[PaidPeriodRow], prices: dict[str, PriceOf], currency: str, at: datetime
) -> int:
    """What one organisation pays per month at that instant.  Of several periods the latest counts:
    an upgrade.  What was refunded wholly was not paid; a tariff that is not sold any more is worth
    what was paid for it.
    """
    paid = [
        each
        for each in periods
        if each.starts_at <= at < each.ends_at
        and (each.refunded_minor < each.amount_minor or each.amount_minor == 0)
    ]
    if not paid:
        return 0
    latest = max(paid, key=lambda each: (each.starts_at, each.amount_minor))
    amount = latest.amount_minor if latest.currency == currency else 0
    price = prices.get(latest.tariff)
    if price is None:
        return amount
    return max(price.price_minor, amount) if price.is_least else price.price_minor


@define
class Recurring:
    """One month, at its end or now."""

    month: str
    at: datetime
    total: int = 0
    paying: int = 0
    new: int = 0
    expansion: int = 0
    contraction: int = 0
    churn: int = 0

    def add(self, before: int, after: int) -> None:
        """What one organisation paid at the end of the month before, and pays at this one's."""
        self.total += after
        self.paying += after > 0
        if before == 0:
            self.new += after
        elif after == 0:
            self.churn += before
        elif after > before:
            self.expansion += after - before
        else:
            self.contraction += before - after


@define
class Cohort:
    """The organisations that registered in one month."""

    month: str
    registered: int = 0
    #: Completed a deployment within that time, and registered so long ago that it could be told.
    within_a_day: int = 0
    of_a_day: int = 0
    within_a_week: int = 0
    of_a_week: int = 0
    _times: list[timedelta] = field(factory=list)

    def add(self, registered_at: datetime, completed_at: datetime | None, now: datetime) -> None:
        took = None if completed_at is None else completed_at - registered_at
        self.registered += 1
        if registered_at + DAY <= now:
            self.of_a_day += 1
            self.within_a_day += took is not None and took <= DAY
        if registered_at + WEEK <= now:
            self.of_a_week += 1
            self.within_a_week += took is not None and took <= WEEK
        if took is not None:
            self._times.append(took)

    @property
    def with_a_token(self) -> int:
        return len(self._times)

    @property
    def median(self) -> timedelta | None:
        """From registration to the first token, of those that have one."""
        times = sorted(self._times)
        middle = len(times) // 2
        if not times:
            return None
        return times[middle] if len(times) % 2 else (times[middle - 1] + times[middle]) / 2


def month_of(at: datetime) -> str:
    """``2026-11``"""
    return f"{at.astimezone(UTC):%Y-%m}"


def months_until(now: datetime, count: int) -> Sequence[tuple[str, datetime]]:
    """The last *count* months, the current one last: each with its first instant."""
    instant = now.astimezone(UTC)
    newest = instant.year * 12 + instant.month - 1
    starts = [
        datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        for number in range(newest - count + 1, newest + 1)
    ]
    return [(month_of(start), start) for start in starts]
