"""Teams, quotas, gifts and usage, in every store."""

from collections import Counter
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.storage.paging import PageRequest
from application.ports.storage.people import Binding, UsageKey
from application.ports.storage.work import Scope, Store
from domain.errors import MisuseError, Refusal
from domain.gift import Direction, Gift, GiftPortion, GiftState
from domain.identifiers import (
    ApiKeyId,
    GiftId,
    MemberId,
    OrganisationId,
    Prefix,
    TeamId,
    public_id,
)
from domain.ledger import Capture, Correct, EndLot, HoldState, LedgerAccount, Release
from domain.organisation import ApiKey
from domain.quota import Quota, QuotaShift, Subject, Taken, Team, Window
from tests.contract.tenants import NOW, Tenant, a_grant, a_hold, a_tenant, act
from tests.strategies import examples

DAY = timedelta(days=1)

drawn = settings(suppress_health_check=list(HealthCheck), deadline=None)


def a_team(tenant: Tenant, *members: MemberId, **changes: object) -> Team:
    team = Team(
        organisation=tenant.organisation,
        id=TeamId(uuid4()),
        name="Ops",
        members=frozenset(members),
        created_at=NOW,
    )
    return evolve(team, **changes)


def a_quota(tenant: Tenant, subject: Subject, **changes: object) -> Quota:
    quota = Quota(
        organisation=tenant.organisation,
        subject=subject,
        window=Window.MONTH,
        limit=10,
        set_at=NOW,
    )
    return evolve(quota, **changes)


def a_gift(tenant: Tenant, **changes: object) -> Gift:
    gift = Gift(
        organisation=tenant.organisation,
        id=GiftId(uuid4()),
        direction=Direction.SENT,
        other=OrganisationId(uuid4()),
        amount=5,
        message="thanks ✓",
        sent_by="mem_1",
        sent_at=NOW,
    )
    return evolve(gift, **changes)


def a_key(tenant: Tenant) -> ApiKey:
    return ApiKey(
        organisation=tenant.organisation,
        id=ApiKeyId(uuid4()),
        name="ci",
        live=False,
        scopes=frozenset(),
        secret_hash=bytes(32),
        hint="abcd",
        created_by=tenant.member,
        created_at=NOW,
    )


def name_of(tenant: Tenant) -> str:
    return public_id(Prefix.MEMBER, tenant.member)


# Teams.


def test_a_team_round_trips_and_is_listed_until_it_is_dissolved(store: Store):
    tenant = a_tenant(store)
    first = a_team(tenant, created_at=NOW - DAY)
    team = a_team(tenant, tenant.member, MemberId(uuid4()))
    with store.begin(tenant.scope) as work:
        work.teams.add(team)
        work.teams.add(first)
    with store.begin(tenant.scope) as work:
        assert work.teams.get(team.id) == team
        assert work.teams.all() == [first, team]
        changed = evolve(team, name="Deployers", members=frozenset({tenant.member}))
        work.teams.put(changed)
        work.teams.put(evolve(first, dissolved_at=NOW))
    with store.begin(tenant.scope) as work:
        assert work.teams.all() == [changed]
        assert work.teams.get(first.id) == evolve(first, dissolved_at=NOW)
        assert work.teams.get(TeamId(uuid4())) is None


def test_who_is_a_member_is_known(store: Store):
    tenant, stranger = a_tenant(store), a_tenant(store)
    with store.begin(tenant.scope) as work:
        assert work.teams.are_members([])
        assert work.teams.are_members([tenant.member, tenant.member])
        assert not work.teams.are_members([tenant.member, stranger.member])
        assert not work.teams.are_members([MemberId(uuid4())])


# Quotas.


def test_a_quota_is_one_per_subject_and_window(store: Store):
    tenant = a_tenant(store)
    member, team = Subject.member(tenant.member), Subject.team(TeamId(uuid4()))
    quotas = [a_quota(tenant, subject, window=window) for subject in (member, team)
              for window in Window]  # fmt: skip
    with store.begin(tenant.scope) as work:
        for quota in quotas:
            work.quotas.put(quota)
        lower = evolve(quotas[0], limit=0, set_at=NOW + DAY)
        work.quotas.put(lower)
    with store.begin(tenant.scope) as work:
        assert work.quotas.all() == sorted(
            [lower, *quotas[1:]], key=lambda q: (q.subject.kind, q.subject.id, q.window)
        )
        assert work.quotas.get(member, quotas[0].window) == lower
        assert work.quotas.remove(member, quotas[0].window)
        assert not work.quotas.remove(member, quotas[0].window)
        assert work.quotas.get(member, quotas[0].window) is None
        assert lower not in work.quotas.all()
        work.quotas.put(quotas[0])
        assert work.quotas.get(member, quotas[0].window) == quotas[0]


