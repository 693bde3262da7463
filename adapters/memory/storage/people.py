"""Teams, quotas, gifts, and who spent what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from attrs import define, evolve, field

from adapters.memory.storage.access import AccessTables
from adapters.memory.storage.ledger import LedgerTables
from adapters.memory.storage.transaction import Table, Transaction, page_of
from application.ports.storage.paging import Page, PageRequest
from application.ports.storage.people import (
    Binding,
    Gifts,
    Quotas,
    Teams,
    Usage,
    UsageKey,
    UsageRow,
)
from domain.errors import MisuseError
from domain.gift import Direction, Gift, GiftState
from domain.identifiers import (
    ApiKeyId,
    GiftId,
    HoldId,
    LotId,
    MemberId,
    OrganisationId,
    Prefix,
    TeamId,
    parse_id,
    public_id,
)
from domain.ledger import Hold, JournalEntry, LedgerAccount, Lot
from domain.quota import Quota, QuotaShift, Subject, Taken, Team, Window


@define(eq=False)
class PeopleTables:
    teams: Table[tuple[OrganisationId, TeamId], Team] = field(factory=lambda: Table("teams"))
    quotas: Table[tuple[OrganisationId, UUID, Window], Quota] = field(
        factory=lambda: Table("quotas")
    )
    hold_teams: Table[tuple[OrganisationId, HoldId], tuple[TeamId, ...]] = field(
        factory=lambda: Table("hold_teams")
    )
    shifts: Table[tuple[OrganisationId, UUID], QuotaShift] = field(
        factory=lambda: Table("quota_shifts")
    )
    gifts: Table[tuple[OrganisationId, GiftId], Gift] = field(factory=lambda: Table("gifts"))


@define(eq=False)
class MemoryTeams(Teams):
    _transaction: Transaction
    _tables: PeopleTables
    _access: AccessTables

    def add(self, team: Team) -> None:
        organisation = self._transaction.require_organisation(team.organisation)
        if not self._transaction.insert(self._tables.teams, (organisation, team.id), team):
            raise MisuseError(f"there is a team {team.id} already")

    def get(self, id: TeamId) -> Team | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.teams, (organisation, id))

    def put(self, team: Team) -> None:
        organisation = self._transaction.require_organisation(team.organisation)
        self._transaction.update(self._tables.teams, (organisation, team.id), team)

    def all(self) -> list[Team]:
        mine = [
            team
            for (organisation, _), team in self._transaction.items(self._tables.teams)
            if organisation == self._transaction.organisation and team.dissolved_at is None
        ]
        return sorted(mine, key=lambda team: (team.created_at, team.id))

    def are_members(self, ids: Collection[MemberId]) -> bool:
        members = {
            member.id
            for (organisation, _), member in self._transaction.items(self._access.members)
            if member.removed_at is None
            if organisation == self._transaction.organisation
        }
        return members.issuperset(ids)


@define(eq=False)
class MemoryQuotas(Quotas):
    _transaction: Transaction
    _tables: PeopleTables
    _access: AccessTables
    _ledger: LedgerTables

    def put(self, quota: Quota) -> None:
        organisation = self._transaction.require_organisation(quota.organisation)
        key = (organisation, quota.subject.id, quota.window)
        self._transaction.put(self._tables.quotas, key, quota)

    def remove(self, subject: Subject, window: Window) -> bool:
        if self.get(subject, window) is None:
            return False
        organisation = self._transaction.require_organisation()
        self._transaction.delete(self._tables.quotas, (organisation, subject.id, window))
        return True

    def get(self, subject: Subject, window: Window) -> Quota | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.quotas, (organisation, subject.id, window))

    def all(self) -> list[Quota]:
        mine = [
            quota
            for (organisation, *_), quota in self._transaction.items(self._tables.quotas)
            if organisation == self._transaction.organisation
        ]
        return sorted(mine, key=lambda q: (q.subject.kind, q.subject.id, q.window))

    def binding(self, asker: str | None) -> Binding:
        member = self._member(asker)
        if member is None:
            return Binding()
        teams = tuple(
            sorted(
                team.id
                for (organisation, _), team in self._transaction.items(self._tables.teams)
                if organisation == self._transaction.organisation
                and team.dissolved_at is None
                and member in team.members
            )
        )
        key = None if asker is None else parse_id(Prefix.API_KEY, asker)
        subjects: set[UUID | None] = {member, *teams, key}
        quotas = tuple(quota for quota in self.all() if quota.subject.id in subjects)
        return Binding(member=member, teams=teams, quotas=quotas)

    def attribute(self, hold: HoldId, teams: Sequence[TeamId]) -> None:
        organisation = self._transaction.require_organisation()
        key = (organisation, hold)
        if self._transaction.get(self._ledger.holds, key) is None:
            raise MisuseError(f"there is no hold {hold}")
        if teams and not self._transaction.insert(self._tables.hold_teams, key, tuple(teams)):
            raise MisuseError(f"the hold {hold} counts for its teams already")

    def taken(self, quota: Quota, since: datetime, now: datetime) -> Taken:
        subject = quota.subject
        counts: Callable[[Hold], bool]
        if subject.kind is Prefix.TEAM:
            counts = self._counts_for(TeamId(subject.id))
        else:
            is_key = subject.kind is Prefix.API_KEY
            names = {subject.name} if is_key else self._names(MemberId(subject.id))
            counts = lambda hold: hold.member in names  # noqa: E731 - one of two
        held = used = 0
        for hold in self._holds_since(since):
            if counts(hold):
                held += hold.amount if hold.is_open and not hold.is_due(now) else 0
                used += hold.captured - hold.corrected
        return Taken(held=held, used=used, shifted=self._shifted(quota, since))

    def shift(self, shift: QuotaShift) -> None:
        organisation = self._transaction.require_organisation(shift.organisation)
        if not self._transaction.insert(self._tables.shifts, (organisation, shift.id), shift):
            raise MisuseError(f"there is a shift {shift.id} already")

    def _shifted(self, quota: Quota, since: datetime) -> int:
        shifted = 0
        for (organisation, _), shift in self._transaction.items(self._tables.shifts):
            mine = organisation == self._transaction.organisation
            if mine and (shift.window, shift.since) == (quota.window, since):
                shifted += shift.amount if shift.receiver == quota.subject.id else 0
                shifted -= shift.amount if shift.giver == quota.subject.id else 0
        return shifted

    def _holds_since(self, since: datetime) -> Iterator[Hold]:
        organisation = self._transaction.organisation
        for (owner, _), entry in self._transaction.items(self._ledger.journal):
            if owner == organisation and entry.at >= since and is_a_hold(entry):
                id = entry.posting.hold
                hold = id and self._transaction.get(self._ledger.holds, (owner, id))
                if hold:
                    yield hold

    def _counts_for(self, team: TeamId) -> Callable[[Hold], bool]:
        organisation = self._transaction.require_organisation()

        def counts(hold: Hold) -> bool:
            teams = self._transaction.get(self._tables.hold_teams, (organisation, hold.id))
            return team in (teams or ())

        return counts

    def _member(self, asker: str | None) -> MemberId | None:
        if asker is None:
            return None
        member = parse_id(Prefix.MEMBER, asker)
        if member is not None:
            return MemberId(member)
        key = parse_id(Prefix.API_KEY, asker)
        found = key and self._transaction.get(self._access.api_keys, ApiKeyId(key))
        is_mine = found and found.organisation == self._transaction.organisation
        return found.created_by if found and is_mine else None

    def _names(self, member: MemberId) -> set[str]:
        keys = {
            public_id(Prefix.API_KEY, key.id)
            for _, key in self._transaction.items(self._access.api_keys)
            if key.created_by == member and key.organisation == self._transaction.organisation
        }
        return {public_id(Prefix.MEMBER, member), *keys}


@define(eq=False)
class MemoryGifts(Gifts):
    _transaction: Transaction
    _tables: PeopleTables

    def add(self, gift: Gift) -> bool:
        organisation = self._transaction.require_organisation(gift.organisation)
        if gift.other == organisation:
            raise MisuseError("a gift is for others")
        return self._transaction.insert(self._tables.gifts, (organisation, gift.id), gift)

    def get(self, id: GiftId) -> Gift | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.gifts, (organisation, id))

    def close(self, gift: Gift) -> None:
        organisation = self._transaction.require_organisation(gift.organisation)
        before = self.get(gift.id)
        if before is None or before.state is not GiftState.UNDER_WAY:
            raise MisuseError(f"gift {gift.id} is not under way")
        after = evolve(before, state=gift.state, closed_at=gift.closed_at)
        self._transaction.update(self._tables.gifts, (organisation, gift.id), after)

    def page(self, asked: PageRequest) -> Page[Gift]:
        mine = [
            evolve(gift, portions=())
            for (organisation, id), gift in self._transaction.items(self._tables.gifts)
            if organisation == self._transaction.organisation
            and (asked.after is None or id < asked.after)
        ]
        newest_first = sorted(mine, key=lambda gift: gift.id, reverse=True)
        return Page(*page_of(newest_first, asked.limit))

    def given_since(self, instant: datetime) -> int:
        return sum(
            gift.amount
            for (organisation, _), gift in self._transaction.items(self._tables.gifts)
            if organisation == self._transaction.organisation
            and gift.direction is Direction.SENT
            and gift.state is not GiftState.RETURNED
            and gift.sent_at >= instant
        )

    def under_way(self, limit: int) -> list[tuple[OrganisationId, GiftId]]:
        found = sorted(
            (gift.sent_at, id, organisation)
            for (organisation, id), gift in self._transaction.items(self._tables.gifts)
            if gift.state is GiftState.UNDER_WAY
        )
        return [(organisation, id) for _, id, organisation in found[:limit]]


@define(eq=False)
class MemoryUsage(Usage):
    _transaction: Transaction
    _ledger: LedgerTables

    def by(self, key: UsageKey, first: date, last: date, now: datetime) -> list[UsageRow]:
        captured: Counter[str | None] = Counter()
        held: Counter[str | None] = Counter()
        number: Counter[str | None] = Counter()
        for (organisation, _), entry in self._transaction.items(self._ledger.journal):
            day = entry.at.astimezone(UTC).date()
            id, posting = entry.posting.hold, entry.posting
            if organisation != self._transaction.organisation or not first <= day <= last:
                continue
            hold = id and self._transaction.get(self._ledger.holds, (organisation, id))
            if not hold:
                continue
            name = _key(key, hold, day)
            if posting.credit is LedgerAccount.SPENT:
                captured[name] += posting.amount
                number[name] += 1
            elif posting.debit is LedgerAccount.SPENT:
                captured[name] -= posting.amount
                number[name] += 0
            elif is_a_hold(entry) and hold.is_open and not hold.is_due(now):
                held[name] += hold.amount
        names = {*captured, *held, *number}
        return [
            UsageRow(key=name, captured=captured[name], held=held[name], number=number[name])
            for name in sorted(names, key=lambda name: (name is None, name or ""))
        ]

    def is_lot(self, id: UUID) -> bool:
        organisation = self._transaction.organisation
        if organisation is None:
            return False
        return self._transaction.get(self._ledger.lots, (organisation, LotId(id))) is not None

    def lots(self, page: PageRequest, now: datetime, *, is_open: bool) -> Page[Lot]:
        organisation = self._transaction.organisation
        mine = [
            lot
            for (owner, _), lot in self._transaction.items(self._ledger.lots)
            if owner == organisation
            and (not is_open or (lot.remaining > 0 and not lot.is_expired(now)))
        ]
        newest_first = sorted(mine, key=_newness, reverse=True)
        if page.after is not None and organisation is not None:
            last = self._transaction.get(self._ledger.lots, (organisation, LotId(page.after)))
            newest_first = [lot for lot in newest_first if last and _newness(lot) < _newness(last)]
        return Page(*page_of(newest_first, page.limit))


def is_a_hold(entry: JournalEntry) -> bool:
    posting = entry.posting
    return (posting.debit, posting.credit) == (LedgerAccount.AVAILABLE, LedgerAccount.HELD)


def _key(key: UsageKey, hold: Hold, day: date) -> str | None:
    match key:
        case UsageKey.DAY:
            return day.isoformat()
        case UsageKey.MEMBER:
            return hold.member
        case UsageKey.OPERATION:
            return hold.operation


def _newness(lot: Lot) -> tuple[datetime, UUID]:
    return lot.effective_at, lot.id
