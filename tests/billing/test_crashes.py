"""Whoever dies at whichever call: one grant, exact; the same page; nothing half recorded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stripe.webhooks import KINDS
from application.billing.checkout import Item, customer_of
from application.once import Answered
from domain.catalogue import PackName, TariffName
from domain.errors import Refusal
from domain.identifiers import Prefix, public_id
from tests.application.house import examples
from tests.application.mortal import DEATHS, Death, Fate, Mortal, MortalStore
from tests.billing.histories import verify
from tests.billing.house import BillingHouse
from tests.contract.tenants import a_tenant
from tests.contract.test_store_fees import a_line

SMALL = Item(pack=PackName("small"))
#: More than the longest of them makes.
CALLS = 40
fates = st.dictionaries(st.integers(0, CALLS), st.sampled_from(DEATHS), max_size=3)


class Mortals:
    """A house whose store and provider's line die when they are told to."""

    def __init__(self) -> None:
        self.house = BillingHouse()
        self.store, self.payments = self.house.store, self.house.payments

    def meets(self, fate: Fate) -> None:
        self.house.store = MortalStore(self.store, fate)
        self.house.payments = Mortal(self.payments, fate)

    def lives_on(self) -> None:
        self.house.store, self.house.payments = self.store, self.payments


def until_alive(mortals, fate, act):
    """Repeat *act*, as whoever was not answered does, until it does not die."""
    mortals.meets(fate)
    for _ in range(5):
        try:
            answer = act()
        except Death:
            continue
        mortals.lives_on()
        return answer
    raise AssertionError("three deaths took more than four lives")


def deliver_all(mortals, fate):
    """Every event that concerns us, told again until it is taken."""
    house = mortals.house
    for event in [*house.payments.events_since(house.clock.now())]:
        until_alive(mortals, fate, lambda event=event: house.settle(event.subject, event))


@examples(60)
@given(schedule=fates)
def test_a_webhook_that_dies_anywhere_grants_once(schedule):
    mortals = Mortals()
    house = mortals.house
    organisation = house.register()
    payment = house.buy(organisation)
    house.subscribe(organisation, "professional")
    fate = Fate(schedule)
    deliver_all(mortals, fate)
    house.stripe.control.refund(payment, 1_000)
    house.stripe.control.dispute(payment)
    deliver_all(mortals, fate)
    verify(house, organisation)
    assert house.tariff(organisation) == "professional"


@examples(40)
@given(schedule=fates)
def test_a_checkout_that_dies_anywhere_is_one_page(schedule):
    mortals = Mortals()
    house = mortals.house
    organisation = house.register()
    answer = until_alive(
        mortals, Fate(schedule), lambda: house.start_checkout(organisation, SMALL, "key")
    )
    again = house.start_checkout(organisation, SMALL, "key")
    assert isinstance(answer, Answered)
    assert isinstance(again, Answered)
    assert answer.value == again.value
    assert again.replayed
    assert [each["id"] for each in house.stripe.account.all("checkout.session")] == [
        answer.value.session
    ]
    with house.store.begin(house.caller(organisation).scope) as work:
        assert work.billing.customer() is not None


@examples(40)
@given(schedule=fates)
def test_a_comparison_that_dies_anywhere_grants_what_was_paid_once(schedule):
    mortals = Mortals()
    house = mortals.house
    organisation = house.register()
    payment = house.buy(organisation, "large")
    house.subscribe(organisation)
    house.stripe.control.refund(payment, 500)
    # No webhook ever came.
    until_alive(mortals, Fate(schedule), house.reconcile)
    verify(house, organisation)
    assert house.reconcile().events == house.reconcile().payments == 0
    assert house.alarms.sounded == []


@examples(30)
@given(schedule=fates)
def test_publishing_that_dies_anywhere_sells_each_item_once(schedule):
    mortals = Mortals()
    house = mortals.house
    until_alive(mortals, Fate(schedule), house.publish)
    prices = [each["lookup_key"] for each in house.stripe.account.all("price")]
    assert sorted(prices) == sorted(set(prices))
    assert len(prices) == 4


