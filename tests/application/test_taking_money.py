"""What is given for money, and what is not: each rule by itself."""

from datetime import timedelta

import pytest
from attrs import evolve

from adapters.memory.alarms import MemoryAlarms
from adapters.memory.clock import MemoryClock
from adapters.memory.identifiers import MemoryIdentifiers
from adapters.memory.payments import MemoryPayments
from adapters.memory.storage import MemoryStore
from adapters.memory.storage.ledger import MemoryLedger
from application.billing.checkout import customer_of
from application.billing.leave import LeaveEnded
from application.billing.publish import PublishCatalogue
from application.billing.reconcile import Reconcile
from application.billing.settle import Outcome, Settle
from application.ports.payments import Order, Priced
from application.ports.storage.work import Scope
from domain.catalogue import PackName
from domain.identifiers import LotId, Prefix, public_id
from domain.ledger import Grant, Lot, Source
from domain.payment import Purchase, SubscriptionId
from tests.catalogue import TOKENS
from tests.contract.tenants import a_tenant, act

SMALL, STARTER, PROFESSIONAL = (
    "tallystick_tokens_pack_small",
    "tallystick_tokens_tariff_starter",
    "tallystick_tokens_tariff_professional",
)


class Till:
    def __init__(self):
        self.clock = MemoryClock()
        self.store = MemoryStore(lease_clock=self.clock.seconds)
        self.identifiers = MemoryIdentifiers(self.clock)
        self.alarms = MemoryAlarms()
        self.payments = MemoryPayments(self.clock.now)
        PublishCatalogue(payments=self.payments, catalogue=TOKENS)()
        self.tenant = a_tenant(self.store)
        self.customer = customer_of(
            self.store, self.payments, self.tenant.organisation, self.clock, "customer"
        )
        self._pages = 0

    @property
    def settle(self):
        return Settle(
            store=self.store,
            payments=self.payments,
            catalogue=TOKENS,
            alarms=self.alarms,
            clock=self.clock,
            identifiers=self.identifiers,
        )

    def page(self, price=SMALL, customer=None):
        self._pages += 1
        order = Order(
            customer=customer or self.customer,
            price=price,
            is_recurring="tariff" in price,
            reference="org_1",
            success_url="",
            cancel_url="",
        )
        return self.payments.checkout(order, f"page {self._pages}").id

    def tell(self, event):
        return self.settle(event.subject, event)

    def subscribe(self, price=STARTER):
        page = self.page(price)
        self.tell(self.payments.pay(page))
        return SubscriptionId(self.payments.subscription_of(page))

    @property
    def available(self):
        with self.store.begin(self.tenant.scope) as work:
            return work.ledger.balance().available

    @property
    def debt(self):
        with self.store.begin(self.tenant.scope) as work:
            return work.ledger.balance().debt

    @property
    def tariff(self):
        with self.store.begin(self.tenant.scope) as work:
            return work.organisations.get().tariff

    @property
    def subscription(self):
        with self.store.begin(self.tenant.scope) as work:
            (found,) = work.billing.facts().subscriptions
        return found


@pytest.fixture
def till():
    return Till()


def test_a_page_that_nobody_pays_gives_nothing(till):
    till.page()
    page = till.page()
    assert till.tell(till.payments.promise(page)).granted == 0
    assert till.available == 0


def test_money_that_arrives_days_later_gives_then(till):
    page = till.page()
    till.tell(till.payments.promise(page))
    till.clock.advance(timedelta(days=3))
    assert till.tell(till.payments.arrive(page)).granted == 1
    assert till.available == 500


def test_a_repeated_event_is_known_and_another_one_of_the_same_payment_gives_nothing(till):
    page = till.page()
    event = till.payments.pay(page)
    assert till.tell(event).outcome is Outcome.DONE
    assert till.tell(event).outcome is Outcome.KNOWN
    again = till.tell(evolve(event, id="evt_other", kind="payment_intent.succeeded"))
    assert (again.outcome, again.granted) == (Outcome.DONE, 0)
    assert till.available == 500


def test_an_event_that_concerns_nobody_is_recorded_and_changes_nothing(till):
    event = evolve(till.payments.pay(till.page()), subject=None, kind="customer.created")
    assert till.tell(event).outcome is Outcome.FOREIGN
    assert till.tell(event).outcome is Outcome.KNOWN
    assert till.available == 0


