"""What the tables say, row by row.

The values of `domain.ledger` cannot be wrong; these may be anything that a column can hold.
"""

from datetime import datetime
from uuid import UUID

from attrs import frozen


@frozen(kw_only=True)
class WalletRow:
    available: int
    held: int
    debt: int
    version: int


@frozen(kw_only=True)
class LotRow:
    id: UUID
    source: str
    priority: int
    amount: int
    remaining: int
    lapsed: int
    clawed_back: int
    effective_at: datetime
    expires_at: datetime | None
    #: Before it was to expire.
    ended_at: datetime | None
    fact: str
    #: Whose credits it goes on with.
    root_id: UUID | None
    unit_cost_micros: int | None
    currency: str | None

    @property
    def is_grace(self) -> bool:
        return self.fact.startswith("grace:")

    def is_over(self, at: datetime, *, ended: bool) -> bool:
        """Whether it is over then; *ended*: at the very instant of its early end, too."""
        if self.expires_at is not None and self.expires_at <= at:
            return True
        return self.ended_at is not None and (
            self.ended_at < at or (ended and self.ended_at == at)
        )


@frozen
class PortionRow:
    lot: UUID
    amount: int


@frozen(kw_only=True)
class HoldRow:
    id: UUID
    #: By its name in the catalogue: ``deployment``.
    operation: str
    amount: int
    captured: int
    corrected: int
    state: str
    held_at: datetime
    closed_at: datetime | None
    lease_until: datetime | None
    #: In burn order.
    portions: tuple[PortionRow, ...]


@frozen(kw_only=True)
class HoldTotals:
    """Sums over all holds of an organisation."""

    count: int
    open_count: int
    open_amount: int
    corrected: int


@frozen(kw_only=True)
class Line:
    """A line of the journal, and the hold that it names as it is by now."""

    sequence: int
    at: datetime
    debit: str
    credit: str
    #: Whole credits.
    amount: int
    action: str
    hold_id: UUID | None
    lot_id: UUID | None
    #: ``kind:id``
    actor: str
    #: None: the line names no hold, or one that is not there.
    hold: HoldRow | None = None


@frozen(kw_only=True)
class EventRow:
    """An event of the audit trail that is about credits."""

    sequence: int
    id: UUID
    at: datetime
    action: str
    subject: str
    live: bool
    body: bytes
