"""An object that cannot be settled concerns nobody else, and is not forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import define, field

from application.ports.payments import PaymentsRefusedError, PaymentsUnavailableError
from domain.payment import About, Subject
from tests.billing.house import BillingHouse
from tests.billing.test_leaving import settle

DAY = 86_400


@define
class Strange:
    """A provider that tells something else of some objects."""

    kept: Any
    error: Exception = field(factory=lambda: KeyError("a status of next year"))
    bad: set[About] = field(factory=set)

    def state_of(self, subject: Subject) -> Any:
        if subject.about in self.bad:
            raise self.error
        return self.kept.state_of(subject)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kept, name)


@pytest.fixture
def house() -> BillingHouse:
    house = BillingHouse()
    house.payments = Strange(house.payments)
    return house


OF_SUBSCRIPTIONS = {About.SUBSCRIPTION, About.INVOICE}


@pytest.mark.parametrize("error", [KeyError("new"), PaymentsRefusedError("no")], ids=repr)
def test_it_is_told_and_the_others_are_settled(house, error):
    neighbour, organisation = house.register(), house.register()
    house.subscribe(organisation)
    house.buy(neighbour)
    house.payments.bad, house.payments.error = {About.INVOICE}, error
    compared = house.reconcile()
    assert compared.unsettled
    assert house.issued(neighbour)["pack"] == 500
    assert {code for code, _, _ in house.alarms.sounded} == {"payment_unsettled"}
    house.payments.bad = set()
    assert house.reconcile().unsettled == ()
    assert house.issued(organisation)["plan"] == 250


def test_the_mark_stays_before_it_until_it_is_settled(house):
    organisation = house.register()
    subscription = house.subscribe(organisation)
    settle(house)
    house.stripe.control.cancel_subscription(subscription)
    house.payments.bad = {About.SUBSCRIPTION}
    assert house.reconcile().unsettled
    house.stripe.control.advance(10 * DAY)
    house.reconcile()
    house.payments.bad = set()
    house.stripe.control.advance(10 * DAY)
    assert house.reconcile().events
    house.stripe.control.advance(20 * DAY)
    house.leave_ended()
    assert house.tariff(organisation) == "free"


def test_what_cannot_be_looked_up_is_not_called_unpaid(house):
    organisation = house.register()
    house.subscribe(organisation)
    settle(house)
    house.payments.bad = OF_SUBSCRIPTIONS
    compared = house.reconcile()
    assert compared.unpaid == ()
    assert any(fact.startswith("plan:") for fact in compared.unsettled)


def test_who_does_not_answer_stops_it_without_an_alarm(house):
    organisation = house.register()
    house.buy(organisation)
    house.payments.bad, house.payments.error = set(About), PaymentsUnavailableError("later")
    with pytest.raises(PaymentsUnavailableError):
        house.reconcile()
    assert house.alarms.sounded == []
    house.payments.bad = set()
    house.stripe.control.advance(timedelta(days=2).days * DAY)
    house.reconcile()
    assert house.issued(organisation)["pack"] == 500
