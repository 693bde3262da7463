"""What a subscription means for us."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from attrs import frozen

from domain.catalogue import Catalogue
from domain.payment import PaidPeriod, Subscription
from domain.settlement.periods import Book
from domain.settlement.prices import tariff_of
from domain.settlement.states import InvoiceState, Mismatch, Standing, SubscriptionState


@frozen(kw_only=True)
class SubscriptionFacts:
    subscription: Subscription | None
    #: Each with what it grants, in the order in which they were paid.
    periods: tuple[PaidPeriod, ...]
    #: Of those that were not known before, by their facts: what was asked for what they grant, in
    #: minor units.
    asked: Mapping[str, int]
    mismatches: tuple[Mismatch, ...]


def of_subscription(
    state: SubscriptionState,
    catalogue: Catalogue,
    known: Subscription | None,
    periods: Sequence[PaidPeriod],
    version: int,
) -> SubscriptionFacts:
    """A subscription of which no period was ever paid, nor is on trial, is no fact."""
    book = Book(state.id, catalogue, {period.fact: period for period in periods})
    for invoice in sorted(state.invoices, key=_when_paid):
        book.enter(invoice)
    paid = tuple(
        sorted(book.facts.values(), key=lambda each: (each.paid_at, each.start, each.price))
    )
    return SubscriptionFacts(
        subscription=_subscription(state, catalogue, known, paid, version),
        periods=paid,
        asked=book.asked,
        mismatches=tuple(book.mismatches),
    )


def _subscription(
    state: SubscriptionState,
    catalogue: Catalogue,
    known: Subscription | None,
    paid: Sequence[PaidPeriod],
    version: int,
) -> Subscription | None:
    kept = [each for each in paid if not each.is_refunded] or paid
    if kept:
        last = max(kept, key=lambda each: (each.end, each.paid_at, each.start, each.price))
        tariff, end = last.tariff, last.end
        # An upgrade begins inside the period that it is part of.
        start = min(each.start for each in kept if each.end == end)
        if last.is_refunded and state.standing is Standing.ENDED:
            end = start
    elif state.standing is Standing.TRIAL and state.trial_start and state.trial_end:
        tried = tariff_of(state.price, catalogue)
        if isinstance(tried, str):
            return None
        tariff, start, end = tried.name, state.trial_start, state.trial_end
    elif known is not None:
        tariff, start, end = known.tariff, known.period_start, known.period_end
    else:
        return None
    ends_at = state.ends_at
    ended_at = ends_at if state.standing is Standing.ENDED else None
    if ended_at is not None:
        # What is paid for is given.
        ends_at = max(ended_at, end)
    left_at = known.left_at if known is not None else None
    if left_at is not None and (ends_at is None or ends_at > left_at):
        # A refund that failed: it is paid for after all.
        left_at = None
    failures = [each.failed_at for each in state.invoices if each.failed_at is not None]
    is_owed = state.standing is Standing.OWED
    return Subscription(
        id=state.id,
        tariff=tariff,
        period_start=start,
        period_end=end,
        first_failure_at=min(failures, default=end) if is_owed else None,
        cancelled_at=state.cancelled_at,
        ends_at=ends_at,
        ended_at=ended_at,
        trial_ends_at=state.trial_end,
        left_at=left_at,
        version=version,
    )


def _when_paid(invoice: InvoiceState) -> datetime:
    return invoice.paid_at or _NEVER


_NEVER = datetime.max.replace(tzinfo=UTC)
