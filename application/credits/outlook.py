"""When an organisation's credits run out: what it spent, has, and is given by its tariff."""

from datetime import UTC, datetime, timedelta

from attrs import frozen

from application.credits.allowance import lot_due
from application.credits.terms import Terms, terms_of
from application.ports.storage.people import UsageKey
from application.ports.storage.work import Work
from domain.catalogue import Catalogue
from domain.errors import Refusal
from domain.forecast import LONGEST_HISTORY_DAYS, Forecast, History, forecast, refreshes
from domain.ledger import Lot, expire, fold


@frozen(kw_only=True)
class Outlook:
    forecast: Forecast
    #: What the tariff is taken to go on giving every month.
    monthly_credits: int


def outlook(work: Work, catalogue: Catalogue, now: datetime) -> Outlook | Refusal:
    """Reads only; of one instant as far as a forecast can tell."""
    organisation = work.organisations.get()
    terms = terms_of(work, catalogue, now)
    if isinstance(terms, Refusal) or organisation is None:
        return terms if isinstance(terms, Refusal) else _NOBODY
    wallet = work.ledger.balance(now)
    for event in expire(wallet, now):
        wallet = fold(wallet, event)
    due = lot_due(work, catalogue, now)
    coming = _coming(work, terms, now)
    lots = [*wallet.lots, *coming, *([] if due is None else [due])]
    return Outlook(
        forecast=forecast(history(work, organisation.created_at, now), lots, now),
        monthly_credits=coming[0].amount if coming else 0,
    )


def history(work: Work, created_at: datetime, now: datetime) -> History:
    """Whole days (UTC) since the organisation's first one, as far back as a forecast looks."""
    today = now.astimezone(UTC).date()
    first = max(
        created_at.astimezone(UTC).date() + timedelta(days=1),
        today - timedelta(days=LONGEST_HISTORY_DAYS),
    )
    number = max(0, (today - first).days)
    last = today - timedelta(days=1)
    rows = work.usage.by(UsageKey.DAY, first, last, now) if number else []
    spent = {row.key: row.captured for row in rows}
    days = [(first + timedelta(days=ahead)).isoformat() for ahead in range(number)]
    # A correction may give back more than its day has spent.
    return History(first_day=first, spent=tuple(max(0, spent.get(day, 0)) for day in days))


def _coming(work: Work, terms: Terms, now: datetime) -> tuple[Lot, ...]:
    """The tariff's credits of the periods to come, unless somebody has cancelled."""
    running = work.billing.facts().running(now) if terms.is_subscribed else None
    until = running.ends_at if running is not None else None
    lots = refreshes(terms.tariff.credits_per_month, terms.period.end)
    return tuple(lot for lot in lots if until is None or lot.effective_at < until)


_NOBODY = Refusal(code="not_found", detail="there is no such organisation")
