"""`tallystick report`: the operator's figures, for a person and for a program."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from types import SimpleNamespace
from uuid import UUID

import pytest
from click.testing import CliRunner

from application.operator.margin import MarginLine, MarginReport
from domain.growth import Cohort, Recurring
from domain.identifiers import OrganisationId
from domain.margin import Worth
from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.catalogue import TOKENS

JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def line(operation, *, captured=0, breakage=0, cost=Fraction(0), tariff="starter"):
    worth = dict.fromkeys(Worth, 0) | {Worth.CAPTURED: captured, Worth.BREAKAGE: breakage}
    return MarginLine(
        organisation=OrganisationId(UUID(int=1)),
        tariff=tariff,
        operation=operation,
        currency="USD",
        credits=5 if captured else 0,
        worth=worth,
        cost=cost,
    )


MARGIN = MarginReport(
    lines=(
        line("", breakage=500_000),
        line("deployment", captured=290_001, cost=Fraction(1, 3)),
        line("deployment", captured=1_000_000, tariff="free"),
    ),
    unvalued={"eip155:5": 7},
)


@pytest.fixture
def report(monkeypatch):
    windows = []
    month = Recurring("2026-06", JUNE)
    month.add(0, 9_900)
    cohort = Cohort("2026-06")
    cohort.add(JUNE, JUNE + timedelta(minutes=90), JUNE + timedelta(days=2))

    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(
            books=lambda: SimpleNamespace(volumes=lambda: [1, 2]),
            report_margin=lambda: lambda window, _advance: windows.append(window) or MARGIN,
            report_recurring=lambda: lambda months, _advance: [month] * months,
            report_activation=lambda: lambda months, _advance: [cohort] * months,
        )

    monkeypatch.setattr(setting_up, "container", container)
    monkeypatch.setattr(setting_up, "settings", lambda _ctx: SimpleNamespace(catalogue=TOKENS))

    def run(*arguments):
        done = CliRunner().invoke(main, ["report", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout, windows

    return run


def test_the_margin_is_told_by_tariff_and_operation_and_all_told(report):
    text, _ = report("margin")
    rows = [row.split() for row in text.splitlines()]
    assert ["starter", "deployment", "USD", "5", "0.290001", "0.000000", "0.000000",
            "0.290001"] in rows  # fmt: skip
    assert ["starter", "-", "USD", "0", "0.000000", "0.500000", "0.000000", "0.500000"] in rows
    assert ["all", "all", "USD", "10", "1.290001", "0.500000", "0.000000", "1.790001"] in rows
    assert "7 base units on eip155:5" in text


def test_a_program_is_told_of_each_organisation(report):
    told = json.loads(report("margin", "--json")[0])
    assert [each["operation"] for each in told["lines"]] == [None, "deployment", "deployment"]
    assert told["lines"][1]["organisation"].startswith("org_")
    assert told["lines"][1]["captured"] == told["lines"][1]["revenue"] == "0.290001"
    assert told["not_valued"] == {"eip155:5": "7"}


def test_days_are_of_utc_and_the_last_one_is_not_in_it(report):
    _, windows = report("margin", "--from", "2026-06-01", "--to", "2026-07-01", "--json")
    assert (windows[0].since, windows[0].until) == (JUNE, datetime(2026, 7, 1, tzinfo=UTC))


def test_recurring_revenue_and_activation_are_tables(report):
    text, _ = report("mrr", "--months", "1")
    assert text.splitlines()[1].split() == ["2026-06", "9900", "1", "9900", "0", "0", "0"]
    assert json.loads(report("mrr", "--json")[0])["currency"] == TOKENS.currency
    told = json.loads(report("activation", "--months", "1", "--json")[0])
    assert told["months"][0]["median_minutes_to_first_token"] == 90
    assert told["months"][0]["of_those_that_had_7_days"] == 0
    assert report("activation")[0].splitlines()[1].split()[-1] == "90"
