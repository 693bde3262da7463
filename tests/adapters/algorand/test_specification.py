"""What may be asked for: every limit at its edge, every fault told, and nothing half valid."""

import base64
import json
import re
import unicodedata

import pytest
from algosdk.encoding import encode_address
from hypothesis import given
from hypothesis import strategies as st

from adapters.algorand.standards import kinds
from domain.catalogue import KindClass
from domain.errors import MisuseError, Refusal
from domain.token import Token, TokenKind

MAX = 2**64 - 1
FUNGIBLE, UNIQUE, FRACTIONAL = (TokenKind(name) for name in ("asa_ft", "asa_nft", "asa_fnft"))
ADDRESS = "GIMN3RFDRRWFD7KIFSVRMXC4JXYD5ZXKT7KSN57OG4RAZPPC3L3YDM46NQ"
ZERO_ADDRESS = encode_address(bytes(32))
ROLES = ("manager", "reserve", "freeze", "clawback")
DIGEST = bytes(range(1, 33))
BASE64 = base64.b64encode(DIGEST).decode()

GOOD = {
    FUNGIBLE: {"name": "Hazel", "unit_name": "HZL", "total": "1", "decimals": 0},
    UNIQUE: {"name": "Deed", "unit_name": "DEED"},
    FRACTIONAL: {"name": "House", "unit_name": "HOUSE", "decimals": 1},
}
DEFAULTS = {
    "url": None,
    "metadata_hash": None,
    "default_frozen": False,
    "manager": "issuer",
    "reserve": "issuer",
    "freeze": "issuer",
    "clawback": "issuer",
}


def asked(kind, **changes):
    return kinds()[kind].token(GOOD[kind] | changes)


def faults(kind, **changes):
    refusal = asked(kind, **changes)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.code == "invalid_token"
    return {(fault.pointer, fault.code) for fault in refusal.faults}


def test_the_shipped_kinds_are_these():
    assert [name for name in kinds() if name.startswith("asa_")] == [FUNGIBLE, UNIQUE, FRACTIONAL]
    for name in (FUNGIBLE, UNIQUE, FRACTIONAL):
        assert kinds()[name].description.kind_class is KindClass.CORE


@pytest.mark.parametrize(
    ("kind", "supply", "decimals"), [(FUNGIBLE, 1, 0), (UNIQUE, 1, 0), (FRACTIONAL, 10, 1)]
)
def test_defaults_are_filled_in_and_stored(kind, supply, decimals):
    assert asked(kind) == Token(
        kind=kind,
        name=GOOD[kind]["name"],
        symbol=GOOD[kind]["unit_name"],
        decimals=decimals,
        supply=supply,
        parameters=GOOD[kind] | DEFAULTS,
    )


