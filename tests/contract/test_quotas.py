"""Quotas and alerts where holds are made, on every store."""

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.clock import MemoryClock
from adapters.system import SystemIdentifiers
from adapters.system.group_commit import GroupCommit
from application.access.caller import Caller
from application.audit.trail import Trail
from application.credits.post import Order, post, post_all
from application.credits.quotas import standings
from application.metered.serve import ServeTurn
from application.metered.spend import SpendCredits
from application.metered.usage import Answer, HoldUsage, Served
from application.once import Answered
from application.people.teams_and_quotas import ChangeQuotas, ChangeTeams
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Scope, Store, Work
from domain.abuse import AbuseRules
from domain.audit import Actor
from domain.errors import Refusal
from domain.identifiers import HoldId, MemberId, Prefix, TeamId, UserId, public_id
from domain.ledger import Capture, Command, Correct, Grant, HoldCredits, Lot, Release, Source
from domain.organisation import PERMISSIONS, Member, Organisation, Role, User
from domain.payment import Subscription, SubscriptionId
from domain.quota import Quota, Standing, Subject, Team, Window
from tests.catalogue import STARTER, TOKENS
from tests.contract.tenants import FREE, NOW, Tenant, a_grant, a_tenant, act, at_once
from tests.contract.test_store_access import a_key
from tests.strategies import examples

DAY = timedelta(days=1)
FINGERPRINT = b"f" * 32
IDENTIFIERS = SystemIdentifiers(MemoryClock(NOW))

drawn = settings(suppress_health_check=list(HealthCheck), deadline=None)


def name_of(member: MemberId) -> str:
    return public_id(Prefix.MEMBER, member)


def a_trail(tenant: Tenant) -> Trail:
    actor = Actor("member", name_of(tenant.member))
    return Trail(identifiers=IDENTIFIERS, organisation=tenant.organisation, actor=actor)


def a_hold(amount: int, member: MemberId) -> HoldCredits:
    return HoldCredits(id=HoldId(uuid4()), subject=uuid4(), amount=amount, member=name_of(member))


def do(store: Store, tenant: Tenant, command: Command, now=NOW) -> Refusal | None:
    with store.begin(tenant.scope) as work:
        trail = a_trail(tenant)
        refusal = post(work, trail, command, now)
        trail.write(work)
    return refusal


def limit(store: Store, tenant: Tenant, subject: Subject, most: int, window=Window.DAY) -> Quota:
    quota = Quota(
        organisation=tenant.organisation, subject=subject, window=window, limit=most, set_at=NOW
    )
    with store.begin(tenant.scope) as work:
        work.ledger.lock()
        work.quotas.put(quota)
    return quota


def a_team(store: Store, tenant: Tenant, *members: MemberId) -> Team:
    team = Team(
        organisation=tenant.organisation,
        id=TeamId(uuid4()),
        name="Ops",
        members=frozenset(members),
        created_at=NOW,
    )
    with store.begin(tenant.scope) as work:
        work.ledger.lock()
        work.teams.add(team)
    return team


def standing(store: Store, tenant: Tenant, quota: Quota, now=NOW) -> Standing:
    with store.begin(tenant.scope) as work:
        (found,) = standings(work, [quota], now)
    return found


def code_of(answer: object) -> str | None:
    assert answer is None or isinstance(answer, Refusal), answer
    return answer.code if answer else None


def alerts(store: Store, tenant: Tenant) -> list[tuple[str, object]]:
    with store.begin(tenant.scope) as work:
        return [
            (event.action, event.content()["details"]["percent"])
            for event in work.audit.all(limit=10_000)
            if event.action.startswith("balance.")
        ]


# Where holds are made.


