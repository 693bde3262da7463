"""Credits: double entry, lots, holds; and the rules as one pure decider.

::

    issued:<source> ──grant──▶ available ──hold──▶ held ──capture──▶ spent
                                  ▲  └─expire─▶ expired ◀──release──┤
                                  └────────────────release──────────┘

Every posting debits one account and credits another, so an unbalanced ledger cannot be written.
A *grant* is a lot.  A hold records which lots it took; a release gives back to the same lots, in
reverse.  `decide` is the only place where credits are given, taken or refused; stores only record
what it decided.

Invariants (numbers as in facts/ledger.md): available = sum of what remains in lots (I2), held =
sum of open holds (I3), all accounts of an organisation sum to zero (I4), sequence numbers have no
gap (I5), a hold closes once (I6), a refused command changes no balance (I11).
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum, StrEnum
from typing import assert_never
from uuid import UUID

from attrs import evolve, field, frozen, validators

from domain.errors import MisuseError, Refusal
from domain.identifiers import HoldId, LotId, OrganisationId

_positive = validators.gt(0)


class Source(StrEnum):
    PLAN = "plan"
    PACK = "pack"
    PROMO = "promo"
    GIFT = "gift"


#: Burn order between sources where a grant says nothing else: what expires anyway goes first.
PRIORITIES = {Source.PLAN: 10, Source.PROMO: 20, Source.GIFT: 30, Source.PACK: 40}


class LedgerAccount(StrEnum):
    ISSUED_PLAN = "issued:plan"
    ISSUED_PACK = "issued:pack"
    ISSUED_PROMO = "issued:promo"
    ISSUED_GIFT = "issued:gift"
    AVAILABLE = "available"
    HELD = "held"
    SPENT = "spent"
    EXPIRED = "expired"
    DEBT = "debt"
    ADJUST = "adjust"
    TRANSIT = "transit"


@frozen(kw_only=True)
class Lot:
    id: LotId
    source: Source
    #: Lower burns first.
    priority: int
    amount: int = field(validator=_positive)
    remaining: int = field(validator=validators.ge(0))
    effective_at: datetime
    expires_at: datetime | None = None
    #: The economic fact that was paid for; grants once: ``plan:<subscription>:<price>:<period>``.
    fact: str = field(validator=validators.min_len(1))
    #: What one credit cost, in millionths of a currency unit; None where nothing was paid.
    unit_cost_micros: int | None = None
    currency: str | None = None

    @remaining.validator
    def _is_within_the_amount(self, _attribute: object, value: int) -> None:
        if value > self.amount:
            raise ValueError("a lot cannot have more left than it had")

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def is_usable(self, now: datetime) -> bool:
        return self.remaining > 0 and self.effective_at <= now and not self.is_expired(now)

    @property
    def burn_order(self) -> tuple[int, bool, datetime, int]:
        """Priority, then earliest expiry, then creation (a UUIDv7 grows with time)."""
        expiry = self.expires_at or self.effective_at
        return (self.priority, self.expires_at is None, expiry, self.id.int)


class HoldState(Enum):
    HELD = "held"
    CAPTURED = "captured"
    RELEASED = "released"


@frozen(kw_only=True)
class Portion:
    """Credits of one lot."""

    lot: LotId
    amount: int = field(validator=_positive)


@frozen(kw_only=True)
class Hold:
    id: HoldId
    #: What it pays for: the operation's id.
    subject: UUID
    amount: int = field(validator=_positive)
    captured: int = 0
    state: HoldState = HoldState.HELD
    #: In burn order.
    portions: tuple[Portion, ...] = field()

    @portions.validator
    def _sum_to_the_amount(self, _attribute: object, value: tuple[Portion, ...]) -> None:
        if sum(portion.amount for portion in value) != self.amount:
            raise ValueError("a hold's portions sum to its amount")


@frozen(kw_only=True)
class Wallet:
    """An organisation's credits, as far as a decision needs them."""

    organisation: OrganisationId
    available: int = field(default=0, validator=validators.ge(0))
    held: int = field(default=0, validator=validators.ge(0))
    #: Number of the last journal entry.
    version: int = 0
    #: The lots with anything left, and those that the hold in question took from.
    lots: tuple[Lot, ...] = ()
    #: The holds in question.
    holds: tuple[Hold, ...] = ()

    def lot(self, id: LotId) -> Lot | None:
        return next((lot for lot in self.lots if lot.id == id), None)

    def hold(self, id: HoldId) -> Hold | None:
        return next((hold for hold in self.holds if hold.id == id), None)


@frozen(kw_only=True)
class Grant:
    """Give *lot*, unless its economic fact was granted before.  The store knows that."""

    lot: Lot
    is_granted_before: bool