def test_a_hold_is_bound_by_the_quotas_of_who_asks_and_of_their_teams(store: Store):
    tenant = a_tenant(store)
    key = a_key(tenant)
    mine, other, former = (a_team(tenant, tenant.member), a_team(tenant),
                           a_team(tenant, tenant.member, dissolved_at=NOW))  # fmt: skip
    own = a_quota(tenant, Subject.member(tenant.member))
    with store.begin(tenant.scope) as work:
        work.api_keys.add(key)
        for team in (mine, other, former):
            work.teams.add(team)
            work.quotas.put(a_quota(tenant, Subject.team(team.id)))
        work.quotas.put(own)
        work.quotas.put(a_quota(tenant, Subject.member(MemberId(uuid4()))))
    bound = Binding(
        member=tenant.member,
        teams=(mine.id,),
        quotas=(own, a_quota(tenant, Subject.team(mine.id))),
    )
    with store.begin(tenant.scope) as work:
        assert work.quotas.binding(name_of(tenant)) == bound
        assert work.quotas.binding(public_id(Prefix.API_KEY, key.id)) == bound
        for nobody in (None, "mem_1", public_id(Prefix.API_KEY, uuid4()), "worker"):
            assert work.quotas.binding(nobody) == Binding()
    stranger = a_tenant(store)
    with store.begin(stranger.scope) as work:
        assert work.quotas.binding(public_id(Prefix.API_KEY, key.id)) == Binding()
        assert work.quotas.binding(name_of(tenant)).quotas == ()


def test_what_is_taken_is_what_is_held_and_what_was_captured_since_then(store: Store):
    tenant = a_tenant(store, granted=1_000)
    key = a_key(tenant)
    quota = a_quota(tenant, Subject.member(tenant.member))
    names = [name_of(tenant), public_id(Prefix.API_KEY, key.id)]
    with store.begin(tenant.scope) as work:
        work.api_keys.add(key)
        # Before the window.
        act(work, evolve(a_hold(500), member=names[0]), NOW - timedelta(microseconds=1))
        held, captured, released, corrected = (
            evolve(a_hold(amount), member=names[n % 2]) for n, amount in enumerate((1, 20, 40, 80))
        )
        for command in (held, captured, released, corrected):
            act(work, command)
        act(work, evolve(a_hold(7), member=public_id(Prefix.MEMBER, uuid4())))
        act(work, a_hold(9))
        due = evolve(a_hold(160), member=names[0], lease_until=NOW + DAY)
        act(work, due)
        later = NOW + 40 * DAY / 1000
        act(work, Capture(id=captured.id, amount=15), later)
        act(work, Release(id=released.id), later)
        act(work, Capture(id=corrected.id), later)
        act(work, Correct(id=corrected.id, amount=30), later)
    with store.begin(tenant.scope) as work:
        taken = work.quotas.taken(quota, NOW, NOW)
        assert taken == Taken(held=1 + 160, used=15 + 50)
        assert work.quotas.taken(quota, NOW, NOW + DAY) == Taken(held=1, used=15 + 50)
        assert work.quotas.taken(quota, NOW - DAY, NOW).held == 661
        assert work.quotas.taken(quota, NOW + DAY, NOW) == Taken()


def test_a_hold_counts_for_the_teams_it_was_attributed_to(store: Store):
    tenant = a_tenant(store, granted=100)
    team, other = a_team(tenant, tenant.member), a_team(tenant)
    quota = a_quota(tenant, Subject.team(team.id))
    with store.begin(tenant.scope) as work:
        work.teams.add(team)
        work.teams.add(other)
        holds = [evolve(a_hold(amount), member=name_of(tenant)) for amount in (3, 5)]
        for hold in holds:
            act(work, hold)
        work.quotas.attribute(holds[0].id, [team.id, other.id])
        work.quotas.attribute(holds[1].id, [])
        # Whoever leaves takes nothing along.
        work.teams.put(evolve(team, members=frozenset()))
    with store.begin(tenant.scope) as work:
        assert work.quotas.taken(quota, NOW, NOW) == Taken(held=3)
        act(work, Capture(id=holds[0].id, amount=2))
        assert work.quotas.taken(quota, NOW, NOW) == Taken(used=2)
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.quotas.attribute(holds[0].id, [team.id])


