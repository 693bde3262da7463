"""Every fault of what is asked for as ARC-3 metadata, told at its place."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.algorand.standards import kinds
from application.ports.metadata import LARGEST
from domain.errors import Refusal
from domain.token import Token
from tests.adapters.algorand.test_arc3 import (
    CID,
    FULL,
    FUNGIBLE,
    GOOD,
    INTEGRITY,
    KINDS,
    asked,
    content,
    oracle,
)
from tests.adapters.json_schema import faults as schema_faults


def faults(metadata, kind=FUNGIBLE, **changes):
    refusal = asked(kind, metadata, **changes)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.code == "invalid_token"
    return {(fault.pointer, fault.code) for fault in refusal.faults}


@pytest.mark.parametrize("name", ["url", "metadata_hash", "metadata_json"])
@pytest.mark.parametrize("kind", GOOD)
def test_what_is_computed_is_not_asked_for(kind, name):
    stored = asked(kind).parameters[name]
    assert faults({}, kind, **{name: stored}) == {(f"/{name}", "unknown_field")}


@pytest.mark.parametrize("name", ["name", "decimals", "image_url", "a/b~c", ""])
def test_metadata_has_no_other_fields(name):
    pointer = name.replace("~", "~0").replace("/", "~1")
    assert faults({name: "x"}) == {(f"/metadata/{pointer}", "unknown_field")}


@pytest.mark.parametrize("value", [None, [], "x", 5, True])
def test_metadata_is_an_object(value):
    told = GOOD[FUNGIBLE] | {"metadata": value}
    refusal = KINDS[FUNGIBLE].token(told)
    assert [(each.pointer, each.code) for each in refusal.faults] == [("/metadata", "wrong_type")]


@pytest.mark.parametrize("name", [name for name in FULL if name != "properties"])
@pytest.mark.parametrize("value", [None, 5, True, ["x"]])
def test_a_value_is_of_its_type(name, value):
    found = faults(FULL | {name: value})
    assert found == {(f"/metadata/{name}", "wrong_type")}


@pytest.mark.parametrize("value", [None, 5, True, ["x"], "x"])
def test_properties_are_an_object(value):
    assert faults({"properties": value}) == {("/metadata/properties", "wrong_type")}


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a?b=c#d",
        "https://example.com/{id}/{id}.json",
        "https://[2001:db8::1]/x",
        "https://example.com/my-ipfs/ipfs.html",
        "https://example.com/docs/ipfs/about",
        f"ipfs://{CID}",
        f"ipfs://{CID}/a/b.png",
        "ipfs://QmQZyq4b89RfaUw8GESPd2re4hJqB8bnm4kVHNtyQrHnnK",
        "https://" + "h" * 2_040,
    ],
)
@pytest.mark.parametrize("name", ["image", "external_url", "animation_url"])
def test_a_good_address_is_kept_as_it_is(name, url):
    assert json.loads(content(asked(FUNGIBLE, {name: url})))[name] == url


@pytest.mark.parametrize(
    "metadata",
    [
        {"image": 5},
        {"image": "ftp://example.com"},
        {"image_mimetype": "text/html", "image": f"ipfs://{CID}"},
        {"background_color": "red"},
        {"extra_metadata": "?"},
        {"localization": {"uri": "https://e.org/{locale}", "default": "en", "locales": []}},
        {"localization": {"uri": "https://e.org/{locale}", "default": "en"}},
        {"name": "Gold"},
    ],
    ids=str,
)
def test_the_schema_refuses_what_is_plainly_wrong_and_the_rules_do_too(metadata):
    schema = KINDS[FUNGIBLE].description.schema["properties"]["metadata"]
    assert schema_faults(metadata, schema)
    assert faults(metadata)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://example.com",
        "HTTPS://example.com",
        "https:/example.com",
        "https://",
        "https:///x",
        "https://example.com:x/",
        "https://[::1",
        "https://user@example.com",
        "https://user:password@example.com",
        "//example.com",
        "image.png",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "ftp://example.com",
        "https://example.com/a b",
        "https://example.com/a\n",
        " https://example.com",
        "https://example.com/\u00e4",
        "https://ex\u00e4mple.com",
        "https://example.com/%",
        "https://example.com/%2",
        "https://example.com/%gg",
        "https://example.com/{locale}",
        "https://example.com/{ID}",
        'https://example.com/"x"',
        "https://example.com/<x>",
        "https://example.com/\\x",
        "https://ipfs.io/ipfs/" + CID,
        "https://example.com/ipfs/" + CID,
        "https://example.com/IPFS/" + CID,
        "https://example.com/ipns/name",
        "https://example.com/ipfs",
        f"https://{CID}.ipfs.dweb.link/",
        f"https://{CID}.IPFS.dweb.link/",
        "https://name.ipns.dweb.link",
        "ipfs://",
        "ipfs://x",
        "ipfs:///" + CID,
        f"ipfs:{CID}",
        f"ipfs://{CID}.x",
        f"ipfs://{CID}:80/",
    ],
)
def test_another_one_is_refused(url):
    assert faults({"image": url}) == {("/metadata/image", "invalid_url")}


def test_an_address_has_an_end():
    assert faults({"image": "https://" + "h" * 2_041}) == {("/metadata/image", "too_long")}


@pytest.mark.parametrize("name", ["image", "external_url", "animation_url"])
@pytest.mark.parametrize(
    ("ending", "value"), [("_integrity", INTEGRITY), ("_mimetype", "image/png")]
)
def test_what_tells_of_a_file_needs_the_file(name, ending, value):
    assert faults({name + ending: value}) == {(f"/metadata/{name}", "missing")}
    assert isinstance(asked(FUNGIBLE, {name: f"ipfs://{CID}", name + ending: value}), Token)


NO_DIGESTS = [
    "",
    INTEGRITY.removeprefix("sha256-"),
    INTEGRITY.replace("sha256", "sha384"),
    INTEGRITY.replace("sha256", "SHA256"),
    INTEGRITY[:-1],
    INTEGRITY + " ",
    f"{INTEGRITY} {INTEGRITY}",
    "sha256-" + base64.b64encode(bytes(31)).decode(),
    "sha256-" + base64.b64encode(bytes(33)).decode(),
    "sha256-" + base64.urlsafe_b64encode(b"\xff" * 32).decode(),
    "sha256-" + hashlib.sha256(b"").hexdigest(),
    # The same bytes: the bits behind them are not all 0.
    INTEGRITY[:-2] + chr(ord(INTEGRITY[-2]) + 1) + "=",
]


@pytest.mark.parametrize("value", NO_DIGESTS)
@pytest.mark.parametrize("name", ["image", "external_url", "animation_url"])
def test_an_integrity_is_one_sha_256(name, value):
    told = {name: f"ipfs://{CID}", f"{name}_integrity": value}
    assert faults(told) == {(f"/metadata/{name}_integrity", "invalid_integrity")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image", "text/html"),
        ("image", "IMAGE/png"),
        ("image", "image/"),
        ("image", "imagex/png"),
        ("image", "image/*"),
        ("image", "image/png; q=1"),
        ("external_url", "text"),
        ("external_url", "text/"),
        ("external_url", "/html"),
        ("external_url", "text/html/x"),
        ("external_url", "text/html; charset=utf-8"),
        ("external_url", ""),
        ("animation_url", "audio/ogg\n"),
        ("animation_url", "audio/" + "o" * 128),
    ],
)
def test_a_media_type_is_one_of_its_kind(name, value):
    told = {name: f"ipfs://{CID}", f"{name}_mimetype": value}
    assert faults(told) == {(f"/metadata/{name}_mimetype", "invalid_media_type")}


@pytest.mark.parametrize(
    "value", ["", "#ffffff", "fff", "fffffff", "gggggg", "ffffff\n", "ffffff00"]
)
def test_a_colour_is_six_digits(value):
    assert faults({"background_color": value}) == {("/metadata/background_color", "invalid_color")}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("A", "invalid_base64"),
        ("AA", "invalid_base64"),
        ("AB==", "invalid_base64"),
        ("AA==\n", "invalid_base64"),
        ("A-_=", "invalid_base64"),
        ("ä", "invalid_base64"),
        ("A" * 4_100, "too_long"),
    ],
)
def test_extra_metadata_is_base64_in_its_one_spelling(value, code):
    assert faults({"extra_metadata": value}) == {("/metadata/extra_metadata", code)}


def test_empty_extra_metadata_is_another_thing_than_none():
    without, empty = asked(FUNGIBLE, {}), asked(FUNGIBLE, {"extra_metadata": ""})
    assert content(empty) == b'{"name":"Hazel","decimals":0,"extra_metadata":""}'
    assert without.parameters["metadata_hash"] != empty.parameters["metadata_hash"]
    assert base64.b64decode(empty.parameters["metadata_hash"]) == oracle(content(empty))


def test_a_description_may_have_lines_and_no_other_controls():
    assert isinstance(asked(FUNGIBLE, {"description": "x" * 4_096}), Token)
    assert isinstance(asked(FUNGIBLE, {"description": "a\n\tb \U0001f468\u200d\U0001f33e"}), Token)
    assert isinstance(asked(FUNGIBLE, {"description": ""}), Token)
    for value in ("\0", "\x1b[31m", "\r", "\x7f", "\x85", "\ud800"):
        assert faults({"description": value}) == {("/metadata/description", "control_character")}
    for value in ("x" * 4_097, "ä" * 2_049):
        assert faults({"description": value}) == {("/metadata/description", "too_long")}


P = "/metadata/properties"


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"a": None}, {(f"{P}/a", "wrong_type")}),
        ({"a": True}, {(f"{P}/a", "wrong_type")}),
        ({"a": 1.0}, {(f"{P}/a", "wrong_type")}),
        ({"a": [1, 2.5]}, {(f"{P}/a/1", "wrong_type")}),
        ({"a": 2**53}, {(f"{P}/a", "out_of_range")}),
        ({"a": -(2**53)}, {(f"{P}/a", "out_of_range")}),
        ({"a": {"b/c": False}}, {(f"{P}/a/b~1c", "wrong_type")}),
        ({"": 1}, {(f"{P}/", "invalid_name")}),
        ({"x" * 101: 1}, {(f"{P}/{'x' * 101}", "invalid_name")}),
        ({"a\0": 1}, {(f"{P}/a\0", "invalid_name")}),
        ({"a": "\0"}, {(f"{P}/a", "control_character")}),
        ({"a": "x" * 4_097}, {(f"{P}/a", "too_long")}),
        ({"a_integrity": INTEGRITY}, {(f"{P}/a", "missing")}),
        ({"a_mimetype": "text/html"}, {(f"{P}/a", "missing")}),
        ({"a": "x", "a_integrity": INTEGRITY}, {(f"{P}/a", "invalid_url")}),
        ({"a": f"ipfs://{CID}", "a_integrity": "x"}, {(f"{P}/a_integrity", "invalid_integrity")}),
        ({"a": f"ipfs://{CID}", "a_mimetype": "x"}, {(f"{P}/a_mimetype", "invalid_media_type")}),
        ({"a": {"b_integrity": INTEGRITY}}, {(f"{P}/a/b", "missing")}),
        ({"a": [[[[[[1]]]]]]}, {(f"{P}/a/0/0/0/0/0", "too_deep")}),
        ({"a": {str(n): n for n in range(1_000)}}, {(P, "too_many")}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_properties_are_what_arc_3_lets_them_be(properties, found):
    assert faults({"properties": properties}) == found


def test_properties_at_their_edges():
    deep = {"a": [[[[[1]]]]]}
    for properties in ({"a": 2**53 - 1, "b": -(2**53) + 1}, deep, {str(n): n for n in range(999)}):
        assert json.loads(content(asked(FUNGIBLE, {"properties": properties})))["properties"] == (
            properties
        )


L = "/metadata/localization"
GOOD_LOCALIZATION = {"uri": "https://e.org/{locale}.json", "default": "en", "locales": ["en"]}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"uri": "https://e.org/x.json"}, {(f"{L}/uri", "invalid_url")}),
        ({"uri": "{locale}.json"}, {(f"{L}/uri", "invalid_url")}),
        ({"uri": "http://e.org/{locale}"}, {(f"{L}/uri", "invalid_url")}),
        ({"default": ""}, {(f"{L}/default", "invalid_locale")}),
        ({"default": "english language"}, {(f"{L}/default", "invalid_locale")}),
        ({"default": 5}, {(f"{L}/default", "wrong_type")}),
        ({"locales": "en"}, {(f"{L}/locales", "wrong_type")}),
        ({"locales": []}, {(f"{L}/locales", "too_short")}),
        ({"locales": ["en", 5]}, {(f"{L}/locales/1", "wrong_type")}),
        ({"locales": ["en", "?"]}, {(f"{L}/locales/1", "invalid_locale")}),
        ({"locales": ["en", "fr", "en"]}, {(f"{L}/locales/2", "duplicate_field")}),
        ({"locales": ["en"] + [f"a{n:03}".replace("0", "x") for n in range(200)]},
         {(f"{L}/locales", "too_many")}),
        ({"integrity": []}, {(f"{L}/integrity", "wrong_type")}),
        ({"integrity": {"de": INTEGRITY}}, {(f"{L}/integrity/de", "invalid_locale")}),
        ({"integrity": {"en": INTEGRITY}}, {(f"{L}/integrity/en", "invalid_locale")}),
        ({"locales": ["en", "de"], "integrity": {"de": "x"}},
         {(f"{L}/integrity/de", "invalid_integrity")}),
        ({"locales": 5, "integrity": {}}, {(f"{L}/locales", "wrong_type")}),
        ({"language": "en"}, {(f"{L}/language", "unknown_field")}),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_localization_is_what_arc_3_says(change, found):
    assert faults({"localization": GOOD_LOCALIZATION | change}) == found


@pytest.mark.parametrize("name", ["uri", "default", "locales"])
def test_localization_is_complete(name):
    told = {key: value for key, value in GOOD_LOCALIZATION.items() if key != name}
    assert faults({"localization": told}) == {(f"{L}/{name}", "missing")}


def test_faults_of_the_asset_and_of_its_metadata_are_told_together():
    found = faults(
        {"image": "x", "image_integrity": "y", "colour": 1, "properties": {"a": None}},
        name="x" * 33,
        decimals=20,
        manager="?",
    )
    assert found == {
        ("/name", "too_long"),
        ("/decimals", "out_of_range"),
        ("/manager", "not_an_address"),
        ("/metadata/image", "invalid_url"),
        ("/metadata/image_integrity", "invalid_integrity"),
        ("/metadata/colour", "unknown_field"),
        ("/metadata/properties/a", "wrong_type"),
    }


def test_a_document_is_no_larger_than_a_store_takes():
    many = {f"p{n}": "x" * 4_096 for n in range(65)}
    assert len(json.dumps(many)) > LARGEST
    assert faults({"properties": many}) == {("/metadata", "too_long")}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("letter", ["x", "ä", "€", "\U0001f333"])
@pytest.mark.parametrize(("field", "longest"), [("name", 32), ("unit_name", 8)])
def test_a_name_has_so_many_bytes_and_not_one_more(kind, field, longest, letter):
    size = len(letter.encode())
    fits = "x" * (longest % size) + letter * (longest // size)
    assert asked(kind, {}, **{field: fits}).parameters[field] == fits
    assert faults({}, kind, **{field: fits + "x"}) == {(f"/{field}", "too_long")}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from([*FULL, "other"]), anything),
    st.dictionaries(st.sampled_from(["uri", "default", "locales", "integrity", "x"]), anything),
)
def test_whatever_comes_is_a_token_or_faults_at_places_of_their_own(told, localized):
    for metadata in (told, told | {"localization": localized}):
        answer = asked(FUNGIBLE, metadata)
        if isinstance(answer, Refusal):
            assert answer.faults
            assert all(each.pointer.startswith("/metadata") for each in answer.faults)
        else:
            assert kinds()[FUNGIBLE].stored_token(answer.parameters) == answer
