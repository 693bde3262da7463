"""What is promised beside the journal: quotas (I15), licences (I16), and gifts between two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from attrs import define, field, frozen

from domain.books.findings import Findings
from domain.identifiers import OrganisationId

#: What may not begin in a state that was told (spec/credits.md, "Licence").
OFF: Mapping[str, tuple[str, ...]] = {
    "payment_failed": ("premium", "compliance"),
    "suspended": ("premium", "compliance", "core"),
    "cancelled": ("premium", "compliance", "core"),
}


@frozen(kw_only=True)
class QuotaWindowRow:
    """A window in which a quota was in force from its first instant on."""

    subject: str
    window: str
    since: datetime
    #: Credits, with what others gave of theirs and without what was given to them.
    most: int
    #: Held and captured, less what was corrected.
    taken: int


@frozen(kw_only=True)
class LicenceRow:
    """A state that was told."""

    at: datetime
    state: str


@frozen(kw_only=True)
class TakenRow:
    """A hold, and when it was taken."""

    id: UUID
    kind_class: str
    held_at: datetime


@frozen(kw_only=True)
class GiftRow:
    id: UUID
    #: ``sent``, ``received``
    direction: str
    other: OrganisationId
    amount: int
    state: str
    closed_at: datetime | None


@frozen(kw_only=True)
class GiftTotals:
    """By rows and by lots: what left and has not come back, and what came."""

    sent: int
    received: int
    #: Granted by facts that name a gift.
    granted: int


def check_quotas(findings: Findings, windows: Iterable[QuotaWindowRow]) -> None:
    for each in windows:
        if each.taken > each.most:
            where = f"{each.subject} in the {each.window} of {each.since.date()}"
            findings.add("I15", where, f"at most {each.most}", each.taken)


def off_since(told: Iterable[LicenceRow]) -> list[tuple[datetime, datetime | None, str]]:
    """When something was off: from, until (None: it is so now), and the state."""
    rows = list(told)
    ends = [*(row.at for row in rows[1:]), None]
    return [
        (row.at, end, row.state) for row, end in zip(rows, ends, strict=False) if row.state in OFF
    ]


def check_gifts(findings: Findings, totals: GiftTotals, in_transit: int) -> None:
    findings.compare("I4", "in transit, by gifts that were sent", totals.sent, in_transit)
    findings.compare("I4", "granted by gifts that came", totals.received, totals.granted)


@define
class GiftsBetween:
    """Gifts of all organisations.  Each is read as of an instant of its own, so that only what was
    over before the first of them can be held against its other half.
    """

    began: datetime
    _sent: dict[UUID, tuple[OrganisationId, GiftRow]] = field(factory=dict)
    _received: dict[UUID, tuple[OrganisationId, GiftRow]] = field(factory=dict)

    def note(self, organisation: OrganisationId, gifts: Iterable[GiftRow]) -> None:
        for gift in gifts:
            side = self._sent if gift.direction == "sent" else self._received
            side[gift.id] = (organisation, gift)

    def finish(self, findings: Mapping[OrganisationId, Findings]) -> None:
        """Into the findings of the organisation whose row has no other half."""
        for id, (giver, sent) in self._sent.items():
            over = sent.closed_at is not None and sent.closed_at < self.began
            came = self._received.get(id)
            if over and sent.state == "delivered" and (came is None or came[0] != sent.other):
                findings[giver].add("I4", f"gift {id}", f"received by {sent.other}", "not")
            if over and sent.state == "returned" and came is not None:
                findings[giver].add("I4", f"gift {id}", "returned, hence not received", came[0])
        for id, (receiver, came_row) in self._received.items():
            sent_by = self._sent.get(id)
            if sent_by is None:
                findings[receiver].add("I4", f"gift {id}", f"sent by {came_row.other}", "not")
            elif sent_by[1].amount != came_row.amount:
                expected = f"{sent_by[1].amount} received"
                findings[receiver].add("I4", f"gift {id}", expected, came_row.amount)
