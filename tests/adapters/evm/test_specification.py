"""What may be asked for: every limit at its edge, every fault told, and nothing half valid."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.evm.standards import kinds
from domain.errors import MisuseError, Refusal
from domain.token import Token, TokenKind

MAX = 2**256 - 1
MINTABLE, PREMINTED = TokenKind("erc20_mintable"), TokenKind("erc20_preminted")
HOLDER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

GOOD = {
    MINTABLE: {"name": "Hazel", "symbol": "HZL", "initial_supply": "0"},
    PREMINTED: {"name": "Willow", "symbol": "WLW", "supply": "1"},
}


def asked(kind, **changes):
    return kinds()[kind].token(GOOD[kind] | changes)


def faults(kind, **changes):
    refusal = asked(kind, **changes)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid_token"
    return {(fault.pointer, fault.code) for fault in refusal.faults}


def test_the_shipped_kinds_are_these():
    assert list(kinds()) == [MINTABLE, PREMINTED]


def test_defaults_are_filled_in_and_stored():
    token = asked(MINTABLE)
    assert token == Token(
        kind=MINTABLE,
        name="Hazel",
        symbol="HZL",
        decimals=18,
        supply=0,
        parameters={
            "name": "Hazel",
            "symbol": "HZL",
            "decimals": 18,
            "initial_supply": "0",
            "cap": str(MAX),
            "initial_holder": None,
        },
    )


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("decimals", [0, 18, 255])
def test_decimals_are_a_uint8(kind, decimals):
    assert asked(kind, decimals=decimals).decimals == decimals


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"decimals": 256}, ("/decimals", "out_of_range")),
        ({"decimals": -1}, ("/decimals", "out_of_range")),
        ({"decimals": True}, ("/decimals", "wrong_type")),
        ({"decimals": 18.0}, ("/decimals", "wrong_type")),
        ({"decimals": "18"}, ("/decimals", "wrong_type")),
        ({"decimals": None}, ("/decimals", "wrong_type")),
        ({"name": ""}, ("/name", "too_short")),
        ({"name": "n" * 51}, ("/name", "too_long")),
        ({"name": 7}, ("/name", "wrong_type")),
        ({"name": " n"}, ("/name", "surrounding_blank")),
        ({"name": "n\u00a0"}, ("/name", "surrounding_blank")),
        ({"name": "n\nn"}, ("/name", "control_character")),
        ({"name": "n\0"}, ("/name", "control_character")),
        ({"name": "\u202egnorw"}, ("/name", "control_character")),
        ({"name": "\ud800"}, ("/name", "control_character")),
        ({"name": "e\u0301"}, ("/name", "not_normalized")),
        ({"symbol": "S" * 11}, ("/symbol", "too_long")),
        ({"symbol": ""}, ("/symbol", "too_short")),
        ({"initial_holder": "0x" + "0" * 40}, ("/initial_holder", "not_an_address")),
        ({"initial_holder": HOLDER[:-1]}, ("/initial_holder", "not_an_address")),
        ({"initial_holder": HOLDER[2:]}, ("/initial_holder", "not_an_address")),
        ({"initial_holder": HOLDER.replace("C8", "c8")}, ("/initial_holder", "not_an_address")),
        ({"initial_holder": 5}, ("/initial_holder", "wrong_type")),
        ({"colour": "red"}, ("/colour", "unknown_field")),
        ({"a/b~c": "red"}, ("/a~1b~0c", "unknown_field")),
    ],
)
def test_a_faulty_field_is_named(kind, changes, fault):
    assert faults(kind, **changes) == {fault}


@pytest.mark.parametrize(
    ("kind", "amount"),
    [(MINTABLE, "initial_supply"), (MINTABLE, "cap"), (PREMINTED, "supply")],
)
@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1, "wrong_type"),
        (True, "wrong_type"),
        (None, "wrong_type"),
        (1.0, "wrong_type"),
        ("", "not_an_amount"),
        ("-1", "not_an_amount"),
        ("+1", "not_an_amount"),
        ("1.0", "not_an_amount"),
        ("1e3", "not_an_amount"),
        ("1_000", "not_an_amount"),
        ("0x1", "not_an_amount"),
        ("01", "not_an_amount"),
        (" 1", "not_an_amount"),
        ("1\n", "not_an_amount"),
        ("\u0661", "not_an_amount"),
        (str(MAX + 1), "out_of_range"),
        ("9" * 78, "out_of_range"),
        ("9" * 79, "out_of_range"),
        ("9" * 10_000, "out_of_range"),
    ],
)
def test_an_amount_is_decimal_digits_of_a_uint256(kind, amount, value, code):
    assert faults(kind, **{amount: value}) == {(f"/{amount}", code)}


def test_amounts_at_their_edges():
    assert asked(MINTABLE, initial_supply=str(MAX)).supply == MAX
    assert asked(MINTABLE, initial_supply="5", cap="5").supply == 5
    assert asked(PREMINTED, supply=str(MAX)).supply == MAX
    assert faults(MINTABLE, initial_supply="6", cap="5") == {("/cap", "out_of_range")}
    assert faults(MINTABLE, cap="0") == {("/cap", "out_of_range")}
    assert faults(PREMINTED, supply="0") == {("/supply", "out_of_range")}


def test_texts_at_their_edges():
    assert asked(MINTABLE, name="\U0001f333" * 50, symbol="S" * 10).symbol == "S" * 10


def test_every_fault_is_told_at_once():
    refusal = kinds()[MINTABLE].token({"symbol": 3, "decimals": 256, "cap": "x", "colour": 1})
    assert isinstance(refusal, Refusal)
    assert {(fault.pointer, fault.code) for fault in refusal.faults} == {
        ("/name", "missing"),
        ("/symbol", "wrong_type"),
        ("/decimals", "out_of_range"),
        ("/initial_supply", "missing"),
        ("/cap", "not_an_amount"),
        ("/colour", "unknown_field"),
    }


@pytest.mark.parametrize("spelling", [str, str.lower, lambda a: "0x" + a[2:].upper()])
def test_an_address_is_stored_in_its_one_spelling(spelling):
    assert asked(PREMINTED, initial_holder=spelling(HOLDER)).parameters["initial_holder"] == HOLDER


amounts = st.integers(0, MAX) | st.sampled_from([0, 1, MAX])
visible = st.text(
    st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")), min_size=1, max_size=10
).filter(lambda t: t == t.strip() and unicodedata.is_normalized("NFC", t))
good = st.one_of(
    st.builds(
        lambda name, symbol, decimals, pair: (
            MINTABLE,
            {
                "name": name,
                "symbol": symbol,
                "decimals": decimals,
                "initial_supply": str(min(pair)),
                "cap": str(max(*pair, 1)),
            },
        ),
        visible,
        visible,
        st.integers(0, 255),
        st.tuples(amounts, amounts),
    ),
    st.builds(
        lambda name, symbol, supply: (
            PREMINTED,
            {"name": name, "symbol": symbol, "supply": str(max(supply, 1))},
        ),
        visible,
        visible,
        amounts,
    ),
)


@given(good)
def test_a_stored_token_is_the_token_that_was_accepted(asked_for):
    kind, parameters = asked_for
    token = kinds()[kind].token(parameters)
    assert isinstance(token, Token)
    assert kinds()[kind].stored_token(token.parameters) == token
    assert kinds()[kind].token(token.parameters) == token
    assert parameters.items() <= token.parameters.items()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)
fields = st.sampled_from(
    ["name", "symbol", "decimals", "initial_supply", "cap", "supply", "initial_holder", "other"]
)


@given(st.sampled_from(list(GOOD)), st.dictionaries(fields, anything))
def test_whatever_comes_is_a_token_or_a_refusal_that_names_fields(kind, parameters):
    answer = kinds()[kind].token(parameters)
    if isinstance(answer, Refusal):
        assert answer.faults
        assert len({fault.pointer for fault in answer.faults}) == len(answer.faults)
    else:
        assert kinds()[kind].stored_token(answer.parameters) == answer


@pytest.mark.parametrize("kind", GOOD)
def test_the_schema_says_what_the_rules_say(kind):
    schema = kinds()[kind].description.schema
    properties = schema["properties"]
    assert schema["additionalProperties"] is False
    assert set(properties) == set(asked(kind).parameters)
    for name in schema["required"]:
        rest = {k: v for k, v in GOOD[kind].items() if k != name}
        refusal = kinds()[kind].token(rest)
        assert [(f.pointer, f.code) for f in refusal.faults] == [(f"/{name}", "missing")]
    for name, described in properties.items():
        assert described["description"]
        if name not in schema["required"]:
            assert asked(kind).parameters[name] == described["default"]


@pytest.mark.parametrize("kind", GOOD)
def test_what_was_never_validated_is_not_stored(kind):
    for parameters in ({}, GOOD[kind], {**asked(kind).parameters, "name": ""}):
        with pytest.raises(MisuseError):
            kinds()[kind].stored_token(parameters)
