"""Who leaves, and what paying brings back, on a loopback Stripe."""

from datetime import timedelta

import pytest

from application.credits.licence import licence_of
from application.ports.storage.work import Scope
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