def test_a_hold_above_what_is_left_is_refused_and_changes_nothing(store: Store):
    tenant = a_tenant(store, granted=100)
    quota = limit(store, tenant, Subject.member(tenant.member), 10)
    first = a_hold(7, tenant.member)
    assert do(store, tenant, first) is None
    assert code_of(do(store, tenant, a_hold(4, tenant.member))) == "quota_exceeded"
    assert do(store, tenant, a_hold(3, tenant.member)) is None
    # Others are not bound by it, and a repeated hold is no second one.
    assert do(store, tenant, a_hold(50, MemberId(uuid4()))) is None
    assert do(store, tenant, first) is None
    assert standing(store, tenant, quota).taken.held == 10
    with store.begin(tenant.scope) as work:
        assert work.ledger.balance().available == 100 - 7 - 3 - 50


def test_what_is_given_back_is_free_in_the_window_it_was_taken_in(store: Store):
    tenant = a_tenant(store, granted=100)
    quota = limit(store, tenant, Subject.member(tenant.member), 10)
    today, partly, wrong = (a_hold(n, tenant.member) for n in (5, 3, 2))
    for hold in (today, partly, wrong):
        assert do(store, tenant, hold) is None
    tomorrow = NOW + DAY
    assert do(store, tenant, a_hold(10, tenant.member), tomorrow) is None
    do(store, tenant, Release(id=today.id), tomorrow)
    do(store, tenant, Capture(id=partly.id, amount=1), tomorrow)
    do(store, tenant, Capture(id=wrong.id), tomorrow)
    do(store, tenant, Correct(id=wrong.id, amount=1), tomorrow)
    assert standing(store, tenant, quota, tomorrow).left == 0
    assert code_of(do(store, tenant, a_hold(1, tenant.member), tomorrow)) == "quota_exceeded"
    before = standing(store, tenant, quota)
    # The day itself ends at midnight: what tomorrow took counts as since then, too.
    assert before.taken.used == 2
    assert before.taken.held == 10


def test_several_holds_of_one_transaction_share_a_quota(store: Store):
    tenant = a_tenant(store, granted=100)
    team = a_team(store, tenant, tenant.member)
    quota = limit(store, tenant, Subject.team(team.id), 10, Window.MONTH)
    limit(store, tenant, Subject.member(tenant.member), 100, Window.MONTH)
    with store.begin(tenant.scope) as work:
        trail = a_trail(tenant)
        orders = [Order(trail=trail, command=a_hold(4, tenant.member)) for _ in range(4)]
        outcomes = post_all(work, orders, NOW)
        trail.write(work)
    assert [code_of(outcome.refusal) for outcome in outcomes] == [
        None, None, "quota_exceeded", "quota_exceeded",
    ]  # fmt: skip
    assert standing(store, tenant, quota).taken.held == 8


def test_a_team_shares_its_quota_whoever_joins_or_leaves(store: Store):
    tenant = a_tenant(store, granted=100)
    friend = MemberId(uuid4())
    team = a_team(store, tenant, tenant.member, friend)
    limit(store, tenant, Subject.team(team.id), 10)
    assert do(store, tenant, a_hold(6, tenant.member)) is None
    assert code_of(do(store, tenant, a_hold(5, friend))) == "quota_exceeded"
    with store.begin(tenant.scope) as work:
        work.ledger.lock()
        work.teams.put(evolve(team, members=frozenset({friend})))
    assert code_of(do(store, tenant, a_hold(5, friend))) == "quota_exceeded"
    assert do(store, tenant, a_hold(50, tenant.member)) is None
    assert do(store, tenant, a_hold(4, friend)) is None
    with store.begin(tenant.scope) as work:
        work.ledger.lock()
        work.teams.put(evolve(team, dissolved_at=NOW))
    assert do(store, tenant, a_hold(5, friend)) is None


