"""Whoever tampers with a pack, with the log, or with what both say is found out, by its name.

What is beyond reach is here too, so that docs/evidence.md cannot promise more.
"""

import copy
import json
from base64 import b64decode

import pytest
import rlp
from algosdk import encoding, transaction
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account
from eth_utils.crypto import keccak

from tallystick_verifier import Given, NamedKey, verify
from tallystick_verifier.evm import address_of
from tests.verifier.packs import (
    ACCOUNT,
    AGAIN,
    ALGORAND,
    ANOTHER,
    DEPLOYMENT,
    ETHEREUM,
    FACTORY,
    INSTALLATION,
    KEY,
    ORIGIN,
    OWNER,
    STORIES,
    STRANGER,
    TOKEN,
    TREASURY,
    Log,
    algorand_key,
    algorand_story,
    asked_for,
    b64,
    canonical,
    encoded,
    evm_story,
    group,
    lease_of,
    move,
    planned,
    public,
    settle,
    sha,
    signed,
    transfer,
)

THIEF = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
FINGERPRINT = sha(public(KEY)).hex()


def refused(pack, **given):
    raw = pack if isinstance(pack, bytes) else canonical(pack)
    report = verify(raw, Given(**given))
    return report.refused.code if report.refused else None


def content(event):
    return json.loads(b64decode(event["body"]))


def numbered(pack, action):
    return next(n for n, each in enumerate(pack["events"]) if content(each)["action"] == action)


@pytest.fixture
def story():
    return evm_story()


@pytest.fixture
def pack(story):
    return story.sealed()


class TestThePackIsEdited:
    def test_an_event(self, pack):
        at = numbered(pack, "deployment.confirmed")
        body = b64decode(pack["events"][at]["body"]).replace(b"Confirmed", b"Cancelled")
        pack["events"][at]["body"] = b64(body)
        assert refused(pack) == "not_in_tree"

    @pytest.mark.parametrize("name", ["salt", "path", "index"])
    def test_what_stands_beside_an_event(self, pack, name):
        event = pack["events"][3]
        event[name] = {"salt": b64(bytes(16)), "path": event["path"][:-1], "index": 2}[name]
        assert refused(pack) == "not_in_tree"

    @pytest.mark.parametrize(
        "change",
        [
            lambda core: core["deployment"].update(credits=4),
            lambda core: core["deployment"].update(id=ANOTHER),
            lambda core: core["deployment"]["metadata"].pop(),
            lambda core: core["deployment"]["token"]["parameters"].update(supply="1001"),
            lambda core: core["steps"][0]["slots"][0]["attempts"].pop(),
            lambda core: core["signers"].pop(),
            lambda core: core["anchors"].pop(),
            lambda core: core.update(plan=None),
        ],
    )
    def test_the_records(self, pack, change):
        change(pack["core"])
        assert refused(pack) == "core_digest"

    def test_an_event_is_deleted_from_the_end(self, pack):
        pack["events"].pop()
        assert refused(pack) == "not_issued"

    @pytest.mark.parametrize(
        ("action", "code"),
        [
            ("account.ready", "history_incomplete"),
            ("credits.held", "credits_differ"),
            ("credits.captured", "credits_differ"),
            ("deployment.queued", "history_incomplete"),
            ("deployment.slot_reserved", "history_incomplete"),
            ("deployment.submitted", "illegal_transition"),
            ("deployment.pending", "illegal_transition"),
            ("deployment.replaced", "history_incomplete"),
            ("deployment.sent_again", "core_differs"),
            ("deployment.confirmed", "illegal_transition"),
            # The table would let it be skipped, but the next move says where it came from.
            ("deployment.indexed", "illegal_transition"),
            ("deployment.completed", "history_incomplete"),
            ("evidence.issued", "not_issued"),
        ],
    )
    def test_an_event_is_deleted(self, pack, action, code):
        del pack["events"][numbered(pack, action)]
        assert refused(pack) == code

    def test_an_event_without_another_trace_is_missing_by_its_number(self, pack):
        """Beyond reach: but the verifier lists the sequences that it does not see."""
        at = numbered(pack, "deployment.included")
        sequence = content(pack["events"][at])["sequence"]
        del pack["events"][at]
        report = verify(canonical(pack))
        told = {each.code: each.text for each in report.not_proved}["other_events"]
        assert f" {sequence}," in told

    def test_events_are_reordered(self, pack):
        events = pack["events"]
        events[4], events[5] = events[5], events[4]
        assert refused(pack) == "out_of_order"

    def test_an_event_is_there_twice(self, pack):
        pack["events"].insert(3, pack["events"][3])
        assert refused(pack) == "index_repeated"

    def test_an_event_of_another_log_is_inserted(self, pack):
        other = evm_story()
        other.log.append(b"{}")
        pack["events"].insert(3, other.sealed()["events"][4])
        assert refused(pack) == "not_in_tree"

    def test_an_event_about_something_else_is_inserted(self, story, pack):
        strange = next(
            n for n, (_, body) in enumerate(story.log.entries) if b"team.created" in body
        )
        pack["events"].insert(-1, story.log.event(strange))
        assert refused(pack) == "other_subject"

    def test_another_organisations_event_is_inserted(self, story, pack):
        strange = next(n for n, (_, body) in enumerate(story.log.entries) if STRANGER in str(body))
        pack["events"].insert(5, story.log.event(strange))
        assert refused(pack) == "other_organisation"

    def test_members_are_added_or_missing(self, pack):
        for place in (pack, pack["core"], pack["events"][0], pack["core"]["deployment"]):
            place["more"] = 1
            assert refused(pack) == "unknown_member"
            del place["more"]
            name = min(place)
            value = place.pop(name)
            assert refused(pack) == "missing_member"
            place[name] = value
        assert refused(pack) is None

    def test_another_format_is_asked_for(self, pack):
        pack["format"] = "tallystick.evidence/2"
        assert refused(pack) == "unknown_format"

    def test_a_text_is_another_base64_of_the_same_bytes(self, pack):
        salt = pack["events"][0]["salt"]
        assert salt.endswith("==")
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        other = letters[letters.index(salt[-3]) ^ 1]
        pack["events"][0]["salt"] = salt[:-3] + other + "=="
        assert b64decode(pack["events"][0]["salt"]) == b64decode(salt)
        assert refused(pack) == "not_base64"