def test_what_is_passed_on_moves_the_limits_of_one_window(store: Store):
    tenant = a_tenant(store)
    friend = MemberId(uuid4())
    shift = QuotaShift(
        organisation=tenant.organisation,
        id=uuid4(),
        giver=tenant.member,
        receiver=friend,
        window=Window.DAY,
        since=NOW,
        amount=4,
        by="mem_1",
        at=NOW,
    )
    with store.begin(tenant.scope) as work:
        work.quotas.shift(shift)
        work.quotas.shift(
            evolve(shift, id=uuid4(), giver=friend, receiver=tenant.member, amount=1)
        )
    with store.begin(tenant.scope) as work:
        for member, moved in ((tenant.member, -3), (friend, 3), (MemberId(uuid4()), 0)):
            quota = a_quota(tenant, Subject.member(member), window=Window.DAY)
            assert work.quotas.taken(quota, NOW, NOW).shifted == moved
            assert work.quotas.taken(quota, NOW + DAY, NOW).shifted == 0
            other = evolve(quota, window=Window.MONTH)
            assert work.quotas.taken(other, NOW, NOW).shifted == 0


# Gifts.


def test_a_gift_round_trips_and_ends_once(store: Store):
    tenant = a_tenant(store, granted=10)
    with store.begin(tenant.scope) as work:
        (lot,) = work.ledger.balance().lots
        portion = GiftPortion(
            lot=lot.id,
            amount=2,
            unit_cost_micros=58_000,
            currency="USD",
            expires_at=NOW + DAY,
        )
        gift = a_gift(tenant, portions=(portion, GiftPortion(lot=lot.id, amount=3)))
        assert work.gifts.add(gift)
        assert not work.gifts.add(gift)
    delivered = evolve(gift, state=GiftState.DELIVERED, closed_at=NOW + DAY)
    with store.begin(tenant.scope) as work:
        assert work.gifts.get(gift.id) == gift
        assert work.gifts.get(GiftId(uuid4())) is None
        work.gifts.close(delivered)
    with store.begin(tenant.scope) as work:
        assert work.gifts.get(gift.id) == delivered
        with pytest.raises(MisuseError):
            work.gifts.close(evolve(delivered, state=GiftState.RETURNED))


def test_gifts_are_listed_newest_first_without_their_portions(store: Store):
    tenant, stranger = a_tenant(store, granted=10), a_tenant(store)
    with store.begin(tenant.scope) as work:
        (lot,) = work.ledger.balance().lots
        gifts = [a_gift(tenant, id=GiftId(UUID(int=uuid4().int >> 8 << 8 | n))) for n in range(3)]
        gifts.append(
            a_gift(tenant, direction=Direction.RECEIVED, state=GiftState.DELIVERED, closed_at=NOW)
        )
        for gift in gifts:
            work.gifts.add(evolve(gift, portions=(GiftPortion(lot=lot.id, amount=5),)))
    newest_first = sorted(gifts, key=lambda gift: gift.id, reverse=True)
    with store.begin(tenant.scope) as work:
        page = work.gifts.page(PageRequest(limit=3))
        assert (list(page.items), page.has_more) == (newest_first[:3], True)
        rest = work.gifts.page(PageRequest(limit=3, after=page.items[-1].id))
        assert (list(rest.items), rest.has_more) == (newest_first[3:], False)
    with store.begin(stranger.scope) as work:
        assert work.gifts.page(PageRequest()).items == ()


def test_what_was_given_is_summed_without_what_came_back(store: Store):
    tenant = a_tenant(store)
    over = {"closed_at": NOW}
    with store.begin(tenant.scope) as work:
        for changes in (
            {"amount": 1},
            {"amount": 2, "state": GiftState.DELIVERED, **over},
            {"amount": 4, "state": GiftState.RETURNED, **over},
            {"amount": 8, "sent_at": NOW - timedelta(microseconds=1)},
            {
                "amount": 16,
                "direction": Direction.RECEIVED,
                "state": GiftState.DELIVERED,
                **over,
            },
        ):
            work.gifts.add(a_gift(tenant, **changes))
    with store.begin(tenant.scope) as work:
        assert work.gifts.given_since(NOW) == 3
        assert work.gifts.given_since(NOW - DAY) == 11


