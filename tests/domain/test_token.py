"""What a token must be after what was done to it, and what its holders are told."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from domain.audit import canonical
from domain.network import Block
from domain.token import Action, Indicators, Order, Power, TokenState, differences, expected

ADA, BOB = "0xada", "0xbob"

STATE = TokenState(
    name="Hazel",
    symbol="HZL",
    decimals=2,
    supply=1000,
    cap=5000,
    powers={Power.MANAGE: (ADA,), Power.MINT: (ADA,), Power.PAUSE: (ADA,)},
    url="https://example.org/hazel.json",
    metadata_hash="ab" * 32,
    code="cd" * 32,
)


def an_order(action, amount=None):
    parameters = {} if amount is None else {"amount": str(amount)}
    return Order(action=action, parameters=parameters)


orders = st.lists(
    st.builds(an_order, st.sampled_from([Action.MINT, Action.BURN]), st.integers(0, 2**256))
    | st.builds(an_order, st.sampled_from([Action.PAUSE, Action.UNPAUSE]))
)


@given(orders)
def test_what_was_minted_less_what_was_burnt_is_added(given_orders):
    minted = sum(int(o.parameters["amount"]) for o in given_orders if o.action is Action.MINT)
    burnt = sum(int(o.parameters["amount"]) for o in given_orders if o.action is Action.BURN)
    assert expected(STATE, given_orders).supply == 1000 + minted - burnt


@given(orders)
def test_the_last_word_on_the_pause_counts(given_orders):
    words = [o.action for o in given_orders if o.action in {Action.PAUSE, Action.UNPAUSE}]
    assert expected(STATE, given_orders).paused is (words[-1:] == [Action.PAUSE])


@given(orders)
def test_nothing_else_changes_by_orders(given_orders):
    after = expected(STATE, given_orders)
    assert evolve(after, supply=STATE.supply, paused=STATE.paused) == STATE


CHANGES = [
    ({"name": "Nut"}, "name: expected Hazel, found Nut"),
    ({"symbol": "NUT"}, "symbol: expected HZL, found NUT"),
    ({"decimals": 3}, "decimals: expected 2, found 3"),
    ({"supply": 1001}, "supply: expected 1000, found 1001"),
    ({"cap": None}, "cap: expected 5000, found none"),
    ({"paused": True}, "paused: expected no, found yes"),
    ({"frozen_by_default": True}, "frozen by default: expected no, found yes"),
    (
        {"url": None},
        "url: expected https://example.org/hazel.json, found none",
    ),
    ({"metadata_hash": "00"}, f"metadata hash: expected {'ab' * 32}, found 00"),
    ({"code": "00"}, f"code: expected {'cd' * 32}, found 00"),
    (
        {"powers": {**STATE.powers, Power.MINT: (ADA, BOB)}},
        f"power to mint: expected {ADA}, found {ADA}, {BOB}",
    ),
    (
        {"powers": {**STATE.powers, Power.CLAWBACK: (BOB,)}},
        f"power to clawback: expected none, found {BOB}",
    ),
    (
        {"powers": {Power.MANAGE: (ADA,), Power.MINT: (ADA,)}},
        f"power to pause: expected {ADA}, found none",
    ),
]


@pytest.mark.parametrize(("change", "told"), CHANGES, ids=lambda value: str(value)[:20])
def test_every_difference_is_told(change, told):
    assert differences(STATE, evolve(STATE, **change)) == (told,)


def test_every_field_of_the_state_is_compared():
    compared = {name for change, _ in CHANGES for name in change}
    # What a plan says of holders, a chain has no need to.
    assert compared | {"at", "holders_may_burn"} == {
        field.name for field in TokenState.__attrs_attrs__
    }
    changed = evolve(
        STATE, **{name: value for change, _ in CHANGES for name, value in change.items()}
    )
    assert len(differences(STATE, changed)) == len(compared)


def test_where_it_was_seen_and_how_holders_are_listed_is_no_difference():
    seen = evolve(
        STATE,
        at=Block(number=7, hash="0x7"),
        powers={**STATE.powers, Power.FREEZE: (), Power.MINT: (ADA,)},
    )
    assert differences(STATE, seen) == ()


def of(actions=(), **changes):
    return Indicators.of(actions, evolve(STATE, **changes))


def test_indicators_tell_who_holds_which_power():
    without = of(powers={})
    names = {
        Power.MINT: "is_mintable",
        Power.BURN: "is_burnable",
        Power.PAUSE: "is_pausable",
        Power.FREEZE: "has_freeze",
        Power.CLAWBACK: "has_clawback",
        Power.UPGRADE: "is_upgradeable",
    }
    for power, name in names.items():
        told = of(powers={power: (BOB,)})
        assert getattr(told, name) is True
        assert getattr(without, name) is False
        assert getattr(of(powers={power: ()}), name) is False


@pytest.mark.parametrize(
    ("powers", "actions", "is_fixed"),
    [
        ({}, (Action.MINT,), True),
        ({Power.MINT: (ADA,)}, (), False),
        ({Power.BURN: (ADA,)}, (), False),
        ({Power.UPGRADE: (ADA,)}, (), False),
        # Whoever manages can give the power to mint back, where there is such a thing.
        ({Power.MANAGE: (ADA,)}, (Action.MINT,), False),
        ({Power.MANAGE: (ADA,)}, (Action.BURN,), False),
        ({Power.MANAGE: (ADA,)}, (Action.PAUSE,), True),
        ({Power.MANAGE: (ADA,), Power.FREEZE: (ADA,)}, (), True),
    ],
)
def test_a_supply_is_fixed_where_nobody_can_ever_change_it(powers, actions, is_fixed):
    assert of(actions, powers=powers).is_supply_fixed is is_fixed


def test_metadata_are_immutable_by_their_hash():
    assert of().is_metadata_immutable is True
    assert of(metadata_hash=None).is_metadata_immutable is False
    assert of(url=None).is_metadata_immutable is None


def test_the_other_indicators_are_the_states_own():
    assert (of().has_cap, of(cap=None).has_cap) == (True, False)
    assert (of().is_paused, of(paused=True).is_paused) == (False, True)
    assert of(frozen_by_default=True).is_frozen_by_default is True


@given(st.integers(0, 2_000))
def test_what_holders_destroy_as_they_may_is_no_difference(supply):
    found = evolve(STATE, supply=supply)
    told = differences(evolve(STATE, holders_may_burn=True), found)
    grown = (f"supply: expected 1000, found {supply}",)
    assert told == (grown if supply > 1000 else ())
    assert differences(STATE, found) == (grown if supply != 1000 else ())


def test_what_was_burnt_by_holders_stays_burnt_whatever_is_minted_since():
    planned = evolve(STATE, holders_may_burn=True)
    wanted = expected(planned, [an_order(Action.MINT, 50)])
    assert differences(wanted, evolve(STATE, supply=950)) == ()
    assert differences(wanted, evolve(STATE, supply=1051)) != ()


@given(st.text(max_size=3_000))
def test_whatever_a_program_calls_itself_can_be_told_and_kept(name):
    (told,) = differences(STATE, evolve(STATE, name=name)) or ("",)
    assert told.isprintable()
    assert len(told) < 1_100
    assert canonical(told)