class TestTheCheckpoint:
    def test_is_swapped_for_a_smaller_one_of_the_log(self, story, pack):
        pack["checkpoint"] = story.log.note(8)
        assert refused(pack) == "not_in_tree"

    def test_is_swapped_for_a_larger_one_of_the_log(self, story, pack):
        for _ in range(20):
            story.log.append(b"{}")
        pack["checkpoint"] = story.log.note()
        assert refused(pack) == "not_in_tree"

    def test_is_swapped_for_one_of_another_log_of_the_installation(self, story, pack):
        log = Log(origin=f"issue.example.com/audit/{INSTALLATION}/2", entries=story.log.entries)
        pack["checkpoint"] = log.note()
        # It is a true checkpoint over the same leaves: it proves them, in its own name.
        assert refused(pack) is None
        story.anchored = [(9, ALGORAND)]
        story.told.pop()
        pack = story.sealed()
        log.entries = story.log.entries
        pack["checkpoint"] = log.note()
        assert refused(pack) == "anchor_differs"

    def test_of_another_installation_is_refused(self, story, pack):
        log = Log(
            origin=f"issue.example.com/audit/{INSTALLATION[:-1]}f/1", entries=story.log.entries
        )
        pack["checkpoint"] = log.note()
        assert refused(pack) == "other_installation"

    def test_is_replayed_with_its_pack(self, story, pack):
        """Beyond reach of the file: it is still true, and says up to where it sees."""
        for _ in range(9):
            story.log.append(b"{}")
        report = verify(canonical(pack))
        assert report.refused is None
        assert "later" in {each.code for each in report.not_proved}

    @pytest.mark.parametrize(
        "change",
        [
            lambda note: note.replace("\n\n", "\nextension\n\n"),
            lambda note: note + note.splitlines()[-1] + "\n",
            lambda note: note[:-1],
            lambda note: note.replace("—", "-"),
            lambda note: note.replace("\n", "\r\n"),
            lambda note: note.replace("\n\n— issue", "\n\n— other"),
            lambda note: "\n" + note,
            lambda note: note.replace("\n2", "\n02", 1) if "\n2" in note else note[:-2],
            lambda _note: "",
        ],
    )
    def test_has_one_form(self, pack, change):
        pack["checkpoint"] = change(pack["checkpoint"])
        assert refused(pack) in {"malformed_note", "not_base64"}

    def test_signed_by_another_key_is_refused(self, story, pack):
        text = pack["checkpoint"].partition("\n\n")[0] + "\n"
        forged = signed(text, ORIGIN, THIEF)
        pack["checkpoint"] = forged
        assert refused(pack) == "note_signature"
        # The thief's signature under the true key's id.
        mark = b64decode(forged.split(" ")[-1])
        true = b64decode(story.log.note().split(" ")[-1])
        pack["checkpoint"] = forged.replace(b64(mark), b64(true[:4] + mark[4:]))
        assert refused(pack) == "note_signature"

    def test_under_another_key_id_is_refused(self, story, pack):
        mark = b64decode(story.log.note().split(" ")[-1])
        other = b64(bytes([mark[0] ^ 1]) + mark[1:])
        pack["checkpoint"] = pack["checkpoint"].replace(b64(mark), other)
        assert refused(pack) == "note_signature"


class TestTheTreeIsRebuilt:
    def test_with_a_stolen_application_role(self, story):
        """Whoever writes rows signs nothing."""
        story.log.key = THIEF
        pack = story.sealed()
        pack["key"] = b64(public(KEY))
        assert refused(pack) == "note_signature"

    def test_with_a_key_of_ones_own(self, story):
        """Beyond reach unless the key is pinned."""
        story.log.key = THIEF
        pack = story.sealed()
        assert refused(pack) is None
        assert refused(pack, keys=[NamedKey(FINGERPRINT)]) == "other_key"


