"""The journal against the audit trail (I13): one event for each line, equal in content.

Both are read in the order of their own numbers.  What has not met its other half waits; in a
healthy ledger next to nothing does.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from attrs import define, field

from domain.books.findings import Findings
from domain.books.rows import EventRow, Line
from domain.identifiers import OrganisationId, Prefix, public_id


@define
class Evidence:
    """Feed it every line and every event about credits, in any order, then say `finish`."""

    findings: Findings
    organisation: OrganisationId
    #: From when on the trail is in the database; earlier lines have their events in archives.
    begins: datetime | None = None
    _lines: dict[int, Line] = field(factory=dict)
    _events: dict[int, Mapping[str, object]] = field(factory=dict)
    #: Lines and events by day (UTC).
    _days: Counter[tuple[str, str]] = field(factory=Counter)

    def line(self, line: Line) -> None:
        if self.begins is not None and line.at < self.begins:
            return
        self._days[_day(line.at), "lines"] += 1
        event = self._events.pop(line.sequence, None)
        if event is not None:
            self._match(line, event)
        elif line.sequence in self._lines:
            self.findings.add("I13", f"line {line.sequence}", "one line", "another one")
        else:
            self._lines[line.sequence] = line

    def event(self, row: EventRow) -> None:
        if self.begins is not None and row.at < self.begins:
            # Came after its month was dropped; nothing to hold it against.
            self.findings.add("I13", f"event {row.sequence}", f"none before {self.begins}", "one")
            return
        content = self._content(row)
        if content is None:
            return
        details = content.get("details")
        sequence = details.get("journal_sequence") if isinstance(details, dict) else None
        if not isinstance(sequence, int):
            return  # About credits, but of no line.
        self._days[_day(row.at), "events"] += 1
        line = self._lines.pop(sequence, None)
        if line is not None:
            self._match(line, content)
        elif sequence in self._events:
            self.findings.add("I13", f"event {row.sequence}", f"one for line {sequence}", "more")
        else:
            self._events[sequence] = content

    def finish(self) -> None:
        for sequence, line in self._lines.items():
            self.findings.add("I13", f"line {sequence}", f"an event {line.action}", "none")
        for sequence, event in self._events.items():
            self.findings.add("I13", f"event {event.get('id')}", f"line {sequence}", "none")
        for day in sorted({day for day, _ in self._days}):
            self.findings.compare(
                "I13", f"events on {day}", self._days[day, "lines"], self._days[day, "events"]
            )

    def _content(self, row: EventRow) -> Mapping[str, object] | None:
        """The body, where it is one and says what its row says."""
        try:
            content = json.loads(row.body)
            at = datetime.fromisoformat(content["at"])
        except (ValueError, KeyError, TypeError):
            self.findings.add("I13", f"event {row.sequence}", "a body that can be read", "none")
            return None
        said = {
            "id": public_id(Prefix.EVENT, row.id),
            "sequence": row.sequence,
            "action": row.action,
            "subject": row.subject,
            "live": row.live,
        }
        for name, value in said.items():
            self.findings.compare("I13", f"event {row.sequence} {name}", content.get(name), value)
        self.findings.compare("I13", f"event {row.sequence} at", at, row.at)
        found: Mapping[str, object] = content
        return found

    def _match(self, line: Line, event: Mapping[str, object]) -> None:
        details = event["details"]
        assert isinstance(details, dict)  # noqa: S101 - `event` looked
        told = {
            "action": event.get("action"),
            "at": datetime.fromisoformat(str(event["at"])),
            "actor": _actor(event.get("actor")),
            "organisation": event.get("organisation"),
            **{name: details.get(name) for name in ("amount", "debit", "credit", "hold", "grant")},
        }
        written = {
            "action": line.action,
            "at": line.at,
            "actor": line.actor,
            "organisation": public_id(Prefix.ORGANISATION, self.organisation),
            "amount": line.amount,
            "debit": line.debit,
            "credit": line.credit,
            "hold": _id(Prefix.HOLD, line.hold_id),
            "grant": _id(Prefix.GRANT, line.lot_id),
        }
        for name, value in written.items():
            self.findings.compare("I13", f"line {line.sequence} {name}", told[name], value)


def _actor(actor: object) -> str | None:
    """``kind:id``, as the journal has it."""
    return f"{actor.get('kind')}:{actor.get('id') or ''}" if isinstance(actor, dict) else None


def _id(prefix: Prefix, id: UUID | None) -> str | None:
    return None if id is None else public_id(prefix, id)


def _day(at: datetime) -> str:
    return at.date().isoformat()