def test_a_period_is_the_subscriptions(store: Store):
    tenant = a_tenant(store)
    do(store, tenant, a_grant(100, effective_at=NOW - 30 * DAY))
    quota = limit(store, tenant, Subject.member(tenant.member), 10, Window.PERIOD)
    assert standing(store, tenant, quota).since == NOW.replace(day=1, hour=0)
    begins = NOW - 3 * DAY
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        work.billing.put_subscription(
            Subscription(
                id=SubscriptionId("sub_1"),
                tariff=STARTER,
                period_start=begins,
                period_end=NOW + 27 * DAY,
                version=1,
            )
        )
    assert standing(store, tenant, quota).since == begins
    assert do(store, tenant, a_hold(10, tenant.member), begins - DAY) is None
    assert do(store, tenant, a_hold(10, tenant.member)) is None
    assert code_of(do(store, tenant, a_hold(1, tenant.member))) == "quota_exceeded"


def test_a_quota_that_is_set_later_counts_what_was_taken_before(store: Store):
    tenant = a_tenant(store, granted=100)
    team = a_team(store, tenant, tenant.member)
    do(store, tenant, a_hold(8, tenant.member))
    for subject in (Subject.member(tenant.member), Subject.team(team.id)):
        quota = limit(store, tenant, subject, 10)
        assert standing(store, tenant, quota).left == 2
    assert code_of(do(store, tenant, a_hold(3, tenant.member))) == "quota_exceeded"


def test_i15_however_many_threads_no_more_than_the_quota_is_captured(store: Store):
    tenant = a_tenant(store, granted=10_000)
    friend = MemberId(uuid4())
    team = a_team(store, tenant, tenant.member, friend)
    own = limit(store, tenant, Subject.member(tenant.member), 60)
    shared = limit(store, tenant, Subject.team(team.id), 90, Window.MONTH)

    def spend(number: int) -> Counter[str]:
        done: Counter[str] = Counter()
        who = (tenant.member, friend)[number % 2]
        for turn in range(6):
            hold = a_hold(5, who)
            if do(store, tenant, hold) is not None:
                done["refused"] += 1
            elif (number + turn) % 3:
                assert do(store, tenant, Capture(id=hold.id, amount=4)) is None
                done[f"captured {number % 2}"] += 4
            else:
                assert do(store, tenant, Release(id=hold.id)) is None
        return done

    counts = sum(at_once([lambda n=n: spend(n) for n in range(8)]), Counter())
    assert counts["refused"] > 0
    assert counts["captured 0"] <= 60
    assert counts["captured 0"] + counts["captured 1"] <= 90
    assert standing(store, tenant, own).taken.used == counts["captured 0"]
    team_used = standing(store, tenant, shared).taken
    assert (team_used.held, team_used.used) == (0, counts["captured 0"] + counts["captured 1"])


def keys_of(store: Store, tenant: Tenant, number: int) -> list[str]:
    """Names of API keys that the tenant's member has made."""
    keys = [a_key(tenant) for _ in range(number)]
    with store.begin(tenant.scope) as work:
        for key in keys:
            work.api_keys.add(key)
    return [public_id(Prefix.API_KEY, key.id) for key in keys]


def test_i15_a_member_and_their_three_keys_share_one_quota_however_many_threads(store: Store):
    """By deployments and by metered calls, in two processes.  What is counted is the answers."""
    tenant = a_tenant(store, granted=10_000)
    names = [name_of(tenant.member), *keys_of(store, tenant, 3)]
    own = limit(store, tenant, Subject.member(tenant.member), 60)
    month = limit(store, tenant, Subject.member(tenant.member), 61, Window.MONTH)
    processes = [metered(store), metered(store)]

    def spend(number: int) -> Counter[str]:
        done: Counter[str] = Counter()
        name = names[number % 4]
        for turn in range(6):
            if turn % 2:
                answer = processes[number % 2](
                    key_caller(tenant, name), a_report(f"{number}/{turn}"), live=False
                )
                done["refused" if isinstance(answer, Refusal) else "metered"] += 1
                continue
            hold = evolve(a_hold(5, tenant.member), member=name)
            if do(store, tenant, hold) is not None:
                done["refused"] += 1
            elif turn == 2:
                assert do(store, tenant, Release(id=hold.id)) is None
            else:
                assert do(store, tenant, Capture(id=hold.id, amount=4)) is None
                done["captured"] += 4
        return done

    counts = sum(at_once([lambda n=n: spend(n) for n in range(12)]), Counter())
    assert counts["refused"] > 0
    taken = counts["captured"] + REPORT * counts["metered"]
    assert 50 < taken <= 60
    for quota in (own, month):
        seen = standing(store, tenant, quota).taken
        assert (seen.held, seen.used) == (REPORT * counts["metered"], counts["captured"])
    left = 60 - taken
    for name in [*names, *keys_of(store, tenant, 1)]:
        hold = evolve(a_hold(left + 1, tenant.member), member=name)
        assert code_of(do(store, tenant, hold)) == "quota_exceeded"


