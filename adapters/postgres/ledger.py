"""Credits: what the decider decided, as rows."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from functools import partial, reduce
from uuid import UUID

from attrs import define, frozen
from psycopg.rows import DictRow

from adapters.postgres import foreknown, queries
from adapters.postgres import ledger_rows as rows
from adapters.postgres.rows import Row
from adapters.postgres.statements import Found, Statement
from adapters.postgres.transaction import Transaction
from application.ports.storage.foreseen import Foreseen
from application.ports.storage.ledger import Deed, Ledger, entered
from application.ports.storage.paging import Page
from application.ports.storage.work import Lock
from domain.errors import MisuseError
from domain.identifiers import HoldId, LotId, OrganisationId
from domain.ledger import (
    Event,
    Graced,
    Granted,
    Held,
    Hold,
    JournalEntry,
    LedgerAccount,
    Lot,
    Reinstated,
    Wallet,
    fold,
)
from domain.statement import Flow

LEDGER = queries.load("ledger.sql")

#: What begins a lot.
_OPENS = (Granted, Graced, Reinstated)


@define
class PostgresLedger(Ledger):
    _transaction: Transaction
    _is_locked: bool = False
    #: What is asked behind the lock was said with it, and found.
    _is_foreseen: bool = False

    def stand_in_line(self, foreseen: Foreseen | None = None) -> None:
        if foreseen is None:
            self._locked({})
        else:
            self._is_foreseen = True
            _, _, found = self._locked({}, *foreknown.questions(foreseen))
            for question, rows_ in foreknown.answers(foreseen, found):
                self._transaction.know(question, rows_)

    def lock(
        self,
        *holds: HoldId,
        facts: Collection[str] = (),
        lots: Collection[LotId] = (),
        now: datetime | None = None,
    ) -> Wallet:
        parameters = {
            "holds": list(holds),
            "facts": list(facts),
            "lots": list(lots),
            "now": now,
        }
        asked = {name: value for name, value in parameters.items() if value}
        organisation, wallet, (found, known) = self._locked(
            {} if self._is_foreseen else asked,
            (LEDGER["select_lots"], parameters),
            (LEDGER["select_holds"], parameters),
        )
        return _wallet(organisation, wallet, found, known)

    def _locked(
        self, asked: Row, *then: Statement
    ) -> tuple[OrganisationId, Row, list[list[DictRow]]]:
        """The wallet's row, and what *then* has found behind its lock, in one round trip.

        A lock that is held already is asked for again where something was written since, or where
        *asked* is otherwise: then all that was read before it is, too.
        """
        organisation = self._transaction.scope.organisation
        self._transaction.enter(Lock.WALLET, organisation)
        wallet, *found = self._transaction.read((LEDGER["lock_wallet"], asked), *then)
        if not wallet or organisation is None:
            raise MisuseError(f"{organisation} has no wallet")
        self._is_locked = True
        return organisation, wallet[0], found

    def granted(self, facts: Collection[str]) -> dict[str, int]:
        (found,) = self._transaction.read((LEDGER["granted"], {"facts": list(facts)}))
        return {row["fact"]: row["amount"] for row in found}

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
        deed = Deed(events=tuple(events), actor=actor, subject=subject)
        (entries,) = self.record_all(wallet, [deed], at)
        return entries

    def record_all(
        self,
        wallet: Wallet,
        deeds: Sequence[Deed],
        at: datetime,
        *,
        after: Wallet | None = None,
    ) -> tuple[tuple[JournalEntry, ...], ...]:
        if not self._is_locked or wallet.organisation != self._transaction.scope.organisation:
            raise MisuseError(f"the wallet of {wallet.organisation} is not locked")
        events = [event for deed in deeds for event in deed.events]
        if not events:
            return tuple(() for _ in deeds)
        after = after or reduce(fold, events, wallet)
        entries = entered(wallet.version, deeds, at)
        lines = [line for lines in entries for line in lines]
        statements: list[Statement] = [
            (LEDGER[query], {"organisation_id": after.organisation, "at": at, **row})
            for query, row in written(wallet, after, events, lines, at)
        ]
        self._transaction.later(statements, partial(_was_decided_about, wallet))
        return entries

    def balance(self, now: datetime | None = None) -> Wallet:
        found = self._transaction.rows(LEDGER["select_balance"], {"now": now})
        organisation = self._transaction.scope.organisation
        wallet = next((row for row in found if row["version"] is not None), None)
        if wallet is None or organisation is None:
            raise MisuseError(f"{organisation} has no wallet")
        return _wallet(
            organisation,
            wallet,
            [row for row in found if row["version"] is not None and row["id"] is not None],
            [row for row in found if row["version"] is None],
        )

    def hold(self, id: HoldId) -> Hold | None:
        row = self._transaction.row(LEDGER["select_hold"], {"id": id})
        return rows.hold_from_row(row) if row else None

    def held(self) -> Sequence[Hold]:
        return [rows.hold_from_row(row) for row in self._transaction.rows(LEDGER["select_held"])]

    def open_holds(self) -> int:
        row = self._transaction.row(LEDGER["count_open_holds"])
        return row["count"] if row else 0

    def lines_by_day(self) -> dict[date, int]:
        return {row["day"]: row["lines"] for row in self._transaction.rows(LEDGER["lines_by_day"])}

    def flows(self, since: datetime, until: datetime) -> list[Flow]:
        found = self._transaction.rows(LEDGER["flows"], {"since": since, "until": until})
        return [
            Flow(
                debit=LedgerAccount(row["debit"]),
                credit=LedgerAccount(row["credit"]),
                action=row["action"],
                operation=row["operation"],
                credits=int(row["credits"]),
                is_within=row["is_within"],
            )
            for row in found
        ]

    def journal(self, *, before: int | None, limit: int) -> Page[JournalEntry]:
        parameters = {"before": before, "limit": limit + 1}
        found = self._transaction.rows(LEDGER["select_journal"], parameters)
        entries = tuple(rows.journal_entry_from_row(row) for row in found[:limit])
        return Page(entries, len(found) > limit)


def _was_decided_about(wallet: Wallet, written: Iterable[Found]) -> None:
    """Raises: MisuseError: not all rows were as *wallet* says."""
    if any(each.rowcount != 1 for each in written):
        raise MisuseError(f"this was not decided about version {wallet.version} as it is")


def _wallet(
    organisation: OrganisationId, row: Row, lots: Iterable[Row], holds: Iterable[Row]
) -> Wallet:
    return Wallet(
        organisation=organisation,
        available=row["available"],
        held=row["held"],
        debt=row["debt"],
        watch=rows.watch_from_row(row),
        version=row["version"],
        lots=tuple(map(rows.lot_from_row, lots)),
        holds=tuple(map(rows.hold_from_row, holds)),
    )


@frozen(kw_only=True)
class Changed:
    """What is new of a wallet's lots and holds, and what is otherwise."""

    new_lots: Sequence[Lot]
    lots: Sequence[Lot]
    new_holds: Sequence[Hold]
    #: As they were, and as they are.
    holds: Sequence[tuple[Hold, Hold]]


