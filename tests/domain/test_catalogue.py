"""What a catalogue may say, and where a month begins."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from attrs import evolve
from hypothesis import given

from domain.catalogue import Fees, Pack, PackName, Period, Price, month_of, period_of
from tests.catalogue import FREE, STARTER, TOKENS
from tests.strategies import instants

SPRING = Period(datetime(2026, 3, 17, 9, tzinfo=UTC), datetime(2026, 4, 17, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "To kens"},
        {"currency": "usd"},
        {"currency": "USDC"},
        {"first_tariff": "gold"},
        {"first_tariff": STARTER},
        {"operations": {}},
        {"operations": {**TOKENS.operations, "call": Price(operation="call", credits=11)}},
        {"operations": {**TOKENS.operations, "call": Price(operation="report", credits=1)}},
        {"tariffs": {FREE: TOKENS.tariffs[STARTER]}},
        {"packs": {PackName("large"): TOKENS.packs[PackName("small")]}},
        {"most_credits_per_request": 0},
        {"most_credits_per_request": True},
    ],
)
def test_a_catalogue_that_contradicts_itself_cannot_be_made(changes):
    with pytest.raises(ValueError, match=r"."):
        evolve(TOKENS, **changes)


@pytest.mark.parametrize("amount", [-1, 1.0, True, "1"])
@pytest.mark.parametrize("name", ["price_minor", "credits_per_month", "deployments_per_month"])
def test_amounts_of_a_tariff_are_whole_numbers(name, amount):
    with pytest.raises(ValueError, match=name):
        evolve(TOKENS.tariffs[STARTER], **{name: amount})


@pytest.mark.parametrize("amount", [0, -1, 29.0, True])
@pytest.mark.parametrize("name", ["price_minor", "credits", "days"])
def test_amounts_of_a_pack_are_whole_numbers_above_zero(name, amount):
    with pytest.raises(ValueError, match=name):
        Pack(**{"name": PackName("p"), "price_minor": 1, "credits": 1, name: amount})


@pytest.mark.parametrize("points", [-1, 10_001, 0.5])
@pytest.mark.parametrize("name", ["markup_basis_points", "value_basis_points"])
def test_fees_are_at_most_the_whole(name, points):
    with pytest.raises(ValueError, match=name):
        Fees(**{name: points})


def test_what_is_dearer_than_a_request_may_be_is_fine_where_nobody_else_asks_for_it():
    dear = TOKENS.operations | {"deployment": Price(operation="deployment", credits=11)}
    assert evolve(TOKENS, operations=dear).deployment_credits == 11


def test_prices_are_looked_up_at_the_payment_provider_by_catalogue_and_name():
    assert TOKENS.tariff_key(STARTER) == "tallystick_tokens_tariff_starter"
    assert TOKENS.pack_key(PackName("small")) == "tallystick_tokens_pack_small"


@pytest.mark.parametrize(
    ("instant", "start", "end"),
    [
        ("2026-01-01T00:00:00", "2026-01-01", "2026-02-01"),
        ("2026-01-31T23:59:59.999999", "2026-01-01", "2026-02-01"),
        ("2026-02-28T12:00:00", "2026-02-01", "2026-03-01"),
        ("2028-02-29T12:00:00", "2028-02-01", "2028-03-01"),
        ("2026-12-31T23:59:59.999999", "2026-12-01", "2027-01-01"),
        ("2026-12-01T00:00:00", "2026-12-01", "2027-01-01"),
    ],
)
def test_a_month_is_a_calendar_month_in_utc(instant: str, start: str, end: str):
    assert month_of(datetime.fromisoformat(instant).replace(tzinfo=UTC)) == Period(
        datetime.fromisoformat(start).replace(tzinfo=UTC),
        datetime.fromisoformat(end).replace(tzinfo=UTC),
    )


def test_it_is_the_month_in_utc_wherever_the_clock_stands():
    in_auckland = datetime(2026, 5, 1, 1, tzinfo=timezone(timedelta(hours=12)))
    assert month_of(in_auckland).start == datetime(2026, 4, 1, tzinfo=UTC)


@given(instants)
def test_months_join_without_gap_or_overlap(instant: datetime):
    month = month_of(instant)
    assert month.start <= instant < month.end
    assert instant in month
    assert month_of(month.start) == month
    assert month_of(month.end).start == month.end
    assert month.end not in month
    assert month_of(month.end - timedelta(microseconds=1)) == month


def test_a_period_has_a_length():
    with pytest.raises(ValueError, match="cannot end"):
        Period(SPRING.start, SPRING.start)


def test_what_was_paid_for_counts_from_its_start_and_the_month_else():
    assert period_of(SPRING, SPRING.start) == SPRING
    assert period_of(SPRING, SPRING.end - timedelta(microseconds=1)) == SPRING
    assert period_of(SPRING, SPRING.start - timedelta(microseconds=1)) == month_of(SPRING.start)
    assert period_of(None, SPRING.start) == month_of(SPRING.start)


def test_what_is_owed_is_no_reason_to_count_anew():
    following = Period(SPRING.end, SPRING.end + timedelta(days=31))
    assert period_of(SPRING, SPRING.end) == following
    assert period_of(SPRING, following.end - timedelta(microseconds=1)) == following
    assert period_of(SPRING, following.end).start == following.end


@pytest.mark.parametrize("operation", ["deployment", "call"])
def test_every_operation_costs_something(operation: str):
    with pytest.raises(ValueError, match="credits"):
        Price(operation=operation, credits=0)
