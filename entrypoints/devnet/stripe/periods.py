"""Billing periods: from the anchor in whole months, weeks or days, in UTC.

The 31st falls on the last day of a shorter month, and on the 31st again in a longer one.
https://docs.stripe.com/billing/subscriptions/billing-cycle
"""

from calendar import monthrange
from datetime import UTC, datetime

_SECONDS = {"day": 86_400, "week": 7 * 86_400}


def period_end(anchor: int, start: int, interval: str, count: int) -> int:
    """The first moment after `start` that is a whole number of intervals after the anchor."""
    if interval in _SECONDS:
        length = _SECONDS[interval] * count
        return anchor + ((start - anchor) // length + 1) * length
    months = count * (12 if interval == "year" else 1)
    began, at = _date(anchor), _date(start)
    apart = (at.year - began.year) * 12 + at.month - began.month
    turn = max(0, apart // months - 1)
    while (end := months_later(anchor, turn * months)) <= start:
        turn += 1
    return end


def months_later(moment: int, months: int) -> int:
    date = _date(moment)
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    day = min(date.day, monthrange(year, month + 1)[1])
    return int(date.replace(year=year, month=month + 1, day=day).timestamp())


def _date(moment: int) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
