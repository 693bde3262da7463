"""Taking money, with every adapter that does."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from application.ports.payments import (
    Fee,
    NotPublishedError,
    Order,
    Page,
    PaymentForgedError,
    PaymentsRefusedError,
    RequestChangedError,
)
from domain.payment import About, CustomerId, PaymentEvent, PaymentId, Subject, SubscriptionId
from domain.settlement import PackState, Standing, State, SubscriptionState
from tests.contract.payers import PACK, TARIFF, APaymentsWorld

EVER = datetime(2026, 1, 1, tzinfo=UTC)


def an_order(world: APaymentsWorld, price: str = PACK.key) -> Order:
    return Order(
        customer=world.payments.create_customer("org_1", "Ada & Co", "customer"),
        price=price,
        is_recurring=price == TARIFF.key,
        reference="org_1",
        success_url="https://issue.example.com/done",
        cancel_url="https://issue.example.com/left",
    )


def a_page(world: APaymentsWorld, price: str = PACK.key, key: str = "page") -> Page:
    return world.payments.checkout(an_order(world, price), key)


def a_pack(state: State | None) -> PackState:
    assert isinstance(state, PackState)
    return state


def a_subscription(state: State | None) -> SubscriptionState:
    assert isinstance(state, SubscriptionState)
    return state


def test_the_same_key_opens_the_same_page(payments: APaymentsWorld):
    page = a_page(payments)
    assert a_page(payments) == page
    assert page.url.startswith("https://")
    assert page.url not in repr(page)
    assert page.expires_at > payments.now()
    assert a_page(payments, key="other").id != page.id


def test_a_key_is_for_one_request(payments: APaymentsWorld):
    order = an_order(payments)
    payments.payments.checkout(order, "page")
    with pytest.raises(RequestChangedError):
        payments.payments.checkout(evolve(order, success_url="https://else.example.com"), "page")


def test_what_is_not_for_sale_is_refused(payments: APaymentsWorld):
    with pytest.raises(NotPublishedError):
        a_page(payments, "tallystick_contract_pack_none")


def test_a_customer_whom_nobody_knows_is_refused_for_another_reason(payments: APaymentsWorld):
    order = evolve(an_order(payments), customer=CustomerId("cus_nobody"))
    with pytest.raises(PaymentsRefusedError) as refused:
        payments.payments.checkout(order, "page")
    assert not isinstance(refused.value, NotPublishedError)


def test_publishing_again_changes_nothing_and_a_new_price_is_the_one(payments: APaymentsWorld):
    assert not payments.payments.publish(PACK)
    dearer = evolve(PACK, amount_minor=3_900)
    assert payments.payments.publish(dearer)
    assert not payments.payments.publish(dearer)
    page = a_page(payments)
    assert (
        a_pack(payments.payments.state_of(Subject(About.CHECKOUT, page.id))).asked_minor == 3_900
    )


def test_a_page_that_is_not_paid_is_no_money(payments: APaymentsWorld):
    page = a_page(payments)
    state = a_pack(payments.payments.state_of(Subject(About.CHECKOUT, page.id)))
    assert state.money is None
    assert [*payments.payments.paid_since(EVER)] == []


def test_a_paid_page_is_money_however_it_is_asked_for(payments: APaymentsWorld):
    order = an_order(payments)
    page = payments.payments.checkout(order, "page")
    payment = payments.pay(page)
    state = a_pack(payments.payments.state_of(Subject(About.CHECKOUT, page.id)))
    assert state == payments.payments.state_of(Subject(About.PAYMENT, payment))
    assert state.customer == order.customer
    assert (state.price.key, state.price.amount_minor, state.price.currency) == (
        PACK.key, 2_900, "USD",
    )  # fmt: skip
    assert (state.quantity, state.asked_minor) == (1, 2_900)
    money = state.money
    assert money is not None
    assert (money.payment, money.amount_minor, money.currency) == (payment, 2_900, "USD")
    assert (money.refunded_minor, money.disputes) == (0, ())
    assert [*payments.payments.paid_since(EVER)] == [Subject(About.PAYMENT, payment)]


def test_money_that_is_on_its_way_is_none_until_it_arrives(payments: APaymentsWorld):
    page = a_page(payments)
    payments.promise(page)
    subject = Subject(About.CHECKOUT, page.id)
    assert a_pack(payments.payments.state_of(subject)).money is None
    assert [*payments.payments.paid_since(EVER)] == []
    payment = payments.arrive(page)
    money = a_pack(payments.payments.state_of(subject)).money
    assert money is not None
    assert money.payment == payment


def test_refunds_add_up(payments: APaymentsWorld):
    payment = payments.pay(a_page(payments))
    for amount, total in ((1_000, 1_000), (500, 1_500)):
        payments.refund(payment, amount)
        money = a_pack(payments.payments.state_of(Subject(About.PAYMENT, payment))).money
        assert money is not None
        assert money.refunded_minor == total


@pytest.mark.parametrize("is_won", [True, False])
def test_a_dispute_is_open_until_it_is_decided(payments: APaymentsWorld, is_won: bool):
    payment = payments.pay(a_page(payments))
    id = payments.dispute(payment)
    for expected in (None, is_won):
        state = a_pack(payments.payments.state_of(Subject(About.DISPUTE, id)))
        assert state.money is not None
        (dispute,) = state.money.disputes
        assert (dispute.id, dispute.is_won) == (id, expected)
        if expected is None:
            payments.decide(id, is_won=is_won)


def test_a_subscription_is_told_with_what_was_paid_for(payments: APaymentsWorld):
    order = an_order(payments, TARIFF.key)
    id = payments.pay(payments.payments.checkout(order, "page"))
    state = a_subscription(payments.payments.state_of(Subject(About.SUBSCRIPTION, id)))
    assert (state.id, state.customer, state.standing) == (
        SubscriptionId(id), order.customer, Standing.ACTIVE,
    )  # fmt: skip
    (invoice,) = state.invoices
    (line,) = invoice.lines
    assert (line.price.key, line.amount_minor, line.is_proration) == (TARIFF.key, 9_900, False)
    assert timedelta(days=28) <= line.end - line.start <= timedelta(days=31)
    assert invoice.paid_at is not None
    assert invoice.failed_at is None
    looked_at = a_subscription(payments.payments.state_of(Subject(About.INVOICE, invoice.id)))
    (again,) = looked_at.invoices
    assert again.money is not None
    assert again.money.payment == invoice.payment
    payments.cancel(order, id)
    ended = a_subscription(payments.payments.state_of(Subject(About.SUBSCRIPTION, id)))
    assert ended.standing is Standing.ENDED
    assert ended.ends_at is not None


def test_what_happened_is_told_from_the_oldest_on(payments: APaymentsWorld):
    payment = payments.pay(a_page(payments))
    payments.refund(payment, 1)
    told = [*payments.payments.events_since(EVER)]
    kinds = [event.kind for event in told]
    assert kinds.index("checkout.session.completed") < kinds.index("charge.refunded")
    for event in told:
        assert event.live is False
        if event.subject is not None:
            assert payments.payments.state_of(event.subject) is not None
    assert [*payments.payments.events_since(payments.now() + timedelta(days=1))] == []


def test_only_what_is_signed_in_time_is_the_providers_word(payments: APaymentsWorld):
    payments.pay(a_page(payments))
    event = next(iter(payments.payments.events_since(EVER)))
    body, signature = payments.signed(event)
    now = payments.now()
    told: PaymentEvent = payments.payments.event(body, signature, now)
    assert (told.id, told.kind, told.live) == (event.id, event.kind, False)
    assert payments.payments.event(body, signature, now + timedelta(seconds=300)) == told
    _, of_another = payments.signed(evolve(event, id="evt_other"))
    for forged, by, at in (
        (body + b" ", signature, now),
        (body, of_another, now),
        (body, "", now),
        (body, "t=1,v1=00", now),
        (b"\xff" + body, signature, now),
        (body, signature, now + timedelta(seconds=301)),
    ):
        with pytest.raises(PaymentForgedError):
            payments.payments.event(forged, by, at)


def test_what_nobody_knows_is_nothing_of_ours(payments: APaymentsWorld):
    assert payments.payments.state_of(Subject(About.PAYMENT, "pi_unknown")) is None
    assert payments.payments.state_of(Subject(About.CHECKOUT, "cs_unknown")) is None
    assert payments.payments.state_of(Subject(About.SUBSCRIPTION, "sub_unknown")) is None


def test_a_fee_is_billed_once(payments: APaymentsWorld):
    order = an_order(payments)
    fee = Fee(customer=order.customer, amount_minor=125, currency="USD", description="Deployment")
    first = payments.payments.bill(fee, "fee 1")
    assert payments.payments.bill(fee, "fee 1") == first
    assert payments.payments.bill(fee, "fee 2") != first


def test_the_portal_is_for_a_customer(payments: APaymentsWorld):
    order = an_order(payments)
    url = payments.payments.portal(order.customer, "https://issue.example.com")
    assert url.startswith("https://")


def test_invoices_are_told_page_by_page_and_to_their_customer_only(payments: APaymentsWorld):
    order = an_order(payments, TARIFF.key)
    stranger = payments.payments.create_customer("org_2", "Grace", "stranger")
    for number in range(3):
        payments.pay(payments.payments.checkout(order, f"page {number}"))
    found, has_more = payments.payments.invoices(order.customer, 2, None)
    assert (len(found), has_more) == (2, True)
    rest, has_more = payments.payments.invoices(order.customer, 2, found[-1].id)
    assert (len(rest), has_more) == (1, False)
    assert len({each.id for each in (*found, *rest)}) == 3
    assert {(each.total_minor, each.currency, each.state) for each in found} == {
        (9_900, "USD", "paid")
    }
    assert payments.payments.invoices(stranger, 2, None) == ([], False)
    assert not payments.payments.invoices(stranger, 2, found[-1].id)[0]


def test_a_payment_is_named_as_the_fact_it_is(payments: APaymentsWorld):
    payment = payments.pay(a_page(payments))
    money = a_pack(payments.payments.state_of(Subject(About.PAYMENT, payment))).money
    assert money is not None
    assert money.payment == PaymentId(payment)
