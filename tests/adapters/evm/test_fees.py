"""Offers: never above the ceiling, always enough for a replacement, whole wei."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from adapters.evm.fees import LEAST_PRIORITY_FEE, Market, Offer, offer
from domain.operation import Postponed, WaitReason

GWEI = 10**9

wei = st.integers(0, 10**15)
markets = st.builds(Market, base_fee=wei, priority_fee=wei)
offers = st.builds(lambda low, more: Offer(max_fee=low + more, priority_fee=low), wei, wei)


def test_a_calm_market_is_offered_room_for_the_base_fee_to_double():
    market = Market(base_fee=7 * GWEI, priority_fee=GWEI)
    assert offer(market, 100 * GWEI) == Offer(max_fee=15 * GWEI, priority_fee=GWEI)


def test_the_ceiling_cuts_the_room_and_not_the_transaction():
    market = Market(base_fee=7 * GWEI, priority_fee=GWEI)
    assert offer(market, 8 * GWEI) == Offer(max_fee=8 * GWEI, priority_fee=GWEI)


def test_a_base_fee_above_the_ceiling_is_waited_out():
    postponed = offer(Market(base_fee=9, priority_fee=0), 8)
    assert isinstance(postponed, Postponed)
    assert postponed.reason is WaitReason.FEE_ABOVE_CEILING


def test_a_replacement_that_nodes_would_accept_but_policy_does_not_is_waited_out():
    market = Market(base_fee=1, priority_fee=1)
    postponed = offer(market, 112, [Offer(max_fee=100, priority_fee=1)])
    assert isinstance(postponed, Postponed)
    assert postponed.reason is WaitReason.FEE_ABOVE_CEILING
    assert offer(market, 113, [Offer(max_fee=100, priority_fee=1)]) == Offer(
        max_fee=113, priority_fee=2
    )


@given(markets, wei, st.lists(offers, max_size=4))
def test_nothing_above_the_ceiling_is_ever_offered(market, ceiling, replacing):
    made = offer(market, ceiling, replacing)
    if isinstance(made, Postponed):
        assert made.reason is WaitReason.FEE_ABOVE_CEILING
    else:
        assert market.base_fee <= made.max_fee <= ceiling
        assert made.priority_fee <= made.max_fee
        assert type(made.max_fee) is type(made.priority_fee) is int


@given(markets, st.lists(offers, min_size=1, max_size=4))
def test_a_replacement_raises_both_fees_by_an_eighth_over_the_highest(market, replacing):
    made = offer(market, 10**18, replacing)
    assert isinstance(made, Offer)
    for old in replacing:
        assert made.max_fee > old.max_fee
        assert made.priority_fee > old.priority_fee
        assert made.max_fee >= Fraction(9, 8) * old.max_fee
        assert made.priority_fee >= Fraction(9, 8) * old.priority_fee


@given(markets, st.lists(offers, min_size=1, max_size=4))
def test_a_replacement_offers_at_least_what_a_first_attempt_would(market, replacing):
    first, later = offer(market, 10**18), offer(market, 10**18, replacing)
    assert isinstance(first, Offer)
    assert isinstance(later, Offer)
    assert later.max_fee >= first.max_fee
    assert later.priority_fee >= first.priority_fee


@given(markets, st.integers(1, 30))
def test_a_chain_of_replacements_ends_at_the_ceiling(market, rounds):
    made, ceiling = [], 10**15
    for _ in range(rounds):
        latest = offer(market, ceiling, made)
        if isinstance(latest, Postponed):
            assert not made or Fraction(9, 8) * made[-1].max_fee > ceiling - 1
            return
        made.append(latest)
    assert len({each.max_fee for each in made}) == len(made)


def test_the_market_is_the_next_base_fee_and_the_middle_of_what_was_paid():
    market = Market.of([5, 6, 7], [0, 9 * GWEI, 2 * GWEI, 3 * GWEI])
    assert market == Market(base_fee=7, priority_fee=3 * GWEI)
    assert market.price == 7 + 3 * GWEI


def test_where_nobody_paid_a_tip_the_least_one_is_offered():
    assert Market.of([5], [0, 0]).priority_fee == LEAST_PRIORITY_FEE
    assert Market.of([5], []).priority_fee == LEAST_PRIORITY_FEE
