"""Fees in money, from the deployment to the line, and the statement that shows them."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from application.credits.account import StateAccount
from application.credits.fees import PriceFees, SetRate
from domain.catalogue import Period, month_of
from domain.errors import Refusal
from domain.fees import FeeKind
from domain.identifiers import NetworkId, OrganisationId
from domain.ledger import Adjust, Clawback, LedgerAccount
from domain.money import Money
from tests.application.house import House, examples
from tests.catalogue import CHARGED, ENTERPRISE, UNLIMITED
from tests.contract.tenants import a_grant, act

VALUE = Money(amount_minor=1_000_000_00, currency="USD")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def house():
    house = House()
    house.set_tariff(house.registered.organisation.id, CHARGED, "pays for the network")
    return house


def set_rate(house, price="2000", currency="USD", source="ECB", at=None, network=None):
    rate = SetRate(
        store=house.store,
        networks=frozenset({house.network}),
        clock=house.clock,
        identifiers=house.identifiers,
    )
    return rate(network or house.network, price, currency, source, at)


def price(house):
    return PriceFees(store=house.store, catalogue=house.catalogue, clock=house.clock)()


def statement(house, period=None):
    account = StateAccount(store=house.store, catalogue=house.catalogue, clock=house.clock)
    return account(house.registered.organisation.id, period)


def fees(house):
    return {line.kind: line for line in statement(house).fees}


def test_a_completed_deployment_is_charged_by_the_rate_of_its_hour(house):
    set_rate(house, "2000")
    issued = house.issue(declared_value=VALUE)
    set_rate(house, "9999", at=house.clock.now() + timedelta(seconds=1))
    cost = issued.steps[0].inclusion.cost
    assert cost > 0
    lines = fees(house)
    assert [(each.amount, each.rate.price) for each in lines[FeeKind.NETWORK].costs] == [
        (cost, 2_000)
    ]
    # $2,000 with 15 % on top are 230,000 cents.
    exact = Fraction(cost * 230_000, 10**18)
    assert -Fraction(1, 2) < lines[FeeKind.NETWORK].amount_minor - exact <= Fraction(1, 2)
    assert lines[FeeKind.VALUE].amount_minor == 5_000_00
    house.is_intact()


def test_the_rate_is_kept_with_the_attempt(house):
    set_rate(house, "2000")
    issued = house.issue()
    (attempt,) = [each for step in issued.steps for each in step.attempts]
    assert attempt.cost == issued.steps[0].inclusion.cost
    assert (attempt.rate.price, attempt.rate.currency) == (2_000, "USD")
    assert attempt.rate.source == "ECB"


def test_what_came_to_nothing_before_is_charged_too_at_the_rate_of_then(house):
    set_rate(house, "2000")
    house.chain.node.reverts = 1
    deployed = house.deploy()
    house.work_until_done()
    assert house.get(deployed.id).may_retry
    assert fees(house) == {}
    set_rate(house, "3000", at=house.clock.now() - timedelta(seconds=1))
    assert not isinstance(house.retry(deployed.id), Refusal)
    house.work_until_done()
    first, second = fees(house)[FeeKind.NETWORK].costs
    assert (first.rate.price, second.rate.price) == (2_000, 3_000)
    assert first.amount > 0
    slots = house.get(deployed.id).step.slots
    assert [slot.attempts[0].cost for slot in slots] == [first.amount, second.amount]


def test_without_a_rate_the_line_says_so_and_charges_nothing(house):
    house.issue()
    line = fees(house)[FeeKind.NETWORK]
    assert line.amount_minor is None
    assert statement(house).totals == {"USD": 0}
    assert price(house) == 0
    set_rate(house, "2000", currency="EUR")
    assert price(house) == 0, "the catalogue is in dollars"
    set_rate(house, "2000")
    assert price(house) == 1
    assert price(house) == 0
    assert fees(house)[FeeKind.NETWORK].amount_minor is not None


@pytest.mark.parametrize("tariff", [UNLIMITED, ENTERPRISE])
def test_who_has_no_fees_here_is_not_charged(house, tariff):
    house.set_tariff(house.registered.organisation.id, tariff, "another one")
    set_rate(house)
    house.issue(declared_value=VALUE)
    assert fees(house) == {}


def test_operations_on_tokens_are_not_charged(house):
    set_rate(house)
    token = house.issue()
    charged = len(statement(house).fees)
    house.operate(token.id)
    house.work_until_done()
    assert len(statement(house).fees) == charged


def test_a_failed_deployment_is_not_charged(house):
    set_rate(house)
    deployed = house.deploy(declared_value=VALUE)
    house.cancel(deployed.id)
    house.work_until_done()
    assert fees(house) == {}


@pytest.mark.parametrize(
    "asked",
    [
        {"price": "0"},
        {"price": "-1"},
        {"price": "dear"},
        {"price": "NaN"},
        {"currency": "BTC"},
        {"source": " "},
        {"at": NOW + timedelta(days=1)},
    ],
)
def test_what_is_no_rate_is_refused(house, asked):
    assert set_rate(house, **asked).code == "invalid_rate"


def test_a_rate_is_told_once_and_of_a_network_of_ours(house):
    assert not isinstance(set_rate(house, at=NOW), Refusal)
    assert set_rate(house, "2001", at=NOW).code == "invalid_rate"
    assert set_rate(house, network=NetworkId("eip155:1")).code == "unknown_network"


ACTS = ("grant", "deploy", "mint", "claw", "restore", "adjust", "cancel", "look")
acts = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.sampled_from(
            ["grant", "deploy", "mint", "claw", "restore", "adjust", "cancel", "look"]
        ),
        st.integers(1, 40),
    ),
    max_size=15,
)


@examples(40)
@given(acts)
def test_a_statement_is_the_journal(story):
    """What opens is what closed before; the lines lead from one to the other; nothing is left."""
    house = House()
    house.set_tariff(house.registered.organisation.id, CHARGED, "may do all")
    began = house.clock.now()
    facts, token = {}, None
    for days, what, amount in story:
        house.pass_time(timedelta(days=days))
        with house.store.begin(house.scope) as work:
            now = house.clock.now()
            if what == "grant":
                fact = f"pack:pi_{len(facts)}"
                facts[fact] = amount
                act(work, a_grant(amount, fact=fact, effective_at=now), now)
            elif what in {"claw", "restore"} and facts:
                fact = sorted(facts)[amount % len(facts)]
                taken = facts[fact] if what == "claw" else 0
                act(work, Clawback(fact=fact, total=taken), now)
            elif what == "adjust":
                act(work, Adjust(amount=amount), now)
        if what == "deploy":
            house.request(declared_value=VALUE)
            house.work_until_done()
            token = next((each.id for each in house.operations() if each.result), None)
        elif what == "mint" and token is not None:
            house.ask(token, house.order(token))
            house.work_until_done()
        elif what == "cancel":
            answer = house.request()
            if not isinstance(answer, Refusal):
                house.cancel(answer.deployment.id)
    check_statements(house, began)


def check_statements(house, began):
    journal, before, fees_told = house.journal(), None, []
    month = month_of(began)
    while month.start <= house.clock.now():
        found = statement(house, month)
        within = [entry for entry in journal if entry.at in month]
        if before is not None:
            assert found.opening == before
        lines = sum(line.credits for line in found.lines)
        assert found.opening.balance + lines == found.closing.balance
        captured = sum(e.posting.amount for e in within if e.posting.credit is LedgerAccount.SPENT)
        told = [line for line in found.lines if line.what == "captured"]
        assert -sum(line.credits for line in told) == captured
        assert all(line.of in {"deployment", "mint"} for line in told)
        before = found.closing
        fees_told += found.fees
        month = month_of(month.end)
    wallet = house.wallet
    assert (before.available, before.held, before.debt) == (
        wallet.available, wallet.held, wallet.debt,
    )  # fmt: skip
    issued = [each for each in house.operations() if each.result and each.order is None]
    assert len({line.fact for line in fees_told}) == len(fees_told) == 2 * len(issued)


def test_a_period_of_one_s_own_is_stated(house):
    house.issue()
    now = house.clock.now()
    empty = statement(house, Period(now + timedelta(days=1), now + timedelta(days=2)))
    assert empty.lines == empty.fees == ()
    assert empty.opening == empty.closing
    assert empty.opening.balance == 20
    unknown = StateAccount(store=house.store, catalogue=house.catalogue, clock=house.clock)
    assert unknown(OrganisationId(house.identifiers.next())).code == "not_found"
    assert evolve(empty, fees=()).totals == {}
