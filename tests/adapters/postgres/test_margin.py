"""The operator's figures against sums that are made another way: by SQL, from other tables."""

from collections import Counter
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from adapters.postgres import connect, open_books
from application.operator.margin import ReportMargin
from application.ports.storage.books import Window
from domain.ledger import Adjust, Capture, Clawback, Correct, Release, Source
from domain.margin import ChainCost, Margin, Worth
from tests.adapters.postgres.bookkeeping import Bookkeeper
from tests.contract.subjects.postgres import application_url, database
from tests.contract.tenants import NOW, a_tenant
from tests.strategies import examples

#: What a credit of the lot is worth where it is counted: nothing of what lives on for a day.
WORTH = """
CASE WHEN lot.fact LIKE 'grace:%%' THEN 0 ELSE coalesce(lot.unit_cost_micros, 0) END
"""
#: What has been issued and not taken back: the worth of everything that was ever paid for.
ISSUED = f"""
SELECT coalesce(sum(CASE WHEN line.debit::text LIKE 'issued:%%' THEN line.amount
                         WHEN line.credit::text LIKE 'issued:%%' THEN -line.amount
                         ELSE 0 END * {WORTH}), 0)
  FROM journal AS line
  JOIN lots AS lot
    ON lot.organisation_id = line.organisation_id AND lot.id = line.lot_id
 WHERE line.organisation_id = %(organisation)s
"""
#: What is there: remaining, held, and with others.
THERE = f"""
SELECT (SELECT coalesce(sum(lot.remaining * {WORTH}), 0)
          FROM lots AS lot WHERE lot.organisation_id = %(organisation)s)
     + (SELECT coalesce(sum(portion.amount * {WORTH}), 0)
          FROM holds AS hold
          JOIN hold_lots AS portion
            ON portion.organisation_id = hold.organisation_id AND portion.hold_id = hold.id
          JOIN lots AS lot
            ON lot.organisation_id = hold.organisation_id AND lot.id = portion.lot_id
         WHERE hold.organisation_id = %(organisation)s AND hold.state = 'held')
     + (SELECT coalesce(sum(CASE line.credit WHEN 'transit' THEN line.amount
                                             ELSE -line.amount END * {WORTH}), 0)
          FROM journal AS line
          JOIN lots AS lot
            ON lot.organisation_id = line.organisation_id AND lot.id = line.lot_id
         WHERE line.organisation_id = %(organisation)s
           AND 'transit' IN (line.debit, line.credit))
"""
#: What is spent now, portion by portion: the first `captured - corrected` credits of each hold.
SPENT = f"""
WITH portions AS (
    SELECT portion.*, sum(portion.amount) OVER (PARTITION BY portion.hold_id
                                                    ORDER BY portion.position) AS up_to_it
      FROM hold_lots AS portion
     WHERE portion.organisation_id = %(organisation)s
)
SELECT coalesce(sum(greatest(0, least(portions.amount, hold.captured - hold.corrected - up_to_it
                                                       + portions.amount)) * {WORTH}), 0)
  FROM portions
  JOIN holds AS hold
    ON hold.organisation_id = portions.organisation_id AND hold.id = portions.hold_id
  JOIN lots AS lot
    ON lot.organisation_id = portions.organisation_id AND lot.id = portions.lot_id
"""


@pytest.fixture(scope="module")
def url(server_url):
    with database() as url:
        yield url


@pytest.fixture(scope="module")
def store(url):
    store = connect(application_url(url), min_size=1, max_size=4)
    store.open()
    yield store
    store.close()


@pytest.fixture(scope="module")
def report(url):
    reader = make_conninfo(url, options="-c role=tallystick_readonly")
    return ReportMargin(books=open_books(reader), decimals={}, currency="USD")


@pytest.fixture
def keeper(store):
    return Bookkeeper(store, a_tenant(store))


def sql(url, query, keeper):
    with psycopg.connect(url) as administrator:
        (number,) = administrator.execute(
            query, {"organisation": keeper.tenant.organisation}
        ).fetchone()
    return int(number)


def figures(report, keeper, window=None):
    """All worth of an organisation, by kind; and its captured credits."""
    found = report(window or Window())
    worth, credits_ = Counter(), 0
    for line in found.lines:
        if line.organisation == keeper.tenant.organisation:
            worth.update(line.worth)
            credits_ += line.credits
    return worth, credits_


