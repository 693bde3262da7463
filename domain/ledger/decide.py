"""The one place where credits are given, taken or refused."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID, uuid5

from attrs import evolve

from domain.errors import MisuseError, Refusal
from domain.identifiers import HoldId, LotId
from domain.ledger.accounts import LedgerAccount
from domain.ledger.commands import (
    Adjust,
    Capture,
    Clawback,
    Command,
    Correct,
    EndLot,
    GiftBack,
    GiftOut,
    Grant,
    HoldCredits,
    Release,
    Renew,
)
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
)
from domain.ledger.wallet import (
    Hold,
    HoldState,
    Lot,
    Portion,
    Source,
    Wallet,
    drawn_from,
    first,
    in_burn_order,
    last_first,
    total,
)

#: How long credits live that expired while a failure of ours held them (facts/ledger.md §11).
GRACE = timedelta(hours=24)

#: Begins the fact of a lot that is a day of grace.
_GRACE = "grace"
#: Begins the fact of a lot that gives again what had been taken back.
_REINSTATED = "reinstated"

Decision = tuple[Event, ...] | Refusal


def decide(wallet: Wallet, command: Command, now: datetime) -> Decision:
    """What *command* does to *wallet* now, or why it does nothing.

    *wallet* has been through `expire` for the same instant: what is over is not to be had.
    """
    decision = _decide(wallet, command, now)
    if isinstance(decision, Refusal):
        return decision
    return _with_debt_paid(wallet, decision)


def expire(wallet: Wallet, now: datetime) -> tuple[Event, ...]:
    """What time has ended: leases, then lots.  Recorded before every command, refused or not."""
    due = [hold for hold in wallet.holds if hold.is_due(now)]
    over = [lot for lot in wallet.lots if lot.remaining > 0 and lot.is_expired(now)]
    if not due and not over:
        return ()
    events: list[Event] = []
    for hold in sorted(due, key=lambda hold: hold.id.int):
        events += _given_back(wallet, hold, HoldState.EXPIRED, 0, now)
    events += [Expired(lot=lot.id, amount=lot.remaining) for lot in in_burn_order(over)]
    return _with_debt_paid(wallet, tuple(events))


def _decide(wallet: Wallet, command: Command, now: datetime) -> Decision:
    match command:
        case Grant(lot=lot, is_granted_before=is_granted_before):
            return () if is_granted_before else (Granted(lot=lot),)
        case HoldCredits():
            return _hold(wallet, command, now)
        case Renew(id=id, lease_until=until):
            return _renew(wallet, id, until)
        case Capture(id=id, amount=amount):
            return _capture(wallet, id, amount, now)
        case Release(id=id, is_ours=is_ours):
            return _release(wallet, id, now, is_ours=is_ours)
        case Clawback(fact=fact, total=amount):
            return _claw_back(wallet, fact, amount, now)
        case Adjust(amount=amount):
            taken = _taken(_usable(wallet, now), amount)
            return taken if isinstance(taken, Refusal) else (Adjusted(portions=taken),)
        case Correct(id=id, amount=amount):
            return _correct(wallet, id, amount, now)
        case GiftOut(gift=gift, amount=amount):
            return _gift(wallet, gift, amount, now)
        case GiftBack(gift=gift, portions=portions):
            over = (portion for portion in portions if _is_over(wallet, portion, now))
            return (
                GiftReturned(gift=gift, portions=portions),
                *(Expired(lot=portion.lot, amount=portion.amount) for portion in over),
            )
        case EndLot(fact=fact):
            return _end(wallet, fact, now)
        case _:
            assert_never(command)


def _hold(wallet: Wallet, command: HoldCredits, now: datetime) -> Decision:
    known = wallet.hold(command.id)
    if known is not None:
        if _request_of(known) == (
            command.subject,
            command.amount,
            command.operation,
            command.kind_class,
            command.member,
        ):
            return ()
        return Refusal(code="hold_conflict", detail=f"hold {known.id} is for something else")
    if wallet.debt:
        return _in_debt(wallet)
    portions = _taken(_usable(wallet, now), command.amount)
    if isinstance(portions, Refusal):
        return portions
    hold = Hold(
        id=command.id,
        subject=command.subject,
        operation=command.operation,
        kind_class=command.kind_class,
        member=command.member,
        amount=command.amount,
        lease_until=command.lease_until,
        portions=portions,
    )
    return (Held(hold=hold),)


def _request_of(hold: Hold) -> tuple[object, ...]:
    return (hold.subject, hold.amount, hold.operation, hold.kind_class, hold.member)


def _renew(wallet: Wallet, id: HoldId, until: datetime) -> Decision:
    hold = wallet.hold(id)
    if hold is None:
        return _unknown(id)
    if not hold.is_open:
        return _closed(hold)
    if hold.lease_until is None:
        return Refusal(code="hold_has_no_lease", detail=f"hold {id} ends with its operation")
    return (Renewed(hold=id, lease_until=until),) if until > hold.lease_until else ()


def _capture(wallet: Wallet, id: HoldId, amount: int | None, now: datetime) -> Decision:
    hold = wallet.hold(id)
    if hold is None:
        return _unknown(id)
    captured = hold.amount if amount is None else amount
    if not hold.is_open:
        is_the_same = (hold.state, hold.captured) == (HoldState.CAPTURED, captured)
        return () if is_the_same else _closed(hold)
    if hold.is_due(now):
        # Taken by a command of the same instant, so that `expire` has not seen it.
        detail = f"the hold's lease ended at {hold.lease_until}"
        return Refusal(code="hold_expired", detail=detail)
    if not 0 <= captured <= hold.amount:
        detail = f"{captured} credits cannot be captured of the {hold.amount} that are held"
        return Refusal(code="exceeds_hold", detail=detail)
    return _given_back(wallet, hold, HoldState.CAPTURED, captured, now)


def _release(wallet: Wallet, id: HoldId, now: datetime, *, is_ours: bool) -> Decision:
    hold = wallet.hold(id)
    if hold is None:
        return _unknown(id)
    if not hold.is_open:
        # What was to be is so: given back is given back, whoever did it.
        return () if hold.state is not HoldState.CAPTURED else _closed(hold)
    return _given_back(wallet, hold, HoldState.RELEASED, 0, now, is_ours=is_ours)


def _given_back(
    wallet: Wallet,
    hold: Hold,
    state: HoldState,
    captured: int,
    now: datetime,
    *,
    is_ours: bool = False,
) -> tuple[Event, ...]:
    """The end of an open hold: *captured* is spent, the rest goes back to where it came from."""
    unspent = last_first(hold.portions, captured)
    alive = tuple(portion for portion in unspent if not _is_over(wallet, portion, now))
    over = tuple(portion for portion in unspent if _is_over(wallet, portion, now))
    events: list[Event] = []
    if captured:
        events.append(Captured(hold=hold.id, amount=captured))
    if alive:
        events.append(Returned(hold=hold.id, portions=alive))
    # Grace is given once: a day that is over has no other day.
    graced = tuple(p for p in over if is_ours and not _is_graced(_lot(wallet, p.lot)))
    broken = tuple(portion for portion in over if portion not in graced)
    events += _graced(wallet, hold, graced, LedgerAccount.HELD, now)
    if broken:
        events.append(Broken(hold=hold.id, portions=broken))
    return (*events, Closed(hold=hold.id, state=state, captured=captured))


def _graced(
    wallet: Wallet,
    hold: Hold,
    portions: Iterable[Portion],
    origin: LedgerAccount,
    now: datetime,
) -> list[Event]:
    """A lot of its own for each of *portions*, with the old one's source and cost."""
    events: list[Event] = []
    for number, portion in enumerate(portions, start=1):
        name = f"{_GRACE}:{hold.id}:{origin}:{hold.corrected}:{number}"
        lot = _like(_lot(wallet, portion.lot), name, portion.amount, now, now + GRACE)
        events.append(Graced(hold=hold.id, origin=origin, lot=lot))
    return events


