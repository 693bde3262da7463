"""Recurring revenue adds up from month to month; activation counts who could have been counted."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.growth import (
    DAY,
    WEEK,
    Cohort,
    PaidPeriodRow,
    PriceOf,
    Recurring,
    months_until,
    recurring,
)

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
PRICES = {
    "starter": PriceOf(price_minor=9_900, is_least=False),
    "professional": PriceOf(price_minor=49_900, is_least=False),
    "enterprise": PriceOf(price_minor=199_900, is_least=True),
}


def paid(tariff, start=0, end=30, amount=9_900, refunded=0, currency="USD"):
    return PaidPeriodRow(
        tariff=tariff,
        starts_at=JUNE + start * DAY,
        ends_at=JUNE + end * DAY,
        amount_minor=amount,
        refunded_minor=refunded,
        currency=currency,
    )


def at(day, *periods):
    return recurring(periods, PRICES, "USD", JUNE + day * DAY)


def test_a_paid_period_is_worth_its_price_from_its_first_instant_to_before_its_end():
    period = paid("starter")
    assert [at(day, period) for day in (-1, 0, 29, 30)] == [0, 9_900, 9_900, 0]


def test_an_upgrade_inside_a_period_counts_from_when_it_was_paid():
    periods = paid("starter"), paid("professional", start=10, amount=26_600)
    assert at(9, *periods) == 9_900
    assert at(10, *periods) == 49_900


def test_what_was_agreed_upon_counts_where_the_price_is_the_least():
    assert at(1, paid("enterprise", amount=350_000)) == 350_000
    assert at(1, paid("enterprise", amount=1_000)) == 199_900
    assert at(1, paid("enterprise", amount=350_000, currency="EUR")) == 199_900


def test_what_was_refunded_wholly_was_not_paid():
    assert at(1, paid("starter", refunded=9_900)) == 0
    assert at(1, paid("starter", refunded=9_899)) == 9_900


def test_a_tariff_that_is_not_sold_any_more_is_worth_what_was_paid():
    assert at(1, paid("old", amount=5_000)) == 5_000


amounts = st.sampled_from([0, 9_900, 49_900, 199_900])


@given(histories=st.lists(st.lists(amounts, min_size=4, max_size=4), max_size=6))
def test_what_made_the_difference_adds_up(histories):
    months = [Recurring(str(number), JUNE) for number in range(3)]
    for history in histories:
        for month, (before, after) in zip(months, pairwise(history), strict=True):
            month.add(before, after)
    for number, month in enumerate(months):
        before = sum(history[number] for history in histories)
        assert month.total == sum(history[number + 1] for history in histories)
        assert (
            month.total == before + month.new + month.expansion - month.contraction - month.churn
        )
        assert month.paying == sum(history[number + 1] > 0 for history in histories)


@pytest.mark.parametrize(
    ("before", "after", "part"),
    [(0, 5, "new"), (5, 9, "expansion"), (9, 5, "contraction"), (5, 0, "churn")],
)
def test_each_difference_has_its_name(before, after, part):
    month = Recurring("2026-06", JUNE)
    month.add(before, after)
    parts = {"new", "expansion", "contraction", "churn"}
    assert {name for name in parts if getattr(month, name)} == {part}


def test_months_are_counted_back_over_the_turn_of_a_year():
    found = months_until(datetime(2026, 2, 10, tzinfo=UTC), 3)
    assert [name for name, _ in found] == ["2025-12", "2026-01", "2026-02"]
    assert found[0][1] == datetime(2025, 12, 1, tzinfo=UTC)


def test_only_those_who_have_had_the_time_are_counted():
    cohort, now = Cohort("2026-06"), JUNE + WEEK
    cohort.add(JUNE, JUNE + DAY, now)
    cohort.add(JUNE, JUNE + DAY + timedelta(seconds=1), now)
    cohort.add(JUNE, None, now)
    cohort.add(now - DAY, None, now)
    cohort.add(now - timedelta(hours=1), now, now)
    assert (cohort.registered, cohort.with_a_token) == (5, 3)
    assert (cohort.within_a_day, cohort.of_a_day) == (1, 4)
    assert (cohort.within_a_week, cohort.of_a_week) == (2, 3)


@given(minutes=st.lists(st.integers(0, 10_000), max_size=9))
def test_the_median_is_the_median(minutes):
    cohort = Cohort("2026-06")
    for each in minutes:
        cohort.add(JUNE, JUNE + timedelta(minutes=each), JUNE)
    expected = timedelta(minutes=median(minutes)) if minutes else None
    assert cohort.median == expected