TEXTS = [("name", 32), ("unit_name", 8), ("url", 96)]
#: A letter of each length in UTF-8.
LETTERS = ["x", "\u00e4", "\u20ac", "\U0001f333"]


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize(("field", "longest"), TEXTS)
def test_a_text_has_so_many_bytes_and_not_one_more(kind, field, longest, letter):
    size = len(letter.encode())
    fits = "x" * (longest % size) + letter * (longest // size)
    assert len(fits.encode()) == longest
    assert asked(kind, **{field: fits}).parameters[field] == fits
    assert faults(kind, **{field: fits + "x"}) == {(f"/{field}", "too_long")}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("field", ["name", "unit_name", "url"])
@pytest.mark.parametrize(
    ("value", "code"),
    [
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
    ],
)
def test_a_faulty_text_is_named(kind, field, value, code):
    assert faults(kind, **{field: value}) == {(f"/{field}", code)}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("field", ["name", "unit_name"])
def test_a_name_is_no_option(kind, field):
    assert faults(kind, **{field: None}) == {(f"/{field}", "wrong_type")}
    assert asked(kind, url=None).parameters["url"] is None


@pytest.mark.parametrize(("kind", "least"), [(FUNGIBLE, 0), (FRACTIONAL, 1)])
def test_decimals_at_their_edges(kind, least):
    for decimals in (least, 19):
        assert asked(kind, decimals=decimals).decimals == decimals
    for decimals in (least - 1, 20, 256, -(2**70)):
        assert faults(kind, decimals=decimals) == {("/decimals", "out_of_range")}
    for decimals in (True, False, 2.0, "2", None):
        assert faults(kind, decimals=decimals) == {("/decimals", "wrong_type")}


def test_fractions_are_a_power_of_ten():
    for decimals in range(1, 20):
        assert asked(FRACTIONAL, decimals=decimals).supply == 10**decimals <= MAX


@pytest.mark.parametrize("kind", [UNIQUE, FRACTIONAL])
def test_the_supply_of_one_of_a_kind_is_no_question(kind):
    assert faults(kind, total="1") == {("/total", "unknown_field")}
    assert ("/decimals", "unknown_field") in faults(UNIQUE, decimals=0)


def test_totals_at_their_edges():
    for total in (1, MAX):
        assert asked(FUNGIBLE, total=str(total)).supply == total
    for total in ("0", str(MAX + 1), "9" * 20, "9" * 21, "9" * 10_000):
        assert faults(FUNGIBLE, total=total) == {("/total", "out_of_range")}
    for total in ("", "-1", "+1", "1.0", "1e3", "1_000", "0x1", "01", " 1", "1\n", "\u0661"):
        assert faults(FUNGIBLE, total=total) == {("/total", "not_an_amount")}
    for total in (1, True, None, 1.0):
        assert faults(FUNGIBLE, total=total) == {("/total", "wrong_type")}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("spelling", [BASE64, DIGEST.hex(), DIGEST.hex().upper()])
def test_a_hash_is_stored_in_its_one_spelling(kind, spelling):
    assert asked(kind, metadata_hash=spelling).parameters["metadata_hash"] == BASE64


@pytest.mark.parametrize(
    "value",
    [
        "",
        BASE64[:-1],
        BASE64 + "=",
        base64.b64encode(DIGEST[:31]).decode(),
        base64.b64encode(DIGEST + b"x").decode(),
        base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        DIGEST.hex()[:-1],
        DIGEST.hex()[:-2],
        DIGEST.hex() + "00",
        "0x" + DIGEST.hex(),
        "g" * 64,
        "!" * 44,
        BASE64 + "\n",
        # The same bytes: the bits behind them are not all 0.
        BASE64[:-2] + chr(ord(BASE64[-2]) + 1) + "=",
        # On chain a hash of zeros is none.
        "0" * 64,
        base64.b64encode(bytes(32)).decode(),
    ],
)
def test_what_is_no_hash_of_32_bytes_is_refused(value):
    assert faults(FUNGIBLE, metadata_hash=value) == {("/metadata_hash", "invalid_hash")}


def test_a_hash_is_a_text():
    for value in (7, True, b"x" * 32, [BASE64]):
        assert faults(FUNGIBLE, metadata_hash=value) == {("/metadata_hash", "wrong_type")}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_the_issuers_somebody_elses_or_nobodys(role):
    for value in ("issuer", ADDRESS, None):
        assert asked(FUNGIBLE, **{role: value}).parameters[role] == value


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "value",
    [
        "",
        "Issuer",
        ADDRESS[:-1],
        ADDRESS + "A",
        ADDRESS.lower(),
        "A" + ADDRESS[1:],
        ADDRESS[:-1] + "R",
        ADDRESS + "\n",
        "0x" + "0" * 40,
        ZERO_ADDRESS,
    ],
)
def test_what_is_no_address_is_refused(role, value):
    assert faults(FUNGIBLE, **{role: value}) == {(f"/{role}", "not_an_address")}


