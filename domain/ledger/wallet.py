"""What a decision needs to know: lots, holds, and the wallet they are in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import Enum, StrEnum
from operator import attrgetter
from uuid import UUID

from attrs import field, frozen, validators

from domain.catalogue import KindClass
from domain.identifiers import HoldId, LotId, OrganisationId

_positive = validators.gt(0)
_not_negative = validators.ge(0)
_burn_order = attrgetter("burn_order")


class Source(StrEnum):
    PLAN = "plan"
    PACK = "pack"
    PROMO = "promo"
    GIFT = "gift"


#: Burn order between sources where a grant says nothing else: what expires anyway goes first.
PRIORITIES = {Source.PLAN: 10, Source.PROMO: 20, Source.GIFT: 30, Source.PACK: 40}


@frozen(kw_only=True)
class Lot:
    id: LotId
    source: Source
    #: Lower burns first.
    priority: int
    amount: int
    remaining: int
    #: What went to `expired` and is there still.
    lapsed: int = 0
    #: How much of it was taken back, because what paid for it was: refunded or disputed.
    clawed_back: int = 0
    effective_at: datetime
    #: As it was granted; None: never.
    expires_at: datetime | None = None
    #: When it was ended before that.  Burn order never asks: what a hold took stays provable.
    ended_at: datetime | None = None
    #: The economic fact that was paid for; grants once: ``plan:<subscription>:<price>:<period>``.
    fact: str
    #: The lot whose credits it goes on with: a day of grace, or given again.  None: its own.
    root: LotId | None = None
    #: What one credit cost, in millionths of a currency unit; None where nothing was paid.
    unit_cost_micros: int | None = None
    currency: str | None = None

    def __attrs_post_init__(self) -> None:
        # One look at all of them: every hold makes a lot anew.
        if self.amount <= 0 or self.remaining < 0 or self.lapsed < 0 or self.clawed_back < 0:
            raise ValueError("a lot has some credits, and none of its parts less than nothing")
        if self.remaining + self.lapsed > self.amount or self.clawed_back > self.amount:
            raise ValueError("a lot cannot have more than it had")
        if not self.fact:
            raise ValueError("a lot has the fact that grants it")

    @property
    def over_at(self) -> datetime | None:
        """When it is over, by its expiry or sooner; None: never."""
        if self.expires_at is None or self.ended_at is None:
            return self.expires_at or self.ended_at
        return min(self.expires_at, self.ended_at)

    def is_expired(self, now: datetime) -> bool:
        # Without `over_at`: a hot wallet's lots are asked for every command.
        return (self.expires_at is not None and self.expires_at <= now) or (
            self.ended_at is not None and self.ended_at <= now
        )

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
    #: Its lease ended before anybody closed it: what was held was given back.
    EXPIRED = "expired"


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
    #: By its name in the catalogue: ``deployment``, ``premium_call``.
    operation: str = "deployment"
    kind_class: KindClass = KindClass.CORE
    #: Public id of the member or API key that asked.
    member: str | None = None
    amount: int = field(validator=_positive)
    captured: int = 0
    #: How much of what was captured was given back, because it should not have been.
    corrected: int = 0
    state: HoldState = HoldState.HELD
    #: When it frees itself.  None: it ends by capture or release only (a deployment's).
    lease_until: datetime | None = None
    #: In burn order.
    portions: tuple[Portion, ...] = field()

    @portions.validator
    def _sum_to_the_amount(self, _attribute: object, value: tuple[Portion, ...]) -> None:
        if total(value) != self.amount:
            raise ValueError("a hold's portions sum to its amount")

    @property
    def is_open(self) -> bool:
        return self.state is HoldState.HELD

    def is_due(self, now: datetime) -> bool:
        """Its lease is over and nobody has closed it."""
        return self.is_open and self.lease_until is not None and self.lease_until <= now


@frozen(kw_only=True)
class CreditWatch:
    """What is remembered so that running low is told once (`domain.ledger.watch`)."""

    #: What the current period granted, in credits.
    granted: int = field(validator=_not_negative)
    #: When the period began.
    since: datetime
    #: The lowest threshold that was told, in percent.
    told: int | None = None


@frozen(kw_only=True)
class Wallet:
    """An organisation's credits, as far as a decision needs them."""

    organisation: OrganisationId
    available: int = 0
    held: int = 0
    #: Credits that were taken back after they had been used.  What comes in pays it first.
    debt: int = 0
    #: Number of the last journal entry.
    version: int = 0
    #: None: nothing has happened yet.
    watch: CreditWatch | None = None
    #: The lots with anything left, those that the holds in question took from, and those that
    #: were asked for by their facts.
    lots: tuple[Lot, ...] = ()
    #: The holds in question, and those whose lease is over.
    holds: tuple[Hold, ...] = ()

    def __attrs_post_init__(self) -> None:
        # One look at all three: every event makes a wallet.
        if self.available < 0 or self.held < 0 or self.debt < 0:
            raise ValueError("a wallet has no less than nothing")

    def lot(self, id: LotId) -> Lot | None:
        # Compared as numbers: a hot wallet's are looked through for every command.
        number = id.int
        return next((lot for lot in self.lots if lot.id.int == number), None)

    def lot_of(self, fact: str) -> Lot | None:
        return next((lot for lot in self.lots if lot.fact == fact), None)

    def hold(self, id: HoldId) -> Hold | None:
        number = id.int
        # Most are asked for soon after they were made.
        for hold in reversed(self.holds):
            if hold.id.int == number:
                return hold
        return None


def total(portions: Iterable[Portion]) -> int:
    return sum([portion.amount for portion in portions])


def in_burn_order(lots: Iterable[Lot]) -> list[Lot]:
    return sorted(lots, key=_burn_order)


def drawn_from(lots: Iterable[Lot], amount: int) -> tuple[Portion, ...]:
    """*amount* credits out of *lots*, in that order; fewer where there are no more."""
    portions: list[Portion] = []
    for lot in lots:
        taken = min(lot.remaining, amount)
        if taken:
            portions.append(Portion(lot=lot.id, amount=taken))
            amount -= taken
    return tuple(portions)


def first(portions: Iterable[Portion], amount: int) -> tuple[Portion, ...]:
    """The first *amount* credits of *portions*."""
    kept: list[Portion] = []
    for portion in portions:
        part = min(portion.amount, amount)
        amount -= part
        if part:
            kept.append(Portion(lot=portion.lot, amount=part))
    return tuple(kept)


def last_first(portions: Iterable[Portion], kept: int) -> tuple[Portion, ...]:
    """What *kept* credits from the front leave of *portions*, last taken first."""
    left: list[Portion] = []
    for portion in portions:
        stays = min(portion.amount, kept)
        kept -= stays
        if portion.amount > stays:
            left.append(Portion(lot=portion.lot, amount=portion.amount - stays))
    return tuple(reversed(left))