#: Credits of one in the catalogue.
REPORT = 2


def a_report(name: str) -> HoldUsage:
    return HoldUsage(
        key=IdempotencyKey(live=False, route="usage", key=name),
        fingerprint=name.encode().ljust(32),
        operation="report",
    )


def key_caller(tenant: Tenant, name: str) -> Caller:
    is_key = name.startswith(Prefix.API_KEY)
    return Caller(
        organisation=tenant.organisation,
        actor=Actor("api_key" if is_key else "member", name),
        permissions=PERMISSIONS[Role.OWNER],
        live=False if is_key else None,
        request_id="req_1",
        member=tenant.member,
        user=None if is_key else tenant.user,
    )


@settings(drawn, max_examples=examples(15))
@given(
    acts=st.lists(
        st.tuples(
            st.sampled_from(["hold", "capture", "release", "correct", "day", "lower"]),
            st.integers(1, 9),
        ),
        max_size=25,
    )
)
def test_i15_in_any_history_a_day_never_captures_more_than_its_limit(
    store: Store, acts: list[tuple[str, int]]
):
    tenant = a_tenant(store, granted=10_000)
    subject = Subject.member(tenant.member)
    most, now = 20, NOW
    limit(store, tenant, subject, most)
    #: By the day a hold was taken in: what is held or captured of it.
    taken: dict[HoldId, tuple[int, int]] = {}
    limits = {0: most}
    day, open_holds, captured = 0, [], []
    for act_, number in acts:
        match act_:
            case "hold":
                hold = a_hold(number, tenant.member)
                refusal = do(store, tenant, hold, now)
                used = sum(amount for when, amount in taken.values() if when == day)
                assert (code_of(refusal) == "quota_exceeded") == (used + number > most)
                if refusal is None:
                    taken[hold.id] = (day, number)
                    open_holds.append(hold.id)
            case "capture" if open_holds:
                id = open_holds.pop(number % len(open_holds))
                amount = min(number, taken[id][1])
                assert do(store, tenant, Capture(id=id, amount=amount), now) is None
                taken[id] = (taken[id][0], amount)
                captured.append(id)
            case "release" if open_holds:
                id = open_holds.pop(number % len(open_holds))
                do(store, tenant, Release(id=id), now)
                del taken[id]
            case "correct" if captured:
                id = captured.pop()
                do(store, tenant, Correct(id=id, amount=taken[id][1]), now)
                del taken[id]
            case "day":
                day, now = day + 1, now + DAY
                limits[day] = most
            case "lower":
                most = number
                limit(store, tenant, subject, most)
                limits[day] = max(limits[day], most)
            case _:
                pass
    for each, highest in limits.items():
        assert sum(amount for when, amount in taken.values() if when == each) <= highest


# Metered holds, many in one transaction.


def metered(store: Store) -> SpendCredits:
    turn = ServeTurn(
        store=store,
        clock=MemoryClock(NOW),
        identifiers=IDENTIFIERS,
        catalogue=TOKENS,
        rules=AbuseRules(),
    )
    return SpendCredits(together=GroupCommit(turn))


