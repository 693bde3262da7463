"""Who leaves, and what paying brings back, on a loopback Stripe."""

from datetime import timedelta

import pytest

from application.billing.checkout import Item
from application.credits.licence import licence_of
from application.once import Answered
from application.ports.storage.work import Scope
from domain.catalogue import TariffName
from domain.errors import Refusal
from domain.identifiers import OrganisationId
from domain.licence import LicenceState
from tests.billing.house import BillingHouse

DAY = 86_400


@pytest.fixture
def house() -> BillingHouse:
    return BillingHouse()


def settle(house: BillingHouse) -> None:
    """All that was told, oldest first; then what time does."""
    for event in house.payments.events_since(house.clock.now() - timedelta(days=29)):
        house.settle(event.subject, event)
    house.leave_ended()


def stands(house: BillingHouse, organisation: OrganisationId) -> LicenceState:
    with house.store.begin(Scope(organisation=organisation)) as work:
        return licence_of(work, house.clock.now()).state


def test_a_pack_bought_after_the_end_brings_an_organisation_back(house):
    organisation = house.register()
    subscription = house.subscribe(organisation)
    house.stripe.control.cancel_subscription(subscription)
    settle(house)
    house.stripe.control.advance(40 * DAY)
    settle(house)
    assert stands(house, organisation) is LicenceState.CANCELLED
    house.buy(organisation)
    settle(house)
    assert stands(house, organisation) is LicenceState.ACTIVE
    assert house.tariff(organisation) == "free"


def test_a_pack_whose_money_went_back_brings_nobody_back(house):
    organisation = house.register()
    subscription = house.subscribe(organisation)
    house.stripe.control.cancel_subscription(subscription)
    settle(house)
    house.stripe.control.advance(40 * DAY)
    house.stripe.control.refund(house.buy(organisation))
    settle(house)
    assert stands(house, organisation) is LicenceState.CANCELLED


def payments_of(house: BillingHouse) -> list[str]:
    """Newest first."""
    return [each["id"] for each in house.payments._list("/v1/payment_intents", {})]


@pytest.mark.parametrize("is_refunded_first", [True, False])
def test_who_is_refunded_and_ends_at_once_has_paid_for_nothing(house, is_refunded_first):
    organisation = house.register()
    subscription = house.subscribe(organisation, "professional")
    settle(house)
    (payment,) = payments_of(house)
    if is_refunded_first:
        house.stripe.control.refund(payment)
        settle(house)
        # It goes on, and nothing was paid for: what it is of is the provider's to end.
        assert house.tariff(organisation) == "professional"
    house.stripe.control.cancel_subscription(subscription)
    settle(house)
    if not is_refunded_first:
        assert house.tariff(organisation) == "professional"
        house.stripe.control.refund(payment)
        settle(house)
    assert house.tariff(organisation) == "free"
    assert stands(house, organisation) is LicenceState.CANCELLED
    assert house.issued(organisation)["plan"] == 0


def test_a_refund_of_the_last_period_gives_what_was_paid_before(house):
    organisation = house.register()
    subscription = house.subscribe(organisation)
    house.stripe.control.advance(32 * DAY)
    settle(house)
    house.stripe.control.refund(payments_of(house)[0])
    house.stripe.control.cancel_subscription(subscription)
    settle(house)
    assert house.tariff(organisation) == "free"
    assert house.issued(organisation)["plan"] == 250


def test_part_of_the_money_takes_no_period(house):
    organisation = house.register()
    subscription = house.subscribe(organisation)
    settle(house)
    house.stripe.control.refund(payments_of(house)[0], 9_899)
    house.stripe.control.cancel_subscription(subscription)
    settle(house)
    assert house.tariff(organisation) == "starter"


def test_a_refund_that_fails_gives_the_tariff_again(house):
    organisation = house.register()
    subscription = house.subscribe(organisation, "professional")
    settle(house)
    refund = house.stripe.control.refund(payments_of(house)[0])
    house.stripe.control.cancel_subscription(subscription)
    settle(house)
    assert house.tariff(organisation) == "free"
    house.stripe.control.fail_refund(refund["id"])
    settle(house)
    assert house.tariff(organisation) == "professional"
    house.stripe.control.advance(32 * DAY)
    house.leave_ended()
    assert house.tariff(organisation) == "free"


def test_a_refunded_upgrade_leaves_the_lesser_tariff(house):
    organisation = house.register()
    subscription = house.subscribe(organisation)
    settle(house)
    house.stripe.control.advance(DAY)
    price = house.payments._newest_price(house.catalogue.tariff_key(TariffName("professional")))
    house.stripe.control.change_price(subscription, price["id"])
    settle(house)
    assert house.tariff(organisation) == "professional"
    house.stripe.control.refund(payments_of(house)[0])
    settle(house)
    assert house.tariff(organisation) == "starter"


def test_who_has_ended_at_once_may_subscribe_again_and_who_ends_later_changes_their_mind(house):
    organisation, other = house.register(), house.register()
    ending, cancelled = house.subscribe(organisation), house.subscribe(other)
    house.stripe.control.cancel_subscription(ending)
    house.stripe.control.cancel_subscription(cancelled, at_period_end=True)
    settle(house)
    assert house.tariff(organisation) == "starter"
    item = Item(tariff=TariffName("professional"))
    assert isinstance(house.start_checkout(organisation, item), Answered)
    refused = house.start_checkout(other, item)
    assert isinstance(refused, Refusal)
    assert refused.code == "subscription_exists"
