"""The wallet after an event."""

from collections.abc import Callable, Iterable
from typing import assert_never

from attrs import evolve

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
from domain.ledger.journal import Posting, postings
from domain.ledger.wallet import CreditWatch, Hold, HoldState, Lot, Portion, Wallet, total


def fold(wallet: Wallet, *events: Event) -> Wallet:
    """The wallet after *events*: balances as their postings say, and lots and holds with them."""
    return posted(wallet, events)[0]


def posted(wallet: Wallet, events: Iterable[Event]) -> tuple[Wallet, tuple[Posting, ...]]:
    """The same, with the postings; it is made once, when all of them have been."""
    available, held, debt = wallet.available, wallet.held, wallet.debt
    lots, holds, watch = wallet.lots, wallet.holds, wallet.watch
    lines: list[Posting] = []
    for event in events:
        lots, holds, watch = _changed(event, lots, holds, watch)
        lines += postings(event)
    for line in lines:
        for account, amount in ((line.credit, line.amount), (line.debit, -line.amount)):
            if account is LedgerAccount.AVAILABLE:
                available += amount
            elif account is LedgerAccount.HELD:
                held += amount
            elif account is LedgerAccount.DEBT:
                debt -= amount
    after = Wallet(
        organisation=wallet.organisation,
        available=available,
        held=held,
        debt=debt,
        version=wallet.version + len(lines),
        watch=watch,
        lots=lots,
        holds=holds,
    )
    return after, tuple(lines)


_Contents = tuple[tuple[Lot, ...], tuple[Hold, ...], CreditWatch | None]


def _changed(
    event: Event, lots: tuple[Lot, ...], holds: tuple[Hold, ...], watch: CreditWatch | None
) -> _Contents:
    match event:
        case Held(hold=hold):
            lots = _moved(lots, hold.portions, -1)
            holds = (*holds, hold)
        case Captured():
            pass
        case Closed(hold=id, state=state, captured=captured):
            holds = _with_hold(holds, id, lambda it: _closed(it, state, captured))
        case Granted(lot=lot):
            lots = (*lots, lot)
        case Expired(lot=id, amount=amount):
            lots = _lapsed(_moved(lots, (Portion(lot=id, amount=amount),), -1), id, amount)
        case LotEnded(lot=id, at=at):
            lots = _with_lot(lots, id, lambda lot: evolve(lot, ended_at=at))
        case Renewed(hold=id, lease_until=until):
            holds = _with_hold(holds, id, lambda hold: evolve(hold, lease_until=until))
        case Returned(portions=portions) | GiftReturned(portions=portions):
            lots = _moved(lots, portions, +1)
        case DebtPaid(origin=LedgerAccount.EXPIRED, portions=portions):
            for portion in portions:
                lots = _lapsed(lots, portion.lot, -portion.amount)
        case DebtPaid(portions=portions) | Adjusted(portions=portions) | Gifted(portions=portions):
            lots = _moved(lots, portions, -1)
        case Broken(portions=portions):
            for portion in portions:
                lots = _lapsed(lots, portion.lot, portion.amount)
        case Graced(hold=id, origin=origin, lot=lot):
            lots = (*lots, lot)
            if origin is LedgerAccount.SPENT:
                holds = _corrected(holds, id, lot.amount)
        case Corrected(hold=id, portions=portions):
            lots = _moved(lots, portions, +1)
            holds = _corrected(holds, id, total(portions))
        case ClawedBack(of=of, lot=id, origin=origin, amount=amount):
            if origin is LedgerAccount.AVAILABLE:
                lots = _moved(lots, (Portion(lot=id, amount=amount),), -1)
            if origin is LedgerAccount.EXPIRED:
                lots = _lapsed(lots, id, -amount)
            lots = _clawed_back(lots, of, amount)
        case Reinstated(of=of, lot=lot):
            lots = (*_clawed_back(lots, of, -lot.amount), lot)
        case Watched(watch=it):
            watch = it
        case _:
            assert_never(event)
    return lots, holds, watch


def _moved(lots: tuple[Lot, ...], portions: Iterable[Portion], sign: int) -> tuple[Lot, ...]:
    change: dict[int, int] = {}
    for portion in portions:
        number = portion.lot.int
        change[number] = change.get(number, 0) + sign * portion.amount
    return tuple(
        [
            _remaining(lot, lot.remaining + change[lot.id.int]) if lot.id.int in change else lot
            for lot in lots
        ]
    )


def _remaining(lot: Lot, remaining: int) -> Lot:
    """As `evolve` does, without looking up the fields: every hold comes through here."""
    return Lot(
        id=lot.id,
        source=lot.source,
        priority=lot.priority,
        amount=lot.amount,
        remaining=remaining,
        lapsed=lot.lapsed,
        clawed_back=lot.clawed_back,
        effective_at=lot.effective_at,
        expires_at=lot.expires_at,
        ended_at=lot.ended_at,
        fact=lot.fact,
        root=lot.root,
        unit_cost_micros=lot.unit_cost_micros,
        currency=lot.currency,
    )


def _closed(hold: Hold, state: HoldState, captured: int) -> Hold:
    """The same for a hold: every one is closed once."""
    return Hold(
        id=hold.id,
        subject=hold.subject,
        operation=hold.operation,
        kind_class=hold.kind_class,
        member=hold.member,
        amount=hold.amount,
        captured=captured,
        corrected=hold.corrected,
        state=state,
        lease_until=hold.lease_until,
        portions=hold.portions,
    )


def _lapsed(lots: tuple[Lot, ...], id: LotId, amount: int) -> tuple[Lot, ...]:
    return _with_lot(lots, id, lambda lot: evolve(lot, lapsed=lot.lapsed + amount))


def _clawed_back(lots: tuple[Lot, ...], id: LotId, amount: int) -> tuple[Lot, ...]:
    return _with_lot(lots, id, lambda lot: evolve(lot, clawed_back=lot.clawed_back + amount))


def _corrected(holds: tuple[Hold, ...], id: HoldId, amount: int) -> tuple[Hold, ...]:
    return _with_hold(holds, id, lambda hold: evolve(hold, corrected=hold.corrected + amount))


def _with_lot(lots: tuple[Lot, ...], id: LotId, change: Callable[[Lot], Lot]) -> tuple[Lot, ...]:
    return tuple([change(lot) if lot.id == id else lot for lot in lots])


def _with_hold(
    holds: tuple[Hold, ...], id: HoldId, change: Callable[[Hold], Hold]
) -> tuple[Hold, ...]:
    number = id.int
    return tuple([change(hold) if hold.id.int == number else hold for hold in holds])
