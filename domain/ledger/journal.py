"""The journal: what an event posts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never
from uuid import UUID

from attrs import field, frozen

from domain.identifiers import HoldId, LotId
from domain.ledger.accounts import LedgerAccount
from domain.ledger.events import (
    Adjusted,
    Broken,
    Captured,
    ClawedBack,
    Closed,
    Corrected,
    DebtPaid,
    Event,
    Expired,
    Gifted,
    GiftReturned,
    Graced,
    Granted,
    Held,
    LotEnded,
    Reinstated,
    Renewed,
    Returned,
    Watched,
)
from domain.ledger.wallet import Lot, Portion, Source, total


@frozen(kw_only=True)
class Posting:
    """One line of the journal."""

    debit: LedgerAccount
    credit: LedgerAccount
    #: Whole credits, always positive: direction is told by the two accounts.
    amount: int
    #: ``credits.granted`` and so on: the audit event written with it.
    action: str
    hold: HoldId | None = None
    lot: LotId | None = None
    # What the trail says of a line beyond its row, so that it can be read without any table.
    #: From which lots, or to which, where the line sums over a hold's.
    portions: tuple[Portion, ...] = field(default=(), eq=False, repr=False)
    #: The lot that begins with it.
    opens: Lot | None = field(default=None, eq=False, repr=False)
    #: The lot whose payment was taken back or came again.
    of: LotId | None = field(default=None, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # One look at both: every event makes postings.
        if self.debit is self.credit or self.amount <= 0:
            raise ValueError("a posting moves some credits between two accounts")


@frozen(kw_only=True)
class JournalEntry:
    """A posting in its place: append-only, numbered without gaps per organisation."""

    sequence: int
    at: datetime
    posting: Posting
    actor: str
    subject: UUID | None


def postings(event: Event) -> tuple[Posting, ...]:
    """The journal lines of *event*, in order."""
    match event:
        case Closed() | Renewed() | LotEnded() | Watched():
            return ()
        case Held(hold=hold):
            return (
                Posting(
                    debit=_Available,
                    credit=_Held,
                    amount=hold.amount,
                    action="credits.held",
                    hold=hold.id,
                    portions=hold.portions,
                ),
            )
        case Captured(hold=id, amount=amount):
            return (
                Posting(
                    debit=_Held, credit=_Spent, amount=amount, action="credits.captured", hold=id
                ),
            )
        case Granted(lot=lot):
            issued = issued_by(lot.source)
            return (_posting(issued, _Available, lot.amount, "granted", lot=lot.id, opens=lot),)
        case Expired(lot=id, amount=amount):
            return (_posting(_Available, _Expired, amount, "expired", lot=id),)
        case Returned(hold=id, portions=portions):
            amount = total(portions)
            return (_posting(_Held, _Available, amount, "released", hold=id, portions=portions),)
        case Broken(hold=id, portions=portions):
            amount = total(portions)
            return (_posting(_Held, _Expired, amount, "expired", hold=id, portions=portions),)
        case Graced(hold=id, origin=origin, lot=lot):
            return (
                _posting(origin, _Available, lot.amount, "graced", hold=id, lot=lot.id, opens=lot),
            )
        case Corrected(hold=id, portions=portions):
            return _each(_Spent, _Available, portions, "corrected", hold=id)
        case ClawedBack(of=of, lot=lot_id, source=source, origin=origin, amount=amount):
            issued = issued_by(source)
            return (_posting(origin, issued, amount, "clawed_back", lot=lot_id, of=of),)
        case Reinstated(of=of, lot=lot):
            issued = issued_by(lot.source)
            return (
                _posting(
                    issued, _Available, lot.amount, "reinstated", lot=lot.id, opens=lot, of=of
                ),
            )
        case DebtPaid(origin=origin, portions=portions):
            return _each(origin, LedgerAccount.DEBT, portions, "debt_paid")
        case Adjusted(portions=portions):
            return _each(_Available, LedgerAccount.ADJUST, portions, "adjusted")
        case Gifted(portions=portions):
            return _each(_Available, LedgerAccount.TRANSIT, portions, "gifted")
        case GiftReturned(portions=portions):
            return _each(LedgerAccount.TRANSIT, _Available, portions, "gift_returned")
        case _:
            assert_never(event)


def issued_by(source: Source) -> LedgerAccount:
    return LedgerAccount(f"issued:{source}")


def _each(
    debit: LedgerAccount,
    credit: LedgerAccount,
    portions: Iterable[Portion],
    what: str,
    *,
    hold: HoldId | None = None,
) -> tuple[Posting, ...]:
    """A line for each lot: where credits leave or return outside of a hold's own life."""
    return tuple(
        _posting(debit, credit, portion.amount, what, hold=hold, lot=portion.lot)
        for portion in portions
    )


def _posting(
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount: int,
    what: str,
    *,
    hold: HoldId | None = None,
    lot: LotId | None = None,
    portions: tuple[Portion, ...] = (),
    opens: Lot | None = None,
    of: LotId | None = None,
) -> Posting:
    return Posting(
        debit=debit,
        credit=credit,
        amount=amount,
        action=f"credits.{what}",
        hold=hold,
        lot=lot,
        portions=portions,
        opens=opens,
        of=of,
    )


_Available, _Held = LedgerAccount.AVAILABLE, LedgerAccount.HELD
_Spent, _Expired = LedgerAccount.SPENT, LedgerAccount.EXPIRED
