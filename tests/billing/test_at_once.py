"""Two at once, on real threads, in memory and on PostgreSQL: whoever is first, the books agree."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest

from adapters.memory.storage import MemoryStore
from application.billing.settle import Outcome
from application.ports.storage.work import Scope
from domain.payment import About, Subject
from entrypoints.devnet.stripe import loopback
from tests.billing.histories import verify
from tests.billing.house import BillingHouse
from tests.contract.subjects import postgres

ROUNDS = 6


@pytest.fixture(params=["memory", "postgres"])
def house(request) -> Iterator[BillingHouse]:
    store = postgres.store() if request.param == "postgres" else nullcontext(MemoryStore())
    with store as opened:
        yield BillingHouse(stripe=loopback(seed=7), store=opened)


def at_once(*acts):
    """Begun at the same moment; what each of them answered."""
    barrier = threading.Barrier(len(acts))

    def begin(act):
        barrier.wait(timeout=30)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [future.result() for future in [threads.submit(begin, act) for act in acts]]


def news(house, after=0):
    return [*house.payments.events_since(datetime(2026, 1, 1, tzinfo=UTC))][after:]


def test_the_same_event_at_once_has_one_effect(house):
    organisation = house.register()
    for _ in range(ROUNDS):
        known = len(news(house))
        house.buy(organisation)
        (event,) = news(house, known)
        answers = at_once(*[lambda event=event: house.settle(event.subject, event)] * 4)
        assert [each.outcome for each in answers].count(Outcome.DONE) == 1
        assert sum(each.granted for each in answers) == 1
    verify(house, organisation)


def test_a_refund_and_the_payment_it_is_of_at_once(house):
    organisation = house.register()
    for _ in range(ROUNDS):
        known = len(news(house))
        payment = house.buy(organisation)
        house.stripe.control.refund(payment, 700)
        events = news(house, known)
        at_once(*[lambda event=event: house.settle(event.subject, event) for event in events])
    verify(house, organisation)


def test_a_failure_and_the_recovery_from_it_at_once(house):
    organisation = house.register()
    subscription = house.subscribe(organisation)
    for event in news(house):
        house.settle(event.subject, event)
    customer = house.stripe.account.get("subscription", subscription)["customer"]
    for _ in range(3):
        known = len(news(house))
        house.stripe.control.decline_payments(customer, 1)
        house.stripe.control.advance(31 * 86_400 + 7_200)
        house.stripe.control.accept_payments(customer)
        for invoice in house.stripe.account.all("invoice"):
            if invoice["status"] == "open":
                house.stripe.control.pay_invoice(invoice["id"])
        events = [each for each in news(house, min(known, len(news(house)) - 1)) if each.subject]
        at_once(*[lambda event=event: house.settle(event.subject, event) for event in events[:8]])
        house.reconcile()
        verify(house, organisation)


def test_two_who_make_the_customer_at_once_pay_as_one(house):
    organisation = house.register()
    at_once(*[lambda: house.buy(organisation)] * 3)
    house.reconcile()
    verify(house, organisation)
    with house.store.begin(Scope(organisation=organisation)) as work:
        bound = work.billing.customer()
    sessions = house.stripe.account.all("checkout.session")
    assert {each["customer"] for each in sessions} == {bound}


def test_an_answer_that_was_overtaken_changes_nothing(house):
    """Fetched before the refund, applied after it: the later state stays."""
    organisation = house.register()
    payment = house.buy(organisation)
    subject = Subject(About.PAYMENT, payment)
    house.settle(subject)
    asked, go_on = threading.Event(), threading.Event()
    slow = house.settle
    fetch = house.payments.state_of

    class Slow:
        live = house.payments.live

        def state_of(self, about):
            state = fetch(about)
            asked.set()
            assert go_on.wait(timeout=30)
            return state

    object.__setattr__(slow, "payments", Slow())
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(slow, subject)
        assert asked.wait(timeout=30)
        house.stripe.control.refund(payment)
        assert house.settle(subject).outcome is Outcome.DONE
        go_on.set()
        assert late.result().outcome is Outcome.OVERTAKEN
    verify(house, organisation)
    assert house.issued(organisation)["pack"] == 0
