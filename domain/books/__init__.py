"""The books of one organisation, audited: what its tables say against what its journal says.

Nothing here knows the decider.  Rows are read as they are, in whatever state they are in, and all
sums are done again from the journal alone.  `Replay` walks the journal, `Evidence` holds it
against the audit trail, and both tell what they find by the number of the invariant that is
broken (facts/ledger.md, 7).
"""

from domain.books.evidence import Evidence
from domain.books.findings import REMEDIES, Finding, Findings
from domain.books.replay import Replay
from domain.books.rows import EventRow, HoldRow, HoldTotals, Line, LotRow, PortionRow, WalletRow

__all__ = [
    "REMEDIES",
    "EventRow",
    "Evidence",
    "Finding",
    "Findings",
    "HoldRow",
    "HoldTotals",
    "Line",
    "LotRow",
    "PortionRow",
    "Replay",
    "WalletRow",
]
