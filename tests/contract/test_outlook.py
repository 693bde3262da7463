"""What a forecast is made from, in every store."""

from datetime import timedelta

from attrs import evolve

from application.credits.outlook import Outlook, history, outlook
from application.ports.storage.work import Store
from domain.errors import Refusal
from domain.forecast import HORIZON, LONGEST_HISTORY_DAYS, Quantile
from domain.ledger import Capture, Correct, Source
from domain.payment import Subscription, SubscriptionId
from tests.catalogue import STARTER, TOKENS
from tests.contract.tenants import NOW, Tenant, a_grant, a_hold, a_tenant, act

DAY = timedelta(days=1)


def spent(store: Store, tenant: Tenant, amount: int, when) -> None:
    hold = a_hold(amount)
    with store.begin(tenant.scope) as work:
        act(work, evolve(hold, member="mem_1"), when)
        act(work, Capture(id=hold.id), when)


def seen(store: Store, tenant: Tenant, now) -> Outlook:
    with store.begin(tenant.scope) as work:
        found = outlook(work, TOKENS, now)
    assert not isinstance(found, Refusal)
    return found


def with_a_pack(store: Store, amount: int) -> Tenant:
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        act(work, a_grant(amount, source=Source.PACK, priority=40))
    return tenant


def test_history_has_whole_days_without_gaps_from_the_second_on(store: Store):
    tenant = with_a_pack(store, 1_000)
    spent(store, tenant, 50, NOW)
    for day in (1, 3, 4):
        spent(store, tenant, day, NOW + day * DAY)
    now = NOW + 4 * DAY
    with store.begin(tenant.scope) as work:
        found = history(work, NOW, now)
        assert (found.first_day, found.spent) == ((NOW + DAY).date(), (1, 0, 3))
        assert history(work, NOW, NOW).spent == ()
        long_after = history(work, NOW, NOW + 400 * DAY)
    assert len(long_after.spent) == LONGEST_HISTORY_DAYS
    assert long_after.first_day == (NOW + (400 - LONGEST_HISTORY_DAYS) * DAY).date()


def test_a_day_of_corrections_has_spent_nothing(store: Store):
    tenant = with_a_pack(store, 100)
    hold = a_hold(10)
    with store.begin(tenant.scope) as work:
        act(work, hold, NOW + DAY)
        act(work, Capture(id=hold.id), NOW + DAY)
        act(work, Correct(id=hold.id, amount=4), NOW + 2 * DAY)
        assert history(work, NOW, NOW + 3 * DAY).spent == (10, 0)


def test_the_tariff_goes_on_giving_until_somebody_has_cancelled(store: Store):
    tenant = with_a_pack(store, 2_000)
    for day in range(1, 15):
        spent(store, tenant, 7, NOW + day * DAY)
    now = NOW + 15 * DAY
    free = seen(store, tenant, now)
    assert free.monthly_credits == 25
    subscription = Subscription(
        id=SubscriptionId("sub_1"),
        tariff=STARTER,
        period_start=NOW,
        period_end=NOW + 30 * DAY,
        version=1,
    )
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        work.organisations.set_tariff(STARTER)
        work.billing.put_subscription(subscription)
    paid = seen(store, tenant, now)
    assert paid.monthly_credits == 250
    assert paid.forecast.runs_out_at == dict.fromkeys(Quantile)
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        ends = evolve(subscription, ends_at=NOW + 30 * DAY, cancelled_at=now, version=2)
        work.billing.put_subscription(ends)
    cancelled = seen(store, tenant, now)
    assert cancelled.monthly_credits == 0
    p50 = cancelled.forecast.runs_out_at[Quantile.P50]
    assert p50 is not None
    assert now < p50 < now + HORIZON
