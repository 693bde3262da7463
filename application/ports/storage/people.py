"""Teams, quotas, gifts, and who spent what."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from attrs import frozen

from application.ports.storage.paging import Page, PageRequest
from domain.gift import Gift
from domain.identifiers import GiftId, HoldId, MemberId, OrganisationId, TeamId
from domain.ledger import Lot
from domain.quota import Quota, QuotaShift, Subject, Taken, Team, Window


class Teams(Protocol):
    """Teams of the scope's organisation.  They change under the wallet's lock."""

    def add(self, team: Team) -> None: ...

    def get(self, id: TeamId) -> Team | None:
        """Also one that was dissolved."""
        ...

    def put(self, team: Team) -> None:
        """Raises: MisuseError: there is none."""
        ...

    def all(self) -> list[Team]:
        """Those that there are, oldest first."""
        ...

    def are_members(self, ids: Collection[MemberId]) -> bool:
        """Whether all of *ids* are members of the organisation."""
        ...


@frozen(kw_only=True)
class Binding:
    """Whom a hold counts for."""

    #: None: nobody's, so no quota is asked.
    member: MemberId | None = None
    teams: tuple[TeamId, ...] = ()
    #: Of the member and of these teams.
    quotas: tuple[Quota, ...] = ()


class Quotas(Protocol):
    """Quotas of the scope's organisation.  Asked and changed under the wallet's lock."""

    def put(self, quota: Quota) -> None:
        """Set it, in place of one for the same subject and window."""
        ...

    def remove(self, subject: Subject, window: Window) -> bool:
        """Whether there was one."""
        ...

    def get(self, subject: Subject, window: Window) -> Quota | None: ...

    def all(self) -> list[Quota]: ...

    def binding(self, asker: str | None) -> Binding:
        """*asker* is the public id of a member or of an API key, which counts for its maker."""
        ...

    def attribute(self, hold: HoldId, teams: Sequence[TeamId]) -> None:
        """From now on, and whoever leaves or joins, the hold counts for *teams*."""
        ...

    def taken(self, quota: Quota, since: datetime, now: datetime) -> Taken:
        """By holds taken at *since* or later; whose lease is over at *now* holds nothing."""
        ...

    def shift(self, shift: QuotaShift) -> None: ...


class Gifts(Protocol):
    """Gifts that the scope's organisation gave and got."""

    def add(self, gift: Gift) -> bool:
        """Whether it is new: a gift arrives once."""
        ...

    def get(self, id: GiftId) -> Gift | None: ...

    def close(self, gift: Gift) -> None:
        """Store its end.  Raises: MisuseError: it is not under way."""
        ...

    def page(self, asked: PageRequest) -> Page[Gift]:
        """Newest first, without portions."""
        ...

    def given_since(self, instant: datetime) -> int:
        """Credits given away and not returned."""
        ...

    def under_way(self, limit: int) -> list[tuple[OrganisationId, GiftId]]:
        """Of all organisations; works in any scope and tells ids only."""
        ...


class UsageKey(StrEnum):
    DAY = "day"
    MEMBER = "member"
    OPERATION = "operation"


@frozen(kw_only=True)
class UsageRow:
    #: An ISO date, a public id of a member or API key, or the name of an operation.
    key: str | None
    #: Credits spent by captures, less those corrected, as the journal posted them.
    captured: int = 0
    #: Credits of holds that were taken in these days, are still open, and whose lease is not over.
    held: int = 0
    #: Captures.
    number: int = 0


class Usage(Protocol):
    """What the scope's organisation's credits went to."""

    def by(self, key: UsageKey, first: date, last: date, now: datetime) -> list[UsageRow]:
        """Days in UTC, both included; rows in the order of their keys."""
        ...

    def is_lot(self, id: UUID) -> bool:
        """Whether a lot of the organisation's has this id."""
        ...

    def lots(self, page: PageRequest, now: datetime, *, is_open: bool) -> Page[Lot]:
        """Newest first; with *is_open* those that have something left and are not over."""
        ...
