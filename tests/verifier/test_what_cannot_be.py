"""What an operator could seal, and what no chain and no ledger of ours ever does."""

import base64
import json
import os
import subprocess
import sys
import time

import msgpack
import pytest
import rlp
from algosdk import transaction
from cryptography.hazmat.primitives import hashes
from eth_utils.crypto import keccak

from tallystick_verifier import Given, algorand, command, verify
from tests.verifier.packs import (
    ETHEREUM,
    GENESIS,
    KEY,
    ORIGIN,
    STORIES,
    TOKEN,
    TREASURY,
    algorand_begun,
    algorand_key,
    algorand_slot,
    algorand_story,
    b64,
    canonical,
    complete,
    confirm,
    encoded,
    evm_begun,
    evm_slot,
    evm_story,
    failed,
    group,
    lease_of,
    move,
    planned,
    public,
    receipt,
    reserve,
    send,
    sha,
    sign,
    signed,
    signed_by,
    transfer,
)
from tests.verifier.test_in_the_browser import by_code, in_node

#: What the page does not look at.
BY_COMMAND_ALONE = "malformed_transaction"
LIES = []


def told(code, make=evm_story):
    """A lie that is sealed with everything else, and still refused, here and in the browser."""

    def note(change):
        LIES.append(pytest.param(make, change, code, id=change.__name__))
        return change

    return note


def seen(id, succeeded=True):
    block = {"hash": "0x" + "ab" * 32, "number": 1234}
    return {"block": block, "cost": 21000, "succeeded": succeeded, "transaction_id": id}


def sent(family):
    """One attempt at the effect, which is under way."""
    if family == "evm":
        story = evm_begun()
        reserve(story, evm_slot())
        raw, id, digest = transfer()
        sign(story, raw, id, [receipt(TREASURY.address, digest)])
    else:
        story = algorand_begun()
        reserve(story, algorand_slot())
        raw, id, receipts = group()
        sign(story, raw, id, receipts)
    send(story)
    return story


def lost(family, inclusion=None, has_vanished=False):
    """Its slot ended by something else, it is said, and it failed without effect."""
    story = sent(family)
    block = {"hash": "0x11", "number": 1300}
    state = "lost" if family == "evm" else "expired"
    if inclusion is not None:
        inclusion = seen(story.attempt["transaction_id"], **inclusion)
        move(story, "included", {"inclusion": inclusion, "step": 1})
    if has_vanished:
        move(story, "block_vanished", {"block": inclusion["block"], "step": 1})
    move(story, "slot_spent", {"step": 1, "slot_state": state, "at": block})
    story.core["steps"][0]["slots"][0]["state"] = state
    return failed(story, "Pending", "TRANSACTION_REVERTED", True)


@pytest.mark.parametrize("family", ["evm", "algorand"])
def test_what_took_effect_does_not_fail_without_unless_its_block_vanished(family):
    def code(*arguments):
        raw = canonical(lost(family, *arguments).sealed())
        (there,) = in_node(raw)
        refused = verify(raw).refused
        assert (there["refused"] or {}).get("code") == (refused and refused.code)
        return refused and refused.code

    assert code() is None
    assert code({"succeeded": False}) is None
    assert code({}, True) is None
    assert code({}) == "history_incomplete"


@told("history_incomplete", lambda: sent("evm"))
def another_sighting_hides_that_it_took_effect(story):
    id = story.attempt["transaction_id"]
    move(story, "included", {"inclusion": seen(id), "step": 1})
    raw, fill, digest = transfer(gas_price=9, data=b"", to=TREASURY.address)
    receipts = [receipt(TREASURY.address, digest)]
    sign(story, raw, fill, receipts, "slot_filling", role="fill", fee_cap="9")
    move(story, "included", {"inclusion": seen(fill), "step": 1})
    spent = {"step": 1, "slot_state": "spent", "at": seen(fill)["block"], "transaction_id": fill}
    move(story, "slot_spent", spent)
    slot = story.core["steps"][0]["slots"][0]
    slot["state"], slot["attempts"][1]["cost"] = "spent", "21000"
    failed(story, "Pending", "TRANSACTION_REVERTED", True)


