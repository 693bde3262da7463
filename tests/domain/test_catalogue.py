"""Tariffs as the specification prices them, and where a month begins."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given

from domain.catalogue import DEPLOYMENT_CREDITS, TARIFFS, KindClass, TariffName, month_of
from domain.network import NetworkClass
from tests.strategies import instants

#: spec/credits.md, by hand: tariff, deployments a month, credits a month, classes.
TABLE = [
    ("free", 5, 25, {"core"}),
    ("starter", 50, 250, {"core"}),
    ("professional", 500, 2_500, {"core", "premium"}),
    ("enterprise", None, 10_000, {"core", "premium", "compliance"}),
]


@pytest.mark.parametrize(("name", "deployments", "credits_", "classes"), TABLE)
def test_the_default_catalogue(
    name: str, deployments: int | None, credits_: int, classes: set[str]
):
    tariff = TARIFFS[TariffName(name)]
    assert tariff.deployments_per_month == deployments
    assert tariff.credits_per_month == credits_
    assert tariff.classes == {KindClass(each) for each in classes}


def test_every_tariff_has_its_row():
    assert set(TARIFFS) == set(TariffName) == {TariffName(name) for name, *_ in TABLE}
    assert DEPLOYMENT_CREDITS == 5


def test_only_free_keeps_away_from_live_networks():
    for name, tariff in TARIFFS.items():
        assert (NetworkClass.LIVE in tariff.networks) == (name is not TariffName.FREE)
        assert {NetworkClass.TEST, NetworkClass.DEVELOPMENT} <= tariff.networks


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
    assert month_of(datetime.fromisoformat(instant).replace(tzinfo=UTC)) == (
        datetime.fromisoformat(start).replace(tzinfo=UTC),
        datetime.fromisoformat(end).replace(tzinfo=UTC),
    )


def test_it_is_the_month_in_utc_wherever_the_clock_stands():
    in_auckland = datetime(2026, 5, 1, 1, tzinfo=timezone(timedelta(hours=12)))
    assert month_of(in_auckland)[0] == datetime(2026, 4, 1, tzinfo=UTC)


@given(instants)
def test_months_join_without_gap_or_overlap(instant: datetime):
    start, end = month_of(instant)
    assert start <= instant < end
    assert month_of(start) == (start, end)
    assert month_of(end)[0] == end
    assert month_of(end - timedelta(microseconds=1)) == (start, end)
