"""Levels: told once when they are crossed, however a balance goes up and down around them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.treasury import Level, Thresholds, crossing

RULES = Thresholds(low=1_000, empty=100)
ENOUGH, LOW, EMPTY = Level.ENOUGH, Level.LOW, Level.EMPTY


@pytest.mark.parametrize(
    ("balance", "before", "now"),
    [
        (1_000, None, ENOUGH),
        (999, None, LOW),
        (99, None, EMPTY),
        (999, ENOUGH, LOW),
        (1_000, LOW, LOW),
        (1_099, LOW, LOW),
        (1_100, LOW, ENOUGH),
        (100, LOW, LOW),
        (99, LOW, EMPTY),
        (100, EMPTY, EMPTY),
        (109, EMPTY, EMPTY),
        (110, EMPTY, LOW),
        (1_050, EMPTY, LOW),
        (1_100, EMPTY, ENOUGH),
    ],
)
def test_a_level_falls_at_its_threshold_and_rises_a_tenth_above_it(balance, before, now):
    assert RULES.level(balance, before) is now


def test_what_is_empty_is_low_too():
    with pytest.raises(ValueError, match="empty"):
        Thresholds(low=1, empty=2)


def test_nothing_is_told_of_a_treasury_that_has_enough_from_the_start():
    assert crossing(None, ENOUGH) is None
    assert crossing(None, EMPTY) == "treasury.empty"
    assert crossing(EMPTY, LOW) == "treasury.balance_low"
    assert crossing(LOW, ENOUGH) == "treasury.recovered"
    assert [crossing(level, level) for level in Level] == [None] * 3


@given(st.lists(st.integers(-40, 40), max_size=60))
def test_a_balance_that_trembles_is_told_of_once(steps):
    """Who stays within a tenth above a threshold is told of at most once."""
    level, told = None, []
    for step in steps:
        after = RULES.level(1_000 + max(step, -800), level)
        told.append(crossing(level, after))
        level = after
    assert sum(each is not None for each in told) <= 1


@given(st.integers(0, 5_000), st.sampled_from([None, *Level]))
def test_what_is_missing_is_enough(balance, before):
    assert RULES.level(balance + RULES.missing(balance), before) is ENOUGH
