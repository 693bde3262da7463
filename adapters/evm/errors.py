"""What a node's answer to a submission means: a table, and everything else is unknown.

Nodes have no common error codes, only wordings.  The table is read from the top and the first
wording that occurs in the lower-cased message decides.  Only `Verdict.REJECTED` claims that the
bytes can never land, and it is one node's claim: where any node may have seen the bytes, the chain
decides.  A `Hint` is a guess at what to look at next, never proof.
"""

from collections.abc import Sequence

from adapters.line import Said
from domain.operation import Hint, Submission, Verdict

_REJECTED = (Verdict.REJECTED, Hint.NONE)
_KNOWN = (Verdict.ALREADY_KNOWN, Hint.NONE)
_NOTHING_KNOWN = (Verdict.UNKNOWN, Hint.NONE)
_TAKEN = (Verdict.UNKNOWN, Hint.SLOT_TAKEN)
_UNFUNDED = (Verdict.UNKNOWN, Hint.UNFUNDED)
_UNDERPRICED = (Verdict.UNKNOWN, Hint.UNDERPRICED)
_GAP = (Verdict.UNKNOWN, Hint.GAP_BELOW)

ANSWERS: Sequence[tuple[str, tuple[Verdict, Hint]]] = (
    # First of all: a revert reason is the contract's text and may quote any wording below.
    ("execution reverted", _REJECTED),
    ("invalid opcode", _REJECTED),
    ("intrinsic gas too low", _REJECTED),
    ("exceeds block gas limit", _REJECTED),
    ("oversized data", _REJECTED),
    ("max initcode size exceeded", _REJECTED),
    ("already known", _KNOWN),
    ("alreadyknown", _KNOWN),
    # Contains the next wording and means the opposite.
    ("unknown transaction", _NOTHING_KNOWN),
    ("known transaction", _KNOWN),
    ("already imported", _KNOWN),
    ("nonce too low", _TAKEN),
    ("nonce is too low", _TAKEN),
    ("invalid nonce", _TAKEN),
    ("nonce has already been used", _TAKEN),
    ("oldnonce", _TAKEN),
    ("insufficient funds", _UNFUNDED),
    ("gas required exceeds allowance", _UNFUNDED),
    ("underpriced", _UNDERPRICED),
    ("feetoolow", _UNDERPRICED),
    # anvil and erigon, where the base fee outgrew the offer; geth keeps such a transaction.
    ("max fee per gas less than block base fee", _UNDERPRICED),
    ("nonce too high", _GAP),
    ("too far in the future", _GAP),
    ("exceeds next nonce", _GAP),
    ("nonce out of range", _GAP),
)


def meaning(said: Said) -> Submission:
    """What a node has told us that answers a submission with an error of this message."""
    for wording, (verdict, hint) in ANSWERS:
        if said.has(wording):
            return Submission(verdict, said.words, hint)
    return Submission(Verdict.UNKNOWN, said.words)