@told("malformed_transaction", algorand_begun)
def a_stranger_sends_what_has_no_window(story):
    key, address = algorand_key(9)
    signer = {
        "address": address, "curve": "ed25519", "key": "x", "public_key": b64(public(key))
    }  # fmt: skip
    story.core["signers"] = sorted(
        [*story.core["signers"], signer], key=lambda each: each["address"]
    )
    reserve(story, {**algorand_slot(), "lease": None, "valid_until": None, "sequence": 7})
    header = transaction.SuggestedParams(1000, 1000, 1150, GENESIS, flat_fee=True)
    made = transaction.AssetCreateTxn(
        address, header, 1000, 2, False, unit_name="GLD", asset_name="Gold", manager=address,
        lease=lease_of(),
    )  # fmt: skip
    digest = sha(b"TX", encoded(made))
    receipts = [receipt(address, digest, "algorand_transaction")]
    sign(story, signed_by(key, made), made.get_txid(), receipts)
    send(story)
    confirm(story, "4711")
    complete(story, "4711")


@told("malformed_transaction", algorand_begun)
def what_is_signed_on_algorand_has_no_window(story):
    reserve(story, {**algorand_slot(), "lease": None, "valid_until": None, "sequence": 7})
    finished(story, *group())


def finished(story, raw, id, receipts, token="4711"):  # noqa: S107 - no secret
    sign(story, raw, id, receipts)
    send(story)
    confirm(story, token)
    complete(story, token)


@told("malformed_transaction", algorand_begun)
def an_asset_is_made_in_the_middle_of_a_group(story):
    reserve(story, algorand_slot())
    (payer, paying), (issuer, issuing) = algorand_key(1), algorand_key(2)
    header = transaction.SuggestedParams(1000, 1000, 1150, GENESIS, flat_fee=True)
    made = transaction.AssetCreateTxn(
        issuing, header, 10**15, 0, True, unit_name="GLD", asset_name="Gold", manager=issuing
    )
    unsigned = transaction.assign_group_id(
        [
            transaction.PaymentTxn(paying, header, issuing, 0),
            made,
            transaction.PaymentTxn(issuing, header, issuing, 0, lease=lease_of()),
        ]
    )
    keys = (payer, issuer, issuer)
    raw = b"".join(signed_by(key, each) for key, each in zip(keys, unsigned, strict=True))
    receipts = [
        receipt(each.sender, sha(b"TX", encoded(each)), "algorand_transaction")
        for each in unsigned
    ]
    finished(story, raw, unsigned[-1].get_txid(), receipts)


def alone(change):
    """An asset's issuer that pays for itself, whose signed map *change* has spoilt."""

    def apply(story):
        key, address = algorand_key(2)
        step = {"name": "create", "signers": [address]}
        planned(story.core, steps=[step])
        reserve(story, {**algorand_slot(), "signer": address})
        raw, _, _ = group(count=1)
        inner = msgpack.unpackb(raw, raw=False)["txn"]
        body = change(inner, msgpack.packb(dict(sorted(inner.items()))))
        raw = b"\x82\xa3sig\xc4\x40" + key.sign(b"TX" + body) + b"\xa3txn" + body
        id = hashes.Hash(hashes.SHA512_256())
        id.update(b"TX" + body)
        name = base64.b32encode(id.finalize()).decode().rstrip("=")
        receipts = [receipt(address, sha(b"TX", body), "algorand_transaction")]
        finished(story, raw, name, receipts)

    return apply


