"""Node answers, row by row, in the words of go-algorand (sources beside the table)."""

import pytest

from adapters.algorand.errors import ANSWERS, meaning
from adapters.line import Line
from domain.operation import Hint, Submission, Verdict

REJECTED = (Verdict.REJECTED, Hint.NONE)
KNOWN = (Verdict.ALREADY_KNOWN, Hint.NONE)
TAKEN = (Verdict.UNKNOWN, Hint.SLOT_TAKEN)
UNFUNDED = (Verdict.UNKNOWN, Hint.UNFUNDED)
UNDERPRICED = (Verdict.UNKNOWN, Hint.UNDERPRICED)
NOTHING = (Verdict.UNKNOWN, Hint.NONE)

said = Line("http://127.0.0.1").said

A = "GIMN3RFDRRWFD7KIFSVRMXC4JXYD5ZXKT7KSN57OG4RAZPPC3L3YDM46NQ"
T = "LZLKKTXSVDKXXROCYZJGNLVZ7VBG34G4FHMQBUQ3FQG3QQYJDHFQ"
WELL_FORMED = f"transaction {T} invalid : "

ROWS = {
    f"transaction already in ledger: {T}": KNOWN,
    f"transaction {T} using an overlapping lease (sender, lease):({A}, {A})": TAKEN,
    f"transaction {T}: overspend (account {A}, data {{}}, tried to spend {{1000}})": UNFUNDED,
    f"transaction {T}: account {A} balance 99000 below min 100000 (0 assets)": UNFUNDED,
    f"transaction {T}: underflow on subtracting 5 from sender amount 3": UNFUNDED,
    "txn dead: round 150 outside of 1--149": NOTHING,
    "fee 0 below threshold 1335 (5 per byte * 267 bytes)": UNDERPRICED,
    "txgroup had 1000 in fees, which is less than the minimum 2 * 1000": UNDERPRICED,
    f"transaction {T}: should have been authorized by {A} but was actually authorized by {A}": (
        NOTHING
    ),
    "At least one signature didn't pass verification": REJECTED,
    "signature validation failed": REJECTED,
    WELL_FORMED + "signedtxn has no sig": REJECTED,
    WELL_FORMED + "signedtxn should only have one of Sig or Msig or LogicSig": REJECTED,
    "msgpack decode error [pos 1]: no matching struct field found": REJECTED,
    "empty txgroup": REJECTED,
    "max group size is 16": REJECTED,
    "tx.GenesisID <mainnet-v1.0> does not match expected <testnet-v1.0>": REJECTED,
    "tx.GenesisHash <A> does not match expected <B>": REJECTED,
    "required tx.GenesisHash is missing": REJECTED,
    f"transaction {T}: malformed: fee too low": REJECTED,
    WELL_FORMED + "transaction note too big: 1025 > 1024": REJECTED,
    WELL_FORMED + "transaction asset name too big: 33 > 32": REJECTED,
    WELL_FORMED + "transaction asset unit name too big: 9 > 8": REJECTED,
    WELL_FORMED + "transaction asset url too big: 97 > 96": REJECTED,
    WELL_FORMED + "transaction asset decimals is too high (max is 19)": REJECTED,
    WELL_FORMED + "transaction invalid range (9--8)": REJECTED,
    WELL_FORMED + "transaction window size excessive (1--1002)": REJECTED,
    "transactionGroup: inconsistent group values: A != B": REJECTED,
    "transactionGroup: incomplete group: A != B": REJECTED,
    "transactionGroup: [1] had zero Group but was submitted in a group of 2": REJECTED,
    "TransactionPool.checkPendingQueueSize: transaction pool have reached capacity": NOTHING,
    "block does not have space for transaction": NOTHING,
    "operation not available during catchup": NOTHING,
    "Service Unavailable": NOTHING,
    "": NOTHING,
}


@pytest.mark.parametrize(("words", "means"), ROWS.items())
@pytest.mark.parametrize("prefix", ["", "TransactionPool.Remember: "])
def test_an_answer_means_what_the_table_says(prefix, words, means):
    told = meaning(said(prefix + words))
    assert (told.verdict, told.hint) == means
    assert told.detail == prefix + words


@pytest.mark.parametrize("case", [str.upper, str.lower, str.title])
@pytest.mark.parametrize("words", ROWS)
def test_case_is_nothing(words, case):
    assert meaning(said(case(words))).verdict == ROWS[words][0]


def test_what_the_table_does_not_know_is_unknown():
    words = "the participation node is having lunch"
    assert meaning(said(words)) == Submission(Verdict.UNKNOWN, words)


def test_every_row_of_the_table_is_tested_here():
    tested = [words.lower() for words in ROWS]
    assert [row for row, _ in ANSWERS if not any(row in words for words in tested)] == []