def test_money_of_a_customer_who_is_nobodys_is_told_to_a_person(till):
    stranger = till.payments.create_customer("org_1", "Ada & Co", "stranger")
    assert till.tell(till.payments.pay(till.page(customer=stranger))).outcome is Outcome.FOREIGN
    assert [code for code, _, _ in till.alarms.sounded] == ["payment_mismatch"]
    assert till.available == 0


@pytest.mark.parametrize(
    "wrong", [{"amount_minor": 1}, {"amount_minor": 2_901}, {"currency": "EUR"}], ids=str
)
def test_another_amount_or_currency_than_the_catalogues_gives_nothing(till, wrong):
    till.payments.prices[SMALL] = evolve(till.payments.prices[SMALL], **wrong)
    assert till.tell(till.payments.pay(till.page())).granted == 0
    assert [code for code, _, _ in till.alarms.sounded] == ["payment_mismatch"]
    assert till.available == 0


def test_a_pack_that_is_not_in_the_catalogue_gives_nothing(till):
    till.payments.publish(
        Priced(key="other", name="other", amount_minor=2_900, currency="USD", is_recurring=False)
    )
    assert till.tell(till.payments.pay(till.page("other"))).granted == 0
    assert till.available == 0


def test_a_refund_takes_its_share_rounded_down(till):
    page = till.page()
    till.tell(till.payments.pay(page))
    payment = till.payments.payment_of(page)
    # 500 × 100 / 2900 = 17.2…
    till.tell(till.payments.refund(payment, 100))
    assert till.available == 483
    till.tell(till.payments.refund(payment, -100))
    assert till.available == 500
    till.tell(till.payments.refund(payment, 2_900))
    assert (till.available, till.debt) == (0, 0)


def test_a_dispute_takes_all_and_gives_back_when_it_is_won(till):
    page = till.page()
    till.tell(till.payments.pay(page))
    till.payments.refund(till.payments.payment_of(page), 1_450)
    dispute = till.payments.dispute(till.payments.payment_of(page))
    till.tell(till.payments.events[-1])
    assert till.available == 0
    till.tell(till.payments.close(dispute, is_won=True))
    assert till.available == 250


def test_a_lost_dispute_keeps_all(till):
    page = till.page()
    till.tell(till.payments.pay(page))
    dispute = till.payments.dispute(till.payments.payment_of(page))
    till.tell(till.payments.close(dispute, is_won=False))
    assert till.available == 0


def test_a_period_is_given_when_it_is_paid_for_and_not_before(till):
    id = till.subscribe()
    assert (till.available, till.tariff) == (250, "starter")
    till.clock.advance(timedelta(days=30))
    till.tell(till.payments.renew(id, is_paid=False))
    # The old period is over, and the new one is not paid for.
    assert till.available == 0
    assert till.subscription.first_failure_at == till.clock.now()
    till.clock.advance(timedelta(days=2))
    till.tell(till.payments.recover(id))
    assert till.subscription.first_failure_at is None
    assert till.available == 250


def test_an_upgrade_gives_the_difference(till):
    id = till.subscribe()
    till.clock.advance(timedelta(days=10))
    till.tell(till.payments.upgrade(id, PROFESSIONAL))
    assert (till.available, till.tariff) == (2_500, "professional")


def test_a_refunded_period_takes_its_share(till):
    id = till.subscribe()
    (invoice,) = till.payments._subscriptions[id].invoices
    till.tell(till.payments.refund(invoice.payment, 9_900))
    assert till.available == 0


def test_a_cancellation_ends_the_tariff_when_what_is_paid_for_is_over(till):
    id = till.subscribe()
    till.clock.advance(timedelta(days=3))
    till.tell(till.payments.cancel(id, till.clock.now()))
    assert till.subscription.ends_at == till.subscription.period_end
    assert till.tariff == "starter"


def test_what_the_ledger_refuses_is_told_to_a_person(till):
    """A payment is recorded, its lot is not there: there is nothing to take back from."""
    page = till.page()
    payment = till.payments.pay(page) and till.payments.payment_of(page)
    with till.store.begin(till.tenant.scope) as work:
        work.billing.lock()
        work.billing.put_purchase(
            Purchase(
                payment=payment,
                pack=PackName("small"),
                credits=500,
                amount_minor=2_900,
                currency="USD",
                paid_at=till.clock.now(),
                version=0,
            )
        )
    till.tell(till.payments.refund(payment, 2_900))
    ((code, subject, detail),) = till.alarms.sounded
    assert (code, detail) == (
        "settlement_refused",
        f"grant_not_found: nothing was granted for pack:{payment}",
    )
    assert subject == public_id(Prefix.ORGANISATION, till.tenant.organisation)