def with_member(inner, name, packed):
    """As *inner* is packed, but for one member's bytes."""
    members = {each: msgpack.packb(value) for each, value in inner.items()} | {name: packed}
    head = bytes([0x80 + len(members)])
    return head + b"".join(msgpack.packb(each) + members[each] for each in sorted(members))


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("lv", b"\xcf" + (1150).to_bytes(8)),
        ("lv", b"\xce" + (1150).to_bytes(4)),
        ("lv", b"\xc5\x07\xd0" + b"\xff" * 2000),
        ("lv", b"\xc4\x02\x04\x7e"),
        ("lv", b"\xa2\x04\x7e"),
        ("note", b"\xc5\0\x28" + b"n" * 40),
        ("gen", b"\xd9\x02v1"),
        ("aaaa", b"\0"),
        ("aaaa", b"\xa0"),
        ("aaaa", b"\xc4\0"),
        ("aaaa", b"\xc2"),
        ("aaaa", b"\x80"),
        ("aaaa", b"\x90"),
        ("aaaa", b"\xde\0\1\xa1a\1"),
        ("aaaa", b"\xdc\0\1\1"),
        ("aaaa", b"\x82\xa1b\1\xa1a\1"),
        ("aaaa", b"\x81\1\1"),
    ],
)
def test_there_is_one_way_to_write_a_map(name, packed):
    """An id that no chain ever knows would be said to have come to nothing."""
    story = algorand_begun()
    alone(lambda _, whole: whole)(story)
    assert verify(canonical(story.sealed())).refused is None
    story = algorand_begun()
    alone(lambda inner, _: with_member(inner, name, packed))(story)
    assert verify(canonical(story.sealed())).refused.code == "malformed_transaction"


@told("malformed_transaction", evm_begun)
def a_number_of_2000_bytes(story):
    reserve(story, evm_slot())
    raw, _, _ = transfer()
    items = [*rlp.decode(raw[1:])]
    items[1] = b"\xff" * 2000
    raw = b"\x02" + rlp.encode(items)
    digest = keccak(b"\x02" + rlp.encode(items[:9]))
    id = "0x" + keccak(raw).hex()
    finished(story, raw, id, [receipt(TREASURY.address, digest)], TOKEN)


@told("malformed_transaction", evm_begun)
def what_was_found_has_another_nonce_than_its_slot(story):
    reserve(story, evm_slot())
    raw, id, _ = transfer(nonce=77)
    found = {
        "broadcast_at": None, "cost": None, "fee_cap": "5", "number": 1, "origin": "found",
        "raw": b64(raw), "receipts": [], "rejected": False, "role": "effect",
        "signed_at": "2026-01-01T00:00:05.000000Z", "transaction_id": id,
    }  # fmt: skip
    story.core["steps"][0]["slots"][0]["attempts"].append(found)
    names = ("fee_cap", "number", "origin", "role", "signed_at", "transaction_id")
    details = {
        "attempt": {name: found[name] for name in names},
        "slot": {"number": 1, "network": ETHEREUM, "signer": TREASURY.address},
        "step": 1, "state_before": "Queued", "state": "Pending",
    }  # fmt: skip
    story.say("deployment.effect_found", details=details)
    story.deployment["state"] = "Pending"
    confirm(story, TOKEN)
    complete(story, TOKEN)


@told("core_differs")
def more_was_offered_than_was_agreed(story):
    ceiling = story.deployment["fee_ceiling"] = "8"
    planned(story.core, fee_ceiling=ceiling)


def test_a_fill_may_cost_more_than_was_agreed():
    story = STORIES["filled"]()
    story.deployment["fee_ceiling"] = "8"
    planned(story.core, fee_ceiling="8")
    raw = canonical(story.sealed())
    assert verify(raw).refused is None
    assert in_node(raw)[0]["verdict"] == "proved"


@told("history_incomplete", STORIES["two_steps"])
def a_window_ends_with_the_one_before(story):
    second = story.core["steps"][1]["slots"][1]
    second["valid_until"] = 1300
    for event in story.told:
        slot = event["details"].get("slot", {})
        if slot.get("valid_until") == 1500:
            slot["valid_until"] = 1300


@told("malformed_transaction", algorand_begun)
def windows_overlap(story):
    reserve(story, algorand_slot())
    block = {"hash": "AA", "number": 1151}
    move(story, "slot_spent", {"step": 1, "slot_state": "expired", "at": block})
    story.core["steps"][0]["slots"][0]["state"] = "expired"
    reserve(story, algorand_slot(2, last=1300))
    finished(story, *group(last=1300, first=1150))


