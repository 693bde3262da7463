"""``tallystick report``"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import click

from application.operator.margin import MarginLine, MarginReport
from application.ports.storage.books import Window
from application.ports.storage.work import StoreUnavailableError
from domain.identifiers import Prefix, public_id
from domain.margin import Worth
from entrypoints.commands import setting_up
from entrypoints.container import Container

_MICROS = 10**6
_DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group("report", help="What the operator earns, and how it grows.")
def command() -> None: ...


@command.command(
    "margin",
    help="Revenue of what was captured, by what was paid for the credits, less what chains took: "
    "by organisation, tariff and operation.  Expired paid credits are a line of their own.",
)
@click.option("--from", "since", type=_DAY, help="First day (UTC); from the beginning.")
@click.option("--to", "until", type=_DAY, help="The day after the last one (UTC); until now.")
@setting_up.as_json
@click.pass_context
def margin(
    ctx: click.Context, since: datetime | None, until: datetime | None, as_json: bool
) -> None:
    window = Window(since=_utc(since), until=_utc(until))
    with setting_up.container(ctx) as container, _walking(ctx, container) as advance:
        report = container.report_margin()(window, advance)
    if as_json:
        click.echo(json.dumps(_shown(report, window)))
        return
    for line in _told(report):
        click.echo(line)


_months = click.option(
    "--months", type=click.IntRange(1, 120), default=12, help="How many, the current one included."
)


@command.command(
    "mrr",
    help="Monthly recurring revenue: the price of every tariff that is paid for, at each "
    "month's end, and what made the difference; in minor units of the catalogue's currency.",
)
@_months
@setting_up.as_json
@click.pass_context
def mrr(ctx: click.Context, months: int, as_json: bool) -> None:
    with setting_up.container(ctx) as container, _walking(ctx, container) as advance:
        found = container.report_recurring()(months, advance)
    currency = setting_up.settings(ctx).catalogue.currency
    rows: list[dict[str, object]] = [
        {
            "month": each.month,
            "mrr": each.total,
            "paying": each.paying,
            "new": each.new,
            "expansion": each.expansion,
            "contraction": each.contraction,
            "churn": each.churn,
        }
        for each in found
    ]
    _table(rows, as_json=as_json, currency=currency)
    if not as_json:
        click.echo(f"in minor units of {currency}")


@command.command(
    "activation",
    help="Of the organisations that registered in a month: how many completed a deployment "
    "within 24 hours and 7 days, and the median time to the first token.",
)
@_months
@setting_up.as_json
@click.pass_context
def activation(ctx: click.Context, months: int, as_json: bool) -> None:
    with setting_up.container(ctx) as container, _walking(ctx, container) as advance:
        found = container.report_activation()(months, advance)
    rows: list[dict[str, object]] = [
        {
            "month": each.month,
            "registered": each.registered,
            "within_24_hours": each.within_a_day,
            "of_those_that_had_24_hours": each.of_a_day,
            "within_7_days": each.within_a_week,
            "of_those_that_had_7_days": each.of_a_week,
            "with_a_token": each.with_a_token,
            "median_minutes_to_first_token": each.median and each.median // timedelta(minutes=1),
        }
        for each in found
    ]
    _table(rows, as_json=as_json)


@contextmanager
def _walking(ctx: click.Context, container: Container) -> Iterator[Callable[[int], None]]:
    """A bar, by organisations.  Exits with 1 where the database does not answer."""
    try:
        with click.progressbar(
            length=len(container.books().volumes()), label="organisations", file=sys.stderr
        ) as bar:
            yield bar.update
    except StoreUnavailableError as error:
        click.echo(f"the database: {error}", err=True)
        ctx.exit(1)


def _table(rows: Sequence[Mapping[str, object]], *, as_json: bool, **also: object) -> None:
    if as_json:
        click.echo(json.dumps({**also, "months": rows}))
        return
    head = [name.replace("_", " ") for name in rows[0]]
    lines = [["-" if value is None else str(value) for value in row.values()] for row in rows]
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    for line in [head, *lines]:
        click.echo("  ".join(word.rjust(width) for word, width in zip(line, widths, strict=True)))


def _utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


def _told(report: MarginReport) -> Iterator[str]:
    """By tariff and operation, and all told.  Organisations are for programs."""
    head = ("tariff", "operation", "currency", "credits", "revenue", "breakage", "cost", "margin")
    rows: list[tuple[str, ...]] = [head]
    places = sorted({(each.tariff or "", each.operation, each.currency) for each in report.lines})
    for tariff, operation, currency in places:
        lines = [
            each
            for each in report.lines
            if (each.tariff or "", each.operation, each.currency) == (tariff, operation, currency)
        ]
        rows.append((tariff, operation or "-", currency, *_sums(lines)))
    for currency in sorted({each.currency for each in report.lines}):
        lines = [each for each in report.lines if each.currency == currency]
        rows.append(("all", "all", currency, *_sums(lines)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        words = [word.ljust(width) for word, width in zip(row[:3], widths[:3], strict=True)]
        numbers = [word.rjust(width) for word, width in zip(row[3:], widths[3:], strict=True)]
        yield "  ".join([*words, *numbers])
    for network, amount in sorted(report.unvalued.items()):
        yield f"not valued: {amount} base units on {network}, for want of a rate"


def _sums(lines: Iterable[MarginLine]) -> tuple[str, str, str, str, str]:
    captured = revenue = breakage = 0
    cost = Fraction(0)
    for line in lines:
        captured += line.credits
        revenue += line.revenue - line.worth[Worth.BREAKAGE]
        breakage += line.worth[Worth.BREAKAGE]
        cost += line.cost
    amounts = (Fraction(revenue), Fraction(breakage), cost, revenue + breakage - cost)
    revenue_text, breakage_text, cost_text, margin_text = map(_decimal, amounts)
    return str(captured), revenue_text, breakage_text, cost_text, margin_text


def _shown(report: MarginReport, window: Window) -> dict[str, object]:
    return {
        "from": window.since and window.since.date().isoformat(),
        "to": window.until and window.until.date().isoformat(),
        "lines": [
            {
                "organisation": public_id(Prefix.ORGANISATION, line.organisation),
                "tariff": line.tariff,
                "operation": line.operation or None,
                "currency": line.currency,
                "credits": line.credits,
                **{kind.value: _decimal(Fraction(line.worth[kind])) for kind in Worth},
                "revenue": _decimal(Fraction(line.revenue)),
                "chain_cost": _decimal(line.cost),
                "margin": _decimal(line.margin),
            }
            for line in report.lines
        ],
        "not_valued": {network: str(amount) for network, amount in report.unvalued.items()},
    }


def _decimal(micros: Fraction) -> str:
    """In whole units with six digits; what chains took is rounded half up, the rest is exact."""
    whole = (2 * micros.numerator + micros.denominator) // (2 * micros.denominator)
    sign, digits = ("-" if whole < 0 else ""), abs(whole)
    return f"{sign}{digits // _MICROS}.{digits % _MICROS:06}"