def _correct(wallet: Wallet, id: HoldId, amount: int | None, now: datetime) -> Decision:
    hold = wallet.hold(id)
    if hold is None:
        return _unknown(id)
    left = hold.captured - hold.corrected
    wanted = left if amount is None else amount
    if hold.state is not HoldState.CAPTURED or not 0 < wanted <= left:
        detail = f"{wanted} credits cannot be corrected of the {left} that stay captured"
        return Refusal(code="exceeds_capture", detail=detail)
    # A capture spends from the front; what was corrected before came off its end.
    back = last_first(first(hold.portions, left), left - wanted)
    alive = tuple(portion for portion in back if not _is_over(wallet, portion, now))
    over = tuple(portion for portion in back if _is_over(wallet, portion, now))
    events: list[Event] = [Corrected(hold=id, portions=alive)] if alive else []
    return (*events, *_graced(wallet, hold, over, LedgerAccount.SPENT, now))


def _claw_back(wallet: Wallet, fact: str, amount: int, now: datetime) -> Decision:
    lot = wallet.lot_of(fact)
    if lot is None:
        return Refusal(code="grant_not_found", detail=f"nothing was granted for {fact}")
    if amount > lot.amount:
        detail = f"{amount} credits cannot be taken back of the {lot.amount} that were granted"
        return Refusal(code="exceeds_grant", detail=detail)
    missing = amount - lot.clawed_back
    if missing < 0:
        until = lot.over_at and max(lot.over_at, now + GRACE)
        name = f"{_REINSTATED}:{fact}:{wallet.version + 1}"
        return (Reinstated(of=lot.id, lot=_like(lot, name, -missing, now, until)),)
    family = (lot, *(each for each in wallet.lots if each.root == lot.id))
    places = (
        *((each, LedgerAccount.AVAILABLE, each.remaining) for each in family),
        *((each, LedgerAccount.EXPIRED, each.lapsed) for each in family),
        (lot, LedgerAccount.DEBT, missing),
    )
    events: list[Event] = []
    for place, origin, there in places:
        taken = min(missing, there)
        missing -= taken
        if taken:
            events.append(
                ClawedBack(of=lot.id, lot=place.id, source=lot.source, origin=origin, amount=taken)
            )
    return tuple(events)