@frozen(kw_only=True)
class HoldCredits:
    id: HoldId
    subject: UUID
    amount: int = field(validator=_positive)


@frozen(kw_only=True)
class Capture:
    """Spend what is held; *amount* below the held one gives the rest back.  None: all of it."""

    id: HoldId
    amount: int | None = None


@frozen(kw_only=True)
class Release:
    """Give back what is held."""

    id: HoldId


Command = Grant | HoldCredits | Capture | Release


@frozen(kw_only=True)
class Granted:
    lot: Lot


@frozen(kw_only=True)
class Expired:
    """What was left of a lot when its time was over."""

    lot: LotId
    amount: int


@frozen(kw_only=True)
class Held:
    hold: Hold


@frozen(kw_only=True)
class Captured:
    hold: HoldId
    amount: int


@frozen(kw_only=True)
class Returned:
    """Part of a hold goes back to where it came from, or to where that has gone."""

    hold: HoldId
    #: In reverse of the order in which the hold took them.
    portions: tuple[Portion, ...]


@frozen(kw_only=True)
class Broken:
    """Part of a hold goes nowhere: its lot expired meanwhile."""

    hold: HoldId
    portions: tuple[Portion, ...]


@frozen(kw_only=True)
class Closed:
    """The hold is over.  Posts nothing; says how it ended."""

    hold: HoldId
    state: HoldState
    captured: int


Event = Granted | Expired | Held | Captured | Returned | Broken | Closed


@frozen(kw_only=True)
class Posting:
    """One line of the journal."""

    debit: LedgerAccount
    credit: LedgerAccount
    #: Whole credits, always positive: direction is told by the two accounts.
    amount: int = field(validator=_positive)
    #: ``credits.granted`` and so on: the audit event written with it.
    action: str
    hold: HoldId | None = None
    lot: LotId | None = None

    def __attrs_post_init__(self) -> None:
        if self.debit is self.credit:
            raise ValueError("a posting moves credits between two accounts")


@frozen(kw_only=True)
class JournalEntry:
    """A posting in its place: append-only, numbered without gaps per organisation."""

    sequence: int
    at: datetime
    posting: Posting
    actor: str
    subject: UUID | None


def decide(wallet: Wallet, command: Command, now: datetime) -> tuple[Event, ...] | Refusal:
    """What *command* does to *wallet* now, or why it does nothing.

    *wallet* has been through `expire` for the same instant: what is over is not to be had.
    """
    match command:
        case Grant(lot=lot, is_granted_before=is_granted_before):
            return () if is_granted_before else (Granted(lot=lot),)
        case HoldCredits():
            return _hold(wallet, command, now)
        case Capture(id=id, amount=amount):
            return _close(wallet, id, HoldState.CAPTURED, amount, now)
        case Release(id=id):
            return _close(wallet, id, HoldState.RELEASED, 0, now)
        case _:
            assert_never(command)


def expire(wallet: Wallet, now: datetime) -> tuple[Event, ...]:
    """What is left in lots whose time is over.  Recorded before every command, refused or not."""
    return tuple(
        Expired(lot=lot.id, amount=lot.remaining)
        for lot in sorted(wallet.lots, key=_burn_order)
        if lot.remaining > 0 and lot.is_expired(now)
    )


def fold(wallet: Wallet, event: Event) -> Wallet:
    """The wallet after *event*."""
    after = evolve(wallet, version=wallet.version + len(postings(event)))
    match event:
        case Granted(lot=lot):
            return evolve(after, available=after.available + lot.amount, lots=(*after.lots, lot))
        case Expired(lot=id, amount=amount):
            return _drawn(after, (Portion(lot=id, amount=amount),), -1)
        case Held(hold=hold):
            drawn = _drawn(after, hold.portions, -1)
            return evolve(drawn, held=drawn.held + hold.amount, holds=(*drawn.holds, hold))
        case Captured(amount=amount):
            return evolve(after, held=after.held - amount)
        case Returned(portions=portions):
            drawn = _drawn(after, portions, +1)
            return evolve(drawn, held=drawn.held - _sum(portions))
        case Broken(portions=portions):
            return evolve(after, held=after.held - _sum(portions))
        case Closed(hold=id, state=state, captured=captured):
            return evolve(
                after,
                holds=tuple(
                    evolve(hold, state=state, captured=captured) if hold.id == id else hold
                    for hold in after.holds
                ),
            )
        case _:
            assert_never(event)