def test_metered_holds_of_one_turn_share_the_quotas_of_member_and_team(store: Store):
    tenant = a_tenant(store, granted=1_000)
    caller = Owner(store, tenant).caller
    team = a_team(store, tenant, tenant.member)
    own = limit(store, tenant, Subject.member(tenant.member), 11)
    shared = limit(store, tenant, Subject.team(team.id), 12, Window.MONTH)
    spend = metered(store)

    def hold(number: int) -> Answer:
        usage = HoldUsage(
            key=IdempotencyKey(live=False, route="usage", key=f"key-{number}"),
            fingerprint=bytes([number]) * 32,
            operation="report",
        )
        return spend(caller, usage, live=False)

    answers = at_once([lambda number=number: hold(number) for number in range(8)])
    assert Counter(isinstance(each, Served) for each in answers) == {True: 5, False: 3}
    assert {code_of(each) for each in answers if isinstance(each, Refusal)} == {"quota_exceeded"}
    assert standing(store, tenant, own).taken.held == 10
    assert standing(store, tenant, shared).taken.held == 10


# Teams and quotas as their owners change them.


class Owner:
    """A member of *tenant*, in a role."""

    def __init__(self, store: Store, tenant: Tenant, role: Role = Role.OWNER) -> None:
        self.store, self.tenant = store, tenant
        clock = MemoryClock(NOW)
        self.caller = Caller(
            organisation=tenant.organisation,
            actor=Actor("member", name_of(tenant.member)),
            permissions=PERMISSIONS[role],
            live=None,
            request_id="req_1",
            member=tenant.member,
            user=tenant.user,
        )
        self.teams = ChangeTeams(store=store, clock=clock, identifiers=IDENTIFIERS)
        self.quotas = ChangeQuotas(store=store, clock=clock, identifiers=IDENTIFIERS)

    def key(self, name: str) -> IdempotencyKey:
        return IdempotencyKey(live=False, route="people", key=name)

    def create(self, *members: MemberId, name: str = "Ops", key: str = "1"):
        return self.teams.create(self.caller, name, frozenset(members), self.key(key), FINGERPRINT)

    def pass_on(self, to: MemberId, amount: int, window=Window.DAY, key: str = "1"):
        return self.quotas.pass_on(
            self.caller, to, window, amount, self.key(key), f"{to}{amount}".encode()
        )

    def told(self) -> list[str]:
        with self.store.begin(self.tenant.scope) as work:
            return [event.action for event in work.audit.all(limit=100)]


def with_a_friend(store: Store) -> tuple[Tenant, MemberId]:
    """An organisation of two; there is no invitation yet, so the second one registers into it."""
    tenant = a_tenant(store, granted=1_000)
    user, member = UserId(uuid4()), MemberId(uuid4())
    scope = Scope(organisation=tenant.organisation, user=user)
    second = Member(
        organisation=tenant.organisation,
        id=member,
        user=user,
        role=Role.ISSUER,
        created_at=NOW,
    )
    with store.begin(scope) as work:
        work.users.add(
            User(id=user, email=f"{user}@example.com", password_hash="hash", created_at=NOW)
        )
        join(work, second)
    return tenant, member


def join(work: Work, member: Member) -> None:
    """What an invitation does."""
    work.members.add(member)


def test_a_team_is_made_changed_and_dissolved_and_each_is_told(store: Store):
    tenant, friend = with_a_friend(store)
    owner = Owner(store, tenant)
    made = owner.create(tenant.member)
    assert isinstance(made, Answered)
    assert owner.create(tenant.member) == evolve(made, replayed=True)
    id = made.value.id
    changed = owner.teams.change(owner.caller, id, None, frozenset({friend}))
    assert changed == evolve(made.value, members=frozenset({friend}))
    renamed = owner.teams.change(owner.caller, id, "Deployers", None)
    assert renamed == evolve(changed, name="Deployers")
    assert owner.teams.change(owner.caller, id, "Deployers", None) == renamed
    gone = owner.teams.dissolve(owner.caller, id)
    assert gone == evolve(renamed, dissolved_at=NOW)
    for again in (
        owner.teams.dissolve(owner.caller, id),
        owner.teams.change(owner.caller, id, "x", None),
        owner.quotas.set(owner.caller, Subject.team(id), Window.DAY, 1),
    ):
        assert code_of(again) == "not_found"
    assert owner.told() == ["team.created", "team.changed", "team.changed", "team.dissolved"]


