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


# Time is given up.

PROFESSIONAL = evolve(STARTER, key="tallystick_tokens_tariff_professional", amount_minor=49_900)


def change(number, days, *amounts, price, instead):
    """A change *days* into the first month, from *price* to *instead*: returned, and asked."""
    moment = NOW + days * DAY
    given_up, asked = amounts
    lines = [
        Line(price=price, start=moment, end=NOW + MONTH, amount_minor=-given_up, is_proration=True)
    ]
    if instead is not None:
        lines.append(
            Line(
                price=instead,
                start=moment,
                end=NOW + MONTH,
                amount_minor=asked,
                is_proration=True,
            )
        )
    return evolve(invoice(number, *lines), paid_at=moment, payment=None)


def kept(found):
    """Of each period in the order of their payments: what it granted, less unused time."""
    return [period.credits - (period.given_back or 0) for period in found.periods]


UP = change(2, 10, 6_600, 33_267, price=STARTER, instead=PROFESSIONAL)


def test_up_and_down_keeps_what_the_time_between_cost():
    down = change(3, 20, 16_633, 3_300, price=PROFESSIONAL, instead=STARTER)
    # 2250 × 16633 / 33267 = 1124.9…
    assert kept(settled(invoice(1), UP, down)) == [250, 2_250 - 1_124, 0]


def test_up_and_down_at_once_gives_nothing():
    down = change(3, 10, 33_267, 6_600, price=PROFESSIONAL, instead=STARTER)
    assert sum(kept(settled(invoice(1), UP, down))) == 250


def test_up_again_gives_what_was_given_back():
    down = change(3, 20, 16_633, 3_300, price=PROFESSIONAL, instead=STARTER)
    again = change(4, 25, 1_650, 8_317, price=STARTER, instead=PROFESSIONAL)
    assert sum(kept(settled(invoice(1), UP, down, again))) == 2_500


def test_an_upgrade_takes_nothing_back():
    found = settled(invoice(1), UP)
    assert kept(found) == [250, 2_250]
    assert [period.given_back for period in found.periods] == [0, None]


def test_the_first_tariff_is_given_up_for_a_lesser_one_but_for_what_both_give():
    line = Line(price=PROFESSIONAL, start=NOW, end=NOW + MONTH, amount_minor=49_900)
    down = change(2, 15, 24_950, 4_950, price=PROFESSIONAL, instead=STARTER)
    # Half of what professional gives beyond starter.
    assert kept(settled(invoice(1, line), down)) == [2_500 - 1_125, 0]


def test_a_month_that_is_given_up_for_nothing_keeps_its_used_share():
    ended = change(2, 10, 6_600, 0, price=STARTER, instead=None)
    assert kept(settled(invoice(1), ended)) == [250 - 166]


def test_what_was_given_back_is_taken_once_and_whatever_the_catalogue_becomes():
    down = change(3, 20, 16_633, 3_300, price=PROFESSIONAL, instead=STARTER)
    first = settled(invoice(1), UP, down)
    tariff = TOKENS.tariffs[TariffName("starter")]
    tariffs = {**TOKENS.tariffs, tariff.name: evolve(tariff, credits_per_month=1)}
    again = settled(invoice(1), UP, down, catalogue=evolve(TOKENS, tariffs=tariffs), before=first)
    assert again.periods == first.periods


def test_an_upgrade_that_is_paid_after_it_was_given_up_keeps_its_share_only():
    down = change(3, 10, 33_267, 6_600, price=PROFESSIONAL, instead=STARTER)
    late = evolve(UP, paid_at=NOW + 12 * DAY)
    assert sum(kept(settled(invoice(1), late, down))) == 250


def test_a_refund_shares_what_unused_time_has_left():
    period = evolve(settled(invoice(1, refunded=4_950)).periods[0], given_back=100)
    assert period.taken_back(()) == 100 + 75


# The money of an invoice.


def test_two_lots_of_one_invoice_share_its_money():
    """A renewal with what an upgrade before it left to pay: 40000 − 7900 + 49900."""
    middle, end = NOW + 6 * DAY, NOW + MONTH
    lines = (
        Line(price=PROFESSIONAL, start=middle, end=end, amount_minor=40_000, is_proration=True),
        Line(price=STARTER, start=middle, end=end, amount_minor=-7_900, is_proration=True),
        Line(price=PROFESSIONAL, start=end, end=end + MONTH, amount_minor=49_900),
    )
    found = settled(invoice(1), invoice(2, *lines))
    asked = [found.asked[period.fact] for period in found.periods[1:]]
    assert asked == [82_000 * 40_000 // 89_900, 82_000 - 82_000 * 40_000 // 89_900]


def test_refunding_a_fee_takes_no_plan_credits():
    """An invoice for the plan and 400 dollars of fees in money; the fees are given back."""
    (period,) = settled(invoice(1, paid=9_900 + 40_000, refunded=40_000)).periods
    assert period.taken_back(()) == 0
    (period,) = settled(invoice(1, paid=9_900 + 40_000, refunded=40_000 + 4_950)).periods
    assert period.taken_back(()) == 125
    (period,) = settled(invoice(1, paid=9_900 + 40_000, refunded=9_900 + 40_000)).periods
    assert period.taken_back(()) == 250


def test_what_a_balance_paid_of_an_invoice_is_no_fee():
    (period,) = settled(invoice(1, paid=4_950, refunded=2_475)).periods
    assert period.taken_back(()) == 125
