"""What was paid for, held against the lots that it granted (I9)."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from domain.books.findings import Findings


@frozen(kw_only=True)
class PaidRow:
    """A pack, or a tariff's period, that was paid for and gives credits."""

    #: The economic fact, as its lot is named.
    fact: str
    credits: int
    #: Of these, what went with time that was given up.
    given_back: int
    #: In minor units; 0: not looked at.
    amount_minor: int
    refunded_minor: int
    #: A dispute about it is open, or was not won.
    is_disputed: bool
    #: Of its lot; None: there is none.
    granted: int | None
    clawed_back: int | None


def check_paid(findings: Findings, rows: Iterable[PaidRow]) -> None:
    """Each has its lot, of which has been taken back what went back to its payer."""
    for row in rows:
        if row.granted is None:
            findings.add("I9", row.fact, f"a lot of {row.credits}", "none")
            continue
        findings.compare("I9", f"{row.fact} granted", row.credits, row.granted)
        findings.compare("I9", f"{row.fact} taken back", _due_back(row), row.clawed_back)


def _due_back(row: PaidRow) -> int:
    """All of what is disputed, else the refunded share, rounded down."""
    kept = row.credits - row.given_back
    if row.is_disputed:
        return row.credits
    share = 0
    if row.amount_minor:
        share = kept * min(row.refunded_minor, row.amount_minor) // row.amount_minor
    return row.given_back + share