class TestTwoHistories:
    """Both are signed by the true key: an operator, or whoever has stolen the key."""

    def other(self):
        other = evm_story()
        other.deployment["client_reference"] = "another"
        return other, canonical(other.sealed())

    def path(self, story, first):
        return [b64decode(each) for each in story.log.proof(first)]

    def test_of_one_size_are_found_when_two_readers_compare(self, story):
        other, shown = self.other()
        story.sealed()
        assert refused(shown) is None
        assert refused(shown, checkpoint=other.log.note()) is None
        assert refused(shown, checkpoint=story.log.note()) == "two_histories"

    def test_of_two_sizes_are_found_when_two_readers_compare(self, story):
        other, _ = self.other()
        story.sealed()
        size = len(story.log.entries)
        other.log.append(b"{}")
        pack = canonical(other.packed(indices_of(other)))
        path = self.path(other, size)
        assert refused(pack, checkpoint=story.log.note(), consistency=path) == "two_histories"

    def test_a_truncated_tail_is_found_with_an_older_checkpoint(self, story):
        """The log was longer once; what was at its end is gone."""
        story.sealed()
        for number in range(9):
            story.log.append(b"%d" % number)
        longer = story.log.note()
        shorter = evm_story()
        pack = canonical(shorter.sealed())
        shorter.log.append(b"another")
        path = self.path(shorter, len(shorter.log.entries) - 1)
        assert refused(pack, checkpoint=longer, consistency=path) == "two_histories"

    def test_are_found_by_the_anchor(self, story):
        """What was anchored is of the other history."""
        story.anchored = [(None, ETHEREUM)]
        story.sealed()
        told = evm_story()
        told.anchored = [(9, ETHEREUM)]
        pack = told.sealed()
        assert refused(pack) is None
        assert refused(pack, anchor_notes=(told.note_on_chain,)) is None
        forged = told.note_on_chain[:-32] + story.log.root(8)
        assert refused(pack, anchor_notes=(forged,)) == "two_histories"

    def test_of_another_origin_or_key_are_no_older_checkpoints(self, story, pack):
        elsewhere = Log(origin=f"{ORIGIN}0", entries=story.log.entries[:5])
        theirs = Log(key=THIEF, entries=story.log.entries[:5])
        for note in (elsewhere.note(), theirs.note(), "nothing"):
            assert refused(pack, checkpoint=note, consistency=()) == "older_checkpoint"


def indices_of(story):
    raw = (DEPLOYMENT.encode(), ACCOUNT.encode())
    return [n for n, (_, body) in enumerate(story.log.entries) if any(r in body for r in raw)]


class TestAnchors:
    def anchored(self, *sizes, **changes):
        story = evm_story()
        story.anchored = [(size, ETHEREUM) for size in sizes]
        return story, story.sealed()

    def test_whose_proof_is_another_are_refused(self):
        _, pack = self.anchored(6, 9)
        assert refused(pack) is None
        for change in (
            lambda proofs: proofs.pop(),
            lambda proofs: proofs.append({"path": [], "size": 10**6}),
            lambda proofs: proofs[0]["path"].pop(),
            lambda proofs: proofs[0]["path"].__setitem__(0, b64(bytes(32))),
            lambda proofs: proofs[0].update(size=7),
        ):
            changed = copy.deepcopy(pack)
            change(changed["consistency"])
            assert refused(changed) == "anchor_differs"
        pack["consistency"].reverse()
        assert refused(pack) == "wrong_value"

    def test_of_a_size_that_the_log_had_not_yet_are_refused(self):
        story = evm_story()
        story.anchored = [(10**3, ETHEREUM)]
        assert refused(story.sealed()) == "anchor_differs"

    def test_that_were_read_off_a_chain_have_one_form(self):
        story, pack = self.anchored(9)
        note = story.note_on_chain
        assert refused(pack, anchor_notes=(note,)) is None
        for other in (
            note[:-1],
            note + b"\0",
            b"tlog/2" + note[6:],
            note[:10] + b"\0" + note[11:],
        ):
            assert refused(pack, anchor_notes=(other,)) == "anchor_note"
        elsewhere = note[:38] + (8).to_bytes(8) + note[46:]
        assert refused(pack, anchor_notes=(elsewhere,)) == "anchor_note"

    def test_stand_before_the_last_event(self):
        _, pack = self.anchored(9)
        events = pack["events"]
        events[-2], events[-3] = events[-3], events[-2]
        assert refused(pack) == "out_of_order"


LIES = []


def told(code, make=evm_story):
    """A lie that is sealed with everything else, and still refused."""

    def note(change):
        LIES.append(pytest.param(make, change, code, id=change.__name__))
        return change

    return note


@told("core_differs")
def another_price(story):
    story.deployment["credits"] = 6


@told("core_differs")
def another_result(story):
    story.deployment["result"] = TREASURY.address


@told("core_differs")
def another_requester(story):
    story.deployment["requested_by"] = "mem_01kdvdna00er8t57vfqvc2r1yz"


@told("core_differs")
def another_instant(story):
    story.deployment["accepted_at"] = "2025-01-01T00:00:00.000000Z"


@told("core_differs")
def another_kind(story):
    story.deployment["token"]["kind"] = "erc20_capped"


@told("core_differs")
def another_network(story):
    story.deployment["network"] = "eip155:1"


@told("core_differs")
def a_live_one(story):
    story.deployment["live"] = True


@told("core_differs")
def a_failure_that_was_not(story):
    story.deployment["failure"] = {"reason": "X", "without_effect": True}


@told("core_differs")
def another_owner(story):
    story.deployment["owner"] = TREASURY.address


@told("core_differs")
def another_address_of_the_account(story):
    story.core["account"]["address"] = TREASURY.address


@told("core_differs")
def another_block(story):
    story.core["steps"][0]["inclusion"]["block"]["number"] = 1


@told("core_differs")
def another_cost(story):
    story.core["steps"][0]["inclusion"]["cost"] = "1"


@told("history_incomplete")
def a_reverted_effect(story):
    for body in story.told:
        if "inclusion" in body["details"]:
            body["details"]["inclusion"]["succeeded"] = False
    story.core["steps"][0]["inclusion"]["succeeded"] = False