def changed(before: Wallet, after: Wallet, events: Sequence[Event]) -> Changed:
    """*events*: all that lie between *before* and *after*."""
    new_lots: list[Lot] = []
    lots: list[Lot] = []
    # Most are the very same value.
    if after.lots is not before.lots:
        granted = {event.lot.id.int for event in events if isinstance(event, _OPENS)}
        lots_before = {lot.id.int: lot for lot in before.lots}
        for lot in after.lots:
            number = lot.id.int
            was = lots_before.get(number)
            if not (lot is was or lot == was):
                (new_lots if number in granted else lots).append(lot)
    new_holds: list[Hold] = []
    holds: list[tuple[Hold, Hold]] = []
    if after.holds is not before.holds:
        held = {event.hold.id.int for event in events if isinstance(event, Held)}
        holds_before = {hold.id.int: hold for hold in before.holds}
        for hold in after.holds:
            number = hold.id.int
            had = holds_before.get(number)
            if hold is had or hold == had:
                continue
            if number in held:
                new_holds.append(hold)
            else:
                holds.append((holds_before[number], hold))
    return Changed(new_lots=new_lots, lots=lots, new_holds=new_holds, holds=holds)


def written(
    before: Wallet,
    after: Wallet,
    events: Sequence[Event],
    entries: Sequence[JournalEntry],
    at: datetime,
) -> list[tuple[str, Row]]:
    """Names of queries with their rows: what is referred to first, the wallet last.

    Whose they are, and when that was, is left for all of them to be said at once.

    Each touches one row, or all was in vain.
    """
    found = changed(before, after, events)
    wallet = {
        "available": after.available,
        "held": after.held,
        "debt": after.debt,
        "debt_before": before.debt,
        "version": after.version,
        "version_before": before.version,
        "available_before": before.available,
        "held_before": before.held,
        **rows.watch_to_row(after.watch),
    }
    return [
        *(("insert_lot", rows.lot_to_row(lot)) for lot in found.new_lots),
        *(("update_lot", rows.lot_change_to_row(lot)) for lot in found.lots),
        *(("insert_hold", {**rows.hold_to_row(hold, at), "at": at}) for hold in found.new_holds),
        *(("update_hold", rows.hold_change_to_row(old, new, at)) for old, new in found.holds),
        *(
            ("insert_portion", portion)
            for hold in found.new_holds
            for portion in rows.portions_to_rows(hold)
        ),
        *(("insert_line", rows.journal_entry_to_row(entry)) for entry in entries),
        ("update_wallet", wallet),
    ]
