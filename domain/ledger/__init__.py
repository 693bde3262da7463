"""Credits: double entry, lots, holds; and the rules as one pure decider.

::

    issued:<source> ──grant──▶ available ──hold──▶ held ──capture──▶ spent
                                │ ▲  └─expire─▶ expired ◀──release──┤   │
                                │ └────────────────release──────────┘   │
                                │ └────────────────correct──────────────┘
                                ├─gift─▶ transit        ├─adjust─▶ adjust
                                └─claw back─▶ issued:<source> ◀─claw back── debt, expired

Every posting debits one account and credits another, so an unbalanced ledger cannot be written;
the balance of an account is what was credited to it less what was debited.  A *grant* is a lot.
A hold records which lots it took; a release gives back to the same lots, in reverse.  `decide` is
the only place where credits are given, taken or refused; stores only record what it decided.

Invariants (numbers as in facts/ledger.md): available = sum of what remains in lots (I2), held =
sum of open holds (I3), all accounts of an organisation sum to zero (I4), sequence numbers have no
gap (I5), a hold closes once (I6), nothing of a metered hold is captured after its lease (I7), a
refused command changes no balance (I11).  Each credit of a lot is in one place: it remains, it
has lapsed, or it went somewhere that the journal names.
"""

from domain.ledger.accounts import LedgerAccount
from domain.ledger.commands import (
    Adjust,
    Capture,
    Clawback,
    Command,
    Correct,
    EndLot,
    GiftBack,
    GiftOut,
    Grant,
    HoldCredits,
    Release,
    Renew,
    facts_of,
    holds_of,
    lots_of,
)
from domain.ledger.decide import decide, expire
from domain.ledger.events import (
    Adjusted,
    Broken,
    Captured,
    ClawedBack,
    Closed,
    Corrected,
    DebtPaid,
    Event,
    Expired,
    Gifted,
    GiftReturned,
    Graced,
    Granted,
    Held,
    LotEnded,
    Reinstated,
    Renewed,
    Returned,
    Watched,
)
from domain.ledger.fold import fold, posted
from domain.ledger.journal import JournalEntry, Posting, postings
from domain.ledger.wallet import (
    PRIORITIES,
    CreditWatch,
    Hold,
    HoldState,
    Lot,
    Portion,
    Source,
    Wallet,
)
from domain.ledger.watch import Threshold, watched

__all__ = [
    "PRIORITIES",
    "Adjust",
    "Adjusted",
    "Broken",
    "Capture",
    "Captured",
    "Clawback",
    "ClawedBack",
    "Closed",
    "Command",
    "Correct",
    "Corrected",
    "CreditWatch",
    "DebtPaid",
    "EndLot",
    "Event",
    "Expired",
    "GiftBack",
    "GiftOut",
    "GiftReturned",
    "Gifted",
    "Graced",
    "Grant",
    "Granted",
    "Held",
    "Hold",
    "HoldCredits",
    "HoldState",
    "JournalEntry",
    "LedgerAccount",
    "Lot",
    "LotEnded",
    "Portion",
    "Posting",
    "Reinstated",
    "Release",
    "Renew",
    "Renewed",
    "Returned",
    "Source",
    "Threshold",
    "Wallet",
    "Watched",
    "decide",
    "expire",
    "facts_of",
    "fold",
    "holds_of",
    "lots_of",
    "posted",
    "postings",
    "watched",
]
