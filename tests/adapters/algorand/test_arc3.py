"""ARC-3: the hash that its specification gives, bytes that never change, and every fault told."""

import base64
import hashlib
import json
import random

import pytest
from algosdk.encoding import checksum
from hypothesis import given
from hypothesis import strategies as st

from adapters.algorand.standards import kinds, publishing_at
from adapters.algorand.standards.arc3.hashes import metadata_hash
from domain.catalogue import KindClass
from domain.errors import MisuseError
from domain.token import Document, Token, TokenKind
from tests.adapters.algorand.test_specification import GOOD as ASSETS
from tests.adapters.algorand.test_specification import ROLES, visible
from tests.adapters.json_schema import faults

FUNGIBLE, UNIQUE, FRACTIONAL = (TokenKind(name) for name in ("arc3_ft", "arc3_nft", "arc3_fnft"))
BASE = "https://meta.example.com"
CID = "bafkreibbegfrrqj4iydezfi35luq5n6z2mcbxsxsflmo4nz6dr5pxgnqba"
INTEGRITY = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

GOOD = {
    FUNGIBLE: ASSETS["asa_ft"],
    UNIQUE: ASSETS["asa_nft"],
    FRACTIONAL: ASSETS["asa_fnft"],
}
FULL = {
    "localization": {
        "integrity": {"fr": INTEGRITY, "es": INTEGRITY},
        "locales": ["en", "es", "fr", "pt-BR"],
        "default": "en",
        "uri": f"ipfs://{CID}/{{locale}}.json",
    },
    "extra_metadata": "iHcUslDaL/jEM/oTxqEX++4CS8o3+IZp7/V5Rgchqwc=",
    "properties": {
        "b": [3, 1, {"z": "ä", "a": -5}],
        "a": {"file": f"ipfs://{CID}", "file_integrity": INTEGRITY, "file_mimetype": "audio/ogg"},
    },
    "description": 'Two\nlines, "quoted" \\ and ☃ \U0001f333',
    "image": "https://example.com/a/{id}.png?x=%20#y",
    "image_integrity": INTEGRITY,
    "image_mimetype": "image/svg+xml",
    "background_color": "0aF9ff",
    "external_url": "https://example.com",
    "external_url_integrity": INTEGRITY,
    "external_url_mimetype": "text/html",
    "animation_url": f"ipfs://{CID}/song.ogg",
    "animation_url_integrity": INTEGRITY,
    "animation_url_mimetype": "audio/ogg",
}


def place(document):
    digest = base64.urlsafe_b64encode(hashlib.sha256(document).digest())
    return f"{BASE}/m/{digest.decode().rstrip('=')}"


KINDS = publishing_at(place)


def asked(kind=FUNGIBLE, metadata=None, **changes):
    told = {} if metadata is None else {"metadata": metadata}
    return KINDS[kind].token(GOOD[kind] | told | changes)


def content(token):
    return KINDS[token.kind].document_of(token).content


# The hash.

DEMO = b'{"name":"Demo Token","decimals":6}'
#: The example of ARC-3, byte for byte.
EXAMPLE = b"""{
    "name": "My Picture",
    "description": "Lorem ipsum...",
    "image": "https://s3.amazonaws.com/your-bucket/images/{id}.png",
    "image_integrity": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "image_mimetype": "image/png",
    "external_url": "https://mysongs.com/song/{id}",
    "extra_metadata": "iHcUslDaL/jEM/oTxqEX++4CS8o3+IZp7/V5Rgchqwc="
}"""
EMPTY = EXAMPLE.replace(b"iHcUslDaL/jEM/oTxqEX++4CS8o3+IZp7/V5Rgchqwc=", b"")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (DEMO, "gDc/3Dh+iMYkkGtvis2AcByi0Djzr5ur9a7yRLHbeyY="),
        (EXAMPLE, "xsmZp6lGW9ktTWAt22KautPEqAmiXxow/iIuJlRlHIg="),
        (EMPTY, "xGH4S+wilfAERn40ELeTpwvtctF8qDr6YXoz6TosRY8="),
    ],
    ids=["without extra metadata", "with", "with none in it"],
)
def test_the_hash_is_the_one_of_the_specification(file, expected):
    assert base64.b64encode(metadata_hash(file)).decode() == expected


def oracle(file):
    """ARC-3's own program, over whatever SHA-512/256 there is."""
    extra = json.loads(file).get("extra_metadata")
    if extra is None:
        return hashlib.sha256(file).digest()
    inner = checksum(b"arc0003/amj" + file)
    return checksum(b"arc0003/am" + inner + base64.b64decode(extra))


def test_the_oracles_own_hash_is_sha_512_256():
    """FIPS 180-4, of "abc"."""
    assert checksum(b"abc").hex().startswith("53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46")


