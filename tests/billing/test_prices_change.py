"""The catalogue asks for more, and goes on with whoever paid before, on the loopback Stripe."""

from datetime import timedelta

import pytest
from attrs import evolve

from application.billing.checkout import Item
from domain.catalogue import PackName, TariffName
from tests.billing.house import BillingHouse

DAY = 86_400


class Shop:
    def __init__(self):
        self.house = BillingHouse()
        self.organisation = self.house.register()

    @property
    def control(self):
        return self.house.stripe.control

    def settle(self):
        since = self.house.clock.now() - timedelta(days=29)
        for event in self.house.payments.events_since(since):
            self.house.settle(event.subject, event)

    def raise_prices(self):
        """A starter month and a small pack cost ten dollars more."""
        catalogue = self.house.catalogue
        tariff, pack = (
            catalogue.tariffs[TariffName("starter")],
            catalogue.packs[PackName("small")],
        )
        self.house.catalogue = evolve(
            catalogue,
            tariffs={**catalogue.tariffs, tariff.name: evolve(tariff, price_minor=10_900)},
            packs={**catalogue.packs, pack.name: evolve(pack, price_minor=3_900)},
        )

    @property
    def issued(self):
        return self.house.issued(self.organisation)


@pytest.fixture
def shop():
    return Shop()


def test_who_subscribed_before_renews_at_the_former_price(shop):
    shop.house.subscribe(shop.organisation)
    shop.settle()
    shop.raise_prices()
    shop.house.publish()
    shop.control.advance(32 * DAY)
    shop.settle()
    assert shop.issued["plan"] == 500
    assert shop.house.alarms.sounded == []


def test_a_refund_of_a_period_at_the_former_price_is_taken_back(shop):
    shop.house.subscribe(shop.organisation)
    shop.settle()
    shop.raise_prices()
    (charge,) = shop.house.stripe.account.all("charge")
    shop.control.refund(charge["payment_intent"])
    shop.settle()
    assert shop.issued["plan"] == 0


def test_a_page_that_was_open_when_the_price_changed_gives_what_it_sold(shop):
    page = shop.house.checkout(shop.organisation, Item(pack=PackName("small")))
    shop.raise_prices()
    shop.house.publish()
    shop.control.pay_checkout(page)
    shop.settle()
    assert shop.issued["pack"] == 500
    assert shop.house.alarms.sounded == []


def test_a_price_of_our_product_that_somebody_else_made_gives_nothing(shop):
    shop.house.subscribe(shop.organisation)
    shop.settle()
    (subscription,) = shop.house.stripe.account.all("subscription")
    form = {
        "product": "tallystick_tokens_tariff_professional",
        "currency": "usd",
        "unit_amount": 100,
        "recurring": {"interval": "month"},
    }
    cheap = shop.house.payments._post("/v1/prices", form, "by hand")
    shop.control.change_price(subscription["id"], cheap["id"])
    shop.control.advance(32 * DAY)
    shop.settle()
    assert shop.issued["plan"] == 250
    assert {code for code, _, _ in shop.house.alarms.sounded} == {"payment_mismatch"}


def test_a_price_that_lost_its_mark_gets_it_back_by_publishing(shop):
    for price in shop.house.stripe.account.all("price"):
        shop.house.payments._post(f"/v1/prices/{price['id']}", {"metadata": ""}, None)
    shop.house.publish()
    shop.house.subscribe(shop.organisation)
    shop.raise_prices()
    shop.house.publish()
    shop.settle()
    assert shop.issued["plan"] == 250
