"""When an organisation's credits run out, as it spends now.

From the credits captured per day (UTC): a level that follows recent days (exponentially weighted,
a span of two weeks), a factor for each day of the week, and what they were wrong by so far.  The
spend of the next *h* days is then about normal, its variance that of the innovations form
(Hyndman and others, *Forecasting with Exponential Smoothing*, 2008, lead-time demand)::

    variance(h) = σ² · Σ (1 + a·i)²,  i = 0 … h-1

One path of spending for each quantile is burnt from the lots, in burn order: lots begin, expire
and are refreshed on the way.  Nothing is drawn by chance and all numbers are whole: spend in
millionths of a credit per day, time in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from math import isqrt
from uuid import UUID

from attrs import field, frozen

from domain.identifiers import LotId
from domain.ledger import PRIORITIES, Lot, Source

HORIZON = timedelta(days=365)
#: Fewer whole days say nothing about a week.
ENOUGH_DAYS = 7
#: Two of every day of the week: fewer say nothing about a single one.
_DAYS_FOR_FACTORS = 14
#: Older days are not looked at.
LONGEST_HISTORY_DAYS = 56

MICROS = 1_000_000
_SECONDS_PER_DAY = 86_400
#: a = 2/15: a span of 14 days.
_ALPHA_ABOVE, _ALPHA_BELOW = 2, 15


class Quantile(StrEnum):
    """With what probability the credits have run out by the date."""

    P10 = "p10"
    P50 = "p50"
    P90 = "p90"


#: Standard deviations of spend above the expected one, in ten-thousandths.  Who runs out early
#: has spent much.
_DEVIATIONS = {Quantile.P10: 12_816, Quantile.P50: 0, Quantile.P90: -12_816}


@frozen(kw_only=True)
class History:
    """Credits captured per whole day, without gaps."""

    first_day: date
    #: Oldest first; zero where nothing was spent.
    spent: tuple[int, ...]

    @property
    def recent(self) -> History:
        """As far back as a forecast looks."""
        older = max(0, len(self.spent) - LONGEST_HISTORY_DAYS)
        return History(first_day=self.first_day + timedelta(days=older), spent=self.spent[older:])


@frozen(kw_only=True)
class Forecast:
    #: Whole days that it is made from.
    history_days: int
    #: Expected spend per day, in millionths of a credit; None: too little history.
    per_day_micros: int | None = None
    #: None: not within `HORIZON`.  Empty where the history is too little.
    runs_out_at: Mapping[Quantile, datetime | None] = field(factory=dict)

    @property
    def has_enough_history(self) -> bool:
        return self.per_day_micros is not None


def forecast(history: History, lots: Sequence[Lot], now: datetime) -> Forecast:
    """When *lots* are burnt if spending goes on as in *history*.

    Lots that are known to come are told by an `effective_at` after *now*.
    """
    recent = history.recent
    if len(recent.spent) < ENOUGH_DAYS:
        return Forecast(history_days=len(recent.spent))
    pace = _pace(recent)
    return Forecast(
        history_days=len(recent.spent),
        per_day_micros=pace.level,
        runs_out_at={
            quantile: _runs_out_at(pace.path(quantile, now.date()), lots, now)
            for quantile in Quantile
        },
    )


@frozen(kw_only=True)
class _Pace:
    """How fast credits are spent."""

    #: Millionths of a credit per day, without the day of the week.
    level: int
    #: By weekday, Monday first, in millionths.
    factors: tuple[int, ...]
    #: Mean square of what a day was wrong by.
    variance: int

    def path(self, quantile: Quantile, first_day: date) -> tuple[int, ...]:
        """Spend per day, from *first_day* on, that leads to this quantile."""
        expected = weight = reached = 0
        days: list[int] = []
        for ahead in range(HORIZON.days + 1):
            weekday = (first_day + timedelta(days=ahead)).weekday()
            expected += self.level * self.factors[weekday] // MICROS
            weight += (_ALPHA_BELOW + _ALPHA_ABOVE * ahead) ** 2
            deviation = isqrt(self.variance * weight // _ALPHA_BELOW**2)
            total = expected + _DEVIATIONS[quantile] * deviation // 10_000
            days.append(max(0, total - reached))
            reached = max(reached, total)
        return tuple(days)


def _pace(history: History) -> _Pace:
    spent = [day * MICROS for day in history.spent]
    factors = _factors(history)
    level = sum(spent[:ENOUGH_DAYS]) // ENOUGH_DAYS
    squares = 0
    for number, actual in enumerate(spent):
        weekday = (history.first_day + timedelta(days=number)).weekday()
        wrong = actual - level * factors[weekday] // MICROS
        squares += wrong**2
        level += _ALPHA_ABOVE * wrong // _ALPHA_BELOW
    return _Pace(level=max(0, level), factors=factors, variance=squares // len(spent))


def _factors(history: History) -> tuple[int, ...]:
    """What a day of the week spends against the mean, drawn to 1 as by one more mean day."""
    total, number = sum(history.spent), len(history.spent)
    if number < _DAYS_FOR_FACTORS or total == 0:
        return (MICROS,) * 7
    sums, counts = [0] * 7, [0] * 7
    for ahead, used in enumerate(history.spent):
        weekday = (history.first_day + timedelta(days=ahead)).weekday()
        sums[weekday] += used
        counts[weekday] += 1
    return tuple(
        (sums[day] * number + total) * MICROS // ((counts[day] + 1) * total) for day in range(7)
    )


def _runs_out_at(path: Sequence[int], lots: Sequence[Lot], now: datetime) -> datetime | None:
    """The first instant at which something is to be spent and no lot has any left."""
    # Lots in units of a millionth of a credit per day, for a second: a stretch of s seconds takes
    # s times the day's spend, without a rest.
    unit = MICROS * _SECONDS_PER_DAY
    ordered = sorted(lots, key=lambda lot: lot.burn_order)
    left = [lot.remaining * unit for lot in ordered]
    today = now.date()
    for start, end in _stretches(lots, now):
        rate = path[(start.date() - today).days]
        if rate == 0:
            continue
        usable = [
            index
            for index, lot in enumerate(ordered)
            if left[index] and lot.effective_at <= start and not lot.is_expired(start)
        ]
        there = sum(left[index] for index in usable)
        needed = rate * ((end - start) // timedelta(seconds=1))
        if there < needed:
            return start + timedelta(seconds=there // rate)
        for index in usable:
            taken = min(left[index], needed)
            left[index] -= taken
            needed -= taken
    return None


def _stretches(lots: Sequence[Lot], now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Times in which neither the day nor the usable lots change, in whole seconds."""
    start = _next_second(now)
    midnight = datetime(start.year, start.month, start.day, tzinfo=UTC)
    end = start + HORIZON
    instants = {midnight + timedelta(days=ahead) for ahead in range(1, HORIZON.days + 1)}
    for lot in lots:
        instants |= {_next_second(each) for each in (lot.effective_at, lot.over_at) if each}
    between = sorted(instant for instant in instants if start < instant < end)
    return pairwise([start, *between, end])


def _next_second(instant: datetime) -> datetime:
    """The first whole second at which what begins or ends at *instant* has done so."""
    rest = timedelta(microseconds=instant.microsecond)
    return instant if not rest else instant - rest + timedelta(seconds=1)


def refreshes(monthly: int, first: datetime) -> tuple[Lot, ...]:
    """The lots that a tariff of *monthly* credits gives from *first* on, within `HORIZON`.

    Each lives until the next one comes, a month later: on the same day, or on the month's last.
    """
    starts = [_months_later(first, number) for number in range(14)]
    return tuple(
        Lot(
            id=LotId(UUID(int=number)),
            source=Source.PLAN,
            priority=PRIORITIES[Source.PLAN],
            amount=monthly,
            remaining=monthly,
            effective_at=start,
            expires_at=end,
            fact=f"plan:to come:{number}",
        )
        for number, (start, end) in enumerate(pairwise(starts))
        if monthly and start < first + HORIZON
    )


def _months_later(instant: datetime, number: int) -> datetime:
    years, month = divmod(instant.month - 1 + number, 12)
    first = instant.replace(year=instant.year + years, month=month + 1, day=1)
    # Every month has 28 days; the last of them is a day before the next month's first.
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(instant.day, last.day))
