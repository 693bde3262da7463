"""What fetched objects mean: each rule by itself, on values."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from domain.payment import CustomerId, PaymentId, SubscriptionId, taken_back, unit_cost_micros
from domain.settlement import (
    InvoiceState,
    ItemPrice,
    Line,
    Mismatch,
    Money,
    PackFacts,
    PackState,
    Standing,
    SubscriptionState,
    of_pack,
    of_subscription,
)
from tests.catalogue import TOKENS

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
SMALL = ItemPrice(key="tallystick_tokens_pack_small", amount_minor=2_900, currency="USD")
STARTER = ItemPrice(key="tallystick_tokens_tariff_starter", amount_minor=9_900, currency="USD")
ENTERPRISE = ItemPrice(
    key="tallystick_tokens_tariff_enterprise", amount_minor=199_900, currency="USD"
)
MONEY = Money(payment=PaymentId("pi_1"), amount_minor=2_900, currency="USD", paid_at=NOW)
PACK = PackState(
    customer=CustomerId("cus_1"), price=SMALL, quantity=1, asked_minor=2_900, money=MONEY
)


def a_subscription(price: ItemPrice = STARTER, *, amount: int | None = None, **changes: object):
    line = Line(
        price=price,
        start=NOW,
        end=NOW + MONTH,
        amount_minor=price.amount_minor if amount is None else amount,
    )
    state = SubscriptionState(
        id=SubscriptionId("sub_1"),
        customer=CustomerId("cus_1"),
        standing=Standing.ACTIVE,
        price=price,
        invoices=(InvoiceState(id="in_1", lines=(line,), paid_at=NOW, payment=PaymentId("pi_1")),),
    )
    return of_subscription(evolve(state, **changes), TOKENS, None, (), 1)


def test_a_pack_is_what_the_catalogue_says():
    facts = of_pack(PACK, TOKENS, None, 1)
    assert isinstance(facts, PackFacts)
    assert (facts.purchase.credits, facts.purchase.fact) == (500, "pack:pi_1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": 2},
        {"asked_minor": 2_899},
        {"price": evolve(SMALL, amount_minor=2_899)},
        {"price": evolve(SMALL, currency="EUR")},
        {"price": evolve(SMALL, key="tallystick_other_pack_small")},
        {"money": evolve(MONEY, amount_minor=2_899)},
        {"money": evolve(MONEY, currency="EUR")},
    ],
    ids=str,
)
def test_whatever_differs_from_the_catalogue_is_a_mismatch(wrong):
    found = of_pack(evolve(PACK, **wrong), TOKENS, None, 1)
    assert isinstance(found, Mismatch)
    assert found.subject == "pi_1"


def test_taxes_may_come_on_top_of_a_pack():
    facts = of_pack(evolve(PACK, money=evolve(MONEY, amount_minor=3_451)), TOKENS, None, 1)
    assert isinstance(facts, PackFacts)
    assert facts.purchase.amount_minor == 3_451


def test_what_is_known_stays_as_it_was_sold():
    facts = of_pack(PACK, TOKENS, None, 1)
    assert isinstance(facts, PackFacts)
    sold = evolve(facts.purchase, credits=400)
    again = of_pack(evolve(PACK, asked_minor=1), TOKENS, sold, 2)
    assert isinstance(again, PackFacts)
    assert (again.purchase.credits, again.purchase.version, again.pack) == (400, 2, None)


def test_a_tariff_whose_price_is_agreed_upon_may_cost_more_and_never_less():
    for amount, is_sold in ((199_900, True), (250_000, True), (199_899, False)):
        found = a_subscription(evolve(ENTERPRISE, amount_minor=amount))
        assert bool(found.periods) is is_sold
        assert bool(found.mismatches) is not is_sold
    assert not a_subscription(evolve(STARTER, amount_minor=10_000)).periods


def test_a_period_is_sold_at_the_price_and_for_nothing_else():
    assert not a_subscription(amount=9_800).periods
    assert a_subscription(amount=9_800).mismatches
    assert not a_subscription(evolve(STARTER, currency="EUR")).periods


def test_a_subscription_of_which_nothing_was_paid_is_no_fact():
    assert a_subscription(invoices=()).subscription is None
    unpaid = InvoiceState(id="in_1", lines=(), paid_at=None, failed_at=NOW)
    assert a_subscription(invoices=(unpaid,), standing=Standing.OWED).subscription is None


def test_a_trial_is_a_period_that_gives_nothing():
    tried = a_subscription(
        invoices=(), standing=Standing.TRIAL, trial_start=NOW, trial_end=NOW + MONTH
    )
    assert tried.subscription is not None
    assert tried.subscription.trial_ends_at == NOW + MONTH
    assert tried.periods == ()


def test_the_first_failure_is_that_of_the_oldest_invoice_that_is_owed():
    paid = InvoiceState(
        id="in_1",
        lines=(Line(price=STARTER, start=NOW, end=NOW + MONTH, amount_minor=9_900),),
        paid_at=NOW,
    )
    owed = [
        InvoiceState(id=f"in_{days}", lines=(), paid_at=None, failed_at=NOW + timedelta(days=days))
        for days in (40, 31)
    ]
    found = a_subscription(invoices=(paid, *owed), standing=Standing.OWED).subscription
    assert found is not None
    assert found.first_failure_at == NOW + timedelta(days=31)
    recovered = a_subscription(invoices=(paid, *owed)).subscription
    assert recovered is not None
    assert recovered.first_failure_at is None


def test_what_is_paid_for_is_given_also_when_it_is_ended_before():
    ended = a_subscription(
        standing=Standing.ENDED, ends_at=NOW + timedelta(days=1), cancelled_at=NOW
    ).subscription
    assert ended is not None
    assert ended.ends_at == NOW + MONTH


@pytest.mark.parametrize(
    ("amount_minor", "currency", "granted", "micros"),
    [
        (2_900, "USD", 500, 58_000),
        (7_900, "USD", 2_000, 39_500),
        (4_000, "JPY", 500, 8_000_000),
        (9_000, "KWD", 1_000, 9_000),
        (100, "USD", 3, 333_333),
    ],
)
def test_what_a_credit_cost(amount_minor, currency, granted, micros):
    assert unit_cost_micros(amount_minor, currency, granted) == micros


@pytest.mark.parametrize(
    ("refunded", "taken"), [(0, 0), (1, 0), (6, 1), (1_450, 250), (2_899, 499), (2_900, 500)]
)
def test_a_refund_takes_back_its_share(refunded, taken):
    assert taken_back(500, 2_900, refunded) == taken
