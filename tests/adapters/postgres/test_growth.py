"""The figures of growth, walked from organisation to organisation with a reader's rights."""

from datetime import timedelta
from types import SimpleNamespace

import psycopg
import pytest
from attrs import evolve
from psycopg.conninfo import make_conninfo

from adapters.postgres import connect, open_books
from application.operator.growth import ReportActivation, ReportRecurring
from tests.adapters.postgres.bookkeeping import Instant
from tests.catalogue import TOKENS
from tests.contract.subjects.postgres import application_url, database
from tests.contract.tenants import NOW, a_tenant, an_event

SUBSCRIBED = """
INSERT INTO payers (organisation_id) VALUES (%(organisation)s);
"""
SUBSCRIPTION = """
INSERT INTO subscriptions (organisation_id, id, tariff, period_start, period_end, version)
VALUES (%(organisation)s, 'sub_1', %(tariff)s, %(starts_at)s, %(ends_at)s, 1)
"""
PERIOD = """
INSERT INTO paid_periods (organisation_id, subscription, price, tariff, starts_at, ends_at,
                          amount_minor, currency, paid_at, refunded_minor, credits)
VALUES (%(organisation)s, 'sub_1', %(tariff)s, %(tariff)s, %(starts_at)s, %(ends_at)s, %(amount)s,
        'USD', %(starts_at)s, 0, 0)
"""


@pytest.fixture
def house(server_url):
    with database() as url:
        store = connect(application_url(url), min_size=1, max_size=2)
        store.open()
        reader = make_conninfo(url, options="-c role=tallystick_readonly")
        yield SimpleNamespace(url=url, store=store, books=open_books(reader))
        store.close()


def pays(house, tenant, tariff, starts_at, days):
    names = {
        "organisation": tenant.organisation,
        "tariff": tariff,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(days=days),
        "amount": TOKENS.tariffs[tariff].price_minor,
    }
    with psycopg.connect(house.url) as administrator:
        for statement in (SUBSCRIBED, SUBSCRIPTION, PERIOD):
            administrator.execute(statement, names)


def test_recurring_revenue_is_what_is_paid_at_the_end_of_each_month(house):
    stays, leaves, never = (a_tenant(house.store) for _ in range(3))
    pays(house, stays, "professional", NOW - timedelta(days=3), 31)
    pays(house, leaves, "starter", NOW - timedelta(days=35), 31)
    clock = Instant(NOW)
    told = []
    april, may, june = ReportRecurring(books=house.books, catalogue=TOKENS, clock=clock)(
        3, told.append
    )
    assert (april.month, may.month, june.month) == ("2026-04", "2026-05", "2026-06")
    assert (april.total, april.new) == (9_900, 9_900)
    assert (may.total, may.new, may.churn) == (49_900, 49_900, 9_900)
    assert (june.total, june.paying, june.churn) == (49_900, 1, 0)
    assert len(told) == 3
    assert never.organisation


def test_activation_is_from_registration_to_the_first_completed_deployment(house):
    quick, slow, never = (a_tenant(house.store) for _ in range(3))
    for tenant, hours in ((quick, 1), (quick, 50), (slow, 30)):
        event = evolve(
            an_event(tenant), action="deployment.completed", at=NOW + timedelta(hours=hours)
        )
        with house.store.begin(tenant.scope) as work:
            work.audit.append(event)
    clock = Instant(NOW + timedelta(days=8))
    (june,) = ReportActivation(books=house.books, clock=clock)(1)
    assert (june.registered, june.with_a_token) == (3, 2)
    assert (june.within_a_day, june.of_a_day) == (1, 3)
    assert (june.within_a_week, june.of_a_week) == (2, 3)
    assert june.median == timedelta(hours=15, minutes=30)
    assert never.organisation