def test_what_was_paid_is_counted_once_wherever_it_went(url, store, report):
    for seed in range(examples(6)):
        keeper = Bookkeeper(store, a_tenant(store))
        keeper.some_history(Random(1_000 + seed), 60)
        worth, _ = figures(report, keeper)
        gone = (
            worth[Worth.CAPTURED]
            - worth[Worth.CORRECTED]
            + worth[Worth.BREAKAGE]
            - worth[Worth.TAKEN_BACK]
            + worth[Worth.REPAID]
            + worth[Worth.ADJUSTED]
        )
        assert sql(url, ISSUED, keeper) == sql(url, THERE, keeper) + gone, f"seed {seed}"
        spent = worth[Worth.CAPTURED] - worth[Worth.CORRECTED]
        assert spent >= 0


def test_windows_that_touch_add_up(store, report):
    keeper = Bookkeeper(store, a_tenant(store))
    keeper.some_history(Random(7), 60)
    whole, spent = figures(report, keeper)
    edges = [None, NOW + timedelta(days=2), NOW + timedelta(days=5, hours=3), None]
    parts = [
        figures(report, keeper, Window(since=since, until=until))
        for since, until in pairwise(edges)
    ]
    assert sum((worth for worth, _ in parts), Counter()) == +whole
    assert sum(part for _, part in parts) == spent


def test_a_partial_capture_is_worth_its_first_portions(url, report, keeper):
    keeper.grant(4, Source.PLAN, days=9)
    keeper.grant(6, Source.PACK, micros=39_500)
    hold = keeper.hold(9)
    keeper.do(Capture(id=hold, amount=6))
    worth, spent = figures(report, keeper)
    assert (worth[Worth.CAPTURED], spent) == (2 * 39_500, 6)
    keeper.do(Correct(id=hold, amount=1))
    worth, spent = figures(report, keeper)
    assert worth[Worth.CAPTURED] - worth[Worth.CORRECTED] == 39_500 == sql(url, SPENT, keeper)
    assert spent == 5


def test_expired_paid_credits_are_breakage_and_promotions_are_worth_nothing(report, keeper):
    keeper.grant(5, Source.PROMO, days=1)
    keeper.grant(5, Source.PACK, days=1, micros=58_000)
    hold = keeper.hold(7)
    keeper.wait(days=2)
    keeper.do(Release(id=hold))
    worth, _ = figures(report, keeper)
    assert worth == Counter({Worth.BREAKAGE: 5 * 58_000})


def test_what_lives_on_for_a_day_is_breakage_at_once_and_free_afterwards(report, keeper):
    keeper.grant(5, Source.PACK, days=1, micros=58_000)
    hold = keeper.hold(5)
    keeper.wait(days=2)
    keeper.do(Release(id=hold, is_ours=True))
    keeper.do(Capture(id=keeper.hold(5)))
    worth, spent = figures(report, keeper)
    assert +worth == Counter({Worth.BREAKAGE: 5 * 58_000})
    assert spent == 5


def test_what_was_used_and_refunded_is_owed_and_paid_by_what_comes(report, keeper):
    keeper.grant(5, Source.PACK, fact="pack:1", micros=58_000)
    keeper.do(Capture(id=keeper.hold(5)), Clawback(fact="pack:1", total=5))
    worth, _ = figures(report, keeper)
    assert worth[Worth.CAPTURED] == worth[Worth.TAKEN_BACK] == 5 * 58_000
    keeper.grant(8, Source.PACK, micros=39_500)
    worth, _ = figures(report, keeper)
    assert worth[Worth.REPAID] == 5 * 39_500


def test_operations_are_told_apart(report, keeper):
    keeper.grant(20, Source.PACK, micros=10)
    for operation, amount in (("deployment", 5), ("premium_call", 3), ("premium_call", 3)):
        keeper.do(Capture(id=keeper.hold(amount, operation=operation)))
    keeper.do(Adjust(amount=2))
    lines = {
        line.operation: (line.credits, line.revenue, line.tariff)
        for line in report(Window()).lines
        if line.organisation == keeper.tenant.organisation
    }
    tariff = next(iter(lines.values()))[2]
    assert tariff
    assert lines == {
        "": (0, 0, tariff),
        "deployment": (5, 50, tariff),
        "premium_call": (6, 60, tariff),
    }


def test_chain_costs_are_exact_and_what_has_no_rate_is_told_apart():
    margin = Margin()
    cost = ChainCost(
        operation="deployment",
        network="eip155:1",
        amount=10**15 + 1,
        price=Fraction(3_000),
        currency="USD",
    )
    margin.charge(cost, 18)
    margin.charge(cost, 18)
    assert margin.costs == {("deployment", "USD"): Fraction(2 * (10**15 + 1) * 3_000, 10**12)}
    margin.charge(
        ChainCost(operation="mint", network="eip155:5", amount=7, price=None, currency=None), 18
    )
    margin.charge(cost, None)
    assert margin.unvalued == {"eip155:5": 7, "eip155:1": 10**15 + 1}
