"""Node answers, row by row, in the words of the table in the specification's facts."""

import pytest

from adapters.evm.errors import ANSWERS, meaning
from adapters.line import Line
from domain.operation import Hint, Submission, Verdict

REJECTED = (Verdict.REJECTED, Hint.NONE)
KNOWN = (Verdict.ALREADY_KNOWN, Hint.NONE)
TAKEN = (Verdict.UNKNOWN, Hint.SLOT_TAKEN)
UNFUNDED = (Verdict.UNKNOWN, Hint.UNFUNDED)
UNDERPRICED = (Verdict.UNKNOWN, Hint.UNDERPRICED)
GAP = (Verdict.UNKNOWN, Hint.GAP_BELOW)
NOTHING = (Verdict.UNKNOWN, Hint.NONE)

said = Line("http://127.0.0.1").said

ROWS = {
    "execution reverted": REJECTED,
    "invalid opcode": REJECTED,
    "intrinsic gas too low": REJECTED,
    "exceeds block gas limit": REJECTED,
    "oversized data": REJECTED,
    "max initcode size exceeded": REJECTED,
    "already known": KNOWN,
    "AlreadyKnown": KNOWN,
    "known transaction: 0xabc": KNOWN,
    "transaction already imported": KNOWN,
    "nonce too low": TAKEN,
    "nonce is too low": TAKEN,
    "invalid nonce": TAKEN,
    "nonce has already been used": TAKEN,
    "OldNonce": TAKEN,
    "insufficient funds for gas * price + value": UNFUNDED,
    "gas required exceeds allowance (0)": UNFUNDED,
    "transaction underpriced": UNDERPRICED,
    "replacement transaction underpriced": UNDERPRICED,
    "FeeTooLow": UNDERPRICED,
    "max fee per gas less than block base fee": UNDERPRICED,
    "nonce too high": GAP,
    "nonce too far in the future": GAP,
    "nonce exceeds next nonce": GAP,
    "nonce out of range": GAP,
    "unknown transaction": NOTHING,
    "timeout": NOTHING,
    "429 Too Many Requests": NOTHING,
    "the sequencer is having lunch": NOTHING,
    "": NOTHING,
}


@pytest.mark.parametrize(("words", "means"), ROWS.items())
def test_an_answer_means_what_the_table_says(words, means):
    told = meaning(said(words))
    assert (told.verdict, told.hint) == means
    assert told.detail == words


@pytest.mark.parametrize("case", [str.upper, str.lower, str.title])
@pytest.mark.parametrize("words", ROWS)
def test_case_is_nothing(words, case):
    assert meaning(said(case(words))).verdict == ROWS[words][0]


@pytest.mark.parametrize("quoted", ROWS)
def test_a_revert_reason_may_quote_any_other_wording(quoted):
    reason = f"execution reverted: {quoted}"
    assert meaning(said(reason)) == Submission(Verdict.REJECTED, reason)


def test_every_row_of_the_table_is_tested_here():
    tested = [words.lower() for words in ROWS]
    assert [row for row, _ in ANSWERS if not any(row in words for words in tested)] == []