@told("history_incomplete")
def a_fill_that_took_effect(story):
    story.core["steps"][0]["slots"][0]["attempts"][1]["role"] = "fill"
    story.find("deployment.replaced")["details"]["attempt"]["role"] = "fill"


@told("core_differs")
def an_attempt_that_was_not_sent(story):
    story.attempt["broadcast_at"] = None


@told("core_differs")
def an_attempt_that_was_rejected(story):
    story.attempt["rejected"] = True


@told("core_differs")
def a_receipt_of_another_key(story):
    story.attempt["receipts"][0] = {**story.attempt["receipts"][0], "key": "other:1"}


@told("core_differs")
def a_slot_that_was_lost(story):
    story.core["steps"][0]["slots"][0]["state"] = "lost"


@told("core_differs")
def another_nonce(story):
    story.core["steps"][0]["slots"][0]["sequence"] = 4


@told("history_incomplete")
def an_attempt_without_an_event(story):
    attempts = story.core["steps"][0]["slots"][0]["attempts"]
    attempts.append({**attempts[0], "number": 3, "transaction_id": "0x00"})


@told("history_incomplete")
def an_event_without_an_attempt(story):
    story.core["steps"][0]["slots"][0]["attempts"].pop(0)


@told("history_incomplete")
def a_signature_without_an_attempt(story):
    replaced = story.find("deployment.replaced")
    attempt = {**replaced["details"]["attempt"], "number": 3, "transaction_id": "0x03"}
    at = story.told.index(story.find("deployment.indexed"))
    story.told.insert(at, {**replaced, "details": {"attempt": attempt, "step": 1}})


@told("history_incomplete")
def an_event_of_a_slot_that_is_not_there(story):
    reserved = story.find("deployment.slot_reserved")
    slot = {**reserved["details"]["slot"], "number": 2}
    story.told.insert(-1, {**reserved, "details": {"slot": slot, "step": 1}})


@told("history_incomplete")
def a_slot_without_an_event(story):
    slot = story.core["steps"][0]["slots"][0]
    story.core["steps"][0]["slots"] = [{**slot, "attempts": []}, {**slot, "number": 2}]


@told("history_incomplete")
def a_state_that_was_not_reached(story):
    story.deployment["state"] = "Cancelled"


@told("illegal_transition")
def a_state_is_skipped(story):
    story.drop("deployment.submitted")


@told("illegal_transition")
def what_was_signed_is_cancelled(story):
    at = story.told.index(story.find("deployment.confirmed"))
    del story.told[at:]
    story.say("deployment.cancelled", details={"state": "Cancelled", "state_before": "Pending"})
    story.deployment["state"] = "Cancelled"


@told("illegal_transition")
def states_are_skipped(story):
    del story.told[story.told.index(story.find("deployment.queued")) + 1 :]
    move(story, "completed", {"credits": 5})
    story.told[-1]["details"]["state_before"] = "Queued"
    story.core["steps"][0].update(inclusion=None, is_final=False, slots=[])


@told("illegal_transition")
def a_move_is_told_twice(story):
    story.told.insert(-1, story.find("deployment.completed"))


@told("illegal_transition")
def a_move_by_what_moves_nothing(story):
    story.find("deployment.slot_reserved")["details"] |= {
        "state": "Submitted",
        "state_before": "Queued",
    }


@told("illegal_transition")
def a_failure_for_another_reason(story):
    at = story.told.index(story.find("deployment.pending"))
    del story.told[at:]
    move(
        story,
        "failed",
        {"reason": "TRANSACTION_REVERTED", "without_effect": True},
        before="Submitted",
    )
    story.deployment["failure"] = {"reason": "TRANSACTION_REVERTED", "without_effect": True}


@told("illegal_transition", STORIES["differing"])
def a_retry_of_what_had_an_effect(story):
    move(story, "retry_requested", {"hold": "x"})
    move(story, "cancelled")


@told("credits_differ")
def fewer_credits_are_captured(story):
    story.find("credits.captured")["details"]["amount"] = 4


@told("credits_differ")
def more_credits_are_held(story):
    story.find("credits.held")["details"]["amount"] = 6


@told("credits_differ")
def more_credits_are_held_and_captured(story):
    for action in ("credits.held", "credits.captured"):
        story.find(action)["details"]["amount"] = 6


@told("credits_differ", STORIES["cancelled"])
def another_hold_of_what_was_cancelled(story):
    story.deployment["hold"] = "hold_01kdvdna00exdrw5jdq87z33g9"


@told("credits_differ")
def credits_are_captured_twice(story):
    story.told.append(story.find("credits.captured"))


@told("credits_differ")
def what_was_issued_is_given_back(story):
    story.find("credits.captured")["details"]["credit"] = "available"


@told("credits_differ", STORIES["cancelled"])
def what_was_cancelled_is_captured(story):
    story.find("credits.released")["details"]["credit"] = "spent"


@told("credits_differ")
def another_hold(story):
    story.deployment["hold"] = "hold_01kdvdna00exdrw5jdq87z33g9"


@told("credits_differ")
def no_hold(story):
    story.deployment["hold"] = None


@told("plan_hash")
def another_plan(story):
    story.core["plan"]["token"] = {"supply": "1"}


@told("plan_hash")
def another_plan_than_was_asked_for(story):
    story.deployment["plan_hash"] = "0" * 64


@told("plan_hash")
def other_parameters(story):
    story.deployment["token"]["parameters"] = {"supply": "1"}


@told("plan_hash")
def another_hash(story):
    story.core["plan"]["hash"] = "0" * 64
    story.deployment["plan_hash"] = None