def postings(event: Event) -> tuple[Posting, ...]:
    """The journal lines of *event*, in order."""
    match event:
        case Granted(lot=lot):
            issued = LedgerAccount(f"issued:{lot.source}")
            return (_posting(issued, _Available, lot.amount, "granted", lot=lot.id),)
        case Expired(lot=id, amount=amount):
            return (_posting(_Available, LedgerAccount.EXPIRED, amount, "expired", lot=id),)
        case Held(hold=hold):
            return (_posting(_Available, _Held, hold.amount, "held", hold=hold.id),)
        case Captured(hold=id, amount=amount):
            return (_posting(_Held, LedgerAccount.SPENT, amount, "captured", hold=id),)
        case Returned(hold=id, portions=portions):
            return (_posting(_Held, _Available, _sum(portions), "released", hold=id),)
        case Broken(hold=id, portions=portions):
            return (_posting(_Held, LedgerAccount.EXPIRED, _sum(portions), "expired", hold=id),)
        case Closed():
            return ()
        case _:
            assert_never(event)


def _hold(wallet: Wallet, command: HoldCredits, now: datetime) -> tuple[Event, ...] | Refusal:
    known = wallet.hold(command.id)
    if known is not None:
        if (known.subject, known.amount) == (command.subject, command.amount):
            return ()
        return Refusal(code="hold_conflict", detail=f"hold {known.id} is for something else")
    lots = sorted((lot for lot in wallet.lots if lot.is_usable(now)), key=_burn_order)
    usable = sum(lot.remaining for lot in lots)
    if usable < command.amount:
        detail = f"{command.amount} credits are needed and {usable} are available"
        return Refusal(code="insufficient_credits", detail=detail)
    portions: list[Portion] = []
    missing = command.amount
    for lot in lots:
        taken = min(lot.remaining, missing)
        if taken:
            portions.append(Portion(lot=lot.id, amount=taken))
            missing -= taken
    hold = Hold(
        id=command.id, subject=command.subject, amount=command.amount, portions=tuple(portions)
    )
    return (Held(hold=hold),)


def _close(
    wallet: Wallet, id: HoldId, state: HoldState, amount: int | None, now: datetime
) -> tuple[Event, ...] | Refusal:
    hold = wallet.hold(id)
    if hold is None:
        return Refusal(code="hold_not_found", detail=f"there is no hold {id}")
    captured = hold.amount if amount is None else amount
    if hold.state is not HoldState.HELD:
        if (hold.state, hold.captured) == (state, captured):
            return ()
        return Refusal(code="hold_closed", detail=f"the hold is {hold.state.value} already")
    if not 0 <= captured <= hold.amount:
        detail = f"{captured} credits cannot be captured of the {hold.amount} that are held"
        return Refusal(code="exceeds_hold", detail=detail)
    unspent = _unspent(hold, captured)
    alive = tuple(portion for portion in unspent if not _is_over(wallet, portion, now))
    over = tuple(portion for portion in unspent if _is_over(wallet, portion, now))
    events: list[Event] = []
    if captured:
        events.append(Captured(hold=id, amount=captured))
    if alive:
        events.append(Returned(hold=id, portions=alive))
    if over:
        events.append(Broken(hold=id, portions=over))
    return (*events, Closed(hold=id, state=state, captured=captured))


def _unspent(hold: Hold, captured: int) -> tuple[Portion, ...]:
    """What the capture leaves of the hold's portions, last taken first."""
    left: list[Portion] = []
    for portion in hold.portions:
        spent = min(portion.amount, captured)
        captured -= spent
        if portion.amount > spent:
            left.append(Portion(lot=portion.lot, amount=portion.amount - spent))
    return tuple(reversed(left))


def _is_over(wallet: Wallet, portion: Portion, now: datetime) -> bool:
    lot = wallet.lot(portion.lot)
    if lot is None:
        raise MisuseError(f"the wallet was loaded without lot {portion.lot} of its hold")
    return lot.is_expired(now)


def _drawn(wallet: Wallet, portions: tuple[Portion, ...], sign: int) -> Wallet:
    change = {portion.lot: sign * portion.amount for portion in portions}
    return evolve(
        wallet,
        available=wallet.available + sum(change.values()),
        lots=tuple(
            evolve(lot, remaining=lot.remaining + change.get(lot.id, 0)) for lot in wallet.lots
        ),
    )


def _sum(portions: tuple[Portion, ...]) -> int:
    return sum(portion.amount for portion in portions)


def _posting(
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount: int,
    what: str,
    *,
    hold: HoldId | None = None,
    lot: LotId | None = None,
) -> Posting:
    return Posting(
        debit=debit, credit=credit, amount=amount, action=f"credits.{what}", hold=hold, lot=lot
    )


def _burn_order(lot: Lot) -> tuple[int, bool, datetime, int]:
    return lot.burn_order


_Available, _Held = LedgerAccount.AVAILABLE, LedgerAccount.HELD
