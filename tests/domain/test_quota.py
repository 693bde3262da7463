"""Quotas: windows, what is left, and when a hold is too much."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue import Period
from domain.errors import Refusal
from domain.identifiers import MemberId, OrganisationId, TeamId
from domain.quota import Quota, Standing, Subject, Taken, Window, charged
from tests.strategies import examples

NOW = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
PAID = Period(NOW - timedelta(days=9), NOW + timedelta(days=21))


def a_standing(limit: int, *, team: bool = False, **taken: int) -> Standing:
    subject = Subject.team(TeamId(UUID(int=2))) if team else Subject.member(MemberId(UUID(int=1)))
    quota = Quota(
        organisation=OrganisationId(UUID(int=9)),
        subject=subject,
        window=Window.DAY,
        limit=limit,
        set_at=NOW,
    )
    return Standing(quota=quota, since=NOW, taken=Taken(**taken))


@pytest.mark.parametrize(
    ("window", "period", "began"),
    [
        (Window.DAY, PAID, datetime(2026, 2, 28, tzinfo=UTC)),
        (Window.MONTH, PAID, datetime(2026, 2, 1, tzinfo=UTC)),
        (Window.PERIOD, PAID, NOW - timedelta(days=9)),
    ],
)
def test_a_window_begins(window: Window, period: Period, began: datetime):
    assert window.began_at(NOW, period) == began


def test_what_is_held_and_what_was_used_is_not_left():
    assert a_standing(10).left == 10
    assert a_standing(10, held=3, used=4).left == 3
    assert a_standing(10, held=3, used=4, shifted=-2).left == 1
    assert a_standing(10, shifted=5).left == 15
    assert a_standing(3, used=9).left == 0


@pytest.mark.parametrize("amount", [3, 4])
def test_the_lowest_of_all_quotas_decides(amount: int):
    standings = [a_standing(10, used=5), a_standing(8, team=True, held=5)]
    after = charged(standings, amount)
    if amount == 4:
        assert isinstance(after, Refusal)
        assert after.code == "quota_exceeded"
        assert "team_" in after.detail
    else:
        assert [standing.taken.held for standing in after] == [3, 8]
        assert [standing.left for standing in after] == [2, 0]


def test_where_there_is_none_nothing_is_refused():
    assert charged([], 10**9) == ()


@settings(max_examples=examples(100))
@given(
    limits=st.lists(st.integers(0, 50), min_size=1, max_size=3),
    amounts=st.lists(st.integers(1, 20), max_size=12),
)
def test_i15_no_order_of_holds_takes_more_than_the_limit(limits: list[int], amounts: list[int]):
    standings = tuple(a_standing(limit) for limit in limits)
    taken = 0
    for amount in amounts:
        after = charged(standings, amount)
        assert isinstance(after, Refusal) == (taken + amount > min(limits))
        if not isinstance(after, Refusal):
            standings, taken = after, taken + amount
    assert taken <= min(limits)
    assert all(evolve(standing, taken=Taken(held=taken)) == standing for standing in standings)