def replaced(story, raw=None, id=None, digest=None):
    """The first attempt, with other bytes."""
    attempt = story.attempt
    details = story.find("deployment.submitted")["details"]
    if raw is not None:
        attempt["raw"] = b64(raw)
    if id is not None:
        for place in (attempt, details["attempt"], story.find("deployment.pending")["details"]):
            place["transaction_id"] = id
    if digest is not None:
        attempt["receipts"] = details["receipts"] = [
            {**attempt["receipts"][0], "digest": digest.hex()}
        ]


@told("transaction_id")
def other_signed_bytes(story):
    replaced(story, raw=transfer(gas_price=6)[0])


@told("malformed_transaction")
def bytes_that_are_no_transaction(story):
    replaced(story, raw=b"\x02nothing")


@told("malformed_transaction")
def bytes_with_a_tail(story):
    replaced(story, raw=transfer()[0] + b"\0")


@told("malformed_transaction")
def no_bytes(story):
    story.attempt["raw"] = None


@told("malformed_transaction")
def a_transaction_for_another_network(story):
    replaced(story, *transfer(chain=1))


@told("malformed_transaction")
def a_transaction_with_another_nonce(story):
    replaced(story, *transfer(nonce=4))


@told("transaction_signature")
def a_transaction_signed_by_another(story):
    replaced(story, *transfer(key=Account.from_key(bytes([8]) * 32)))


@told("receipt_differs")
def a_receipt_over_something_else(story):
    replaced(story, digest=bytes(32))


@told("receipt_differs")
def a_receipt_for_another_purpose(story):
    receipts = [{**story.attempt["receipts"][0], "purpose": "checkpoint"}]
    story.attempt["receipts"] = story.find("deployment.submitted")["details"]["receipts"] = (
        receipts
    )


@told("address_of_key")
def a_key_of_another_address(story):
    story.core["signers"][0]["address"] = TOKEN


@told("address_of_key")
def a_key_off_the_curve(story):
    key = bytes(63) + b"\x01"
    story.core["signers"][0] |= {"public_key": b64(key), "address": address_of(key)}
    story.deployment["sender"] = story.core["plan"]["sender"] = address_of(key)
    planned(story.core, steps=[{"name": "create", "signers": [address_of(key)]}])
    for slot in story.core["steps"][0]["slots"]:
        slot["signer"] = address_of(key)
    story.find("deployment.slot_reserved")["details"]["slot"]["signer"] = address_of(key)


@told("address_of_key")
def a_key_that_is_too_short(story):
    story.core["signers"][0]["public_key"] = b64(bytes(32))


@told("transaction_id", algorand_story)
def another_group(story):
    raw, _, _ = group(last=1149)
    replaced(story, raw=raw)


@told("malformed_transaction", algorand_story)
def half_a_group(story):
    raw = b64decode(story.attempt["raw"])
    end = raw.index(b"\x82\xa3sig", 5)
    replaced(story, raw=raw[end:])


@told("transaction_signature", algorand_story)
def a_group_with_a_broken_signature(story):
    raw = bytearray(b64decode(story.attempt["raw"]))
    raw[raw.index(b"\xa3sig") + 10] ^= 1
    replaced(story, raw=bytes(raw))


@told("malformed_transaction", algorand_story)
def a_group_for_another_network(story):
    for place in walked([story.core, [body["details"] for body in story.told]]):
        for name, value in place.items():
            if value == ALGORAND:
                place[name] = "algorand:SGO1GKSzyE7IEPItTxCByw9x8FmnrCDe"
    story.core["plan"] = None
    story.deployment["plan_hash"] = None


def walked(value):
    if isinstance(value, dict):
        yield value
        for each in list(value.values()):
            yield from walked(each)
    elif isinstance(value, list):
        for each in value:
            yield from walked(each)


@told("malformed_transaction", algorand_story)
def another_lease(story):
    for slot in (
        story.core["steps"][0]["slots"][0],
        story.find("deployment.slot_reserved")["details"]["slot"],
    ):
        slot["lease"] = "06" * 32


@told("receipt_differs", algorand_story)
def a_receipt_is_missing(story):
    story.attempt["receipts"] = story.attempt["receipts"][:1]
    story.find("deployment.submitted")["details"]["receipts"] = story.attempt["receipts"]


@told("credits_differ", STORIES["retried"])
def a_second_charge_is_not_told(story):
    story.told.remove(story.find("credits.held"))
    story.told.remove(story.find("credits.released"))


@told("credits_differ", STORIES["retried"])
def a_retry_under_another_hold(story):
    story.find("deployment.retry_requested")["details"]["hold"] = "019b76da"


@told("credits_differ")
def a_charge_that_nobody_held(story):
    story.drop("credits.held")
    story.drop("credits.captured")
    story.deployment["hold"] = None


@told("credits_differ")
def a_second_charge_without_a_hold(story):
    captured = story.find("credits.captured")
    details = {"amount": 5, "credit": "spent", "debit": "available"}
    story.told.insert(-1, {**captured, "action": "credits.adjusted", "details": details})


@told("credits_differ")
def a_second_charge_under_a_hold_of_something_else(story):
    captured = story.find("credits.captured")
    details = {**captured["details"], "hold": AGAIN}
    story.told.insert(-1, {**captured, "details": details})


@told("credits_differ")
def a_second_hold_before_the_first_is_used(story):
    held = story.find("credits.held")
    details = {**held["details"], "hold": AGAIN}
    story.told.insert(story.told.index(held), {**held, "details": details})