def _gift(wallet: Wallet, gift: UUID, amount: int, now: datetime) -> Decision:
    """Only what was paid for may be given away."""
    if wallet.debt:
        return _in_debt(wallet)
    paid = (lot for lot in _usable(wallet, now) if lot.source is Source.PACK)
    taken = _taken(list(paid), amount)
    return taken if isinstance(taken, Refusal) else (Gifted(gift=gift, portions=taken),)


def _end(wallet: Wallet, fact: str, now: datetime) -> Decision:
    lot = wallet.lot_of(fact)
    if lot is None:
        return Refusal(code="grant_not_found", detail=f"nothing was granted for {fact}")
    if lot.is_expired(now):
        return ()
    events: list[Event] = [LotEnded(lot=lot.id, at=now)]
    if lot.remaining:
        events.append(Expired(lot=lot.id, amount=lot.remaining))
    return tuple(events)


def _with_debt_paid(wallet: Wallet, events: tuple[Event, ...]) -> tuple[Event, ...]:
    """*events*, and what they bring in or end pays what is owed."""
    if not wallet.debt:
        return events
    came: dict[LotId, int] = {}
    over: dict[LotId, int] = {}
    for event in events:
        match event:
            case Granted(lot=lot) | Graced(lot=lot) | Reinstated(lot=lot):
                came[lot.id] = came.get(lot.id, 0) + lot.amount
            case (
                Returned(portions=portions)
                | Corrected(portions=portions)
                | GiftReturned(portions=portions)
            ):
                for portion in portions:
                    came[portion.lot] = came.get(portion.lot, 0) + portion.amount
            case Expired(lot=id, amount=amount):
                came[id] = max(0, came.get(id, 0) - amount)
                over[id] = over.get(id, 0) + amount
            case Broken(portions=portions):
                for portion in portions:
                    over[portion.lot] = over.get(portion.lot, 0) + portion.amount
            case _:
                pass
    paid = _paid(came, wallet.debt)
    lapsed = _paid(over, wallet.debt - total(paid))
    return (
        *events,
        *([DebtPaid(portions=paid)] if paid else ()),
        *([DebtPaid(portions=lapsed, origin=LedgerAccount.EXPIRED)] if lapsed else ()),
    )


def _paid(there: Mapping[LotId, int], owed: int) -> tuple[Portion, ...]:
    """*owed* credits out of what is *there*, in that order, as far as it goes."""
    portions: list[Portion] = []
    for id, amount in there.items():
        part = min(amount, owed)
        if part > 0:
            portions.append(Portion(lot=id, amount=part))
            owed -= part
    return tuple(portions)


def _usable(wallet: Wallet, now: datetime) -> list[Lot]:
    return in_burn_order(lot for lot in wallet.lots if lot.is_usable(now))


def _taken(lots: list[Lot], amount: int) -> tuple[Portion, ...] | Refusal:
    portions = drawn_from(lots, amount)
    there = total(portions)
    if there < amount:
        detail = f"{amount} credits are needed and {there} are available"
        return Refusal(code="insufficient_credits", detail=detail)
    return portions


def _is_graced(lot: Lot) -> bool:
    return lot.fact.startswith(f"{_GRACE}:")


def _like(lot: Lot, fact: str, amount: int, now: datetime, until: datetime | None) -> Lot:
    """A lot with the source, the place and the cost of *lot*; its id follows from *fact*."""
    return evolve(
        lot,
        id=LotId(uuid5(lot.id, fact)),
        amount=amount,
        remaining=amount,
        lapsed=0,
        clawed_back=0,
        effective_at=now,
        expires_at=until,
        ended_at=None,
        fact=fact,
        root=lot.root or lot.id,
    )


def _in_debt(wallet: Wallet) -> Refusal:
    detail = f"{wallet.debt} credits are owed, because a payment was taken back"
    return Refusal(code="debt_outstanding", detail=detail)


def _unknown(id: HoldId) -> Refusal:
    return Refusal(code="hold_not_found", detail=f"there is no hold {id}")


def _closed(hold: Hold) -> Refusal:
    if hold.state is HoldState.EXPIRED:
        detail = f"the hold's lease ended at {hold.lease_until}"
        return Refusal(code="hold_expired", detail=detail)
    return Refusal(code="hold_closed", detail=f"the hold is {hold.state.value} already")


def _is_over(wallet: Wallet, portion: Portion, now: datetime) -> bool:
    return _lot(wallet, portion.lot).is_expired(now)


def _lot(wallet: Wallet, id: LotId) -> Lot:
    lot = wallet.lot(id)
    if lot is None:
        raise MisuseError(f"the wallet was loaded without lot {id}, which is asked about")
    return lot
