"""The public shape of usage, grants, forecasts, teams, quotas and gifts."""

from collections.abc import Sequence
from datetime import date, datetime

from application.credits.outlook import Outlook
from application.ports.storage.people import UsageKey, UsageRow
from domain.audit import timestamp
from domain.forecast import ENOUGH_DAYS, HORIZON, MICROS
from domain.gift import Gift
from domain.identifiers import Prefix, public_id
from domain.ledger import Lot
from domain.quota import Standing, Subject, Team
from entrypoints.http.representations import Document


def usage(by: UsageKey, first: date, last: date, rows: Sequence[UsageRow]) -> Document:
    return {
        "by": by.value,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "data": [usage_row(row) for row in rows],
        "captured": sum(row.captured for row in rows),
        "held": sum(row.held for row in rows),
        "number": sum(row.number for row in rows),
    }


def usage_row(each: UsageRow) -> Document:
    return {
        "key": each.key,
        "captured": each.captured,
        "held": each.held,
        "number": each.number,
    }


def grant(each: Lot) -> Document:
    return {
        "id": public_id(Prefix.GRANT, each.id),
        "source": each.source.value,
        "amount": each.amount,
        "remaining": each.remaining,
        "effective_at": timestamp(each.effective_at),
        "expires_at": _at(each.over_at),
        "unit_cost": _millionths(each.unit_cost_micros),
        "currency": each.currency,
        "fact": each.fact,
    }


def forecast(each: Outlook) -> Document:
    told = each.forecast
    dates = {str(quantile): _at(when) for quantile, when in told.runs_out_at.items()}
    return {
        "history_days": told.history_days,
        "needed_days": ENOUGH_DAYS,
        "has_enough_history": told.has_enough_history,
        "spent_per_day": _millionths(told.per_day_micros),
        "runs_out_at": dates if told.has_enough_history else None,
        "horizon_days": HORIZON.days,
        "monthly_credits": each.monthly_credits,
    }


def team(each: Team) -> Document:
    return {
        "id": public_id(Prefix.TEAM, each.id),
        "name": each.name,
        "members": sorted(Subject.member(member).name for member in each.members),
        "created_at": timestamp(each.created_at),
        "dissolved_at": _at(each.dissolved_at),
    }


def quota(each: Standing) -> Document:
    return {
        "type": "quota",
        "subject": each.quota.subject.name,
        "window": each.quota.window.value,
        "limit": each.quota.limit,
        "set_at": timestamp(each.quota.set_at),
        "since": timestamp(each.since),
        "passed_on": each.taken.shifted,
        "held": each.taken.held,
        "used": each.taken.used,
        "left": each.left,
    }


def gift(each: Gift) -> Document:
    return {
        "type": "gift",
        "id": each.name,
        "direction": each.direction.value,
        "organisation": public_id(Prefix.ORGANISATION, each.other),
        "credits": each.amount,
        "message": each.message,
        "state": each.state.value,
        "sent_by": each.sent_by,
        "sent_at": timestamp(each.sent_at),
        "closed_at": _at(each.closed_at),
    }


def _millionths(number: int | None) -> str | None:
    """A decimal: no float is near."""
    return None if number is None else f"{number // MICROS}.{number % MICROS:06d}"


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else timestamp(instant)
