"""Money that came while nobody could compare the books for longer than Stripe keeps its events."""

import pytest

from tests.billing.house import BillingHouse

DAY = 86_400


@pytest.mark.parametrize("was_compared", [False, True])
def test_a_pack_that_nobody_told_of_is_given_however_late(was_compared):
    house = BillingHouse()
    organisation = house.register()
    if was_compared:
        house.reconcile()
    payment = house.buy(organisation)
    house.stripe.control.advance(100 * DAY)
    assert house.reconcile().payments == 1
    assert house.issued(organisation)["pack"] == 500, payment
    assert house.reconcile().payments == 0