@told("history_incomplete")
def a_slot_is_reserved_twice(story):
    reserved = story.find("deployment.slot_reserved")
    story.told.insert(story.told.index(reserved), copy.deepcopy(reserved))


@told("history_incomplete")
def a_second_slot_while_the_first_is_open(story):
    reserved = story.find("deployment.slot_reserved")
    details = {"slot": {**reserved["details"]["slot"], "number": 2}, "step": 1}
    story.told.insert(story.told.index(reserved) + 1, {**reserved, "details": details})
    (slot,) = slots = story.core["steps"][0]["slots"]
    slots[:] = [{**slot, "attempts": [], "state": "open"}, {**slot, "number": 2}]


@told("history_incomplete")
def an_event_of_another_step(story):
    story.find("deployment.included")["details"]["step"] = 2


@told("history_incomplete", STORIES["two_steps"])
def a_step_is_confirmed_twice(story):
    confirmed = story.find("deployment.step_confirmed")
    story.told.insert(story.told.index(confirmed), copy.deepcopy(confirmed))


@told("history_incomplete")
def an_attempt_is_sent_before_it_is_signed(story):
    sent = story.find("deployment.sent_again")
    story.told.remove(sent)
    story.told.insert(story.told.index(story.find("deployment.replaced")), sent)


@told("history_incomplete")
def an_attempt_with_another_number(story):
    story.attempt["number"] = story.find("deployment.submitted")["details"]["attempt"][
        "number"
    ] = 7


@told("history_incomplete", algorand_story)
def what_is_completed_has_a_step_undone(story):
    step = {"inclusion": None, "is_final": False, "name": "bootstrap", "number": 2, "slots": []}
    story.core["steps"].append(step)
    steps = story.core["plan"]["steps"]
    planned(story.core, steps=[*steps, {**steps[0], "name": "bootstrap"}])


def ended(story, action, state, reason):
    """It failed without effect, instead of what *action* tells and all behind it."""
    del story.told[story.told.index(story.find(action)) :]
    settle(story, "available")
    failure = {"reason": reason, "without_effect": True}
    move(story, "failed", failure, before=state)
    story.deployment.update(failure=failure, result=None)


@told("history_incomplete")
def a_transaction_that_succeeded_is_said_to_have_reverted(story):
    step = story.core["steps"][0]
    ended(story, "deployment.confirmed", "Pending", "TRANSACTION_REVERTED")
    id = step["inclusion"]["transaction_id"]
    spent = {"step": 1, "slot_state": "spent", "transaction_id": id}
    story.told.insert(-2, {**story.told[-1], "action": "deployment.slot_spent", "details": spent})
    step.update(inclusion=None, is_final=False)
    step["slots"][0]["state"] = "spent"


@told("history_incomplete")
def a_slot_is_spent_by_what_was_in_no_block(story):
    step = story.core["steps"][0]
    ended(story, "deployment.included", "Pending", "TRANSACTION_REVERTED")
    id = step["inclusion"]["transaction_id"]
    spent = {"step": 1, "slot_state": "spent", "transaction_id": id}
    story.told.insert(-2, {**story.told[-1], "action": "deployment.slot_spent", "details": spent})
    step.update(inclusion=None, is_final=False)
    step["slots"][0]["state"] = "spent"
    step["slots"][0]["attempts"][1]["cost"] = None


@told("history_incomplete")
def what_may_still_land_is_said_to_be_without_effect(story):
    ended(story, "deployment.included", "Pending", "TRANSACTION_REVERTED")
    step = story.core["steps"][0]
    step.update(inclusion=None, is_final=False)
    step["slots"][0]["state"] = "open"
    step["slots"][0]["attempts"][1]["cost"] = None


@told("history_incomplete", STORIES["two_steps"])
def what_has_begun_is_said_to_be_without_effect(story):
    waiting = story.told.index(story.find("deployment.waiting"))
    story.told[waiting]["action"] = "deployment.here"
    ended(story, "deployment.here", "Pending", "TRANSACTION_REVERTED")
    step = story.core["steps"][1]
    step.update(inclusion=None, is_final=False)
    del step["slots"][1]


@told("core_differs")
def a_token_elsewhere_than_was_planned(story):
    story.deployment["result"] = OWNER
    for action in ("confirmed", "indexed"):
        story.find(f"deployment.{action}")["details"]["token"] = OWNER


@told("plan_hash")
def another_place_than_was_planned(story):
    planned(story.core, address=OWNER)


@told("core_differs")
def a_slot_of_another_signer(story):
    story.core["steps"][0]["slots"][0]["signer"] = FACTORY
    story.find("deployment.slot_reserved")["details"]["slot"]["signer"] = FACTORY


@told("core_differs")
def a_plan_that_a_stranger_signs(story):
    signers = [TREASURY.address, FACTORY]
    planned(story.core, steps=[{"name": "create", "signers": signers}])


@told("core_differs")
def a_slot_on_another_network(story):
    story.core["steps"][0]["slots"][0]["network"] = "eip155:1"
    story.find("deployment.slot_reserved")["details"]["slot"]["network"] = "eip155:1"


@told("core_differs")
def an_account_of_another_family(story):
    story.core["account"]["family"] = "algorand"


@told("core_differs")
def an_event_of_the_other_mode(story):
    story.find("deployment.included")["live"] = True


