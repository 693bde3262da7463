"""Credits: what the decider decided, as rows."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from uuid import UUID

from attrs import define

from adapters.postgres import queries, rows
from adapters.postgres.transaction import Statement, Transaction
from application.ports.storage.ledger import Ledger
from application.ports.storage.paging import Page
from application.ports.storage.work import Lock
from domain.errors import MisuseError
from domain.identifiers import HoldId
from domain.ledger import Event, Granted, Held, Hold, JournalEntry, Wallet, fold, postings

LEDGER = queries.load("ledger.sql")


@define
class PostgresLedger(Ledger):
    _transaction: Transaction
    _is_locked: bool = False

    def lock(self, *holds: HoldId) -> Wallet:
        self._transaction.enter(Lock.WALLET, self._transaction.scope.organisation)
        parameters = {"holds": list(holds)}
        wallet, lots, known = self._transaction.batch(
            [
                (LEDGER["lock_wallet"], parameters),
                (LEDGER["select_lots"], parameters),
                (LEDGER["select_holds"], parameters),
            ]
        )
        row = wallet.fetchone()
        organisation = self._transaction.scope.organisation
        if row is None or organisation is None:
            raise MisuseError(f"{organisation} has no wallet")
        self._is_locked = True
        named = {hold.id: hold for hold in map(rows.hold_from_row, known)}
        return Wallet(
            organisation=organisation,
            available=row["available"],
            held=row["held"],
            version=row["version"],
            lots=tuple(rows.lot_from_row(lot) for lot in lots),
            holds=tuple(named[id] for id in dict.fromkeys(holds) if id in named),
        )

    def is_granted(self, fact: str) -> bool:
        row = self._transaction.row(LEDGER["is_granted"], {"fact": fact})
        return row is not None and row["is_granted"]

    def record(
        self,
        wallet: Wallet,
        events: Sequence[Event],
        at: datetime,
        actor: str,
        subject: UUID | None = None,
    ) -> tuple[JournalEntry, ...]:
        if not self._is_locked or wallet.organisation != self._transaction.scope.organisation:
            raise MisuseError(f"the wallet of {wallet.organisation} is not locked")
        if not events:
            return ()
        after = reduce(fold, events, wallet)
        lines = (posting for event in events for posting in postings(event))
        entries = tuple(
            JournalEntry(sequence=sequence, at=at, posting=posting, actor=actor, subject=subject)
            for sequence, posting in enumerate(lines, start=wallet.version + 1)
        )
        updated = self._transaction.batch(_statements(wallet, after, events, entries, at))
        if any(cursor.rowcount != 1 for cursor in updated):
            raise MisuseError(f"this was not decided about version {wallet.version} as it is")
        return entries

    def balance(self) -> Wallet:
        found = self._transaction.rows(LEDGER["select_balance"])
        organisation = self._transaction.scope.organisation
        if not found or organisation is None:
            raise MisuseError(f"{organisation} has no wallet")
        return Wallet(
            organisation=organisation,
            available=found[0]["available"],
            held=found[0]["held"],
            version=found[0]["version"],
            lots=tuple(rows.lot_from_row(row) for row in found if row["id"] is not None),
        )

    def hold(self, id: HoldId) -> Hold | None:
        row = self._transaction.row(LEDGER["select_holds"], {"holds": [id]})
        return rows.hold_from_row(row) if row else None

    def open_holds(self) -> int:
        row = self._transaction.row(LEDGER["count_open_holds"])
        return row["count"] if row else 0

    def journal(self, *, before: int | None, limit: int) -> Page[JournalEntry]:
        parameters = {"before": before, "limit": limit + 1}
        found = self._transaction.rows(LEDGER["select_journal"], parameters)
        entries = tuple(rows.journal_entry_from_row(row) for row in found[:limit])
        return Page(entries, len(found) > limit)


def _statements(
    before: Wallet,
    after: Wallet,
    events: Sequence[Event],
    entries: Sequence[JournalEntry],
    at: datetime,
) -> list[Statement]:
    """What is referred to first, the wallet last.  Each touches one row, or all was in vain."""
    owner = {"organisation_id": after.organisation, "at": at}
    granted = {event.lot.id for event in events if isinstance(event, Granted)}
    held = {event.hold.id for event in events if isinstance(event, Held)}
    lots = [lot for lot in after.lots if lot not in before.lots]
    holds = [hold for hold in after.holds if hold not in before.holds]
    wallet = {
        "available": after.available,
        "held": after.held,
        "version": after.version,
        "version_before": before.version,
        "available_before": before.available,
        "held_before": before.held,
    }
    written: list[tuple[str, rows.Row]] = [
        *(
            ("insert_lot" if lot.id in granted else "update_lot", rows.lot_to_row(lot))
            for lot in lots
        ),
        *(
            ("insert_hold" if hold.id in held else "close_hold", rows.hold_to_row(hold, at))
            for hold in holds
        ),
        *(
            ("insert_portion", portion)
            for hold in holds
            if hold.id in held
            for portion in rows.portions_to_rows(hold)
        ),
        *(("insert_line", rows.journal_entry_to_row(entry)) for entry in entries),
        ("update_wallet", wallet),
    ]
    return [(LEDGER[query], {**owner, **row}) for query, row in written]
