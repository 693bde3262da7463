"""Which months have left the database as they should, and where in the log their leaves are.

Rows of archives can be written by whoever has the application's role: none is believed by itself.
One is, if the sealed event ``partition.archived`` has the manifest's digest, the month and the
count, and ``partition.dropped`` says that it was dropped.  An event that has left the database
itself is read from the archive that it is in, and held against its leaf; once that archive was
deleted too, its leaf is all that is left to be held against.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from attrs import field, frozen

from application.ports.files import FilesUnavailableError
from application.ports.storage.seals import Leaf, Log
from application.ports.storage.work import Scope, Store, Work
from application.ports.tables import TableError
from domain.audit import AuditEvent, EventFilter
from domain.identifiers import (
    INSTALLATION,
    EventId,
    OrganisationId,
    Prefix,
    instant_of,
    public_id,
)
from domain.merkle import leaf_hash
from domain.retention import Archive, ArchiveState, Month

_PAGE = 1_000


class Archived(Protocol):
    """Events that have left the database."""

    def find(self, organisation: OrganisationId, id: EventId) -> AuditEvent | None:
        """Raises: FilesUnavailableError, FileNotFoundError, TableError."""
        ...


@frozen(kw_only=True)
class Dropped:
    """What the months account for that have left the database."""

    #: From when on every event is in the database; None: from the beginning.
    begins: datetime | None
    #: How many have left it.
    events: int
    #: By log, where their leaves are: first and last positions, one pair for each month.
    spans: Mapping[int, Sequence[tuple[int, int]]] = field(factory=dict)
    #: Rows that are not believed, and why.
    strange: tuple[tuple[Archive, str], ...] = ()

    def has(self, log: int, position: int) -> bool:
        return any(first <= position <= last for first, last in self.spans.get(log, ()))


def dropped_months(store: Store, logs: Sequence[Log], archived: Archived | None) -> Dropped:
    with store.begin(Scope.installation()) as work:
        rows = [each for each in work.archives.all() if each.state is not ArchiveState.ARCHIVED]
        said = list(_said_to_be_dropped(work)) if rows else []
    believed: list[Archive] = []
    strange: list[tuple[Archive, str]] = []
    deleted = {row.month for row in rows if row.state is ArchiveState.DELETED}
    for row in rows:
        fault = _fault(store, logs, archived, row, said, deleted)
        if fault is None:
            believed.append(row)
        else:
            strange.append((row, fault))
    spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in believed:
        manifest: dict[str, Any] = json.loads(row.manifest)
        if manifest["first_position"] is not None:
            span = (manifest["first_position"], manifest["last_position"])
            spans[manifest["tree"]["log"]].append(span)
    return Dropped(
        begins=max(row.month for row in believed).end if believed else None,
        events=sum(row.events for row in believed),
        spans=spans,
        strange=tuple(strange),
    )


def _said_to_be_dropped(work: Work) -> Iterator[Mapping[str, Any]]:
    """What ``partition.dropped`` says, of events that are in the database."""
    after = 0
    while True:
        page = work.audit.find(EventFilter(action="partition.dropped"), after=after, limit=_PAGE)
        for event in page:
            details: Any = event.content()["details"]
            yield details
        if len(page) < _PAGE:
            return
        after = page[-1].sequence


def _fault(
    store: Store,
    logs: Sequence[Log],
    archived: Archived | None,
    row: Archive,
    said: Sequence[Mapping[str, Any]],
    deleted: set[Month],
) -> str | None:
    """Why *row* is not believed; None: it is."""
    told = {"digest": row.digest.hex(), "events": row.events, "month": str(row.month)}
    name = public_id(Prefix.EVENT, row.event)
    with store.begin(Scope.installation()) as work:
        event = work.audit.get(row.event)
    is_hot = event is not None
    if event is None:
        event = _read(archived, row.event)
    if event is None and _is_kept_as_leaf(store, logs, row, deleted):
        return None
    if event is None:
        return f"{name} is neither in the database nor in an archive that can be read"
    details = event.content()["details"]
    if event.action != "partition.archived" or not _says(details, told):
        return f"{name} says something else"
    if not _is_sealed(store, logs, event):
        return f"{name} is not sealed, or not as it is"
    # It was dropped after that: the event is hot where the other is.
    if is_hot and not any(_says(each, told) for each in said):
        return "there is no event partition.dropped of it"
    return None


def _says(details: Any, told: Mapping[str, object]) -> bool:
    return isinstance(details, Mapping) and all(
        details.get(name) == value for name, value in told.items()
    )


def _read(archived: Archived | None, id: EventId) -> AuditEvent | None:
    if archived is None:
        return None
    try:
        return archived.find(INSTALLATION, id)
    except (FilesUnavailableError, FileNotFoundError, TableError, LookupError, ValueError):
        # Its own archive's row may be anybody's, with a manifest that is none.
        return None


def _is_sealed(store: Store, logs: Sequence[Log], event: AuditEvent) -> bool:
    with store.begin(Scope.installation()) as work:
        leaves = [work.seals.leaf(log.number, event.sequence) for log in logs]
    return any(_is_of(leaf, event) for leaf in leaves if leaf is not None)


def _is_kept_as_leaf(store: Store, logs: Sequence[Log], row: Archive, deleted: set[Month]) -> bool:
    """Whether the event about a deleted archive was in one that is deleted, too."""
    made_at = instant_of(row.event)
    if row.state is not ArchiveState.DELETED or made_at is None:
        return False
    if not row.month < Month.of(made_at) or Month.of(made_at) not in deleted:
        return False
    after = 0
    while logs:
        with store.begin(Scope.installation()) as work:
            page = work.seals.leaves(logs[-1].number, after=after, limit=_PAGE)
        if any(leaf.event == row.event for leaf in page):
            return True
        if len(page) < _PAGE:
            break
        after = page[-1].sequence
    return False


def _is_of(leaf: Leaf, event: AuditEvent) -> bool:
    return leaf.event == event.id and leaf.hash == leaf_hash(event.leaf)
