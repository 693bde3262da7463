"""Where credits are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.storage.paging import Page
from domain.identifiers import HoldId
from domain.ledger import Event, Hold, JournalEntry, Wallet


class Ledger(Protocol):
    """The ledger of the scope's organisation."""

    def lock(self, *holds: HoldId) -> Wallet:
        """The wallet, locked until the transaction ends.

        With its lots that have anything left, the named holds, and the lots these took from.
        """
        ...

    def is_granted(self, fact: str) -> bool:
        """Whether the economic fact was granted before.  Ask under the wallet's lock."""
        ...

    def record(
        self,
        wallet: Wallet,
        events: Sequence[Event],
        at: datetime,
        actor: str,
        subject: UUID | None = None,
    ) -> tuple[JournalEntry, ...]:
        """Store what was decided about the locked *wallet*; tell the journal lines written."""
        ...

    def balance(self) -> Wallet:
        """Balances and lots with anything left, without a lock, as of one instant."""
        ...

    def hold(self, id: HoldId) -> Hold | None: ...

    def open_holds(self) -> int:
        """How many holds are open."""
        ...

    def journal(self, *, before: int | None, limit: int) -> Page[JournalEntry]:
        """Newest first; *before* is a sequence number, exclusive."""
        ...