def test_windows_that_follow_each_other_are_proved():
    story = algorand_begun()
    reserve(story, algorand_slot())
    block = {"hash": "AA", "number": 1151}
    move(story, "slot_spent", {"step": 1, "slot_state": "expired", "at": block})
    story.core["steps"][0]["slots"][0]["state"] = "expired"
    reserve(story, algorand_slot(2, last=1300))
    finished(story, *group(last=1300, first=1151))
    assert verify(canonical(story.sealed())).refused is None


# Credits.


def moved(story, action, debit, credit, amount=5, before=None):
    """A line about the last hold; in front of the event *before*, or the last one."""
    details = {"amount": amount, "debit": debit, "credit": credit}
    details |= {"hold": story.deployment["hold"], "journal_sequence": 4}
    event = story.say(f"credits.{action}", details=details)
    if before is not None:
        story.told.remove(event)
        story.told.insert(story.told.index(story.find(before)), event)


def credited(story):
    raw = canonical(story.sealed())
    report = verify(raw)
    assert report.refused is None, report
    (there,) = in_node(raw)
    assert by_code(there["proved"]) == by_code(report.as_json()["proved"])
    (text,) = [each.text for each in report.proved if each.code == "credits"]
    return text


def test_where_credits_went_is_said():
    assert credited(STORIES["cancelled"]()) == "5 credits were held, and given back"
    assert credited(evm_story()) == "5 credits were held, and captured"
    twice = "5 credits were held, and given back; 5 credits were held, and captured"
    assert credited(STORIES["retried"]()) == twice
    story = STORIES["cancelled"]()
    line = story.find("credits.released")
    line["action"], line["details"]["credit"] = "credits.expired", "expired"
    assert credited(story) == "5 credits were held, and expired"
    story = STORIES["cancelled"]()
    story.find("credits.released")["details"]["amount"] = 3
    moved(story, "expired", "held", "expired", 2, before="deployment.cancelled")
    assert credited(story) == "5 credits were held, and 3 of them given back, 2 of them expired"
    story = evm_story()
    moved(story, "corrected", "spent", "available", 4)
    assert credited(story) == "5 credits were held, and 1 of them captured, 4 of them given back"


@told("credits_differ", STORIES["cancelled"])
def credits_go_to_an_account_that_is_not(story):
    story.find("credits.released")["details"]["credit"] = "operators_pocket"


@told("credits_differ")
def credits_are_captured_before_they_are_held(story):
    captured, held = story.find("credits.captured"), story.find("credits.held")
    story.told.remove(captured)
    story.told.insert(story.told.index(held), captured)


@told("credits_differ")
def more_comes_back_than_was_spent(story):
    moved(story, "corrected", "spent", "available", 6)


# Words.


@told("wrong_value", algorand_begun)
def a_result_is_a_sentence(story):
    reserve(story, algorand_slot())
    words = "4711 was issued  - It is the key that you named for issue.example.com; and that 4712"
    finished(story, *group(), words)


@told("malformed_event", algorand_story)
def an_anchors_network_is_a_sentence(story):
    story.anchored = [(None, "a chain; it is the key that you named")]


@told("malformed_event")
def decimals_are_an_object(story):
    story.find("deployment.queued")["details"]["issue"] = {"supply": "1000", "decimals": {"x": 1}}


@told("malformed_event")
def a_supply_is_a_sentence(story):
    story.find("deployment.queued")["details"]["issue"]["supply"] = "1000 or 2000"


@told("wrong_value")
def a_transaction_is_called_by_a_sentence(story):
    story.core["steps"][0]["inclusion"]["transaction_id"] = "0x1, which you have named"


@pytest.mark.parametrize(("make", "change", "code"), LIES)
def test_it_is_refused_here_and_in_the_browser(make, change, code):
    story = make()
    change(story)
    raw = canonical(story.sealed())
    report = verify(raw)
    assert report.refused is not None
    assert report.refused.code == code, report.refused
    (there,) = in_node(raw)
    if code == BY_COMMAND_ALONE:
        assert there["verdict"] == "proved"
    else:
        assert there["refused"]["code"] == code


# It neither falls over nor hangs.


def test_the_first_year_there_is_is_an_instant():
    story = evm_story()
    story.find("account.ready")["at"] = "0001-01-01T00:00:00.000000Z"
    raw = canonical(story.sealed())
    assert verify(raw).refused is None
    assert in_node(raw)[0]["verdict"] == "proved"


