"""Fees in money: what the network took, with a markup, and a share of the declared value."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue import Fees
from domain.deployment import Deployment
from domain.fees import FeeKind, fees_of
from domain.identifiers import OperationId
from domain.money import Money, Rate
from domain.operation import Attempt, Slot, SlotState, Step
from domain.token import Token, TokenKind

NOW = datetime(2026, 11, 21, tzinfo=UTC)
RATE = Rate(price=Decimal(3000), currency="USD", source="ECB", at=NOW)
FEES = Fees(markup_basis_points=1_500, value_basis_points=50)
ETH = 10**18


def attempt(number, cost, rate=RATE):
    return Attempt(
        number=number,
        transaction_id=f"0x{number}",
        raw=b"",
        body=b"",
        fee_cap=1,
        signed_at=NOW,
        cost=cost,
        rate=rate,
    )


def deployed(*attempts, declared=None, signer="0xtreasury"):
    slots = tuple(
        Slot(number=n, network="eip155:1", signer=signer, sequence=n, state=SlotState.SPENT,
             attempts=(each,))
        for n, each in enumerate(attempts, 1)
    )  # fmt: skip
    return Deployment(
        organisation=UUID(int=1),
        id=OperationId(UUID(int=2)),
        network="eip155:1",
        live=True,
        account=None,
        requested_by="mem_1",
        token=Token(
            kind=TokenKind("erc20"), name="G", symbol="G", decimals=0, supply=1, parameters={}
        ),
        sender="0xtreasury",
        fee_ceiling=1,
        credits=5,
        declared_value=declared,
        accepted_at=NOW,
        steps=(Step(number=1, name="create", slots=slots),),
    )


def fees(deployment, terms=FEES):
    return {line.kind: line for line in fees_of(deployment, terms, "USD", 18, NOW)}


def test_the_network_s_cost_is_that_of_all_transactions_with_a_markup():
    # 0.01 and 0.02 ETH at $3,000 are $90; with 15 % on top, $103.50.
    line = fees(deployed(attempt(1, ETH // 100), attempt(2, ETH // 50)))[FeeKind.NETWORK]
    assert (line.amount_minor, line.currency) == (103_50, "USD")
    assert [cost.amount for cost in line.costs] == [ETH // 100, ETH // 50]
    assert all(cost.rate == RATE for cost in line.costs)
    assert line.fact == "fee:dep_00000000000000000000000002:network"


def test_a_share_of_the_declared_value_is_in_its_own_currency():
    worth = Money(amount_minor=1_250_000_00, currency="EUR")
    line = fees(deployed(declared=worth))[FeeKind.VALUE]
    assert (line.amount_minor, line.currency, line.declared) == (6_250_00, "EUR", worth)


def test_what_nobody_declared_has_no_share():
    assert set(fees(deployed(attempt(1, ETH)))) == {FeeKind.NETWORK}
    worth = Money(amount_minor=100, currency="EUR")
    only_markup = Fees(markup_basis_points=1_000)
    assert set(fees(deployed(attempt(1, ETH), declared=worth), only_markup)) == {FeeKind.NETWORK}


def test_what_took_no_coin_of_the_sender_is_not_charged():
    assert fees(deployed(attempt(1, None), attempt(2, 0))) == {}
    assert fees(deployed(attempt(1, ETH), signer="0xissuer")) == {}


@pytest.mark.parametrize("rate", [None, evolve(RATE, currency="EUR")])
def test_without_a_rate_nothing_is_charged_until_there_is_one(rate):
    line = fees(deployed(attempt(1, ETH // 100), attempt(2, ETH // 100, rate)))[FeeKind.NETWORK]
    assert line.amount_minor is None
    dearer = evolve(RATE, price=Decimal(4000))
    priced = line.priced(dearer)
    if rate is None:
        # The first at its own rate, $30, the second at the one that came, $40.
        assert priced.amount_minor == (30_00 + 40_00) * 115 // 100
        assert priced.priced(RATE) == priced, "a price stays"
    else:
        assert priced.amount_minor is None
    assert line.priced(evolve(RATE, currency="EUR")) == line


@given(
    st.lists(st.integers(1, 10**22), min_size=1, max_size=4),
    st.decimals("0.000001", "100000", places=6),
    st.integers(0, 10_000),
)
def test_a_line_is_rounded_once_and_half_up(costs, price, markup):
    rate = evolve(RATE, price=price)
    deployment = deployed(*(attempt(n, cost, rate) for n, cost in enumerate(costs, 1)))
    line = fees(deployment, Fees(markup_basis_points=markup))[FeeKind.NETWORK]
    exact = Fraction(sum(costs), ETH) * Fraction(price) * 100 * (1 + Fraction(markup, 10_000))
    assert -Fraction(1, 2) < line.amount_minor - exact <= Fraction(1, 2)
