"""What a provider's subscription with its invoices means, rule by rule."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from domain.catalogue import TariffName
from domain.payment import CustomerId, PaymentId, SubscriptionId, taken_back
from domain.settlement import (
    InvoiceState,
    ItemPrice,
    Line,
    Money,
    Standing,
    SubscriptionState,
    of_subscription,
)
from tests.catalogue import TOKENS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MONTH = 30 * DAY

STARTER = ItemPrice(
    key="tallystick_tokens_tariff_starter", amount_minor=9_900, currency="USD", is_published=True
)


def invoice(number, *lines, refunded=0, paid=9_900):
    """The *number*-th month's; looked at where something of it was refunded."""
    start = NOW + (number - 1) * MONTH
    whole = Line(price=STARTER, start=start, end=start + MONTH, amount_minor=9_900)
    payment = PaymentId(f"pi_{number}")
    money = Money(
        payment=payment, amount_minor=paid, currency="USD", paid_at=start, refunded_minor=refunded
    )
    return InvoiceState(
        id=f"in_{number}",
        lines=lines or (whole,),
        paid_at=start,
        payment=payment,
        money=money if refunded else None,
    )


def subscription(*invoices):
    return SubscriptionState(
        id=SubscriptionId("sub_1"),
        customer=CustomerId("cus_1"),
        standing=Standing.ACTIVE,
        price=STARTER,
        invoices=invoices,
    )


def settled(*invoices, catalogue=TOKENS, before=None):
    known, periods = (before.subscription, before.periods) if before else (None, ())
    return of_subscription(subscription(*invoices), catalogue, known, periods, 1)


def dearer():
    tariff = TOKENS.tariffs[TariffName("starter")]
    tariffs = {**TOKENS.tariffs, tariff.name: evolve(tariff, price_minor=10_900)}
    return evolve(TOKENS, tariffs=tariffs)


# The catalogue changes.


def test_who_subscribed_at_a_former_price_goes_on_at_it():
    first = settled(invoice(1))
    then = settled(invoice(1), invoice(2), catalogue=dearer(), before=first)
    assert [period.credits for period in then.periods] == [250, 250]
    assert then.mismatches == ()


def test_a_period_that_is_recorded_is_not_asked_about_again():
    first = settled(invoice(1))
    tariffs = {name: each for name, each in TOKENS.tariffs.items() if name != "starter"}
    gone = evolve(TOKENS, tariffs=tariffs)
    then = settled(invoice(1, refunded=9_900), catalogue=gone, before=first)
    (period,) = then.periods
    assert then.mismatches == ()
    assert taken_back(period.credits, period.amount_minor, period.refunded_minor) == 250


@pytest.mark.parametrize(
    "wrong",
    [{"is_published": False}, {"currency": "EUR"}, {"key": "tallystick_tokens_tariff_other"}],
    ids=str,
)
def test_another_price_than_any_of_ours_grants_nothing(wrong):
    price = evolve(STARTER, amount_minor=100, **wrong)
    line = Line(price=price, start=NOW, end=NOW + MONTH, amount_minor=100)
    found = settled(invoice(1, line))
    assert (found.periods, len(found.mismatches)) == ((), 1)


def test_a_published_price_is_paid_as_a_whole():
    line = Line(price=STARTER, start=NOW, end=NOW + MONTH, amount_minor=9_899)
    assert settled(invoice(1, line)).periods == ()