@pytest.mark.parametrize("spare", range(1, 4))
def test_an_address_has_one_spelling(spare):
    """Its last letter has two bits more than the address: another one decodes to the same."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    other = ADDRESS[:-1] + alphabet[alphabet.index(ADDRESS[-1]) + spare]
    assert faults(FUNGIBLE, manager=other) == {("/manager", "not_an_address")}


def test_a_role_is_a_text():
    assert faults(FUNGIBLE, manager=5) == {("/manager", "wrong_type")}
    assert faults(FUNGIBLE, manager=True) == {("/manager", "wrong_type")}


def test_frozen_is_true_or_false():
    assert asked(FUNGIBLE, default_frozen=True).parameters["default_frozen"] is True
    for value in (1, 0, "true", None):
        assert faults(FUNGIBLE, default_frozen=value) == {("/default_frozen", "wrong_type")}


def test_every_fault_is_told_at_once():
    refusal = kinds()[FUNGIBLE].token(
        {"unit_name": 3, "decimals": 20, "a/b~c": 1, "clawback": "x", "url": ""}
    )
    assert isinstance(refusal, Refusal)
    assert {(fault.pointer, fault.code) for fault in refusal.faults} == {
        ("/name", "missing"),
        ("/unit_name", "wrong_type"),
        ("/total", "missing"),
        ("/decimals", "out_of_range"),
        ("/a~1b~0c", "unknown_field"),
        ("/clawback", "not_an_address"),
        ("/url", "too_short"),
    }


def visible(longest):
    return st.text(
        st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")), min_size=1
    ).filter(
        lambda text: (
            text == text.strip()
            and unicodedata.is_normalized("NFC", text)
            and len(text.encode()) <= longest
        )
    )


optional = st.fixed_dictionaries(
    {},
    optional={
        "url": st.none() | visible(96),
        "metadata_hash": st.none()
        | st.binary(min_size=32, max_size=32).filter(any).map(bytes.hex),
        "default_frozen": st.booleans(),
        **{role: st.sampled_from(["issuer", None, ADDRESS]) for role in ROLES},
    },
)
named = {"name": visible(32), "unit_name": visible(8)}
good = st.one_of(
    st.tuples(
        st.just(FUNGIBLE),
        st.fixed_dictionaries(
            named | {"total": st.integers(1, MAX).map(str), "decimals": st.integers(0, 19)}
        ),
        optional,
    ),
    st.tuples(st.just(UNIQUE), st.fixed_dictionaries(named), optional),
    st.tuples(
        st.just(FRACTIONAL),
        st.fixed_dictionaries(named | {"decimals": st.integers(1, 19)}),
        optional,
    ),
)


@given(good)
def test_a_stored_token_is_the_token_that_was_accepted(asked_for):
    kind, required, options = asked_for
    token = kinds()[kind].token(required | options)
    assert isinstance(token, Token)
    stored = json.loads(json.dumps(dict(token.parameters)))
    assert kinds()[kind].stored_token(stored) == token
    assert kinds()[kind].token(token.parameters) == token


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)
fields = st.sampled_from([*GOOD[FUNGIBLE], *DEFAULTS, "other"])


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


def test_a_limit_in_bytes_is_told_in_words():
    properties = kinds()[FUNGIBLE].description.schema["properties"]
    for name, longest in TEXTS:
        assert f"{longest} bytes" in properties[name]["description"]
        assert properties[name]["maxLength"] == longest


def test_the_patterns_of_the_schema_let_the_good_through():
    properties = kinds()[FUNGIBLE].description.schema["properties"]
    for value in (BASE64, DIGEST.hex(), DIGEST.hex().upper()):
        assert re.search(properties["metadata_hash"]["pattern"], value)
    for role in ROLES:
        for value in ("issuer", ADDRESS):
            assert re.search(properties[role]["pattern"], value)
    for value in ("1", str(MAX)):
        assert re.search(properties["total"]["pattern"], value)


@pytest.mark.parametrize("kind", GOOD)
def test_what_was_never_validated_is_not_stored(kind):
    hexadecimal = {**asked(kind).parameters, "metadata_hash": DIGEST.hex()}
    for parameters in ({}, GOOD[kind], {**asked(kind).parameters, "name": ""}, hexadecimal):
        with pytest.raises(MisuseError):
            kinds()[kind].stored_token(parameters)