@told("core_differs")
def true_for_one(story):
    """They are one value in Python, and two in JSON."""
    story.find("deployment.confirmed")["details"]["inclusion"]["block"] = {
        "hash": "0x" + "ab" * 32,
        "number": True,
    }
    story.core["steps"][0]["inclusion"]["block"]["number"] = 1


@told("plan_hash")
def a_plan_that_says_true_for_one(story):
    parameters = story.deployment["token"]["parameters"]
    planned(story.core, token={**parameters, "decimals": True})
    story.deployment["token"]["parameters"] = {**parameters, "decimals": 1}


@told("malformed_event")
def a_day_that_there_is_not(story):
    story.find("deployment.included")["at"] = "2026-02-30T00:00:00.000000Z"


def re_signed(story, **changes):
    """The first attempt is another transaction, signed by the right key."""
    raw, id, digest = transfer(**changes)
    replaced(story, raw, id, digest)


@told("malformed_transaction")
def a_transaction_of_another_deployment(story):
    re_signed(story, data=asked_for(salt=bytes(32)))


@told("malformed_transaction")
def a_failure_of_another_deployment(story):
    """Without a plan and a result there is no address to hold it against: its salt tells."""
    re_signed(story, data=asked_for(salt=bytes(32)))
    ended(story, "deployment.pending", "Submitted", "TRANSACTION_SUBMISSION_FAILED")
    lost = {"step": 1, "slot_state": "lost"}
    story.told.insert(-2, {**story.told[-1], "action": "deployment.slot_spent", "details": lost})
    story.attempt["broadcast_at"] = None
    step = story.core["steps"][0]
    step.update(inclusion=None, is_final=False)
    step["slots"][0].update(state="lost", attempts=[story.attempt])
    story.deployment["predicted"] = story.deployment["plan_hash"] = story.core["plan"] = None


@told("malformed_transaction")
def a_result_that_no_attempt_asks_for(story):
    a_token_elsewhere_than_was_planned(story)
    story.deployment["predicted"] = story.deployment["plan_hash"] = story.core["plan"] = None


@told("malformed_transaction")
def another_plan_in_one_of_the_attempts(story):
    re_signed(story, data=asked_for(code=b"\x60\x81"))


@told("malformed_transaction")
def more_is_offered_than_is_told(story):
    re_signed(story, gas_price=6)


@told("malformed_transaction", STORIES["filled"])
def a_fill_that_creates(story):
    raw, id, digest = transfer(gas_price=9)
    attempt = story.core["steps"][0]["slots"][0]["attempts"][1]
    old = attempt["transaction_id"]
    attempt.update(raw=b64(raw), transaction_id=id)
    for body in story.told:
        for place in walked(body["details"]):
            for name, value in place.items():
                if value == old:
                    place[name] = id
    attempt["receipts"] = story.find("deployment.slot_filling")["details"]["receipts"] = [
        {**attempt["receipts"][0], "digest": digest.hex()}
    ]


@told("transaction_signature")
def the_other_parity(story):
    items = rlp.decode(transfer()[0][1:])
    items[9] = b"" if items[9] else b"\1"
    raw = b"\2" + rlp.encode(items)
    replaced(story, raw, "0x" + keccak(raw).hex())


@told("malformed_transaction", algorand_story)
def the_lease_of_another_step(story):
    lease = lease_of(2)
    raw, id, receipts = group(lease)
    for slot in (
        story.core["steps"][0]["slots"][0],
        story.find("deployment.slot_reserved")["details"]["slot"],
    ):
        slot["lease"] = lease.hex()
    old = story.attempt["transaction_id"]
    story.attempt.update(raw=b64(raw), receipts=receipts)
    for place in walked([story.core, [body["details"] for body in story.told]]):
        for name, value in place.items():
            if value == old:
                place[name] = id
            if name == "receipts":
                place[name] = receipts


@told("malformed_transaction", algorand_story)
def another_supply_than_is_told(story):
    story.find("deployment.queued")["details"]["issue"]["supply"] = "1001"


@told("history_incomplete")
def a_second_beginning(story):
    story.told.insert(-1, story.find("deployment.queued"))


@told("malformed_event")
def an_event_without_its_details(story):
    del story.find("deployment.confirmed")["details"]["inclusion"]


@told("malformed_event")
def an_event_of_another_schema(story):
    story.find("deployment.indexed")["schema"] = 2


@told("malformed_event")
def an_event_with_another_member(story):
    story.find("deployment.indexed")["more"] = 2


@told("event_repeated")
def one_sequence_for_two_events(story):
    story.find("deployment.indexed")["sequence"] = 5


@told("event_repeated")
def one_id_for_two_events(story):
    story.find("deployment.indexed")["id"] = "evt_00000000000000000000000004"


@told("out_of_order")
def sequences_that_descend(story):
    story.find("deployment.indexed")["sequence"] = 3000
    story.find("deployment.completed")["sequence"] = 2000


@pytest.mark.parametrize(("make", "change", "code"), LIES)
def test_a_lie_that_contradicts_itself_is_refused_though_it_is_sealed(make, change, code):
    story = make()
    change(story)
    assert refused(story.sealed()) == code


def test_evidence_of_another_deployment_is_refused(story):
    story.told[-1:] = []
    pack = story.sealed()
    at = numbered(pack, "evidence.issued")
    body = content(pack["events"][at])
    index = story.log.append({**body, "subject": ACCOUNT, "sequence": 99, "id": "evt_" + "3" * 26})
    shown = [each["index"] for each in pack["events"]]
    assert refused(story.packed([*shown[:-1], index])) == "not_issued"


