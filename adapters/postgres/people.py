"""Teams, quotas, gifts, and who spent what."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from attrs import evolve, frozen

from adapters.postgres import ledger_rows, people_rows, queries
from adapters.postgres.transaction import Transaction
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
from domain.gift import Gift
from domain.identifiers import (
    GiftId,
    HoldId,
    MemberId,
    OrganisationId,
    Prefix,
    TeamId,
    parse_id,
    public_id,
)
from domain.ledger import Lot
from domain.quota import Quota, QuotaShift, Subject, Taken, Team, Window

PEOPLE = queries.load("people.sql")


@frozen
class PostgresTeams(Teams):
    _transaction: Transaction

    def add(self, team: Team) -> None:
        self._transaction.write(PEOPLE["insert_team"], people_rows.team_to_row(team))

    def get(self, id: TeamId) -> Team | None:
        row = self._transaction.row(PEOPLE["select_team"], {"id": id})
        return people_rows.team_from_row(row) if row else None

    def put(self, team: Team) -> None:
        row = people_rows.team_to_row(team)
        self._transaction.update(f"team {team.id}", PEOPLE["update_team"], row)

    def all(self) -> list[Team]:
        found = self._transaction.rows(PEOPLE["select_teams"])
        return [people_rows.team_from_row(row) for row in found]

    def are_members(self, ids: Collection[MemberId]) -> bool:
        if not ids:
            return True
        row = self._transaction.row(PEOPLE["count_members"], {"ids": list(ids)})
        return row is not None and row["count"] == len(set(ids))


@frozen
class PostgresQuotas(Quotas):
    _transaction: Transaction

    def put(self, quota: Quota) -> None:
        self._transaction.write(PEOPLE["put_quota"], people_rows.quota_to_row(quota))

    def remove(self, subject: Subject, window: Window) -> bool:
        named = {**people_rows.subject_to_row(subject), "quota_window": window.value}
        return self._transaction.change(PEOPLE["remove_quota"], named) == 1

    def get(self, subject: Subject, window: Window) -> Quota | None:
        named = {"subject_id": subject.id, "quota_window": window.value}
        row = self._transaction.row(PEOPLE["select_quotas"], named)
        return people_rows.quota_from_row(row) if row else None

    def all(self) -> list[Quota]:
        everything = {"subject_id": None, "quota_window": None}
        found = self._transaction.rows(PEOPLE["select_quotas"], everything)
        return [people_rows.quota_from_row(row) for row in found]

    def binding(self, asker: str | None) -> Binding:
        member = self._member(asker)
        if member is None:
            return Binding()
        key = None if asker is None else parse_id(Prefix.API_KEY, asker)
        named = {"member": member, "key": key}
        teams, quotas = self._transaction.read(
            (PEOPLE["select_teams_of"], named), (PEOPLE["select_quotas_of"], named)
        )
        return Binding(
            member=member,
            teams=tuple(row["id"] for row in teams),
            quotas=tuple(people_rows.quota_from_row(row) for row in quotas),
        )

    def attribute(self, hold: HoldId, teams: Sequence[TeamId]) -> None:
        if teams:
            insert = PEOPLE["insert_hold_team"]
            self._transaction.batch([(insert, {"hold": hold, "team": team}) for team in teams])

    def taken(self, quota: Quota, since: datetime, now: datetime) -> Taken:
        subject, asked = quota.subject, {"since": since, "now": now}
        if subject.kind is Prefix.TEAM:
            row = self._transaction.row(PEOPLE["taken_by_team"], {**asked, "team": subject.id})
            return Taken(held=row["held"], used=row["used"]) if row else Taken()
        if subject.kind is Prefix.API_KEY:
            named = {**asked, "names": [subject.name]}
            row = self._transaction.row(PEOPLE["taken_by_member"], named)
            return Taken(held=row["held"], used=row["used"]) if row else Taken()
        member = MemberId(subject.id)
        names = {"names": self._names(member)}
        window = {"member": member, "quota_window": quota.window.value, **asked}
        taken, shifts = self._transaction.batch(
            [(PEOPLE["taken_by_member"], {**asked, **names}), (PEOPLE["shifted"], window)]
        )
        row, shifted = taken.fetchone(), shifts.fetchone()
        if row is None or shifted is None:
            raise MisuseError("a sum has a row")
        return Taken(held=row["held"], used=row["used"], shifted=shifted["shifted"])

    def shift(self, shift: QuotaShift) -> None:
        self._transaction.write(PEOPLE["insert_shift"], people_rows.shift_to_row(shift))

    def _member(self, asker: str | None) -> MemberId | None:
        if asker is None:
            return None
        member = parse_id(Prefix.MEMBER, asker)
        if member is not None:
            return MemberId(member)
        key = parse_id(Prefix.API_KEY, asker)
        if key is None:
            return None
        (found,) = self._transaction.read((PEOPLE["select_member_of_key"], {"key": key}))
        return found[0]["member_id"] if found else None

    def _names(self, member: MemberId) -> list[str]:
        """Of a member and of their API keys, as holds have them."""
        keys = self._transaction.rows(PEOPLE["select_keys_of"], {"member": member})
        return [
            public_id(Prefix.MEMBER, member),
            *(public_id(Prefix.API_KEY, row["id"]) for row in keys),
        ]


@frozen
class PostgresGifts(Gifts):
    _transaction: Transaction

    def add(self, gift: Gift) -> bool:
        row = people_rows.gift_to_row(gift)
        if self._transaction.change(PEOPLE["insert_gift"], row) != 1:
            return False
        if gift.portions:
            insert = PEOPLE["insert_gift_lot"]
            portions = people_rows.portions_to_rows(gift)
            self._transaction.batch([(insert, portion) for portion in portions])
        return True

    def get(self, id: GiftId) -> Gift | None:
        row = self._transaction.row(PEOPLE["select_gift"], {"id": id})
        if row is None:
            return None
        portions = self._transaction.rows(PEOPLE["select_gift_lots"], {"id": id})
        return evolve(
            people_rows.gift_from_row(row),
            portions=tuple(people_rows.gift_portion_from_row(each) for each in portions),
        )

    def close(self, gift: Gift) -> None:
        row = people_rows.gift_to_row(gift)
        self._transaction.update(f"gift {gift.id} under way", PEOPLE["close_gift"], row)

    def page(self, asked: PageRequest) -> Page[Gift]:
        parameters = {"after": asked.after, "limit": asked.limit + 1}
        found = self._transaction.rows(PEOPLE["list_gifts"], parameters)
        gifts = tuple(people_rows.gift_from_row(row) for row in found[: asked.limit])
        return Page(gifts, len(found) > asked.limit)

    def given_since(self, instant: datetime) -> int:
        row = self._transaction.row(PEOPLE["given_since"], {"since": instant})
        return row["given"] if row else 0

    def under_way(self, limit: int) -> list[tuple[OrganisationId, GiftId]]:
        found = self._transaction.rows(PEOPLE["gifts_under_way"], {"limit": limit})
        return [(row["organisation_id"], row["id"]) for row in found]


@frozen
class PostgresUsage(Usage):
    _transaction: Transaction

    def by(self, key: UsageKey, first: date, last: date, now: datetime) -> list[UsageRow]:
        since = datetime.combine(first, time(), UTC)
        until = datetime.combine(last, time(), UTC) + timedelta(days=1)
        asked = {"by": key.value, "since": since, "until": until, "now": now}
        return [
            UsageRow(
                key=row["key"],
                captured=row["captured"],
                held=row["held"],
                number=row["number"],
            )
            for row in self._transaction.rows(PEOPLE["usage"], asked)
        ]

    def is_lot(self, id: UUID) -> bool:
        return self._transaction.row(PEOPLE["select_lot_id"], {"id": id}) is not None

    def lots(self, page: PageRequest, now: datetime, *, is_open: bool) -> Page[Lot]:
        asked = {"after": page.after, "limit": page.limit + 1, "now": now, "is_open": is_open}
        found = self._transaction.rows(PEOPLE["list_lots"], asked)
        lots = tuple(ledger_rows.lot_from_row(row) for row in found[: page.limit])
        return Page(lots, len(found) > page.limit)
