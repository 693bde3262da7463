"""Every invariant that a database at rest can show, organisation by organisation.

Journal and audit trail are read side by side, so that neither has to be kept: what waits for its
other half is what is being written, and what is missing.
"""

from collections.abc import Callable
from datetime import datetime
from itertools import zip_longest

from attrs import frozen

from application.ports.storage.books import Books, OrganisationBooks
from domain.books import Evidence, Findings, Replay
from domain.books.paid import check_paid
from domain.books.promises import OFF, GiftRow, check_gifts, check_quotas, off_since
from domain.books.replay import SKEW
from domain.identifiers import OrganisationId


@frozen(kw_only=True)
class Verdict:
    organisation: OrganisationId
    #: How many lines of its journal were read.
    lines: int
    findings: Findings
    #: To be held against those of the others, by `GiftsBetween`.
    gifts: tuple[GiftRow, ...] = ()
    #: From when on lines were held against the trail; None: all of them were.
    trail_begins: datetime | None = None


@frozen(kw_only=True)
class VerifyLedger:
    books: Books

    def __call__(
        self, organisation: OrganisationId, progress: Callable[[int], None] = lambda _: None
    ) -> Verdict:
        """*progress* is told how many lines were read since it was last told."""
        with self.books.read(organisation) as books:
            return self._verdict(organisation, books, progress)

    def _verdict(
        self,
        organisation: OrganisationId,
        books: OrganisationBooks,
        progress: Callable[[int], None],
    ) -> Verdict:
        findings = Findings()
        replay = Replay(findings)
        begins = books.trail_begins()
        evidence = Evidence(findings, organisation, begins)
        replay.know(books.lots())
        lines = 0
        for line, event in zip_longest(books.lines(), books.events()):
            if line is not None:
                replay.feed(line)
                evidence.line(line)
                lines += 1
                progress(1)
            if event is not None:
                evidence.event(event)
        replay.finish(books.wallet(), books.hold_totals())
        evidence.finish()
        check_quotas(findings, books.quota_windows())
        check_paid(findings, books.paid())
        check_gifts(findings, books.gift_totals(), replay.balances.get("transit", 0))
        self._licence(books, findings)
        return Verdict(
            organisation=organisation,
            lines=lines,
            findings=findings,
            gifts=tuple(books.gifts()),
            trail_begins=begins,
        )

    def _licence(self, books: OrganisationBooks, findings: Findings) -> None:
        """Nothing was taken while it was off, and nothing unsigned of it is held (I16)."""
        for since, until, state in off_since(books.licence_changes()):
            for hold in books.taken_between(OFF[state], since + SKEW, until):
                expected = f"none of class {hold.kind_class} while {state}"
                findings.add("I16", f"hold {hold.id}", expected, f"held at {hold.held_at}")
            unsigned = books.open_unsigned(OFF[state]) if until is None else []
            for hold in unsigned:
                expected = f"given back: nothing of it is signed, and it is {state}"
                findings.add("I16", f"hold {hold.id}", expected, "held")
