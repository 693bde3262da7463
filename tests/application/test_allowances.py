"""Monthly credits as an organisation sees them: two years of changing tariffs."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from application.credits.allowance import GiveAllowances, lot_due
from application.ports.storage.work import Scope
from domain.catalogue import TariffName
from domain.errors import Refusal
from domain.identifiers import INSTALLATION
from domain.ledger import Source
from domain.payment import Subscription, SubscriptionId
from tests.application.house import House, examples
from tests.catalogue import ENTERPRISE, FREE, PROFESSIONAL, STARTER, TOKENS

#: By hand: spec/credits.md.
CREDITS = {FREE: 25, STARTER: 250, PROFESSIONAL: 2_500, ENTERPRISE: 10_000}

changes = st.tuples(
    st.integers(0, 60),
    st.sampled_from([*CREDITS, "sweep", "deploy", "look"]),
)


def sweep(house):
    give = GiveAllowances(
        store=house.store,
        catalogue=house.catalogue,
        clock=house.clock,
        identifiers=house.identifiers,
    )
    return give()


def plan_grants(house):
    """Credits of the plan granted, by month, from the journal."""
    found = {}
    for entry in house.journal():
        if entry.posting.debit.value == "issued:plan":
            found.setdefault(month(entry.at), []).append(entry.posting.amount)
    return found


def month(instant):
    return instant.astimezone(UTC).strftime("%Y-%m")


@examples(60)
@given(st.lists(changes, min_size=1, max_size=24))
def test_each_month_gives_once_the_most_that_was_due(story):
    """Twenty-four changes, at most sixty days apart: about two years."""
    house = House()
    organisation = house.registered.organisation.id
    tariff, given_ = FREE, {month(house.clock.now()): 25}
    for days, act in story:
        house.pass_time(timedelta(days=days))
        now = month(house.clock.now())
        if act == "look":
            continue
        if act in CREDITS:
            tariff = act
            assert not isinstance(house.set_tariff(organisation, tariff, "so it is"), Refusal)
        entitled = max(given_.get(now, 0), CREDITS[tariff])
        if act == "sweep":
            assert sweep(house) == (1 if entitled > given_.get(now, 0) else 0)
        if act == "deploy":
            assert not isinstance(house.cancel(house.deploy().id), Refusal)
        given_[now] = entitled
    assert {month: sum(each) for month, each in plan_grants(house).items()} == given_
    house.is_intact()


def test_a_month_begins_with_its_credits_though_nothing_was_swept():
    house = House()
    for _ in range(5):
        house.deploy()
    house.work_until_done()
    assert house.credits == (0, 0, 25)
    house.clock.instant = first_of_next_month(house)
    house.deploy()
    assert house.credits == (20, 5, 25)
    house.is_intact()


def test_what_was_not_used_is_over_when_the_month_is():
    house = House()
    house.clock.instant = first_of_next_month(house)
    house.deploy()
    assert house.credits == (20, 5, 0)
    actions = [(e.posting.action, e.posting.amount, e.actor.partition(":")[0])
               for e in house.journal()]  # fmt: skip
    assert actions == [
        ("credits.granted", 25, "worker"),
        ("credits.expired", 25, "worker"),
        ("credits.granted", 25, "worker"),
        ("credits.held", 5, "member"),
    ]


def test_the_last_instant_of_a_month_is_the_month_s():
    house = House()
    house.clock.instant = first_of_next_month(house) - timedelta(microseconds=1)
    house.deploy()
    assert list(plan_grants(house).values()) == [[25]]


def test_an_upgrade_gives_the_difference_and_a_downgrade_takes_nothing():
    house = House()
    id = house.registered.organisation.id
    house.set_tariff(id, STARTER, "up")
    assert house.wallet.available == 250
    house.set_tariff(id, FREE, "down")
    assert house.wallet.available == 250
    house.set_tariff(id, STARTER, "up again")
    assert house.wallet.available == 250
    house.set_tariff(id, PROFESSIONAL, "and up")
    assert house.wallet.available == 2_500
    assert list(plan_grants(house).values()) == [[25, 225, 2_250]]
    house.clock.instant = first_of_next_month(house)
    sweep(house)
    assert house.wallet.available == 2_500


def test_the_sweep_gives_to_everybody_and_once():
    house = House()
    others = [house.neighbour(f"n{number}@example.com") for number in range(3)]
    house.clock.instant = first_of_next_month(house)
    assert sweep(house) == 4
    assert sweep(house) == 0
    assert [each.wallet.available for each in (house, *others)] == [25] * 4


def test_the_installation_is_given_nothing():
    house = House()
    with house.store.begin(Scope.installation()) as work:
        assert lot_due(work, TOKENS, house.clock.now()) is None
    sweep(house)
    with house.store.begin(Scope.installation()) as work:
        assert work.ledger.balance().available == 0
    assert house.registered.organisation.id != INSTALLATION


def test_whoever_pays_for_periods_is_given_nothing_by_the_month():
    house = House()
    subscribe(house, STARTER, days=40)
    house.clock.instant = first_of_next_month(house)
    assert sweep(house) == 0
    assert house.wallet.available == 25, "as it was written, and over"
    with house.store.begin(house.scope) as work:
        assert lot_due(work, house.catalogue, house.clock.now()) is None


def test_what_is_owed_is_not_given_by_the_month_instead():
    house = House()
    subscribe(house, STARTER, days=3)
    house.pass_time(timedelta(days=35))
    assert sweep(house) == 0


def test_after_a_subscription_is_over_the_first_tariff_gives_though_nobody_has_noticed():
    house = House()
    subscription = subscribe(house, STARTER, days=3, ends=True)
    house.clock.instant = first_of_next_month(house)
    assert subscription.is_over(house.clock.now())
    assert sweep(house) == 1
    assert list(plan_grants(house).values())[-1] == [25]


def test_a_tariff_that_is_not_sold_gives_nothing():
    house = House()
    with house.store.begin(house.scope) as work:
        work.organisations.set_tariff(TariffName("gold"))
    house.clock.instant = first_of_next_month(house)
    assert sweep(house) == 0


def test_a_tariff_that_is_not_sold_is_not_set():
    house = House()
    refused = house.set_tariff(house.registered.organisation.id, TariffName("gold"), "why not")
    assert refused.code == "unknown_tariff"
    assert "free, starter, professional, enterprise" in refused.detail


def subscribe(house, tariff, days, *, ends=False):
    now = house.clock.now()
    subscription = Subscription(
        id=SubscriptionId("sub_1"),
        tariff=tariff,
        period_start=now,
        period_end=now + timedelta(days=days),
        ends_at=now + timedelta(days=days) if ends else None,
        version=1,
    )
    with house.store.begin(house.scope) as work:
        work.billing.lock()
        work.billing.put_subscription(subscription)
        work.organisations.set_tariff(tariff)
    return subscription


def first_of_next_month(house):
    now = house.clock.now()
    following = now.replace(day=1) + timedelta(days=32)
    return datetime(following.year, following.month, 1, tzinfo=UTC)


def test_credits_of_a_plan_burn_before_others():
    house = House()
    house.grant(100)
    house.clock.instant = first_of_next_month(house)
    house.deploy()
    (plan,) = [lot for lot in house.wallet.lots if lot.source is Source.PLAN]
    assert plan.remaining == 20