def test_a_team_has_members_of_its_own_organisation_only(store: Store):
    tenant, stranger = a_tenant(store), a_tenant(store)
    owner = Owner(store, tenant)
    assert code_of(owner.create(stranger.member)) == "member_not_found"
    team = owner.create(key="2").value
    changed = owner.teams.change(owner.caller, team.id, None, frozenset({stranger.member}))
    assert code_of(changed) == "member_not_found"
    other = Owner(store, stranger)
    assert code_of(other.teams.change(other.caller, team.id, "Mine", None)) == "not_found"
    assert code_of(other.teams.dissolve(other.caller, team.id)) == "not_found"


def test_a_quota_is_set_lowered_and_removed_and_each_is_told(store: Store):
    tenant = a_tenant(store, granted=100)
    owner, subject = Owner(store, tenant), Subject.member(tenant.member)
    do(store, tenant, a_hold(8, tenant.member))
    for most, left in ((10, 2), (10, 2), (5, 0)):
        now = owner.quotas.set(owner.caller, subject, Window.DAY, most)
        assert isinstance(now, Standing)
        assert (now.limit, now.left) == (most, left)
    assert code_of(do(store, tenant, a_hold(1, tenant.member))) == "quota_exceeded"
    assert owner.quotas.remove(owner.caller, subject, Window.DAY) is None
    assert code_of(owner.quotas.remove(owner.caller, subject, Window.DAY)) == "not_found"
    assert do(store, tenant, a_hold(1, tenant.member)) is None
    told = [action for action in owner.told() if action.startswith("quota.")]
    assert told == ["quota.set", "quota.set", "quota.removed"]


def test_a_quota_is_for_somebody_of_the_organisation(store: Store):
    tenant, stranger = a_tenant(store), a_tenant(store)
    owner, other = Owner(store, tenant), Owner(store, stranger)
    team = other.create().value
    for subject in (Subject.member(stranger.member), Subject.team(team.id)):
        assert code_of(owner.quotas.set(owner.caller, subject, Window.DAY, 1)) == "not_found"
        assert other.quotas.set(other.caller, subject, Window.DAY, 1)
        assert code_of(owner.quotas.remove(owner.caller, subject, Window.DAY)) == "not_found"


@pytest.mark.parametrize("role", list(Role))
def test_owner_and_billing_may_change_them(store: Store, role: Role):
    tenant = a_tenant(store)
    member = Owner(store, tenant, role)
    subject = Subject.member(tenant.member)
    answers = [
        member.create(),
        member.quotas.set(member.caller, subject, Window.DAY, 5),
        member.quotas.remove(member.caller, subject, Window.DAY),
    ]
    may = role in {Role.OWNER, Role.BILLING}
    assert [isinstance(each, Refusal) for each in answers] == [not may] * 3
    if not may:
        assert {code_of(each) for each in answers} == {"forbidden"}


def test_a_member_passes_on_a_part_of_what_is_left_for_this_window(store: Store):
    tenant, friend = with_a_friend(store)
    owner = Owner(store, tenant)
    mine = limit(store, tenant, Subject.member(tenant.member), 10)
    theirs = limit(store, tenant, Subject.member(friend), 5)
    do(store, tenant, a_hold(4, tenant.member))
    assert code_of(owner.pass_on(friend, 7)) == "quota_exceeded"
    given = owner.pass_on(friend, 5, key="2")
    assert isinstance(given, Answered)
    assert (given.value.limit, given.value.left) == (5, 1)
    assert owner.pass_on(friend, 5, key="2") == evolve(given, replayed=True)
    assert standing(store, tenant, theirs).limit == 10
    assert code_of(do(store, tenant, a_hold(2, tenant.member))) == "quota_exceeded"
    assert do(store, tenant, a_hold(10, friend)) is None
    assert code_of(do(store, tenant, a_hold(1, friend))) == "quota_exceeded"
    # Limits, not balances: tomorrow is another window.
    tomorrow = NOW + DAY
    assert standing(store, tenant, mine, tomorrow).limit == 10
    assert standing(store, tenant, theirs, tomorrow).limit == 5
    with store.begin(tenant.scope) as work:
        assert work.ledger.balance().available == 1_000 - 4 - 10


