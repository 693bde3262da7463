"""What may be asked for of tokens that are applications, and of what is done with them."""

import unicodedata

import pytest
from algosdk.encoding import encode_address
from hypothesis import given
from hypothesis import strategies as st

from adapters.algorand.standards import kinds
from domain.catalogue import KindClass
from domain.errors import MisuseError, Refusal
from domain.token import ORDERED, Action, Order, Token, TokenKind

MINTABLE, PREMINTED, SECURITY = (
    TokenKind(name) for name in ("arc200_mintable", "arc200_preminted", "arc1400_mintable")
)
MOST = 2**256 - 1
ADDRESS = "GIMN3RFDRRWFD7KIFSVRMXC4JXYD5ZXKT7KSN57OG4RAZPPC3L3YDM46NQ"
NAMED = {"name": "Hazel", "symbol": "HZL", "decimals": 2}
GOOD = {
    MINTABLE: NAMED | {"initial_supply": "5"},
    PREMINTED: NAMED | {"supply": "5"},
    SECURITY: NAMED | {"initial_supply": "5"},
}
DEFAULTS = {
    MINTABLE: {"cap": str(MOST), "initial_holder": None},
    PREMINTED: {"initial_holder": None},
    SECURITY: {
        "initial_holder": None,
        "controller": "issuer",
        "controllable": True,
        "require_justification": True,
        "min_action_interval": 0,
    },
}
SUPPLY = {MINTABLE: "initial_supply", PREMINTED: "supply", SECURITY: "initial_supply"}
AMOUNTS = [(MINTABLE, "initial_supply", 0), (MINTABLE, "cap", 1), (PREMINTED, "supply", 1)]
AMOUNTS += [(SECURITY, "initial_supply", 0)]
ACTIONS = {kind: tuple(kinds()[kind].actions) for kind in (MINTABLE, SECURITY)}
ORDERABLE = [(kind, action) for kind in ACTIONS for action in (Action.MINT, Action.BURN)]
#: Of all texts; the field's own longest comes with each test.
FAULTY_TEXTS = [
    ("", "too_short"),
    (7, "wrong_type"),
    (["x"], "wrong_type"),
    (" n", "surrounding_blank"),
    ("n\u00a0", "surrounding_blank"),
    ("n\nn", "control_character"),
    ("n\0", "control_character"),
    ("\u202egnow", "control_character"),
    ("\ud800", "control_character"),
    ("e\u0301", "not_normalized"),
]
NOT_ADDRESSES = [
    "", ADDRESS[:-1], ADDRESS + "A", ADDRESS.lower(), "A" + ADDRESS[1:], ADDRESS + "\n",
    encode_address(bytes(32)), "0x" + "0" * 40,
]  # fmt: skip


def asked(kind, **changes):
    return kinds()[kind].token(GOOD[kind] | changes)


def faults(kind, **changes):
    return told(asked(kind, **changes), "invalid_token")


def told(refusal, code):
    assert isinstance(refusal, Refusal), refusal
    assert refusal.code == code
    found = [(fault.pointer, fault.code) for fault in refusal.faults]
    assert len(set(found)) == len(found)
    assert all(fault.message for fault in refusal.faults)
    return set(found)


def ordered(kind, action, **parameters):
    return kinds()[kind].order(asked(kind), action, parameters)


def order_faults(kind, action, **parameters):
    return told(ordered(kind, action, **parameters), "invalid_order")


# Tokens.


def test_the_shipped_kinds_are_these():
    found = {name: kind.description for name, kind in kinds().items() if kind.needs_avm}
    assert {name: (each.kind_class, each.standard) for name, each in found.items()} == {
        MINTABLE: (KindClass.CORE, "ARC-200"),
        PREMINTED: (KindClass.CORE, "ARC-200"),
        SECURITY: (KindClass.COMPLIANCE, "ARC-1400"),
    }
    for name, each in found.items():
        assert set(each.actions) == (set(ORDERED) if name != PREMINTED else set())


@pytest.mark.parametrize("kind", GOOD)
def test_defaults_are_filled_in_and_stored(kind):
    assert asked(kind) == Token(
        kind=kind,
        name="Hazel",
        symbol="HZL",
        decimals=2,
        supply=5,
        parameters=GOOD[kind] | DEFAULTS[kind],
    )


