"""Teams, and how much they or a member may spend in a window of time.

A quota is a limit, not a balance: it owns no credits and only says when a hold is too much.  What
is held counts as much as what is captured, so that no more than the limit is ever captured (I15).
A hold counts in the window in which it was taken, whenever it ends; what it gives back is free in
that window again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from attrs import evolve, field, frozen, validators

from domain.catalogue import Period, month_of
from domain.errors import Refusal
from domain.identifiers import ApiKeyId, MemberId, OrganisationId, Prefix, TeamId, public_id

#: Before anything was held.
_BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


class Window(StrEnum):
    #: UTC.
    DAY = "day"
    #: A calendar month, UTC.
    MONTH = "month"
    #: What the credits of the tariff are given for: the subscription's, or a calendar month.
    PERIOD = "period"
    #: All time: what is taken is never free again, but by what a hold gives back.
    EVER = "ever"

    def began_at(self, now: datetime, period: Period) -> datetime:
        """When the window around *now* began; *period* is the one that the tariff counts in."""
        match self:
            case Window.DAY:
                return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            case Window.MONTH:
                return month_of(now).start
            case Window.PERIOD:
                return period.start
            case Window.EVER:
                return _BEGINNING


@frozen(kw_only=True)
class Team:
    organisation: OrganisationId
    id: TeamId
    name: str = field(validator=validators.min_len(1))
    members: frozenset[MemberId] = frozenset()
    created_at: datetime
    #: It is no more: nothing counts for it from then on.
    dissolved_at: datetime | None = None


@frozen(kw_only=True)
class Subject:
    """Whom a quota is for."""

    kind: Prefix = field(validator=validators.in_((Prefix.MEMBER, Prefix.TEAM, Prefix.API_KEY)))
    id: UUID

    @classmethod
    def member(cls, id: MemberId) -> Subject:
        return cls(kind=Prefix.MEMBER, id=id)

    @classmethod
    def team(cls, id: TeamId) -> Subject:
        return cls(kind=Prefix.TEAM, id=id)

    @classmethod
    def key(cls, id: ApiKeyId) -> Subject:
        """Of an API key, beside those of its maker."""
        return cls(kind=Prefix.API_KEY, id=id)

    @property
    def name(self) -> str:
        return public_id(self.kind, self.id)


@frozen(kw_only=True)
class Quota:
    organisation: OrganisationId
    subject: Subject
    window: Window
    #: Credits per window.
    limit: int = field(validator=validators.ge(0))
    set_at: datetime


@frozen(kw_only=True)
class Taken:
    """What a subject took in one window."""

    held: int = 0
    #: Captured, less what was corrected.
    used: int = 0
    #: What others gave of their quotas, less what was given to others.
    shifted: int = 0


@frozen(kw_only=True)
class Standing:
    """A quota in its window, as it is now."""

    quota: Quota
    since: datetime
    taken: Taken

    @property
    def limit(self) -> int:
        return self.quota.limit + self.taken.shifted

    @property
    def left(self) -> int:
        """Never below zero, although a limit may have been lowered below what was taken."""
        return max(0, self.limit - self.taken.held - self.taken.used)


def charged(standings: Iterable[Standing], amount: int) -> tuple[Standing, ...] | Refusal:
    """*standings* after a hold of *amount*; refused where one of them has less left."""
    after: list[Standing] = []
    for standing in standings:
        if amount > standing.left:
            quota = standing.quota
            detail = (
                f"{amount} credits are more than the {standing.left} that are left of "
                f"{standing.limit} for {quota.subject.name} in this {quota.window}"
            )
            return Refusal(code="quota_exceeded", detail=detail)
        taken = evolve(standing.taken, held=standing.taken.held + amount)
        after.append(evolve(standing, taken=taken))
    return tuple(after)


@frozen(kw_only=True)
class QuotaShift:
    """A member passes on a part of what is left of their own quota, in this window only."""

    organisation: OrganisationId
    id: UUID
    giver: MemberId
    receiver: MemberId
    window: Window
    since: datetime
    amount: int = field(validator=validators.gt(0))
    #: Public id of who asked.
    by: str
    at: datetime