@pytest.mark.parametrize(
    "file",
    [b"", b"[]", b"7", b"\xff", b'{"extra_metadata":5}', b'{"extra_metadata":null}',
     b'{"extra_metadata":"?"}'],
)  # fmt: skip
def test_what_is_no_metadata_has_no_hash(file):
    with pytest.raises(ValueError):
        metadata_hash(file)


# The document.


def test_the_bytes_of_a_token_with_everything_are_frozen():
    """Another byte here is another hash for every client that sends the same request."""
    expected = (
        '{"name":"Hazel","decimals":0,'
        '"description":"Two\\nlines, \\"quoted\\" \\\\ and ☃ \U0001f333",'
        '"image":"https://example.com/a/{id}.png?x=%20#y",'
        f'"image_integrity":"{INTEGRITY}","image_mimetype":"image/svg+xml",'
        '"background_color":"0aF9ff",'
        '"external_url":"https://example.com",'
        f'"external_url_integrity":"{INTEGRITY}","external_url_mimetype":"text/html",'
        f'"animation_url":"ipfs://{CID}/song.ogg",'
        f'"animation_url_integrity":"{INTEGRITY}","animation_url_mimetype":"audio/ogg",'
        '"properties":{"a":'
        f'{{"file":"ipfs://{CID}","file_integrity":"{INTEGRITY}","file_mimetype":"audio/ogg"}},'
        '"b":[3,1,{"a":-5,"z":"ä"}]},'
        '"extra_metadata":"iHcUslDaL/jEM/oTxqEX++4CS8o3+IZp7/V5Rgchqwc=",'
        f'"localization":{{"uri":"ipfs://{CID}/{{locale}}.json","default":"en",'
        '"locales":["en","es","fr","pt-BR"],'
        f'"integrity":{{"es":"{INTEGRITY}","fr":"{INTEGRITY}"}}}}}}'
    ).encode()
    assert content(asked(FUNGIBLE, FULL)) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FUNGIBLE, b'{"name":"Hazel","decimals":0}'),
        (UNIQUE, b'{"name":"Deed","decimals":0}'),
        (FRACTIONAL, b'{"name":"House","decimals":1}'),
    ],
)
def test_name_and_decimals_are_the_assets_and_always_there(kind, expected):
    assert content(asked(kind)) == content(asked(kind, {})) == expected


def shuffled(value, chance):
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name], chance) for name in names}
    return value


@given(st.randoms(use_true_random=False))
def test_the_order_in_which_members_are_sent_is_no_matter(chance: random.Random):
    assert asked(FUNGIBLE, shuffled(FULL, chance)) == asked(FUNGIBLE, FULL)


@pytest.mark.parametrize(
    ("kind", "supply", "decimals"), [(FUNGIBLE, 1, 0), (UNIQUE, 1, 0), (FRACTIONAL, 10, 1)]
)
def test_a_token_is_an_asset_that_points_at_its_document(kind, supply, decimals):
    token = asked(kind, FULL)
    made = content(token)
    assert (token.kind, token.supply, token.decimals) == (kind, supply, decimals)
    url, hashed = token.parameters["url"], token.parameters["metadata_hash"]
    assert url == f"{place(made)}#arc3"
    assert base64.b64decode(hashed) == oracle(made)
    assert KINDS[kind].document_of(token) == Document(content=made, url=place(made))
    assert "metadata" not in token.parameters


def test_an_address_that_an_asset_has_no_room_for_is_our_mistake():
    for length, is_good in [(91, True), (92, False)]:
        kind = kinds()[FUNGIBLE].publishing_at(lambda _, long=length: "https://".ljust(long, "x"))
        if is_good:
            assert len(kind.token(GOOD[FUNGIBLE]).parameters["url"]) == 96
        else:
            with pytest.raises(MisuseError):
                kind.token(GOOD[FUNGIBLE])


def test_without_a_place_for_documents_there_are_no_such_kinds():
    assert not [name for name in publishing_at(None) if name.startswith("arc3")]
    with pytest.raises(MisuseError):
        kinds()[FUNGIBLE].token(GOOD[FUNGIBLE])


@pytest.mark.parametrize("kind", GOOD)
def test_these_are_core_kinds(kind):
    assert KINDS[kind].description.kind_class is KindClass.CORE
    assert KINDS[kind].description.standard == "ARC-3"


# Stored and found again.

names = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=10).filter(
    lambda name: not name.endswith(("_integrity", "_mimetype"))
)
texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t"), max_size=50
)
json_values = st.recursive(
    texts | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
urls = st.sampled_from(
    ["https://example.com/{id}", "https://example.com/a%20b?c#d", f"ipfs://{CID}/x"]
)
digests = st.binary(min_size=32, max_size=32).map(
    lambda raw: "sha256-" + base64.b64encode(raw).decode()
)
metadata = st.fixed_dictionaries(
    {},
    optional={
        "description": texts,
        "background_color": st.from_regex(r"[0-9a-fA-F]{6}", fullmatch=True),
        "properties": st.dictionaries(names, st.just("x"), max_size=3)
        | st.dictionaries(names, json_values, max_size=3),
        "extra_metadata": st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode()),
        "localization": st.just(FULL["localization"]),
    },
).flatmap(
    lambda told: st.fixed_dictionaries(
        {}, optional={"image": urls, "external_url": urls, "animation_url": urls}
    ).flatmap(
        lambda files: st.fixed_dictionaries(
            {},
            optional={f"{name}_integrity": digests for name in files}
            | {f"{name}_mimetype": st.just("image/png") for name in files},
        ).map(lambda more: told | files | more)
    )
)
roles = st.fixed_dictionaries(
    {}, optional={role: st.sampled_from(["issuer", None]) for role in ROLES}
)
named = {"name": visible(32), "unit_name": visible(8)}
good = st.one_of(
    st.tuples(
        st.just(FUNGIBLE),
        st.fixed_dictionaries(
            named | {"total": st.integers(1, 2**64 - 1).map(str), "decimals": st.integers(0, 19)}
        ),
    ),
    st.tuples(st.just(UNIQUE), st.fixed_dictionaries(named)),
    st.tuples(
        st.just(FRACTIONAL), st.fixed_dictionaries(named | {"decimals": st.integers(1, 19)})
    ),
)


@given(good, metadata, roles)
def test_whatever_is_accepted_is_found_again_byte_for_byte(asked_for, told, chosen):
    kind, required = asked_for
    token = KINDS[kind].token(required | chosen | {"metadata": told})
    assert isinstance(token, Token), token
    stored = json.loads(json.dumps(dict(token.parameters)))
    # As an earlier release stored it: nobody need know any more where documents are published.
    again = kinds()[kind].stored_token(stored)
    assert again == token
    made = content(again)
    assert made == content(token)
    read = json.loads(made)
    assert (read.pop("name"), read.pop("decimals")) == (token.name, token.decimals)
    assert read == told
    assert base64.b64decode(token.parameters["metadata_hash"]) == oracle(made)
    url = token.parameters["url"]
    assert url.endswith("#arc3")
    assert len(url.encode()) <= 96
    assert token.supply == (int(required["total"]) if kind == FUNGIBLE else 10**token.decimals)


def test_a_document_that_was_tampered_with_is_noticed():
    stored = dict(asked(FUNGIBLE, {"description": "gold"}).parameters)
    hashed = base64.b64encode(hashlib.sha256(b'{"name":"Else","decimals":0}').digest()).decode()
    for change in (
        {"metadata_json": stored["metadata_json"].replace("gold", "lead")},
        {"metadata_json": stored["metadata_json"] + " "},
        {"metadata_json": ""},
        {"metadata_json": "["},
        {"metadata_json": None},
        {"metadata_hash": base64.b64encode(bytes(range(32))).decode()},
        {"metadata_hash": None},
        {"name": "Other"},
        {"decimals": 1},
        {"url": stored["url"].removesuffix("#arc3")},
        {"url": None},
        # Hash and text agree, and are of another token.
        {"metadata_json": '{"name":"Else","decimals":0}', "metadata_hash": hashed},
        {"metadata": {}},
        {"other": 1},
    ):
        with pytest.raises(MisuseError):
            kinds()[FUNGIBLE].stored_token(stored | change)
    for name in stored:
        with pytest.raises(MisuseError):
            kinds()[FUNGIBLE].stored_token({k: v for k, v in stored.items() if k != name})


def test_bytes_of_an_earlier_release_are_kept_as_they_are():
    """Other blanks, another order: what was accepted once is never serialised again."""
    text = '{ "decimals": 0, "name": "Hazel", "description": "\\u2603" }'
    hashed = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    stored = dict(asked(FUNGIBLE).parameters) | {"metadata_json": text, "metadata_hash": hashed}
    assert content(kinds()[FUNGIBLE].stored_token(stored)) == text.encode()


# The schema.


@pytest.mark.parametrize("kind", GOOD)
def test_the_schema_says_what_the_rules_say(kind):
    schema = KINDS[kind].description.schema
    nested = schema["properties"]["metadata"]
    assert schema["additionalProperties"] is nested["additionalProperties"] is False
    assert set(schema["properties"]) == {
        *(set(asked(kind).parameters) - {"url", "metadata_hash", "metadata_json"}),
        "metadata",
    }
    assert set(nested["properties"]) == set(FULL)
    assert set(schema["required"]) == set(GOOD[kind])
    assert all(each["description"] for each in nested["properties"].values())
    assert faults(FULL, nested) == []
    json.dumps(schema)