def test_names_and_texts_without_number_take_no_time():
    names = b",".join(b'"%06x":0' % number for number in range(100_000))
    begun = time.process_time()
    assert verify(b"{" + names + b',"01869f":0}').refused.code == "duplicate_member"
    count = 60_000
    packed = b"\xde" + count.to_bytes(2)
    packed += b"".join(b"\xa6%06x\1" % number for number in range(count))
    with pytest.raises(ValueError, match="has sig and txn"):
        algorand.read(packed)
    # What took minutes takes a second.
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("family", ["evm", "algorand"])
def test_an_attempt_that_no_node_would_take_is_not_hashed(family):
    story = (evm_begun if family == "evm" else algorand_begun)()
    reserve(story, evm_slot() if family == "evm" else algorand_slot())
    raw = transfer(data=bytes(200_000))[0] if family == "evm" else bytes(200_000)
    finished(story, raw, "0x1", [], TOKEN if family == "evm" else "4711")
    refused = verify(canonical(story.sealed())).refused
    assert refused.code == "malformed_transaction"
    assert refused.expected.startswith("at most 131072 bytes")


def test_all_attempts_together_have_an_end_too(monkeypatch):
    raw = canonical(evm_story().sealed())
    monkeypatch.setattr("tallystick_verifier.transactions._LARGEST_TOGETHER", 400)
    assert verify(raw).refused.code == "malformed_transaction"


def test_a_text_of_millions_of_escapes_is_read_in_the_browser():
    story = evm_story()
    story.deployment["client_reference"] = '"' * 3_000_000 + "\\" * 300_000
    raw = canonical(story.sealed())
    assert verify(raw).refused is None
    assert in_node(raw)[0]["verdict"] == "proved"


@pytest.mark.parametrize("spoilt", [b'{"a":"', b'{"a":"\\"}', b'"', b'"\\', b'"a"b"', b'"a\nb"'])
def test_a_text_that_does_not_end_is_none_in_the_browser(spoilt):
    assert verify(spoilt).refused.code == "not_json"
    assert in_node(spoilt)[0]["refused"]["code"] == "not_json"


def test_a_note_without_an_end_is_none():
    long = signed(f"{'x' * 5000}\n0\n{b64(sha())}\n", "x" * 5000, KEY)
    raw = canonical(evm_story().sealed())
    assert verify(raw, Given(checkpoint=long)).refused.code == "older_checkpoint"
    pack = json.loads(raw) | {"checkpoint": long}
    assert verify(canonical(pack)).refused.code == "malformed_note"
    assert in_node(canonical(pack))[0]["refused"]["code"] == "malformed_note"


@pytest.mark.parametrize("letters", ["cp1252", "ascii"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_terminal_without_our_letters_shows_the_rest(tmp_path, letters, options):
    path = tmp_path / "pack.json"
    path.write_bytes(canonical(evm_story().sealed()))
    done = subprocess.run(
        [sys.executable, "-m", "tallystick_verifier", path, *options],
        env={**os.environ, "PYTHONIOENCODING": letters, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Queued \\u2192 Submitted" in done.stdout


def test_what_nobody_thought_of_is_neither_proved_nor_refused(tmp_path, capsys, monkeypatch):
    def fails(*_):
        raise MemoryError("too much")

    path = tmp_path / "pack.json"
    path.write_bytes(b"{}")
    monkeypatch.setattr(command, "verify", fails)
    assert command.main([str(path)]) == 2
    assert "MemoryError: too much" in capsys.readouterr().err


def test_a_checkpoint_of_nothing_proves_nothing_whatever_is_given_with_it():
    pack = canonical(evm_story().sealed())
    nothing = signed(f"{ORIGIN}\n0\n{b64(sha())}\n", ORIGIN, KEY)
    for path in ((), (sha(b"x"),)):
        report = verify(pack, Given(checkpoint=nothing, consistency=path))
        assert report.refused is None
        assert "one_history" not in {each.code for each in report.proved}
        assert "one_history" in {each.code for each in report.not_proved}
