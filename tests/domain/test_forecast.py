"""When credits run out: known scenarios, another way of counting, and drawn futures."""

import random
from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.forecast import HORIZON, MICROS, Forecast, History, Quantile, forecast, refreshes
from domain.identifiers import LotId
from domain.ledger import Lot, Source
from tests.strategies import examples

#: A Monday.
TODAY = datetime(2026, 11, 16, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def a_lot(number: int, amount: int, **changes: object) -> Lot:
    lot = Lot(
        id=LotId(UUID(int=number)),
        source=Source.PACK,
        priority=40,
        amount=amount,
        remaining=amount,
        effective_at=TODAY - 30 * DAY,
        fact=f"pack:{number}",
    )
    return evolve(lot, **changes)


def history(*spent: int) -> History:
    """Of the days up to yesterday."""
    return History(first_day=TODAY.date() - timedelta(days=len(spent)), spent=spent)


def all_at(instant: datetime | None) -> dict[Quantile, datetime | None]:
    return dict.fromkeys(Quantile, instant)


def order(instant: datetime | None) -> datetime:
    return instant or datetime.max.replace(tzinfo=UTC)


# What is known.


@pytest.mark.parametrize("days", [7, 13, 14, 56, 200])
@pytest.mark.parametrize(
    ("amount", "lasts"),
    [(100, 10 * DAY), (5, 12 * HOUR), (3650, None), (3649, HORIZON - DAY / 10), (0, DAY * 0)],
)
def test_a_constant_pace_ends_at_the_exact_instant(
    days: int, amount: int, lasts: timedelta | None
):
    lots = [a_lot(1, amount)] if amount else []
    told = forecast(history(*[10] * days), lots, TODAY)
    assert told.per_day_micros == 10 * MICROS
    assert told.runs_out_at == all_at(None if lasts is None else TODAY + lasts)


def test_what_is_spent_in_a_day_is_spent_evenly():
    noon = TODAY + 12 * HOUR
    told = forecast(history(*[24] * 20), [a_lot(1, 30)], noon)
    assert told.runs_out_at == all_at(noon + 30 * HOUR)


@pytest.mark.parametrize("days", [0, 1, 6])
def test_less_than_a_week_says_nothing(days: int):
    told = forecast(history(*[10] * days), [a_lot(1, 100)], TODAY)
    assert told == Forecast(history_days=days)
    assert not told.has_enough_history


def test_who_spends_nothing_never_runs_out():
    assert forecast(history(*[0] * 30), [], TODAY).runs_out_at == all_at(None)


def test_what_expires_unused_is_gone():
    lots = [a_lot(1, 1000, expires_at=TODAY + 3 * DAY), a_lot(2, 40)]
    told = forecast(history(*[10] * 30), lots, TODAY)
    assert told.runs_out_at == all_at(TODAY + 7 * DAY)


def test_a_lot_that_comes_before_the_end_puts_it_off():
    lots = [a_lot(1, 50), a_lot(2, 50, effective_at=TODAY + 4 * DAY)]
    told = forecast(history(*[10] * 30), lots, TODAY)
    assert told.runs_out_at == all_at(TODAY + 10 * DAY)


def test_a_lot_that_comes_after_the_end_does_not():
    lots = [a_lot(1, 50), a_lot(2, 50, effective_at=TODAY + 6 * DAY)]
    told = forecast(history(*[10] * 30), lots, TODAY)
    assert told.runs_out_at == all_at(TODAY + 5 * DAY)


def test_a_plan_that_is_refreshed_in_time_lasts():
    lots = [
        a_lot(
            number,
            300,
            effective_at=TODAY + (number - 1) * 30 * DAY,
            expires_at=TODAY + number * 30 * DAY,
        )
        for number in range(1, 15)
    ]
    assert forecast(history(*[10] * 30), lots, TODAY).runs_out_at == all_at(None)
    spends_more = forecast(history(*[12] * 30), lots, TODAY)
    assert spends_more.runs_out_at == all_at(TODAY + 25 * DAY)


def test_who_works_on_workdays_runs_out_on_one():
    workdays = [10, 10, 10, 10, 10, 0, 0] * 8
    told = forecast(history(*workdays), [a_lot(1, 115)], TODAY).runs_out_at[Quantile.P50]
    # Two weeks of 50, and a half: within a day of Tuesday's noon.
    assert told is not None
    assert abs(told - (TODAY + 15 * DAY + 12 * HOUR)) < DAY
    assert told.weekday() < 5


def test_a_pace_that_rose_is_followed():
    slow_then_fast = [10] * 28 + [30] * 28
    told = forecast(history(*slow_then_fast), [a_lot(1, 300)], TODAY)
    assert told.per_day_micros is not None
    assert 29 * MICROS < told.per_day_micros <= 30 * MICROS


# Another way of counting: hour by hour, a credit at a time.


def counted(per_hour: int, lots: list[Lot], now: datetime) -> datetime | None:
    left = {lot.id: lot.remaining for lot in lots}
    for hour in range(HORIZON.days * 24):
        at = now + hour * HOUR
        for _ in range(per_hour):
            usable = [
                lot
                for lot in lots
                if left[lot.id]
                and lot.effective_at <= at
                and (lot.expires_at is None or at < lot.expires_at)
            ]
            if not usable:
                return at
            first = min(
                usable,
                key=lambda lot: (
                    lot.priority,
                    lot.expires_at or datetime.max.replace(tzinfo=UTC),
                    lot.id.int,
                ),
            )
            left[first.id] -= 1
    return None


@st.composite
def some_lots(draw: st.DrawFn) -> list[Lot]:
    lots = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        begins = draw(st.integers(-48, 200))
        ends = draw(st.none() | st.integers(begins + 1, 400))
        amount = draw(st.integers(1, 60))
        lots.append(
            a_lot(
                number,
                amount,
                priority=draw(st.sampled_from([10, 20, 40])),
                effective_at=TODAY + begins * HOUR,
                expires_at=None if ends is None else TODAY + ends * HOUR,
            )
        )
    return lots


@settings(max_examples=examples(150), deadline=None)
@given(lots=some_lots(), per_hour=st.integers(1, 3), hour=st.integers(0, 23))
def test_it_ends_when_counting_hour_by_hour_ends(lots: list[Lot], per_hour: int, hour: int):
    # A whole number of credits in every hour, so that no credit is half spent at its end.
    now = TODAY + hour * HOUR
    told = forecast(history(*[24 * per_hour] * 14), lots, now).runs_out_at[Quantile.P50]
    expected = counted(per_hour, lots, now)
    # The count tells the hour in which a credit was missing.
    assert (told is None) == (expected is None)
    if told is not None and expected is not None:
        assert expected <= told < expected + HOUR


# What is uncertain.


@settings(max_examples=examples(100), deadline=None)
@given(
    spent=st.lists(st.integers(0, 10**6), min_size=7, max_size=60),
    amount=st.integers(1, 10**8),
    seconds=st.integers(0, 86_399_999_999),
)
def test_the_dates_are_in_order_and_within_the_horizon(
    spent: list[int], amount: int, seconds: int
):
    now = TODAY + timedelta(microseconds=seconds)
    told = forecast(history(*spent), [a_lot(1, amount)], now).runs_out_at
    p10, p50, p90 = (order(told[quantile]) for quantile in Quantile)
    assert p10 <= p50 <= p90
    assert all(at is None or now <= at <= now + HORIZON + DAY for at in told.values())


@settings(max_examples=examples(50), deadline=None)
@given(
    spent=st.lists(st.integers(0, 100), min_size=7, max_size=60),
    amount=st.integers(1, 1000),
    more=st.integers(1, 1000),
)
def test_more_credits_never_end_earlier(spent: list[int], amount: int, more: int):
    less_at = forecast(history(*spent), [a_lot(1, amount)], TODAY).runs_out_at
    more_at = forecast(history(*spent), [a_lot(1, amount + more)], TODAY).runs_out_at
    assert all(order(less_at[quantile]) <= order(more_at[quantile]) for quantile in Quantile)


def test_as_many_of_drawn_futures_have_ended_as_the_dates_say():
    """The model of the module's docstring in floating point, drawn two thousand times."""
    chance = random.Random(5)
    spent = [max(0, round(chance.gauss(40, 12))) for _ in range(56)]
    amount = 900
    told = forecast(history(*spent), [a_lot(1, amount)], TODAY).runs_out_at
    level, squares = sum(spent[:7]) / 7, 0.0
    weekdays = [date.weekday(TODAY.date() - timedelta(days=56 - n)) for n in range(56)]
    mean = sum(spent) / 56
    factor = [
        (sum(s for s, w in zip(spent, weekdays, strict=True) if w == day) + mean) / (9 * mean)
        for day in range(7)
    ]
    for actual, weekday in zip(spent, weekdays, strict=True):
        wrong = actual - level * factor[weekday]
        squares += wrong * wrong
        level += 2 / 15 * wrong
    sigma = (squares / 56) ** 0.5
    ends = []
    for _ in range(2000):
        left, now_level, day = float(amount), level, 0
        while left > 0:
            shock = chance.gauss(0, sigma)
            used = now_level * factor[(TODAY + day * DAY).weekday()] + shock
            left -= used
            now_level += 2 / 15 * shock
            day += 1
        ends.append(day)
    ends.sort()
    for quantile, wanted in ((Quantile.P10, 0.1), (Quantile.P50, 0.5), (Quantile.P90, 0.9)):
        at = told[quantile]
        assert at is not None
        days = (at - TODAY) / DAY
        earlier, later = (bisect_left(ends, days + one) / 2000 for one in (0, 1))
        assert earlier - 0.05 < wanted < later + 0.05, (quantile, earlier, later)


def test_a_steadier_spender_is_told_a_narrower_range():
    def width(*spent: int) -> timedelta:
        told = forecast(history(*spent), [a_lot(1, 400)], TODAY).runs_out_at
        return order(told[Quantile.P90]) - order(told[Quantile.P10])

    steady, wild = [9, 11] * 21, [0, 20] * 21
    assert width(*[10] * 42) == timedelta(0)
    assert width(*steady) < width(*wild)


def test_the_late_date_comes_when_the_low_estimate_of_what_is_spent_gets_there():
    """Once a week, much: in between, the estimate falls, and rises again to where it was."""
    spent = [300, 0, 0, 0, 0, 0, 0] * 8
    told = forecast(history(*spent), [], TODAY)
    level = (told.per_day_micros or 0) / MICROS
    factor = [(8 * 300 + 300 / 7) / (9 * 300 / 7), *[1 / 9] * 6]
    running, squares = 300 / 7, 0.0
    for number, actual in enumerate(spent):
        wrong = actual - running * factor[number % 7]
        squares, running = squares + wrong**2, running + 2 / 15 * wrong
    estimates, expected, weight = [], 0.0, 0.0
    for ahead in range(HORIZON.days):
        expected += level * factor[ahead % 7]
        weight += (1 + 2 / 15 * ahead) ** 2
        estimates.append(expected - 1.2816 * (squares / 56 * weight) ** 0.5)
    most = max(estimates)
    for amount in (0.9, 0.99, 1.01):
        at = forecast(history(*spent), [a_lot(1, int(amount * most))], TODAY).runs_out_at[
            Quantile.P90
        ]
        if amount > 1:
            assert at is None
        else:
            day = next(n for n, each in enumerate(estimates) if each >= int(amount * most))
            assert at is not None
            assert abs((at - TODAY) / DAY - day) <= 1


# What a tariff goes on giving.


@pytest.mark.parametrize(
    ("first", "days"),
    [
        (datetime(2026, 1, 31, 6, tzinfo=UTC), [(1, 31), (2, 28), (3, 31), (4, 30)]),
        (datetime(2027, 12, 30, tzinfo=UTC), [(12, 30), (1, 30), (2, 29), (3, 30)]),
        (datetime(2026, 11, 1, tzinfo=UTC), [(11, 1), (12, 1), (1, 1), (2, 1)]),
    ],
)
def test_a_tariffs_credits_come_a_month_after_the_last(first: datetime, days: list[tuple]):
    lots = refreshes(250, first)
    assert [(lot.effective_at.month, lot.effective_at.day) for lot in lots[:4]] == days
    assert all(one.expires_at == other.effective_at for one, other in pairwise(lots))
    assert {(lot.amount, lot.effective_at.hour) for lot in lots} == {(250, first.hour)}
    assert lots[-1].expires_at >= first + HORIZON
    assert lots[-1].effective_at < first + HORIZON


def test_a_tariff_without_credits_gives_none():
    assert refreshes(0, TODAY) == ()


def test_who_spends_less_than_the_tariff_gives_lasts_and_who_spends_more_does_not():
    lots = [a_lot(99, 100, expires_at=TODAY + 14 * DAY), *refreshes(300, TODAY + 14 * DAY)]
    assert forecast(history(*[7] * 30), lots, TODAY).runs_out_at == all_at(None)
    told = forecast(history(*[12] * 30), lots, TODAY).runs_out_at
    assert all(
        at is not None and abs(at - (TODAY + DAY * 100 / 12)) < timedelta(seconds=1)
        for at in told.values()
    )