def test_a_grant_that_nobody_paid_for_is_told_and_taken_from_nobody(till):
    lot = Lot(
        id=LotId(till.identifiers.next()),
        source=Source.PACK,
        priority=40,
        amount=500,
        remaining=500,
        effective_at=till.clock.now(),
        fact="pack:pi_forged",
    )
    with till.store.begin(till.tenant.scope) as work:
        act(work, Grant(lot=lot, is_granted_before=False), till.clock.now())
    compared = Reconcile(
        store=till.store,
        payments=till.payments,
        settle=till.settle,
        alarms=till.alarms,
        clock=till.clock,
    )()
    assert compared.unpaid == ((till.tenant.organisation, "pack:pi_forged"),)
    assert [code for code, _, _ in till.alarms.sounded] == ["granted_unpaid"]
    assert till.available == 500


def test_what_one_pays_the_neighbour_does_not_have(till):
    neighbour = a_tenant(till.store)
    till.tell(till.payments.pay(till.page()))
    with till.store.begin(neighbour.scope) as work:
        assert work.ledger.balance().available == 0
        assert work.billing.facts().purchased_at is None
    with till.store.begin(Scope(organisation=till.tenant.organisation)) as work:
        assert work.billing.facts().purchased_at == till.clock.now()


def test_what_was_paid_and_of_which_no_event_is_left_is_given_by_comparing(till):
    till.payments.pay(till.page())
    till.payments.events.clear()
    compare = Reconcile(
        store=till.store,
        payments=till.payments,
        settle=till.settle,
        alarms=till.alarms,
        clock=till.clock,
    )
    compared = compare()
    assert (compared.events, compared.payments, compared.unpaid) == (0, 1, ())
    assert till.available == 500
    till.clock.advance(timedelta(days=1))
    assert compare().payments == 0
    assert till.available == 500


def test_a_pack_that_expires_is_good_for_its_days_from_the_payment(till):
    packs = {name: evolve(pack, days=10) for name, pack in TOKENS.packs.items()}
    page = till.page()
    event = till.payments.pay(page)
    paid_at = till.clock.now()
    till.clock.advance(timedelta(days=2))
    settle = evolve(till.settle, catalogue=evolve(TOKENS, packs=packs))
    settle(event.subject, event)
    with till.store.begin(till.tenant.scope) as work:
        (lot,) = work.ledger.lock().lots
    assert lot.expires_at == paid_at + timedelta(days=10)
    assert (lot.unit_cost_micros, lot.currency) == (58_000, "USD")


def test_disputes_are_kept_as_facts(till):
    page = till.page()
    till.tell(till.payments.pay(page))
    till.payments.dispute(till.payments.payment_of(page))
    till.tell(till.payments.events[-1])
    with till.store.begin(till.tenant.scope) as work:
        (dispute,) = work.billing.facts().disputes
    assert (dispute.closed_at, dispute.is_won) == (None, None)


HOUR = timedelta(hours=1)


@pytest.fixture
def slow_wallet(till, monkeypatch):
    """Whoever takes a wallet's lock first in a transaction has waited for it for an hour."""
    locked, begun = MemoryLedger._locked, set()

    def after_an_hour(ledger):
        if ledger._transaction not in begun:
            begun.add(ledger._transaction)
            till.clock.advance(HOUR)
        return locked(ledger)

    monkeypatch.setattr(MemoryLedger, "_locked", after_an_hour)


def journal(till):
    with till.store.begin(till.tenant.scope) as work:
        return work.ledger.journal(before=None, limit=100).items


def test_what_is_granted_is_granted_when_the_wallet_is_ours(till, slow_wallet):
    page = till.page()
    event = till.payments.pay(page)
    asked_at = till.clock.now()
    till.tell(event)
    assert [each.at for each in journal(till)] == [asked_at + HOUR]


def test_who_leaves_does_so_when_the_wallet_is_theirs(till, slow_wallet):
    id = till.subscribe()
    till.tell(till.payments.cancel(id, till.clock.now()))
    till.clock.advance(timedelta(days=40))
    asked_at = till.clock.now()
    leave = LeaveEnded(
        store=till.store, catalogue=TOKENS, clock=till.clock, identifiers=till.identifiers
    )
    assert leave() == 1
    assert till.subscription.left_at == asked_at + HOUR
