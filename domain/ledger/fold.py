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
from domain.ledger.journal import postings
from domain.ledger.wallet import Hold, Lot, Portion, Wallet, total


def fold(wallet: Wallet, event: Event) -> Wallet:
    """The wallet after *event*: balances as its postings say, and lots and holds with them."""
    wallet = _posted(wallet, event)
    match event:
        case Granted(lot=lot):
            return evolve(wallet, lots=(*wallet.lots, lot))
        case Expired(lot=id, amount=amount):
            return _lapsed(_moved(wallet, (Portion(lot=id, amount=amount),), -1), id, amount)
        case LotEnded(lot=id, at=at):
            return _with_lot(wallet, id, lambda lot: evolve(lot, ended_at=at))
        case Held(hold=hold):
            moved = _moved(wallet, hold.portions, -1)
            return evolve(moved, holds=(*moved.holds, hold))
        case Renewed(hold=id, lease_until=until):
            return _with_hold(wallet, id, lambda hold: evolve(hold, lease_until=until))
        case Returned(portions=portions) | GiftReturned(portions=portions):
            return _moved(wallet, portions, +1)
        case DebtPaid(origin=LedgerAccount.EXPIRED, portions=portions):
            for portion in portions:
                wallet = _lapsed(wallet, portion.lot, -portion.amount)
            return wallet
        case DebtPaid(portions=portions) | Adjusted(portions=portions) | Gifted(portions=portions):
            return _moved(wallet, portions, -1)
        case Broken(portions=portions):
            for portion in portions:
                wallet = _lapsed(wallet, portion.lot, portion.amount)
            return wallet
        case Graced(hold=id, origin=origin, lot=lot):
            after = evolve(wallet, lots=(*wallet.lots, lot))
            is_correction = origin is LedgerAccount.SPENT
            return _corrected(after, id, lot.amount) if is_correction else after
        case Closed(hold=id, state=state, captured=captured):
            return _with_hold(
                wallet, id, lambda hold: evolve(hold, state=state, captured=captured)
            )
        case Corrected(hold=id, portions=portions):
            return _corrected(_moved(wallet, portions, +1), id, total(portions))
        case ClawedBack(of=of, lot=id, origin=origin, amount=amount):
            if origin is LedgerAccount.AVAILABLE:
                wallet = _moved(wallet, (Portion(lot=id, amount=amount),), -1)
            if origin is LedgerAccount.EXPIRED:
                wallet = _lapsed(wallet, id, -amount)
            return _clawed_back(wallet, of, amount)
        case Reinstated(of=of, lot=lot):
            after = _clawed_back(wallet, of, -lot.amount)
            return evolve(after, lots=(*after.lots, lot))
        case Captured():
            return wallet
        case Watched(watch=watch):
            return evolve(wallet, watch=watch)
        case _:
            assert_never(event)


def _posted(wallet: Wallet, event: Event) -> Wallet:
    """Balances and version, by the journal lines alone."""
    available, held, debt = wallet.available, wallet.held, wallet.debt
    lines = postings(event)
    for line in lines:
        for account, amount in ((line.credit, line.amount), (line.debit, -line.amount)):
            match account:
                case LedgerAccount.AVAILABLE:
                    available += amount
                case LedgerAccount.HELD:
                    held += amount
                case LedgerAccount.DEBT:
                    debt -= amount
                case _:
                    pass
    return evolve(
        wallet, available=available, held=held, debt=debt, version=wallet.version + len(lines)
    )


def _moved(wallet: Wallet, portions: Iterable[Portion], sign: int) -> Wallet:
    change: dict[LotId, int] = {}
    for portion in portions:
        change[portion.lot] = change.get(portion.lot, 0) + sign * portion.amount
    return evolve(
        wallet,
        lots=tuple(
            evolve(lot, remaining=lot.remaining + change[lot.id]) if lot.id in change else lot
            for lot in wallet.lots
        ),
    )


def _lapsed(wallet: Wallet, id: LotId, amount: int) -> Wallet:
    return _with_lot(wallet, id, lambda lot: evolve(lot, lapsed=lot.lapsed + amount))


def _clawed_back(wallet: Wallet, id: LotId, amount: int) -> Wallet:
    return _with_lot(wallet, id, lambda lot: evolve(lot, clawed_back=lot.clawed_back + amount))


def _corrected(wallet: Wallet, id: HoldId, amount: int) -> Wallet:
    return _with_hold(wallet, id, lambda hold: evolve(hold, corrected=hold.corrected + amount))


def _with_lot(wallet: Wallet, id: LotId, change: Callable[[Lot], Lot]) -> Wallet:
    return evolve(wallet, lots=tuple(change(lot) if lot.id == id else lot for lot in wallet.lots))


def _with_hold(wallet: Wallet, id: HoldId, change: Callable[[Hold], Hold]) -> Wallet:
    return evolve(
        wallet, holds=tuple(change(hold) if hold.id == id else hold for hold in wallet.holds)
    )
