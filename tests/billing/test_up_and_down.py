"""A better tariff for a minute of each month costs a minute, and gives a minute's credits."""

import pytest

from tests.billing.histories import verify
from tests.billing.test_prices_change import DAY, Shop


@pytest.fixture
def shop():
    return Shop()


def change(shop, subscription, tariff):
    (price,) = [
        each["id"]
        for each in shop.house.stripe.account.all("price")
        if each["product"] == f"tallystick_tokens_tariff_{tariff}"
    ]
    shop.control.change_price(subscription, price)
    shop.settle()


def test_up_and_down_every_month_gives_the_lesser_tariffs_credits(shop):
    subscription = shop.house.subscribe(shop.organisation)
    shop.settle()
    for _ in range(4):
        shop.control.advance(60)
        change(shop, subscription, "professional")
        shop.control.advance(60)
        change(shop, subscription, "starter")
        shop.control.advance(31 * DAY)
        shop.settle()
    # Five months of starter; a minute of professional is worth less than a credit, rounded up.
    assert shop.issued["plan"] == 5 * 250 + 4
    verify(shop.house, shop.organisation)


@pytest.mark.parametrize("seconds", [1, 3_600, 15 * DAY, 29 * DAY])
def test_a_share_of_a_month_is_what_its_time_costs(shop, seconds):
    subscription = shop.house.subscribe(shop.organisation, "professional")
    shop.settle()
    shop.control.advance(seconds)
    change(shop, subscription, "starter")
    (line,) = [
        line
        for invoice in shop.house.stripe.account.all("invoice")
        for line in invoice["lines"]["data"]
        if line["amount"] < 0
    ]
    assert shop.issued["plan"] == 2_500 - 2_250 * -line["amount"] // 49_900
    verify(shop.house, shop.organisation)
    for event in shop.house.payments.events_since(shop.house.clock.now()):
        shop.house.settle(event.subject)
    verify(shop.house, shop.organisation)
