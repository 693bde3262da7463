"""Legal holds against the events that placed and lifted them: rows alone say nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from application.ports.storage.work import Work
from domain.audit import AuditEvent, EventFilter
from domain.retention import LegalHold

_PLACED, _LIFTED = "legal_hold.placed", "legal_hold.lifted"
_MOST = 10_000


def strange_holds(work: Work, begins: datetime | None) -> Iterator[tuple[str, str, str]]:
    """Of the scope's organisation: which, what its events say, and what its row does.

    Events from before *begins* have left the database, where months were dropped.
    """
    holds = work.legal_holds.all()
    for hold in holds:
        told = {event.action: event for event in work.audit.of_subject(hold.name)}
        placed, lifted = told.get(_PLACED), told.get(_LIFTED)
        yield from _differences(hold, placed, lifted, begins)
        # What was placed in a month that is there was lifted in one that is there; of others
        # events are remembered.
        is_there = placed is not None or begins is None or begins <= (hold.lifted_at or begins)
        is_untold = is_there or work.legal_holds.in_force(hold.id) is not None
        if not hold.is_placed and lifted is None and is_untold:
            yield hold.name, f"no event {_LIFTED}", f"lifted at {hold.lifted_at}"
    known = {hold.name for hold in holds}
    for event in work.audit.find(EventFilter(action=_PLACED), limit=_MOST):
        if event.subject not in known:
            yield event.subject, "placed", "no such hold"


def _differences(
    hold: LegalHold,
    placed: AuditEvent | None,
    lifted: AuditEvent | None,
    begins: datetime | None,
) -> Iterator[tuple[str, str, str]]:
    if placed is None and (begins is None or hold.placed_at >= begins):
        yield hold.name, f"no event {_PLACED}", "a hold"
    if placed is not None and not _says(placed, hold):
        yield hold.name, "another reason, subject or time", "other than it was placed"
    if hold.is_placed and lifted is not None:
        yield hold.name, f"lifted at {lifted.at}", "in force"


def _says(placed: AuditEvent, hold: LegalHold) -> bool:
    details = placed.content()["details"]
    return isinstance(details, Mapping) and all(
        details.get(name) == value for name, value in hold.details.items()
    )
