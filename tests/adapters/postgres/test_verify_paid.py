"""What was paid for and what was granted for it are held against each other."""

from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve
from psycopg.conninfo import make_conninfo

from adapters.postgres import open_books
from application.operator.verify_ledger import VerifyLedger
from domain.catalogue import PackName, TariffName
from domain.ledger import Clawback, Source
from domain.payment import (
    Dispute,
    DisputeId,
    PaidPeriod,
    PaymentId,
    Purchase,
    Subscription,
    SubscriptionId,
)
from tests.adapters.postgres.bookkeeping import Bookkeeper
from tests.contract.tenants import NOW, a_tenant


@pytest.fixture(scope="module")
def verify(url):
    return VerifyLedger(
        books=open_books(make_conninfo(url, options="-c role=tallystick_readonly"))
    )


@pytest.fixture
def books(store):
    return Bookkeeper(store, a_tenant(store))


def paid_for(books, **changes):
    """A pack of 500 credits for 2,900 cents, as the row of it; not granted."""
    purchase = Purchase(
        payment=PaymentId(f"pi_{uuid4().hex}"),
        pack=PackName("small"),
        credits=500,
        amount_minor=2_900,
        currency="USD",
        paid_at=NOW,
        version=1,
    )
    purchase = evolve(purchase, **changes)
    with books.store.begin(books.tenant.scope) as work:
        work.billing.lock()
        work.billing.put_purchase(purchase)
    return purchase


def test_what_was_paid_for_has_its_lot(verify, books):
    purchase = paid_for(books)
    found = verify(books.tenant.organisation)
    assert [(each.invariant, each.subject, each.found) for each in found.findings] == [
        ("I9", purchase.fact, "none")
    ]
    books.grant(499, fact=purchase.fact)
    found = verify(books.tenant.organisation)
    assert [(each.expected, each.found) for each in found.findings] == [("500", "499")]


@pytest.mark.parametrize(
    ("refunded", "is_won", "due"),
    [
        (0, True, 0),
        (29, True, 5),
        (28, True, 4),
        (2_900, True, 500),
        (0, None, 500),
        (1, False, 500),
    ],
)
def test_as_much_is_taken_back_as_went_back(verify, books, refunded, is_won, due):
    purchase = paid_for(books, refunded_minor=refunded)
    with books.store.begin(books.tenant.scope) as work:
        work.billing.lock()
        dispute = Dispute(
            id=DisputeId(f"dp_{uuid4().hex}"),
            payment=purchase.payment,
            opened_at=NOW,
            closed_at=None if is_won is None else NOW,
            is_won=is_won,
        )
        work.billing.put_dispute(dispute)
    books.grant(500, fact=purchase.fact)
    books.do(Clawback(fact=purchase.fact, total=due))
    assert not verify(books.tenant.organisation).findings
    books.do(Clawback(fact=purchase.fact, total=due + 1 if due < 500 else 499))
    found = verify(books.tenant.organisation)
    assert [each.invariant for each in found.findings] == ["I9"]


def test_periods_have_their_lots_and_those_that_give_nothing_need_none(verify, books):
    subscription = Subscription(
        id=SubscriptionId(f"sub_{uuid4().hex}"),
        tariff=TariffName("starter"),
        period_start=NOW,
        period_end=NOW + timedelta(days=30),
        version=1,
    )
    period = PaidPeriod(
        subscription=subscription.id,
        price="tallystick_tokens_tariff_starter",
        tariff=subscription.tariff,
        start=NOW,
        end=subscription.period_end,
        payment=PaymentId("pi_1"),
        amount_minor=9_900,
        refunded_minor=4_950,
        currency="USD",
        paid_at=NOW,
        credits=250,
        given_back=50,
    )
    nothing = evolve(
        period, start=NOW + timedelta(days=1), credits=0, given_back=None, refunded_minor=0
    )
    with books.store.begin(books.tenant.scope) as work:
        work.billing.lock()
        work.billing.put_subscription(subscription)
        for each in (period, nothing):
            work.billing.put_period(each)
    books.grant(250, Source.PLAN, fact=period.fact)
    books.do(Clawback(fact=period.fact, total=150))
    assert not verify(books.tenant.organisation).findings