@examples(30)
@given(schedule=fates)
def test_leaving_that_dies_anywhere_happens_once(schedule):
    mortals = Mortals()
    house = mortals.house
    organisation = house.register()
    subscription = house.subscribe(organisation)
    house.reconcile()
    house.stripe.control.cancel_subscription(subscription)
    house.reconcile()
    # What is paid for is given.
    assert house.leave_ended() == 0
    house.stripe.control.advance(32 * 86_400)
    assert house.tariff(organisation) == "starter"
    until_alive(mortals, Fate(schedule), house.leave_ended)
    assert house.tariff(organisation) == "free"
    assert house.leave_ended() == 0


@examples(30)
@given(schedule=fates)
def test_fees_that_die_anywhere_are_charged_once(schedule):
    mortals = Mortals()
    house = mortals.house
    tenant, without_customer = a_tenant(house.store), a_tenant(house.store)
    customer_of(house.store, house.payments, tenant.organisation, house.clock, "key")
    lines = [a_line(house.store, tenant, amount_minor=amount) for amount in (125, 0, 7)]
    lines.append(a_line(house.store, tenant, amount_minor=9, live=True))
    for line in (*lines, a_line(house.store, tenant)):
        with house.store.begin(tenant.scope) as work:
            work.fees.add(line)
    owed = a_line(house.store, without_customer, amount_minor=5)
    with house.store.begin(without_customer.scope) as work:
        work.fees.add(owed)
    until_alive(mortals, Fate(schedule), house.charge_fees)
    assert house.charge_fees() == 0
    items = [*house.stripe.account.all("invoiceitem")]
    assert sorted((each["amount"], each["currency"]) for each in items) == [
        (7, "usd"),
        (125, "usd"),
    ]
    with house.store.begin(tenant.scope) as work:
        billed = {line.fact: work.fees.get(line.fact).invoice_item for line in lines}
    assert {item for item in billed.values() if item} == {each["id"] for each in items}


def test_a_fee_that_is_refused_keeps_nobody_else_from_being_charged():
    house = BillingHouse()
    tenants = sorted((a_tenant(house.store) for _ in range(2)), key=lambda each: each.organisation)
    for tenant in tenants:
        key = str(tenant.organisation)
        customer_of(house.store, house.payments, tenant.organisation, house.clock, key)
        with house.store.begin(tenant.scope) as work:
            work.fees.add(a_line(house.store, tenant, amount_minor=7))
    first, second = tenants
    with house.store.begin(first.scope) as work:
        gone = work.billing.customer()
    house.stripe.account.get("customer", gone)["deleted"] = True
    assert house.charge_fees() == 1
    (item,) = house.stripe.account.all("invoiceitem")
    with house.store.begin(second.scope) as work:
        assert item["customer"] == work.billing.customer()
    assert [(code, subject) for code, subject, _ in house.alarms.sounded] == [
        ("fee_refused", public_id(Prefix.ORGANISATION, first.organisation))
    ]


@pytest.mark.parametrize("kind", ["error_before", "error_after", "lost_before", "lost_after"])
@pytest.mark.parametrize("where", ["/v1/customers", "/v1/checkout/sessions", "/v1/prices"])
def test_an_answer_that_gets_lost_leads_to_the_same_page(kind, where):
    house = BillingHouse()
    organisation = house.register()
    house.stripe.control.break_requests(kind, where=where)
    first = house.start_checkout(organisation, SMALL, "key")
    assert isinstance(first, Refusal)
    assert first.code == "payments_unavailable"
    again = house.start_checkout(organisation, SMALL, "key")
    if kind == "error_after" and where != "/v1/prices":
        # Stripe repeats its own 500 to the same key for a day: whoever asks takes a new one.
        assert isinstance(again, Refusal)
        again = house.start_checkout(organisation, SMALL, "another key")
    assert isinstance(again, Answered)


def test_the_same_key_for_something_else_is_refused():
    house = BillingHouse()
    organisation = house.register()
    house.start_checkout(organisation, SMALL, "key")
    answer = house.start_checkout(organisation, Item(tariff=TariffName("starter")), "key")
    assert isinstance(answer, Refusal)
    assert answer.code == "idempotency_key_reused"


def test_every_event_that_concerns_us_is_settled():
    """None of the kinds that an endpoint is told to ask for is ignored."""
    house = BillingHouse()
    organisation = house.register()
    house.buy(organisation)
    found = [*house.payments.events_since(house.clock.now())]
    assert found
    assert all(event.subject is not None and event.kind in KINDS for event in found)