def test_what_is_signed_and_sealed_and_consistent_is_believed(story):
    """Beyond reach: a lie told in time, that contradicts nothing."""
    story.deployment["metadata"] = [["desk", "8"]]
    assert refused(story.sealed()) is None


def left(pack, **given):
    """What is not proved, by code."""
    report = verify(canonical(pack), Given(**given))
    assert report.refused is None, report
    return {each.code: each.text for each in report.not_proved}


def of_another_order(story):
    """An event has an earlier leaf than the one numbered before it."""
    story.find("deployment.sent_again")["sequence"] = 10
    at = story.told.index(story.find("deployment.sent_again"))
    story.told[at], story.told[at - 1] = story.told[at - 1], story.told[at]
    for body, number in zip(story.told[at - 1 : at + 2], (11, 10, 12), strict=True):
        body["sequence"] = number
    pack = story.sealed()
    numbers = [content(each)["sequence"] for each in pack["events"]]
    wrong = numbers.index(11)
    assert numbers[wrong + 1] == 10
    pack["events"][wrong : wrong + 2] = pack["events"][wrong : wrong + 2][::-1]
    return pack


def of_a_key_of_small_order(story):
    """For the point of order 1 there is a signature under anything: R is it, and S is 0."""
    pack = story.sealed()
    key = b"\1" + bytes(31)
    id = sha(ORIGIN.encode(), b"\n\1", key)[:4]
    head = pack["checkpoint"].partition("\u2014")[0]
    mark = b64(id + key + bytes(32))
    return {**pack, "key": b64(key), "checkpoint": f"{head}\u2014 {ORIGIN} {mark}\n"}


def of_a_size_beyond_json(story):
    pack = story.sealed()
    text = f"{ORIGIN}\n{2**53 + 1}\n{b64(bytes(32))}\n"
    return {**pack, "checkpoint": signed(text, ORIGIN, KEY)}


def of_a_log_numbered(digits):
    def make(story):
        story.log.origin = ORIGIN[:-1] + digits
        return story.sealed()

    return make


PACKS = [
    pytest.param(of_another_order, "out_of_order", id="another_order"),
    pytest.param(of_a_key_of_small_order, "note_signature", id="a_key_of_small_order"),
    pytest.param(of_a_size_beyond_json, "malformed_note", id="a_size_beyond_json"),
    pytest.param(of_a_log_numbered("007"), "other_installation", id="log_007"),
    pytest.param(of_a_log_numbered("0"), "other_installation", id="log_0"),
]


@pytest.mark.parametrize(("make", "code"), PACKS)
def test_a_pack_of_another_making_is_refused(story, make, code):
    assert refused(make(story)) == code


def test_what_was_cut_out_at_the_beginning_is_listed(story):
    pack = story.sealed()
    assert " 1, 16 " in left(pack)["other_events"]


def late(story, seconds):
    before = int(story.find("deployment.included")["at"][17:19])
    story.find("deployment.confirmed")["at"] = f"2026-01-01T00:00:{before - seconds:02}.000000Z"
    return story.sealed()


def test_instants_that_go_back_are_named_beyond_what_clocks_differ(story):
    assert "time_goes_back" not in left(late(story, 5))
    told = left(late(evm_story(), 6))["time_goes_back"]
    assert told.startswith("That events 12 of")


def test_an_anchor_where_the_records_name_none_is_not_believed_to_be_the_operators(story):
    story.anchored = [(9, "eip155:5")]
    told = str(verify(canonical(story.sealed())))
    assert "That the operator anchors on eip155:5" in told


def test_the_signature_of_a_stranger_is_not_one_of_the_account(story):
    """A rekeyed account is told by the chain alone."""
    story = algorand_story()
    raw = b64decode(story.attempt["raw"])
    first = raw[: raw.index(b"\x82\xa3sig", 5)]
    stranger, address = algorand_key(9)
    payment = encoding.msgpack_decode(b64(first)).transaction
    signature = b64(stranger.sign(b"TX" + encoded(payment)))
    forged = encoded(transaction.SignedTransaction(payment, signature, address))
    replaced(story, forged + raw[len(first) :])
    receipts = [{**story.attempt["receipts"][0], "signer": address}, story.attempt["receipts"][1]]
    story.attempt["receipts"] = receipts
    story.find("deployment.submitted")["details"]["receipts"] = receipts
    pack = story.sealed()
    assert story.attempt["transaction_id"] in left(pack)["signatures"]
    told = {each.code: each.text for each in verify(canonical(pack)).proved}
    assert "signed by the keys" not in told["transactions"]


def test_a_checkpoint_of_nothing_proves_nothing_and_has_the_root_of_nothing(story, pack):
    nothing = f"{ORIGIN}\n0\n{b64(sha())}\n"
    assert "one_history" in left(pack, checkpoint=signed(nothing, ORIGIN, KEY))
    garbage = f"{ORIGIN}\n0\n{b64(bytes(32))}\n"
    assert refused(pack, checkpoint=signed(garbage, ORIGIN, KEY)) == "older_checkpoint"


def test_a_key_is_of_the_log_that_it_is_named_for(story, pack):
    for name, code in ((ORIGIN, None), (None, None), (f"{ORIGIN}0", "other_key")):
        assert refused(pack, keys=[NamedKey(FINGERPRINT, name)]) == code
    both = [NamedKey("0" * 64, f"{ORIGIN}0"), NamedKey(FINGERPRINT, ORIGIN)]
    assert refused(pack, keys=both) is None
