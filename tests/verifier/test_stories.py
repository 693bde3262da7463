"""What a pack proves, and what it says that it does not."""

import json
from base64 import b64decode

import pytest

from tallystick_verifier import Given, NamedKey, verify
from tests.verifier.packs import (
    ALGORAND,
    ETHEREUM,
    KEY,
    ORIGIN,
    STORIES,
    TOKEN,
    algorand_begun,
    algorand_slot,
    canonical,
    complete,
    confirm,
    evm_begun,
    evm_slot,
    evm_story,
    failed,
    group,
    move,
    planned,
    public,
    reserve,
    send,
    sha,
    sign,
    transfer,
)

FINGERPRINT = sha(public(KEY)).hex()


def proved(story, **given):
    report = verify(canonical(story.sealed()), Given(**given))
    assert report.refused is None, report
    return report


def words(statements):
    return {each.code: each.text for each in statements}


@pytest.mark.parametrize("name", STORIES)
def test_every_story_is_proved(name):
    report = proved(STORIES[name]())
    assert {"checkpoint", "events", "core", "history", "credits"} <= words(report.proved).keys()
    left = words(report.not_proved)
    assert {"key", "one_history", "anchor", "left_out", "time", "later"} <= left.keys()


def test_the_states_are_told_in_order():
    told = words(proved(STORIES["retried"]()).proved)["history"]
    assert "Queued → Submitted → Failed → Queued → Submitted → Pending → Confirmed" in told


def test_credits_are_told():
    assert words(proved(STORIES["evm"]()).proved)["credits"] == "5 credits were held, and captured"
    assert "given back" in words(proved(STORIES["cancelled"]()).proved)["credits"]
    assert "captured" in words(proved(STORIES["differing"]()).proved)["credits"]


def test_what_came_to_nothing_is_to_be_looked_up():
    assert "no_effect" in words(proved(STORIES["cancelled"]()).not_proved)
    story = evm_begun()
    reserve(story, evm_slot())
    raw, id, _ = transfer()
    sign(story, raw, id, [])
    move(story, "slot_spent", {"step": 1, "slot_state": "lost", "at": {}})
    story.core["steps"][0]["slots"][0]["state"] = "lost"
    failed(story, "Submitted", "TRANSACTION_SUBMISSION_FAILED", True)
    assert id in words(proved(story).not_proved)["no_effect"]
    assert "no_effect" not in words(proved(STORIES["evm"]()).not_proved)


def test_what_was_issued_is_told():
    told = words(proved(STORIES["evm"]()).proved)["result"]
    assert f"{TOKEN} was issued, of 1000 base units, with 2 decimals" in told
    story = STORIES["evm"]()
    del story.find("deployment.queued")["details"]["issue"]
    assert words(proved(story).proved)["result"].endswith("was issued")


def test_a_block_is_to_be_looked_up():
    story = STORIES["evm"]()
    told = words(proved(story).not_proved)["block"]
    assert story.core["steps"][0]["inclusion"]["transaction_id"] in told
    assert "1234" in told
    assert ETHEREUM in told


def test_events_that_are_not_there_are_listed_by_their_sequence():
    assert " 16 " in words(proved(evm_story()).not_proved)["other_events"]


def test_a_pinned_key_is_proved_to_be_it():
    report = proved(evm_story(), keys=[NamedKey(FINGERPRINT)])
    assert "key" in words(report.proved)
    assert "key" not in words(report.not_proved)


def test_a_plan_that_the_request_did_not_name_proves_nothing_of_it():
    story = evm_story()
    story.deployment["plan_hash"] = None
    report = proved(story)
    assert "plan" in words(report.not_proved)
    assert "plan" not in words(report.proved)


def test_signatures_without_receipts_are_named():
    story = evm_begun()
    reserve(story, evm_slot())
    raw, id, _ = transfer()
    sign(story, raw, id, [])
    send(story)
    confirm(story, TOKEN)
    assert id in words(proved(complete(story, TOKEN)).not_proved)["receipts"]


def test_a_transaction_whose_key_is_not_told_is_not_said_to_be_signed():
    story = evm_story()
    story.core["signers"] = []
    report = proved(story)
    assert "and signed by" not in words(report.proved)["transactions"]
    assert story.attempt["transaction_id"] in words(report.not_proved)["signatures"]


