"""Who pays and how it went, in every store."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.storage.billing import (
    Billing,
    Checkout,
    Reconciliation,
    StaleStateError,
)
from application.ports.storage.work import Scope, Store
from domain.catalogue import PackName, TariffName
from domain.errors import LockOrderError, MisuseError
from domain.identifiers import HoldId, OperationId
from domain.ledger import HoldCredits
from domain.payment import (
    About,
    BillingFacts,
    CustomerId,
    Dispute,
    DisputeId,
    PaidPeriod,
    PaymentEvent,
    PaymentId,
    Purchase,
    Subject,
    Subscription,
    SubscriptionId,
)
from tests.contract.tenants import (
    NOW,
    BoomError,
    Tenant,
    a_grant,
    a_tenant,
    act,
    at_once,
    die_after,
)

DAY = timedelta(days=1)


def a_customer() -> CustomerId:
    return CustomerId(f"cus_{uuid4().hex}")


def an_event(**changes: object) -> PaymentEvent:
    event = PaymentEvent(
        id=f"evt_{uuid4().hex}",
        kind="invoice.paid",
        created_at=NOW,
        live=False,
        subject=Subject(About.INVOICE, "in_1"),
    )
    return evolve(event, **changes)


def a_purchase(**changes: object) -> Purchase:
    purchase = Purchase(
        payment=PaymentId(f"pi_{uuid4().hex}"),
        pack=PackName("small"),
        credits=500,
        amount_minor=2_900,
        currency="USD",
        paid_at=NOW,
        version=7,
    )
    return evolve(purchase, **changes)


def a_subscription(**changes: object) -> Subscription:
    subscription = Subscription(
        id=SubscriptionId(f"sub_{uuid4().hex}"),
        tariff=TariffName("starter"),
        period_start=NOW,
        period_end=NOW + 30 * DAY,
        version=7,
    )
    return evolve(subscription, **changes)


def a_period(of: Subscription, **changes: object) -> PaidPeriod:
    period = PaidPeriod(
        subscription=of.id,
        price="starter",
        tariff=of.tariff,
        start=of.period_start,
        end=of.period_end,
        payment=PaymentId("pi_1"),
        amount_minor=9_900,
        currency="USD",
        paid_at=NOW,
    )
    return evolve(period, **changes)


def a_dispute(**changes: object) -> Dispute:
    dispute = Dispute(id=DisputeId(f"dp_{uuid4().hex}"), payment=PaymentId("pi_1"), opened_at=NOW)
    return evolve(dispute, **changes)


def locked(store: Store, tenant: Tenant, write: Callable[[Billing], object]) -> None:
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        write(work.billing)


def test_a_customer_is_found_from_any_scope(store: Store):
    tenant, customer = a_tenant(store), a_customer()
    with store.begin(tenant.scope) as work:
        assert work.billing.customer() is None
        assert work.billing.lock() is None
        work.billing.bind(customer, NOW)
        work.billing.bind(customer, NOW + DAY)
        assert work.billing.customer() == customer
    with store.begin(tenant.scope) as work:
        assert work.billing.lock() == customer
    for scope in (Scope(), Scope.installation(), a_tenant(store).scope):
        with store.begin(scope) as work:
            assert work.billing.organisation_of(customer) == tenant.organisation
            assert work.billing.organisation_of(a_customer()) is None


def test_a_customer_and_an_organisation_are_bound_for_good(store: Store):
    tenant, other, customer = a_tenant(store), a_tenant(store), a_customer()
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        work.billing.bind(customer, NOW)
    with pytest.raises(MisuseError):
        locked(store, tenant, lambda billing: billing.bind(a_customer(), NOW))
    with pytest.raises(MisuseError):
        locked(store, other, lambda billing: billing.bind(customer, NOW))
    with store.begin(other.scope) as work:
        assert work.billing.customer() is None
        assert work.billing.organisation_of(customer) == tenant.organisation


def test_of_many_who_bind_at_once_one_does(store: Store):
    tenant = a_tenant(store)

    def bind() -> bool:
        with store.begin(tenant.scope) as work:
            if work.billing.lock() is not None:
                return False
            work.billing.bind(a_customer(), NOW)
            return True

    assert at_once([bind] * 6).count(True) == 1


def test_billing_is_locked_after_accounts_and_before_operations(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        work.accounts.lock(tenant.account)
        work.billing.lock()
        work.ledger.lock()
    with store.begin(tenant.scope) as work:
        work.deployments.lock(OperationId(uuid4()))
        with pytest.raises(LockOrderError):
            work.billing.lock()
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        with pytest.raises(LockOrderError):
            work.accounts.lock(tenant.account)


def test_nothing_is_written_without_the_lock(store: Store):
    tenant = a_tenant(store)
    known = a_subscription()
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        work.billing.put_subscription(known)
    for write in (
        lambda billing: billing.bind(a_customer(), NOW),
        lambda billing: billing.record(an_event(), NOW),
        lambda billing: billing.put_purchase(a_purchase()),
        lambda billing: billing.put_subscription(known),
        lambda billing: billing.put_period(a_period(known)),
        lambda billing: billing.put_dispute(a_dispute()),
    ):
        with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
            write(work.billing)


def test_an_event_is_recorded_once_and_only_with_its_effect(store: Store):
    tenant, event = a_tenant(store), an_event()

    def record(work):
        work.billing.lock()
        assert work.billing.record(event, NOW)

    with pytest.raises(BoomError):
        die_after(store, tenant.scope, record)
    with store.begin(Scope()) as work:
        assert not work.billing.is_recorded(event.id)
    with store.begin(tenant.scope) as work:
        record(work)
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        assert not work.billing.record(event, NOW + DAY)
        assert work.billing.record(an_event(subject=None), NOW)
    for scope in (Scope(), Scope.installation()):
        with store.begin(scope) as work:
            assert work.billing.is_recorded(event.id)
            assert not work.billing.is_recorded("evt_other")


def test_of_the_same_event_at_once_one_is_recorded(store: Store):
    tenant, event = a_tenant(store), an_event()

    def record() -> bool:
        with store.begin(tenant.scope) as work:
            work.billing.lock()
            return work.billing.record(event, NOW)

    assert at_once([record] * 6).count(True) == 1


def test_versions_only_rise_and_an_undone_one_is_not_drawn_again(store: Store):
    drawn = []

    def draw(work):
        drawn.append(work.billing.draw())

    for _ in range(3):
        with pytest.raises(BoomError):
            die_after(store, Scope(), draw)
        with store.begin(Scope.installation()) as work:
            draw(work)
    assert drawn == sorted(set(drawn))


def test_a_purchase_round_trips_and_what_was_paid_stays(store: Store):
    tenant, purchase = a_tenant(store), a_purchase()
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        assert work.billing.purchase(purchase.payment) is None
        work.billing.put_purchase(purchase)
        assert work.billing.purchase(purchase.payment) == purchase
    refunded = evolve(purchase, refunded_minor=2_900, version=8)
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        work.billing.put_purchase(refunded)
        work.billing.put_purchase(refunded)
    with store.begin(tenant.scope) as work:
        assert work.billing.purchase(purchase.payment) == refunded


def test_an_older_state_does_not_overwrite_a_later_one(store: Store):
    tenant, purchase, subscription = a_tenant(store), a_purchase(), a_subscription()
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        work.billing.put_purchase(purchase)
        work.billing.put_subscription(subscription)
    with pytest.raises(StaleStateError):
        locked(
            store,
            tenant,
            lambda billing: billing.put_purchase(evolve(purchase, version=6, refunded_minor=1)),
        )
    with pytest.raises(StaleStateError):
        locked(
            store,
            tenant,
            lambda billing: billing.put_subscription(
                evolve(subscription, version=6, cancelled_at=NOW)
            ),
        )
    with store.begin(tenant.scope) as work:
        assert work.billing.purchase(purchase.payment) == purchase
        assert work.billing.subscription(subscription.id) == subscription


def test_facts_are_all_subscriptions_and_disputes(store: Store):
    tenant = a_tenant(store)
    subscription = a_subscription(
        first_failure_at=NOW,
        cancelled_at=NOW + DAY,
        ends_at=NOW + 2 * DAY,
        ended_at=NOW + 2 * DAY,
        trial_ends_at=NOW + 3 * DAY,
        left_at=NOW + 4 * DAY,
    )
    other = a_subscription(tariff=TariffName("professional"))
    dispute, closed = a_dispute(), a_dispute(closed_at=NOW + DAY, is_won=False)
    with store.begin(tenant.scope) as work:
        assert work.billing.facts() == BillingFacts()
        work.billing.lock()
        for each in (subscription, other):
            work.billing.put_subscription(each)
        for found in (dispute, closed):
            work.billing.put_dispute(found)
        for days in (2, 5, 1):
            work.billing.put_purchase(a_purchase(paid_at=NOW + days * DAY))
        work.billing.put_purchase(a_purchase(paid_at=NOW + 6 * DAY, refunded_minor=2_900))
    with store.begin(tenant.scope) as work:
        facts = work.billing.facts()
        assert set(facts.subscriptions) == {subscription, other}
        assert set(facts.disputes) == {dispute, closed}
        assert facts.purchased_at == NOW + 5 * DAY
        assert set(work.billing.disputes(PaymentId("pi_1"))) == {dispute, closed}
        assert work.billing.disputes(PaymentId("pi_2")) == []
        work.billing.lock()
        won = evolve(dispute, closed_at=NOW + DAY, is_won=True)
        work.billing.put_dispute(won)
        assert won in work.billing.facts().disputes
    with store.begin(a_tenant(store).scope) as work:
        assert work.billing.facts() == BillingFacts()
        assert work.billing.subscription(subscription.id) is None
        assert work.billing.disputes(PaymentId("pi_1")) == []


def test_paid_periods_round_trip_in_their_order(store: Store):
    tenant, subscription = a_tenant(store), a_subscription()
    first = a_period(subscription)
    upgrade = a_period(
        subscription, price="professional", tariff=TariffName("professional"), paid_at=NOW + DAY
    )
    second = a_period(subscription, start=NOW + 30 * DAY, end=NOW + 60 * DAY, payment=None)
    with store.begin(tenant.scope) as work:
        work.billing.lock()
        work.billing.put_subscription(subscription)
        for period in (second, upgrade, first):
            work.billing.put_period(period)
    with store.begin(tenant.scope) as work:
        assert work.billing.periods(subscription.id) == [first, upgrade, second]
        work.billing.lock()
        granted = evolve(
            upgrade,
            payment=PaymentId("pi_2"),
            amount_minor=40_000,
            credits=2_250,
            refunded_minor=5,
            given_back=1_000,
        )
        work.billing.put_period(granted)
        assert work.billing.periods(subscription.id) == [first, granted, second]
        assert work.billing.periods(SubscriptionId("sub_other")) == []
    with pytest.raises(MisuseError):
        locked(
            store,
            tenant,
            lambda billing: billing.put_period(
                evolve(first, subscription=SubscriptionId("sub_other"))
            ),
        )


def test_a_checkout_is_kept_for_its_organisation(store: Store):
    tenant = a_tenant(store)
    checkout = Checkout(
        id=uuid4(),
        item="pack:small",
        session="cs_1",
        url="https://pay.example.com/1",
        expires_at=NOW + DAY,
        created_at=NOW,
    )
    with store.begin(tenant.scope) as work:
        work.billing.add_checkout(checkout)
    with store.begin(tenant.scope) as work:
        assert work.billing.checkout(checkout.id) == checkout
    with store.begin(a_tenant(store).scope) as work:
        assert work.billing.checkout(checkout.id) is None
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.billing.add_checkout(checkout)


def test_what_is_over_is_found_until_it_is_left(store: Store):
    over, running, left = a_tenant(store), a_tenant(store), a_tenant(store)
    ended = a_subscription(ends_at=NOW)
    for tenant, subscription in (
        (over, ended),
        (running, a_subscription(ends_at=NOW + timedelta(microseconds=1))),
        (left, a_subscription(ends_at=NOW, left_at=NOW)),
    ):
        with store.begin(tenant.scope) as work:
            work.billing.lock()
            work.billing.put_subscription(subscription)
    mine = {over.organisation, running.organisation, left.organisation}
    with store.begin(Scope()) as work:
        assert mine & {*work.billing.ended(NOW, 10_000)} == {over.organisation}
        assert work.billing.ended(NOW, 0) == []
    with store.begin(over.scope) as work:
        work.billing.lock()
        work.billing.put_subscription(evolve(ended, left_at=NOW))
        assert over.organisation not in work.billing.ended(NOW, 10_000)


def test_lots_that_money_paid_for_are_told_page_by_page(store: Store):
    tenants = [a_tenant(store), a_tenant(store)]
    expected = []
    for tenant in tenants:
        facts = [f"pack:{uuid4()}", f"plan:{uuid4()}:starter:2026", f"pack:{uuid4()}"]
        with store.begin(tenant.scope) as work:
            for fact in (*facts, "plan:free:org_1:2026-06", f"gift:{uuid4()}"):
                act(work, a_grant(5, fact=fact, effective_at=NOW))
            act(work, a_grant(5, fact=f"pack:{uuid4()}", effective_at=NOW - DAY))
            act(work, HoldCredits(id=HoldId(uuid4()), subject=uuid4(), amount=25))
        expected += [(tenant.organisation, fact) for fact in facts]
    mine = {tenant.organisation for tenant in tenants}
    found, after = [], None
    with store.begin(Scope()) as work:
        while page := work.billing.granted_since(NOW, after, 2):
            found += [each for each in page if each[0] in mine]
            after = page[-1]
    assert found == sorted(expected)


def test_the_newest_reconciliation_is_told(store: Store):
    tenant = a_tenant(store)
    first = Reconciliation(at=NOW, through=NOW - DAY, repaired=1, alarms=2)
    second = evolve(first, at=NOW + DAY, through=NOW)
    with store.begin(tenant.scope) as work:
        assert work.billing.last_reconciliation() is None
        for each in (second, first, evolve(second, repaired=9)):
            work.billing.add_reconciliation(each)
    with store.begin(tenant.scope) as work:
        assert work.billing.last_reconciliation() == second
