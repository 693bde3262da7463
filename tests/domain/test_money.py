"""Amounts of money, and what coins come to in them."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import DIGITS, MOST_MINOR, Money, Rate, half_up, shown

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("0", "USD", 0), ("1", "USD", 100),
        ("1.5", "USD", 150), ("1250000.00", "USD", 125_000_000),
        ("12", "JPY", 12), ("1.234", "KWD", 1_234), ("1.2345", "CLF", 12_345), ("0.01", "EUR", 1),
    ],
)  # fmt: skip
def test_whole_units_become_minor_ones(amount, currency, minor):
    assert Money.parse(amount, currency) == Money(amount_minor=minor, currency=currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("", "USD"), ("-1", "USD"), ("+1", "USD"), ("01", "USD"), ("1.", "USD"), (".5", "USD"),
        ("1e3", "USD"), ("1,5", "USD"), ("1.001", "USD"), ("1.0", "JPY"), ("\u0661", "USD"),
        ("10000000000000.01", "USD"), ("1", "usd"), ("1", "QQQ"), ("1", "BTC"), ("NaN", "USD"),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused(amount, currency):
    with pytest.raises(ValueError, match=r"."):
        Money.parse(amount, currency)


@given(st.integers(0, MOST_MINOR), st.sampled_from(sorted(DIGITS)))
def test_what_is_shown_can_be_read(amount, currency):
    money = Money(amount_minor=amount, currency=currency)
    assert Money.parse(money.decimal, currency) == money
    assert shown(-amount, currency) in {f"-{money.decimal}", money.decimal}


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [("0", 0), ("1/3", 0), ("1/2", 1), ("2/3", 1), ("3/2", 2), ("5/2", 3), ("49/100", 0)],
)
def test_a_half_goes_up(amount, rounded):
    assert half_up(Fraction(amount)) == rounded


@given(st.fractions(min_value=0, max_value=10**12))
def test_rounding_is_to_the_nearest(amount):
    assert abs(half_up(amount) - amount) <= Fraction(1, 2)


def test_coins_are_valued_exactly():
    rate = Rate(price=Decimal("3120.55"), currency="USD", source="me", at=NOW)
    assert rate.minor_units(10**18, 18) == 312_055
    assert rate.minor_units(1, 18) == Fraction(312_055, 10**18)
    yen = Rate(price=Decimal("0.1"), currency="JPY", source="me", at=NOW)
    assert yen.minor_units(3_000_000, 6) == Fraction(3, 10)


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_a_coin_is_worth_something(price):
    with pytest.raises(ValueError, match="worth something"):
        Rate(price=Decimal(price), currency="USD", source="me", at=NOW)
