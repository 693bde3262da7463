"""Credits from one organisation to another.

::

    giver: available → transit        receiver: issued:gift → available, once per fact
             transit → available, if there is no receiver

Two wallets, two transactions: none locks both, so two gifts in opposite directions cannot wait
for each other.  Over the installation, what is in transit of all givers less what was issued as
gifts is what is under way.  Only what was paid for is given away, at its cost and with its expiry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from attrs import field, frozen, validators

from domain.errors import Refusal
from domain.identifiers import GiftId, LotId, OrganisationId, Prefix, public_id
from domain.ledger import PRIORITIES, Lot, Portion, Source, Wallet

_positive = validators.gt(0)

#: Credits an organisation may give away per day (UTC).
DAILY_CAP = 500


class GiftState(StrEnum):
    #: The receiver does not have it yet.
    UNDER_WAY = "under_way"
    DELIVERED = "delivered"
    #: There is no such organisation: the credits are back.
    RETURNED = "returned"


class Direction(StrEnum):
    SENT = "sent"
    RECEIVED = "received"


@frozen(kw_only=True)
class GiftPortion:
    """Credits of one lot of the giver's, and what the receiver's lot inherits of it."""

    lot: LotId
    amount: int = field(validator=_positive)
    unit_cost_micros: int | None = None
    currency: str | None = None
    expires_at: datetime | None = None


@frozen(kw_only=True)
class Gift:
    """A gift as one of its two organisations sees it."""

    organisation: OrganisationId
    #: The same for both.
    id: GiftId
    direction: Direction
    #: Who gave it, or who is to have it.
    other: OrganisationId
    amount: int = field(validator=_positive)
    message: str | None = None
    state: GiftState = GiftState.UNDER_WAY
    #: Public id of the member or API key that asked.
    sent_by: str
    sent_at: datetime
    closed_at: datetime | None = None
    #: In the order in which they were taken.  The giver's only.
    portions: tuple[GiftPortion, ...] = ()

    @property
    def name(self) -> str:
        return public_id(Prefix.GIFT, self.id)

    @property
    def taken(self) -> tuple[Portion, ...]:
        return tuple(Portion(lot=each.lot, amount=each.amount) for each in self.portions)


def inherited(portions: Iterable[Portion], wallet: Wallet) -> tuple[GiftPortion, ...]:
    """*portions* with what their lots, in the giver's *wallet*, cost and how long they live."""
    lots = {lot.id: lot for lot in wallet.lots}
    return tuple(
        GiftPortion(
            lot=portion.lot,
            amount=portion.amount,
            unit_cost_micros=lots[portion.lot].unit_cost_micros,
            currency=lots[portion.lot].currency,
            expires_at=lots[portion.lot].expires_at,
        )
        for portion in portions
    )


def lots_of(gift: Gift, ids: Sequence[LotId], now: datetime) -> tuple[Lot, ...]:
    """The receiver's lots, one for each portion: a repetition has the same facts."""
    return tuple(
        Lot(
            id=id,
            source=Source.GIFT,
            priority=PRIORITIES[Source.GIFT],
            amount=portion.amount,
            remaining=portion.amount,
            effective_at=now,
            expires_at=portion.expires_at,
            fact=f"gift:{gift.name}:{number}",
            unit_cost_micros=portion.unit_cost_micros,
            currency=portion.currency,
        )
        for number, (id, portion) in enumerate(zip(ids, gift.portions, strict=True), start=1)
    )


def over_the_cap(amount: int, given_today: int, cap: int) -> Refusal | None:
    if given_today + amount <= cap:
        return None
    detail = f"{given_today} of the {cap} credits that may be given away per day are given"
    return Refusal(code="gift_cap_exceeded", detail=detail)


def day_of(now: datetime) -> datetime:
    """When the day began that the cap is for."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
