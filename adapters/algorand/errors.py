"""What a node's answer to a submission means: a table, and everything else is unknown.

Nodes have no error codes, only wordings, behind prefixes that differ between releases.  The table
is read from the top, and the first wording that occurs in the lower-cased message decides.  The
sources named are files of go-algorand.  Only `Verdict.REJECTED` claims that the bytes can never
land; it is for what is wrong with the bytes themselves, whatever the state of the chain.
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

_UNTIMELY = "txn dead: round"

ANSWERS: Sequence[tuple[str, tuple[Verdict, Hint]]] = (
    # ledger/ledgercore/error.go
    ("transaction already in ledger", _KNOWN),
    ("using an overlapping lease", _TAKEN),
    ("overspend (", _UNFUNDED),
    ("below min ", _UNFUNDED),
    ("underflow on subtracting", _UNFUNDED),
    # data/transactions/error.go, data/bookkeeping/block.go: too late, or too early for this node.
    (_UNTIMELY, _NOTHING_KNOWN),
    # data/pools/errors.go: the pool is congested.
    ("below threshold", _UNDERPRICED),
    # data/transactions/verify/txn.go
    ("in fees, which is less than the minimum", _UNDERPRICED),
    # The key that ruled the account may change: ledger/eval/eval.go
    ("should have been authorized by", _NOTHING_KNOWN),
    # crypto/batchverifier.go, data/transactions/verify/txn.go
    ("at least one signature didn't pass verification", _REJECTED),
    ("signature validation failed", _REJECTED),
    ("signedtxn has no sig", _REJECTED),
    ("signedtxn should only have one", _REJECTED),
    # daemon/algod/api/server/v2/handlers.go, and the decoder that it uses
    ("msgpack decode error", _REJECTED),
    ("empty txgroup", _REJECTED),
    ("max group size is", _REJECTED),
    # data/bookkeeping/block.go: Alive
    ("tx.genesisid <", _REJECTED),
    ("tx.genesishash <", _REJECTED),
    ("required tx.genesishash is missing", _REJECTED),
    # data/transactions/transaction.go: WellFormed
    ("malformed:", _REJECTED),
    ("transaction note too big:", _REJECTED),
    ("transaction asset name too big:", _REJECTED),
    ("transaction asset unit name too big:", _REJECTED),
    ("transaction asset url too big:", _REJECTED),
    ("transaction asset decimals is too high", _REJECTED),
    ("transaction invalid range", _REJECTED),
    ("transaction window size excessive", _REJECTED),
    # ledger/eval/eval.go: transactionGroup
    ("inconsistent group values", _REJECTED),
    ("incomplete group", _REJECTED),
    ("had zero group but was submitted in a group", _REJECTED),
)


def meaning(said: Said) -> Submission:
    """What a node has told us that answers a submission with status 400 and this message."""
    for wording, (verdict, hint) in ANSWERS:
        if said.has(wording):
            return Submission(verdict, said.words, hint)
    return Submission(Verdict.UNKNOWN, said.words)


def is_unfunded(said: Said) -> bool:
    """Whether somebody could not pay."""
    return meaning(said).hint is Hint.UNFUNDED


def is_untimely(said: Said) -> bool:
    """Whether the round of now is not one in which the transaction may land."""
    return said.has(_UNTIMELY)