def strange_texts(longest):
    """Those that are short enough in letters, and perhaps not in bytes."""
    visible = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))
    return st.text(visible, min_size=1, max_size=longest + 2).filter(
        lambda text: text == text.strip() and unicodedata.is_normalized("NFC", text)
    )


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize(("name", "longest"), [("name", 32), ("symbol", 8)])
@given(data=st.data())
def test_a_name_is_limited_by_its_bytes_and_not_by_its_letters(kind, name, longest, data):
    """The contract keeps exactly so many, padded with zeros."""
    text = data.draw(strange_texts(longest))
    if len(text.encode()) <= longest:
        assert asked(kind, **{name: text}).parameters[name] == text
    else:
        assert faults(kind, **{name: text}) == {(f"/{name}", "too_long")}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize(("name", "longest"), [("name", 32), ("symbol", 8)])
@pytest.mark.parametrize("letter", ["x", "\u00e4", "\u20ac", "\U0001f333"])
def test_a_name_at_its_edge(kind, name, longest, letter):
    size = len(letter.encode())
    fits = "x" * (longest % size) + letter * (longest // size)
    assert asked(kind, **{name: fits}).parameters[name] == fits
    assert faults(kind, **{name: fits + "x"}) == {(f"/{name}", "too_long")}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("name", ["name", "symbol"])
@pytest.mark.parametrize(("value", "code"), [*FAULTY_TEXTS, (None, "wrong_type")])
def test_a_faulty_name_is_told(kind, name, value, code):
    assert faults(kind, **{name: value}) == {(f"/{name}", code)}


@pytest.mark.parametrize("kind", GOOD)
def test_decimals_at_their_edges(kind):
    for decimals in (0, 19, 20, 255):
        assert asked(kind, decimals=decimals).decimals == decimals
    for decimals in (-1, 256, 2**64, -(2**70)):
        assert faults(kind, decimals=decimals) == {("/decimals", "out_of_range")}
    for decimals in (True, False, 2.0, "2", None):
        assert faults(kind, decimals=decimals) == {("/decimals", "wrong_type")}


@pytest.mark.parametrize(("kind", "name", "least"), AMOUNTS)
def test_amounts_at_their_edges(kind, name, least):
    others = {"initial_supply": "0"} if name == "cap" else {}
    for amount in (least, 1, 2**64, MOST):
        token = asked(kind, **others, **{name: str(amount)})
        assert token.parameters[name] == str(amount)
        if name == SUPPLY[kind]:
            assert token.supply == amount
    for amount in (str(least - 1) if least else None, str(MOST + 1), "9" * 78, "9" * 10_000):
        if amount is not None:
            assert faults(kind, **others, **{name: amount}) == {(f"/{name}", "out_of_range")}
    for amount in ("", "-1", "+1", "1.0", "1e3", "1_000", "0x1", "01", " 1", "1\n", "\u0661"):
        assert faults(kind, **others, **{name: amount}) == {(f"/{name}", "not_an_amount")}
    for amount in (1, True, None, 1.0):
        assert faults(kind, **others, **{name: amount}) == {(f"/{name}", "wrong_type")}


@given(st.integers(0, MOST), st.integers(1, MOST))
def test_a_cap_is_not_less_than_what_exists_from_the_start(initial, cap):
    answer = asked(MINTABLE, initial_supply=str(initial), cap=str(cap))
    if initial <= cap:
        assert answer.supply == initial
    else:
        assert told(answer, "invalid_token") == {("/cap", "out_of_range")}


def test_a_cap_that_is_just_reached_is_no_fault():
    assert asked(MINTABLE, initial_supply="7", cap="7").supply == 7
    assert faults(MINTABLE, initial_supply="8", cap="7") == {("/cap", "out_of_range")}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("value", NOT_ADDRESSES)
def test_who_holds_the_initial_supply_has_an_address(kind, value):
    assert faults(kind, initial_holder=value) == {("/initial_holder", "not_an_address")}
    assert faults(kind, initial_holder="issuer") == {("/initial_holder", "not_an_address")}
    assert faults(kind, initial_holder=7) == {("/initial_holder", "wrong_type")}
    for good in (ADDRESS, None):
        assert asked(kind, initial_holder=good).parameters["initial_holder"] == good


def test_a_controller_is_the_issuer_somebody_else_or_nobody():
    for good in ("issuer", ADDRESS):
        assert asked(SECURITY, controller=good).parameters["controller"] == good
    nobody = asked(SECURITY, controller=None, controllable=False)
    assert nobody.parameters["controller"] is None
    for value in NOT_ADDRESSES:
        assert faults(SECURITY, controller=value) == {("/controller", "not_an_address")}
    assert faults(SECURITY, controller=7) == {("/controller", "wrong_type")}


def test_nobody_cannot_be_a_controller_that_may_act():
    unsound = {("/controllable", "out_of_range")}
    assert faults(SECURITY, controller=None, controllable=True) == unsound
    assert faults(SECURITY, controller=None) == unsound
    assert faults(SECURITY, controller=None, decimals=256) == {
        *unsound,
        ("/decimals", "out_of_range"),
    }
    # What is faulty by itself is not judged together with something else.
    assert faults(SECURITY, controller=None, controllable="yes") == {
        ("/controllable", "wrong_type")
    }


@pytest.mark.parametrize("name", ["controllable", "require_justification"])
def test_a_flag_is_true_or_false(name):
    for good in (True, False):
        assert asked(SECURITY, **{name: good}).parameters[name] is good
    for value in (1, 0, "true", None):
        assert faults(SECURITY, **{name: value}) == {(f"/{name}", "wrong_type")}


def test_an_interval_is_at_most_a_century_of_seconds():
    century = 100 * 366 * 86_400
    for seconds in (0, 1, century):
        token = asked(SECURITY, min_action_interval=seconds)
        assert token.parameters["min_action_interval"] == seconds
    for seconds in (-1, century + 1, 2**64):
        assert faults(SECURITY, min_action_interval=seconds) == {
            ("/min_action_interval", "out_of_range")
        }
    for seconds in ("1", True, 1.0, None):
        assert faults(SECURITY, min_action_interval=seconds) == {
            ("/min_action_interval", "wrong_type")
        }


@pytest.mark.parametrize(
    ("kind", "field"), [(PREMINTED, "cap"), (SECURITY, "cap"), (MINTABLE, "controller"),
                        (MINTABLE, "total"), (SECURITY, "unit_name")]
)  # fmt: skip
def test_fields_of_other_kinds_are_unknown(kind, field):
    assert faults(kind, **{field: "1"}) == {(f"/{field}", "unknown_field")}


@pytest.mark.parametrize("kind", GOOD)
def test_every_fault_is_told_at_once(kind):
    refusal = kinds()[kind].token(
        {"symbol": "ninebytes", "decimals": 256, "a/b~c": 1, "initial_holder": "x"}
    )
    assert told(refusal, "invalid_token") == {
        ("/name", "missing"),
        ("/symbol", "too_long"),
        ("/decimals", "out_of_range"),
        (f"/{SUPPLY[kind]}", "missing"),
        ("/a~1b~0c", "unknown_field"),
        ("/initial_holder", "not_an_address"),
    }


tokens = st.one_of(
    *(
        st.tuples(
            st.just(kind),
            st.fixed_dictionaries(
                {
                    "name": strange_texts(32).filter(lambda text: len(text.encode()) <= 32),
                    "symbol": strange_texts(8).filter(lambda text: len(text.encode()) <= 8),
                    "decimals": st.integers(0, 255),
                    SUPPLY[kind]: st.integers(1, MOST).map(str),
                },
                optional={
                    name: st.sampled_from([default, ADDRESS])
                    if name == "controller"
                    else st.just(default)
                    for name, default in DEFAULTS[kind].items()
                },
            ),
        )
        for kind in GOOD
    )
)


@given(tokens)
def test_what_is_stored_is_the_same_token(drawn):
    kind, parameters = drawn
    token = kinds()[kind].token(parameters)
    assert isinstance(token, Token), token
    assert kinds()[kind].stored_token(token.parameters) == token
    assert kinds()[kind].token(token.parameters) == token


@pytest.mark.parametrize("kind", GOOD)
def test_what_was_never_valid_is_not_stored(kind):
    complete = dict(asked(kind).parameters)
    for name in complete:
        less = {key: value for key, value in complete.items() if key != name}
        with pytest.raises(MisuseError):
            kinds()[kind].stored_token(less)
    with pytest.raises(MisuseError):
        kinds()[kind].stored_token(complete | {"decimals": 256})


# Orders.


@pytest.mark.parametrize(("kind", "action"), ORDERABLE)
def test_an_amount_of_an_order_at_its_edges(kind, action):
    for amount in (1, 2**64, MOST):
        order = ordered(kind, action, amount=str(amount))
        assert isinstance(order, Order)
        assert order.supply_change == (amount if action is Action.MINT else -amount)
    for amount in ("0", str(MOST + 1)):
        assert order_faults(kind, action, amount=amount) == {("/amount", "out_of_range")}
    for amount in ("", "-1", "1.0", "01", "1e3", "\u0661"):
        assert order_faults(kind, action, amount=amount) == {("/amount", "not_an_amount")}
    for amount in (1, None, True):
        assert order_faults(kind, action, amount=amount) == {("/amount", "wrong_type")}
    assert order_faults(kind, action) == {("/amount", "missing")}


@pytest.mark.parametrize(
    ("kind", "action", "name"),
    [
        (MINTABLE, Action.MINT, "to"),
        (SECURITY, Action.MINT, "to"),
        (SECURITY, Action.MINT, "partition"),
        (SECURITY, Action.BURN, "partition"),
    ],
)
def test_who_and_what_class_is_an_address_or_the_usual_one(kind, action, name):
    for good in (ADDRESS, None):
        assert ordered(kind, action, amount="1", **{name: good}).parameters[name] == good
    assert ordered(kind, action, amount="1").parameters[name] is None
    for value in (*NOT_ADDRESSES, "issuer"):
        found = order_faults(kind, action, amount="1", **{name: value})
        assert found == {(f"/{name}", "not_an_address")}
    assert order_faults(kind, action, amount="1", **{name: 5}) == {(f"/{name}", "wrong_type")}


@pytest.mark.parametrize("action", [Action.MINT, Action.BURN])
@pytest.mark.parametrize("letter", ["x", "\u20ac", "\U0001f333"])
def test_words_have_256_bytes_at_most(action, letter):
    size = len(letter.encode())
    fits = "x" * (256 % size) + letter * (256 // size)
    for good in (fits, "x", None):
        assert ordered(SECURITY, action, amount="1", data=good).parameters["data"] == good
    assert order_faults(SECURITY, action, amount="1", data=fits + "x") == {("/data", "too_long")}


@pytest.mark.parametrize("action", [Action.MINT, Action.BURN])
@pytest.mark.parametrize(("value", "code"), FAULTY_TEXTS)
def test_faulty_words_are_told(action, value, code):
    assert order_faults(SECURITY, action, amount="1", data=value) == {("/data", code)}


@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("action", [Action.PAUSE, Action.UNPAUSE])
def test_to_pause_takes_no_words(kind, action):
    assert ordered(kind, action) == Order(action=action, parameters={})
    assert order_faults(kind, action, amount="1") == {("/amount", "unknown_field")}


@pytest.mark.parametrize("action", Action)
def test_a_fixed_supply_takes_no_order(action):
    refusal = kinds()[PREMINTED].order(asked(PREMINTED), action, {})
    assert refusal.code == "action_not_offered"
    assert not refusal.faults


def test_fields_of_a_security_are_not_those_of_a_plain_token():
    assert order_faults(MINTABLE, Action.MINT, amount="1", partition=None, data=None) == {
        ("/partition", "unknown_field"),
        ("/data", "unknown_field"),
    }
    assert order_faults(SECURITY, Action.BURN, amount="1", to=ADDRESS) == {
        ("/to", "unknown_field")
    }


def test_every_fault_of_an_order_is_told_at_once():
    found = order_faults(
        SECURITY, Action.MINT, amount="0", to="x", partition=1, data="", **{"a/b~c": 1}
    )
    assert found == {
        ("/amount", "out_of_range"),
        ("/to", "not_an_address"),
        ("/partition", "wrong_type"),
        ("/data", "too_short"),
        ("/a~1b~0c", "unknown_field"),
    }


@given(
    st.sampled_from(ORDERABLE),
    st.integers(1, MOST),
    st.sampled_from([ADDRESS, None]),
    st.sampled_from([ADDRESS, None]),
)
def test_a_stored_order_is_the_same_order(what, amount, to, partition):
    kind, action = what
    fields = {"amount": str(amount)}
    fields |= {"to": to} if action is Action.MINT else {}
    fields |= {"partition": partition} if kind == SECURITY else {}
    order = ordered(kind, action, **fields)
    assert isinstance(order, Order)
    assert ordered(kind, action, **order.parameters) == order
