"""One organisation's events, read in the order of their numbers and held against their leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date

from attrs import define, field

from application.evidence.differences import MOST_TOLD, Differences
from application.evidence.dropped import Dropped
from application.evidence.rebuild import Tree
from application.ports.storage.seals import Leaf
from application.ports.storage.work import Work
from domain import evidence
from domain.audit import NUMBER_VOIDED, AuditEvent, timestamp
from domain.identifiers import OrganisationId, Prefix, public_id
from domain.merkle import leaf_hash


@define
class Places:
    """Where one organisation's leaves are in a closed log, asked for by ascending numbers."""

    log: int
    _leaves: Iterator[Leaf]
    _next: Leaf | None = None

    def of(self, sequence: int) -> int | None:
        while self._next is None or self._next.sequence < sequence:
            self._next = next(self._leaves, None)
            if self._next is None:
                return None
        return self._next.position if self._next.sequence == sequence else None


@define
class Trail:
    """One organisation's events, in the order of their numbers."""

    organisation: OrganisationId
    tree: Tree | None
    _dropped: Dropped
    _found: Differences
    #: Of closed logs, which months that were dropped before may be in.
    _older: Sequence[Places] = ()
    events: int = 0
    voided: int = 0
    #: Leaves without an event where those of dropped months are; and the first of them that are
    #: behind one that is there.
    gone: int = 0
    late: list[str] = field(factory=list)
    #: Numbers of these since the last event, in runs: first and last.
    _skipped: list[tuple[int, int]] = field(factory=list)
    unsealed: int = 0
    _last: int = 0
    _last_position: int = -1
    #: Of those without a leaf the first, and how many there are.
    _waiting: list[str] = field(factory=list)
    _days: Counter[date] = field(factory=Counter)

    def feed(self, work: Work, event: AuditEvent, leaf: Leaf | None, head: int) -> None:
        subject = self._named(event.sequence, event)
        # What is above *head* may have been written since.
        if event.sequence > head and event.sequence > (now := work.audit.head()):
            self._found.add("event_beyond_head", subject, f"at most {now}", event.sequence)
        if event.sequence == self._last:
            self._found.add("event_repeated", subject, "one event of that number", "two")
        self._gap(event.sequence)
        self.events, self._last = self.events + 1, event.sequence
        self.voided += event.action == NUMBER_VOIDED
        if event.action.startswith("credits."):
            self._days[event.at.astimezone(UTC).date()] += 1
        self._columns(event, subject)
        self._sealed(event, leaf, subject)
        if event.action == evidence.ISSUED:
            self._issued(work, event, subject)

    def orphan(self, leaf: Leaf) -> None:
        """A leaf of no event."""
        self.claim(leaf)
        if self._is_of_a_dropped_month(leaf):
            self.gone += 1
            self._skip(leaf.sequence)
            if self.events and len(self.late) < MOST_TOLD:
                self.late.append(self._named(leaf.sequence))
            return
        self.lost(leaf)

    def _is_of_a_dropped_month(self, leaf: Leaf) -> bool:
        if self.tree is not None and self._dropped.has(self.tree.log.number, leaf.position):
            return True
        places = [(older.log, older.of(leaf.sequence)) for older in self._older]
        return any(at is not None and self._dropped.has(log, at) for log, at in places)

    def _skip(self, sequence: int) -> None:
        if self._skipped and self._skipped[-1][1] == sequence - 1:
            first = self._skipped.pop()[0]
        else:
            first = sequence
        self._skipped.append((first, sequence))

    def lost(self, leaf: Leaf) -> None:
        self._found.add(
            "leaf_without_event",
            self._named(leaf.sequence),
            public_id(Prefix.EVENT, leaf.event),
            "none",
        )

    def compare(self, event: AuditEvent, leaf: Leaf) -> None:
        """What is there against what was sealed."""
        if leaf.event != event.id or leaf.hash != leaf_hash(event.leaf):
            self._found.add(
                "event_changed",
                self._named(event.sequence, event),
                f"{public_id(Prefix.EVENT, leaf.event)} {leaf.hash.hex()}",
                f"{public_id(Prefix.EVENT, event.id)} {leaf_hash(event.leaf).hex()}",
            )

    def finish(self, head: int, journal: Mapping[date, int], twice: int) -> None:
        if twice > 0:
            self._found.add("event_repeated", self._name, f"{self.events} events", f"{twice} more")
        self._gap(head + 1)
        begins = self._dropped.begins
        since = None if begins is None else begins.astimezone(UTC).date()
        for day in sorted(day for day in {*self._days, *journal} if since is None or day >= since):
            if self._days[day] != journal.get(day, 0):
                subject = f"{self._name} {day.isoformat()}"
                there = f"{journal.get(day, 0)} lines"
                self._found.add("counts_differ", subject, there, f"{self._days[day]} events")

    def _gap(self, until: int) -> None:
        """Numbers between the last event and *until*; those of dropped months have leaves."""
        first, skipped, self._skipped = self._last + 1, self._skipped, []
        for begin, end in [*skipped, (until, until)]:
            for missing in range(first, min(begin, first + MOST_TOLD)):
                self._found.add("event_missing", self._named(missing), "an event", "none")
            first = max(first, end + 1)

    def _columns(self, event: AuditEvent, subject: str) -> None:
        body = event.content()
        for name, column in (
            ("id", public_id(Prefix.EVENT, event.id)),
            ("organisation", self._name),
            ("sequence", event.sequence),
            ("at", timestamp(event.at)),
            ("action", event.action),
            ("subject", event.subject),
            ("live", event.live),
        ):
            if body.get(name) != column:
                self._found.add("row_differs", f"{subject} {name}", body.get(name), column)

    def _sealed(self, event: AuditEvent, leaf: Leaf | None, subject: str) -> None:
        if self.tree is None or leaf is None:
            self.unsealed += 1
            if len(self._waiting) < MOST_TOLD:
                self._waiting.append(subject)
            return
        for skipped in self._waiting:
            self._found.add("leaf_missing", skipped, "a leaf", "none")
        self._waiting.clear()
        self.unsealed = 0
        self.compare(event, leaf)
        if leaf.position <= self._last_position:
            self._found.add(
                "leaf_out_of_order", subject, f"behind {self._last_position}", leaf.position
            )
        self._last_position = leaf.position
        self.claim(leaf)

    def claim(self, leaf: Leaf) -> None:
        if self.tree is None:
            return
        subject = self._named(leaf.sequence)
        if not self.tree.claim(leaf.position):
            self._found.add("position_repeated", subject, "a position of its own", leaf.position)
        there = self.tree.hash(leaf.position)
        if there is not None and there != leaf.hash:
            self._found.add("leaf_differs", subject, there.hex(), leaf.hash.hex())

    def _issued(self, work: Work, event: AuditEvent, subject: str) -> None:
        issued, details = work.evidence.of_event(event.sequence), event.content()["details"]
        said = details.get("digest") if isinstance(details, Mapping) else None
        there = None if issued is None else evidence.digest(issued.core)
        if said != there:
            self._found.add("evidence_differs", subject, said, there)

    @property
    def _name(self) -> str:
        return public_id(Prefix.ORGANISATION, self.organisation)

    def _named(self, sequence: int, event: AuditEvent | None = None) -> str:
        name = f"{self._name} {sequence}"
        return name if event is None else f"{name} {public_id(Prefix.EVENT, event.id)}"
