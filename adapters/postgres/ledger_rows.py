"""Credits: rows to values and back."""

from datetime import datetime

from adapters.postgres.rows import Row
from domain.catalogue import KindClass
from domain.ledger import (
    CreditWatch,
    Hold,
    HoldState,
    JournalEntry,
    LedgerAccount,
    Lot,
    Portion,
    Posting,
    Source,
)


def lot_from_row(row: Row) -> Lot:
    return Lot(
        id=row["id"],
        source=Source(row["source"]),
        priority=row["priority"],
        amount=row["amount"],
        remaining=row["remaining"],
        lapsed=row["lapsed"],
        clawed_back=row["clawed_back"],
        effective_at=row["effective_at"],
        expires_at=row["expires_at"],
        ended_at=row["ended_at"],
        fact=row["fact"],
        root=row["root_id"],
        unit_cost_micros=row["unit_cost_micros"],
        currency=row["currency"],
    )


def lot_to_row(lot: Lot) -> Row:
    return {
        "id": lot.id,
        "source": lot.source.value,
        "priority": lot.priority,
        "amount": lot.amount,
        "remaining": lot.remaining,
        "lapsed": lot.lapsed,
        "clawed_back": lot.clawed_back,
        "effective_at": lot.effective_at,
        "expires_at": lot.expires_at,
        "ended_at": lot.ended_at,
        "fact": lot.fact,
        "root_id": lot.root,
        "unit_cost_micros": lot.unit_cost_micros,
        "currency": lot.currency,
    }


def lot_change_to_row(lot: Lot) -> Row:
    """What changes of a lot that is there."""
    return {
        "id": lot.id,
        "remaining": lot.remaining,
        "lapsed": lot.lapsed,
        "clawed_back": lot.clawed_back,
        "ended_at": lot.ended_at,
    }


def watch_from_row(row: Row) -> CreditWatch | None:
    """None also of a row that was read without it: only who decides needs it."""
    if row.get("watch_since") is None:
        return None
    return CreditWatch(
        granted=row["watch_granted"], since=row["watch_since"], told=row["watch_told"]
    )


def watch_to_row(watch: CreditWatch | None) -> Row:
    return {
        "watch_granted": watch and watch.granted,
        "watch_since": watch and watch.since,
        "watch_told": watch and watch.told,
    }


def hold_from_row(row: Row) -> Hold:
    portions = zip(row["portion_lots"], row["portion_amounts"], strict=True)
    return Hold(
        id=row["id"],
        subject=row["subject"],
        operation=row["operation"],
        kind_class=KindClass(row["kind_class"]),
        member=row["member"],
        amount=row["amount"],
        captured=row["captured"],
        corrected=row["corrected"],
        state=HoldState(row["state"]),
        lease_until=row["lease_until"],
        portions=tuple(Portion(lot=lot, amount=amount) for lot, amount in portions),
    )


def hold_to_row(hold: Hold, at: datetime) -> Row:
    return {
        "id": hold.id,
        "subject": hold.subject,
        "operation": hold.operation,
        "kind_class": hold.kind_class.value,
        "member": hold.member,
        "amount": hold.amount,
        "captured": hold.captured,
        "corrected": hold.corrected,
        "state": hold.state.value,
        "lease_until": hold.lease_until,
        "closed_at": None if hold.is_open else at,
    }


def hold_change_to_row(before: Hold, after: Hold, at: datetime) -> Row:
    """What changes of a hold that is there, and what it was decided about."""
    return {
        "id": after.id,
        "captured": after.captured,
        "corrected": after.corrected,
        "state": after.state.value,
        "lease_until": after.lease_until,
        "closed_at": None if after.is_open else at,
        "state_before": before.state.value,
        "corrected_before": before.corrected,
    }


def portions_to_rows(hold: Hold) -> list[Row]:
    return [
        {"hold_id": hold.id, "position": position, "lot_id": portion.lot, "amount": portion.amount}
        for position, portion in enumerate(hold.portions, start=1)
    ]


def journal_entry_from_row(row: Row) -> JournalEntry:
    return JournalEntry(
        sequence=row["sequence"],
        at=row["at"],
        posting=Posting(
            debit=LedgerAccount(row["debit"]),
            credit=LedgerAccount(row["credit"]),
            amount=row["amount"],
            action=row["action"],
            hold=row["hold_id"],
            lot=row["lot_id"],
        ),
        actor=row["actor"],
        subject=row["subject"],
    )


def journal_entry_to_row(entry: JournalEntry) -> Row:
    return {
        "sequence": entry.sequence,
        "at": entry.at,
        "debit": entry.posting.debit.value,
        "credit": entry.posting.credit.value,
        "amount": entry.posting.amount,
        "action": entry.posting.action,
        "hold_id": entry.posting.hold,
        "lot_id": entry.posting.lot,
        "actor": entry.actor,
        "subject": entry.subject,
    }
