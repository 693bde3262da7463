"""A statement as programs and people read it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, TypeAlias

from domain.audit import timestamp
from domain.catalogue import Period, month_of
from domain.fees import Cost, FeeLine
from domain.identifiers import Prefix, public_id
from domain.money import Money, shown
from domain.statement import Balances, Statement

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def month(text: str) -> Period | None:
    """The calendar month that ``2026-11`` names, in UTC; None: it names none that we can have."""
    if not _MONTH.fullmatch(text) or not "1970" <= text < "9999":
        return None
    return month_of(datetime(int(text[:4]), int(text[5:]), 1, tzinfo=UTC))


def representation(each: Statement) -> dict[str, Json]:
    return {
        "period": {"start": timestamp(each.period.start), "end": timestamp(each.period.end)},
        "opening": _balances(each.opening),
        "lines": [
            {"what": line.what, "of": line.of, "credits": line.credits} for line in each.lines
        ],
        "closing": _balances(each.closing),
        "fees": [_fee(line) for line in each.fees],
        "totals": [
            {"currency": currency, "amount": shown(amount, currency)}
            for currency, amount in each.totals.items()
        ],
    }


def told(found: Statement) -> Iterator[str]:
    """The statement for a person, line by line."""
    yield f"{found.period.start:%Y-%m-%d} to {found.period.end:%Y-%m-%d}, UTC"
    yield f"{found.opening.balance:>12}  credits at the beginning"
    for line in found.lines:
        yield f"{line.credits:>+12}  {line.what}{f' ({line.of})' if line.of else ''}"
    closing = found.closing
    parts = f"{closing.available} available, {closing.held} held, {closing.debt} owed"
    yield f"{closing.balance:>12}  credits at the end: {parts}"
    for fee in found.fees:
        amount = "" if fee.amount_minor is None else shown(fee.amount_minor, fee.currency)
        wait = "" if fee.amount_minor is not None else ", no rate is known yet"
        yield f"{amount:>12}  {fee.currency}, fee {fee.fact.removeprefix('fee:')}{wait}"
    for currency, total in found.totals.items():
        yield f"{shown(total, currency):>12}  {currency} of fees in all"


def _money(each: Money | None) -> Json:
    return None if each is None else {"amount": each.decimal, "currency": each.currency}


def _balances(each: Balances) -> Json:
    return {
        "available": each.available,
        "held": each.held,
        "debt": each.debt,
        "balance": each.balance,
    }


def _fee(line: FeeLine) -> Json:
    return {
        "deployment": public_id(Prefix.DEPLOYMENT, line.deployment),
        "kind": line.kind.value,
        "live": line.live,
        "at": timestamp(line.at),
        "currency": line.currency,
        "amount": None if line.amount_minor is None else shown(line.amount_minor, line.currency),
        "waiting_for": "rate" if line.amount_minor is None else None,
        "basis_points": line.basis_points,
        "costs": [_cost(each) for each in line.costs],
        "declared_value": _money(line.declared),
        "invoice_item": line.invoice_item,
    }


def _cost(each: Cost) -> Json:
    rate = each.rate
    return {
        "transaction_id": each.transaction_id,
        "amount": str(each.amount),
        "rate": None
        if rate is None
        else {
            "price": str(rate.price),
            "currency": rate.currency,
            "source": rate.source,
            "at": timestamp(rate.at),
        },
    }