def test_a_lone_transaction_is_no_group():
    story = algorand_begun()
    owner = story.deployment["owner"]
    story.deployment.update(payer="self", sender=owner)
    steps = [{"name": "create", "signers": [owner, owner]}]
    planned(story.core, sender=owner, steps=steps)
    reserve(story, {**algorand_slot(), "signer": owner})
    raw, id, receipts = group(count=1)
    sign(story, raw, id, receipts)
    send(story)
    confirm(story, "4711")
    assert "transactions" in words(proved(complete(story, "4711")).proved)


def test_other_networks_are_said_to_be_unknown():
    story = STORIES["found"]()
    story.attempt["raw"] = None
    text = canonical(story.core).replace(ETHEREUM.encode(), b"memory:1")
    story.core = json.loads(text)
    for body in story.told:
        body["details"] = json.loads(
            canonical(body["details"]).replace(ETHEREUM.encode(), b"memory:1")
        )
    story.core["plan"] = story.deployment["plan_hash"] = None
    story.core["anchors"] = []
    assert "found_transactions" in words(proved(story).not_proved)


class TestAnchors:
    def test_say_how_much_they_cover(self):
        story = evm_story()
        story.anchored = [(9, ALGORAND), (None, ETHEREUM)]
        told = [each.text for each in proved(story).proved if each.code == "anchor"]
        assert "7 of the 15" in told[0]
        assert "15 of the 15" in told[1]

    def test_are_proved_by_what_was_read_off_a_chain(self):
        story = evm_story()
        story.anchored = [(None, ETHEREUM)]
        pack = canonical(story.sealed())
        without = words(verify(pack).not_proved)["anchor"]
        assert story.note_on_chain.hex() in without
        report = verify(pack, Given(anchor_notes=(story.note_on_chain,)))
        assert "anchor_note" in words(report.proved)
        assert "anchor" not in words(report.not_proved)

    def test_may_stand_behind_a_call(self):
        story = evm_story()
        story.anchored = [(None, ETHEREUM)]
        pack = canonical(story.sealed())
        report = verify(pack, Given(anchor_notes=(bytes(68) + story.note_on_chain,)))
        assert "anchor_note" in words(report.proved)
        assert "anchor" not in words(report.not_proved)
        assert verify(pack, Given(anchor_notes=(b"\0" + story.note_on_chain,))).refused

    def test_may_be_of_the_very_checkpoint(self):
        story = evm_story()
        pack = canonical(story.sealed())
        size = len(story.log.entries)
        note = b"tlog/1" + sha(ORIGIN.encode()) + size.to_bytes(8) + story.log.root()
        assert "anchor_note" in words(verify(pack, Given(anchor_notes=(note,))).proved)


class TestAnotherCheckpoint:
    def test_that_is_older_is_of_one_history(self):
        story = evm_story()
        pack = canonical(story.sealed())
        path = [b64decode(each) for each in story.log.proof(6)]
        report = verify(pack, Given(checkpoint=story.log.note(6), consistency=path))
        assert "one_history" in words(report.proved)
        assert "one_history" not in words(report.not_proved)

    def test_that_is_newer_too(self):
        story = evm_story()
        pack = canonical(story.sealed())
        size = len(story.log.entries)
        story.log.append(b"{}")
        story.log.append(b"{}")
        path = [b64decode(each) for each in story.log.proof(size)]
        report = verify(pack, Given(checkpoint=story.log.note(), consistency=path))
        assert "one_history" in words(report.proved)

    def test_of_the_same_size_needs_no_proof(self):
        story = evm_story()
        pack = canonical(story.sealed())
        assert "one_history" in words(verify(pack, Given(checkpoint=story.log.note())).proved)

    def test_without_a_proof_shows_nothing(self):
        story = evm_story()
        pack = canonical(story.sealed())
        report = verify(pack, Given(checkpoint=story.log.note(6)))
        assert "from 6 to" in words(report.not_proved)["one_history"]


def test_a_refusal_says_where_what_was_expected_and_what_is_there():
    story = evm_story()
    story.deployment["result"] = "0x00"
    report = verify(canonical(story.sealed()))
    told = str(report)
    assert told.startswith("REFUSED core_differs")
    for word in ("core.deployment.result", TOKEN, "0x00"):
        assert word in told
    assert report.as_json()["verdict"] == "refused"
    assert not report.proved