def test_what_is_under_way_is_told_in_any_scope_oldest_first(store: Store):
    tenants = [a_tenant(store) for _ in range(3)]
    gifts = [a_gift(tenant, sent_at=NOW - n * DAY) for n, tenant in enumerate(tenants)]
    for tenant, gift in zip(tenants, gifts, strict=True):
        with store.begin(tenant.scope) as work:
            work.gifts.add(gift)
            work.gifts.add(a_gift(tenant, state=GiftState.DELIVERED, closed_at=NOW))
    expected = [(gift.organisation, gift.id) for gift in reversed(gifts)]
    for scope in (Scope(), Scope.installation()):
        with store.begin(scope) as work:
            found = work.gifts.under_way(1_000)
        assert [each for each in found if each in expected] == expected
        with store.begin(scope) as work:
            assert len(work.gifts.under_way(1)) == 1


# Usage.


@settings(drawn, max_examples=examples(12))
@given(data=st.data())
def test_usage_adds_up_to_what_the_journal_says(store: Store, data: st.DataObject):
    tenant = a_tenant(store, granted=10_000)
    holds = []
    now = NOW
    for _ in range(data.draw(st.integers(1, 12))):
        now += timedelta(hours=data.draw(st.integers(0, 30)))
        hold = evolve(
            a_hold(data.draw(st.integers(1, 50))),
            member=data.draw(st.sampled_from([None, "mem_a", "key_b"])),
            operation=data.draw(st.sampled_from(["deployment", "ai_call"])),
        )
        with store.begin(tenant.scope) as work:
            assert not isinstance(act(work, hold, now), Refusal)
            then = now + timedelta(hours=data.draw(st.integers(0, 30)))
            match data.draw(st.sampled_from(["hold", "capture", "release", "correct"])):
                case "capture":
                    act(work, Capture(id=hold.id, amount=hold.amount // 2), then)
                case "release":
                    act(work, Release(id=hold.id), then)
                case "correct":
                    act(work, Capture(id=hold.id), then)
                    act(work, Correct(id=hold.id, amount=1), then)
                case _:
                    pass
        holds.append(hold.id)
    first, days = NOW.date() + timedelta(days=data.draw(st.integers(-1, 5))), 5
    last = first + timedelta(days=days)
    spent, open_held, numbers = Counter(), Counter(), 0
    with store.begin(tenant.scope) as work:
        known = {id: work.ledger.hold(id) for id in holds}
        for entry in work.ledger.journal(before=None, limit=1_000).items:
            posting = entry.posting
            if not first <= entry.at.date() <= last:
                continue
            if posting.credit is LedgerAccount.SPENT:
                spent[entry.at.date()] += posting.amount
                numbers += 1
            if posting.debit is LedgerAccount.SPENT:
                spent[entry.at.date()] -= posting.amount
            is_open = posting.hold and known[posting.hold].state is HoldState.HELD
            if posting.credit is LedgerAccount.HELD and is_open:
                open_held[entry.at.date()] += posting.amount
        for key in UsageKey:
            rows = work.usage.by(key, first, last, NOW)
            assert sum(row.captured for row in rows) == spent.total()
            assert sum(row.held for row in rows) == open_held.total()
            assert sum(row.number for row in rows) == numbers
            names = [row.key for row in rows]
            assert names == sorted(set(names), key=lambda name: (name is None, name or ""))
        by_day = {row.key: row for row in work.usage.by(UsageKey.DAY, first, last, NOW)}
        for day, amount in spent.items():
            assert by_day[day.isoformat()].captured == amount
        members = {row.key for row in work.usage.by(UsageKey.MEMBER, first, last, NOW)}
        assert members <= {hold.member for hold in known.values()}


def test_usage_is_told_by_day_by_who_asked_and_by_operation(store: Store):
    tenant = a_tenant(store, granted=100)
    late = NOW.replace(hour=23, minute=59, second=59, microsecond=999_999)
    hold = evolve(a_hold(5), member="mem_a", operation="ai_call")
    other = evolve(a_hold(7), member=None)
    with store.begin(tenant.scope) as work:
        act(work, hold, late)
        act(work, Capture(id=hold.id, amount=3), late + timedelta(microseconds=1))
        act(work, other, late)
    today, tomorrow = NOW.date(), NOW.date() + DAY
    with store.begin(tenant.scope) as work:
        by = partial(work.usage.by, now=NOW)
        told = [(r.key, r.captured, r.held, r.number) for r in by(UsageKey.DAY, today, tomorrow)]
        assert told == [(today.isoformat(), 0, 7, 0), (tomorrow.isoformat(), 3, 0, 1)]
        told = [(r.key, r.captured, r.held) for r in by(UsageKey.MEMBER, today, tomorrow)]
        assert told == [("mem_a", 3, 0), (None, 0, 7)]
        told = [(r.key, r.captured, r.held) for r in by(UsageKey.OPERATION, today, today)]
        assert told == [("deployment", 0, 7)]
    with store.begin(a_tenant(store).scope) as work:
        assert work.usage.by(UsageKey.DAY, today, tomorrow, NOW) == []


def test_what_a_lease_has_ended_is_held_by_nobody(store: Store):
    tenant = a_tenant(store, granted=100)
    hold = evolve(a_hold(5), lease_until=NOW + timedelta(seconds=30))
    with store.begin(tenant.scope) as work:
        act(work, hold, NOW)
    today = NOW.date()
    with store.begin(tenant.scope) as work:
        before, after = (
            [row.held for row in work.usage.by(UsageKey.DAY, today, today, NOW + age)]
            for age in (timedelta(seconds=29), timedelta(seconds=30))
        )
    assert before == [5]
    assert sum(after) == 0


def test_lots_are_listed_newest_first_also_the_empty_ones(store: Store):
    tenant = a_tenant(store)
    grants = [
        a_grant(5, effective_at=NOW - n * DAY, priority=n, unit_cost_micros=n) for n in range(4)
    ]
    grants.append(a_grant(5, effective_at=NOW - 9 * DAY, expires_at=NOW + DAY))
    with store.begin(tenant.scope) as work:
        for grant in grants:
            act(work, grant)
        act(work, a_hold(5))
        ended = a_grant(1, fact="plan:left", effective_at=NOW - 10 * DAY)
        act(work, ended)
        act(work, EndLot(fact="plan:left"))
    lots = [grant.lot for grant in (*grants, ended)]
    with store.begin(tenant.scope) as work:
        page = work.usage.lots(PageRequest(limit=3), NOW, is_open=False)
        assert [lot.id for lot in page.items] == [lot.id for lot in lots[:3]]
        assert page.has_more
        assert work.usage.is_lot(page.items[-1].id)
        assert not work.usage.is_lot(uuid4())
        asked = PageRequest(limit=3, after=page.items[-1].id)
        rest = work.usage.lots(asked, NOW, is_open=False)
        assert [lot.id for lot in rest.items] == [lot.id for lot in lots[3:]]
        assert not rest.has_more
        open_now = work.usage.lots(PageRequest(), NOW, is_open=True)
        assert [lot.id for lot in open_now.items] == [lot.id for lot in lots[1:5]]
        later = work.usage.lots(PageRequest(), NOW + DAY, is_open=True)
        assert [lot.id for lot in later.items] == [lot.id for lot in lots[1:4]]
        stranger = a_tenant(store)
    with store.begin(stranger.scope) as work:
        assert work.usage.lots(PageRequest(), NOW, is_open=False).items == ()
        assert not work.usage.is_lot(lots[0].id)


# Whose they are.


def test_another_organisation_neither_sees_nor_changes_them(store: Store):
    tenant, stranger = a_tenant(store, granted=5), a_tenant(store)
    team, gift = a_team(tenant, tenant.member), a_gift(tenant)
    quota = a_quota(tenant, Subject.member(tenant.member))
    hold = evolve(a_hold(5), member=name_of(tenant))
    with store.begin(tenant.scope) as work:
        work.teams.add(team)
        work.quotas.put(quota)
        work.gifts.add(gift)
        act(work, hold)
        work.quotas.attribute(hold.id, [team.id])
    for scope in (stranger.scope, Scope()):
        with store.begin(scope) as work:
            assert work.teams.get(team.id) is None
            assert work.teams.all() == []
            assert work.quotas.get(quota.subject, quota.window) is None
            assert work.quotas.all() == []
            assert work.gifts.get(gift.id) is None
        for write in (
            lambda work: work.teams.put(evolve(team, name="Mine")),
            lambda work: work.teams.add(a_team(tenant)),
            lambda work: work.quotas.put(quota),
            lambda work: work.gifts.add(a_gift(tenant)),
            lambda work: work.gifts.close(evolve(gift, state=GiftState.RETURNED, closed_at=NOW)),
        ):
            with pytest.raises(MisuseError), store.begin(scope) as work:
                write(work)
    with store.begin(stranger.scope) as work:
        assert not work.quotas.remove(quota.subject, quota.window)
        assert work.quotas.taken(quota, NOW, NOW) == Taken()
        team_quota = a_quota(stranger, Subject.team(team.id))
        assert work.quotas.taken(team_quota, NOW, NOW) == Taken()
        assert work.gifts.given_since(NOW) == 0
    with store.begin(tenant.scope) as work:
        assert work.teams.get(team.id) == team
        assert work.gifts.get(gift.id) == gift