def test_there_must_be_two_quotas_to_move_between(store: Store):
    tenant, friend = with_a_friend(store)
    owner = Owner(store, tenant)
    assert code_of(owner.pass_on(tenant.member, 1, key="1")) == "gift_to_self"
    assert code_of(owner.pass_on(MemberId(uuid4()), 1, key="2")) == "member_not_found"
    assert code_of(owner.pass_on(friend, 1, key="3")) == "quota_not_set"
    limit(store, tenant, Subject.member(tenant.member), 10)
    assert code_of(owner.pass_on(friend, 1, key="4")) == "quota_not_set"
    limit(store, tenant, Subject.member(friend), 0)
    assert isinstance(owner.pass_on(friend, 1, key="5"), Answered)
    assert code_of(owner.pass_on(friend, 1, Window.MONTH, key="6")) == "quota_not_set"


# Alerts.


def test_a_threshold_is_told_in_the_transaction_that_crosses_it(store: Store):
    tenant = a_tenant(store)
    do(store, tenant, a_grant(100))
    holds = [a_hold(amount, tenant.member) for amount in (79, 1, 15, 5)]
    for hold, told in zip(
        holds,
        (
            [],
            [("balance.low", 20)],
            [("balance.low", 20), ("balance.low", 5)],
            [("balance.low", 20), ("balance.low", 5), ("balance.exhausted", 0)],
        ),
        strict=True,
    ):
        do(store, tenant, hold)
        assert alerts(store, tenant) == told
    do(store, tenant, Release(id=holds[0].id))
    do(store, tenant, a_hold(79, tenant.member))
    assert len(alerts(store, tenant)) == 3


def test_what_a_new_month_gives_in_the_same_transaction_is_there_before_it_is_told(store: Store):
    tenant = a_tenant(store)
    do(store, tenant, a_grant(100, expires_at=NOW + DAY))
    later = NOW + 2 * DAY
    with store.begin(tenant.scope) as work:
        trail = a_trail(tenant)
        orders = [
            Order(trail=trail, command=a_grant(50, effective_at=later)),
            Order(trail=trail, command=a_hold(5, tenant.member)),
        ]
        post_all(work, orders, later)
        trail.write(work)
    assert alerts(store, tenant) == []
    do(store, tenant, a_hold(35, tenant.member), later)
    assert alerts(store, tenant) == [("balance.low", 20)]


def test_what_expires_is_told_although_the_command_is_refused(store: Store):
    tenant = a_tenant(store)
    do(store, tenant, a_grant(100, expires_at=NOW + DAY))
    assert code_of(do(store, tenant, a_hold(1, tenant.member), NOW + DAY)) is not None
    assert alerts(store, tenant) == [("balance.exhausted", 0)]


def test_one_process_tells_what_another_has_not(store: Store):
    tenant = a_tenant(store)
    lot = Lot(
        id=a_grant(1).lot.id,
        source=Source.PACK,
        priority=40,
        amount=100,
        remaining=100,
        effective_at=NOW,
        fact="pack:1",
    )
    do(store, tenant, Grant(lot=lot, is_granted_before=False))
    at_once([lambda: do(store, tenant, a_hold(10, tenant.member))] * 10)
    assert alerts(store, tenant) == [("balance.low", 20), ("balance.exhausted", 0)]


def test_an_organisation_that_registers_is_not_told_of_nothing(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        assert isinstance(work.organisations.get(), Organisation)
        assert work.organisations.get().tariff == FREE
        act(work, a_grant(5))
    assert alerts(store, tenant) == []
