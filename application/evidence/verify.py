"""Walk the whole trail, and hold it against the log: events, leaves, tiles, checkpoints.

What is found is told by a code that never changes its meaning (docs/evidence.md).  The log is read
first, up to its last checkpoint: what is appended meanwhile is not looked at, and nobody waits.
The trail is in the database, and whoever rewrites all of that database and has the signing key
leaves nothing to find there: *kept* are checkpoints from elsewhere, which they do not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from attrs import frozen

from application.evidence.differences import Differences
from application.evidence.dropped import Archived, dropped_months
from application.evidence.holds import strange_holds
from application.evidence.rebuild import Kept, Rebuild, Tree
from application.evidence.trail import Places, Trail
from application.ports.custody import Verifies
from application.ports.storage.seals import Leaf
from application.ports.storage.work import Scope, Store
from domain.audit import AuditEvent, EventFilter, timestamp
from domain.identifiers import OrganisationId

_PAGE = 1_000


@frozen(kw_only=True)
class Verdict:
    events: int
    #: Of the newest log.
    leaves: int
    checkpoints: int
    #: Events that no leaf is for yet.
    unsealed: int
    #: Events of months that have left the database.
    archived: int
    #: Numbers of which an event says that they were given to nothing.
    voided: int
    differences: Differences


def _nothing(_: int) -> None: ...


@frozen(kw_only=True)
class VerifyAudit:
    store: Store
    verifies: Verifies
    #: Of months that were dropped; None: there is nothing to look into.
    archived: Archived | None = None

    def events(self, organisations: Iterable[OrganisationId]) -> int:
        """How many there are to be read."""
        total = 0
        for organisation in organisations:
            with self.store.begin(Scope(organisation=organisation)) as work:
                total += work.audit.head()
        return total

    def __call__(
        self,
        organisations: Sequence[OrganisationId],
        kept: Kept | None = None,
        advance: Callable[[int], None] = _nothing,
    ) -> Verdict:
        """*organisations* are all that there are; *advance* hears of events that were read."""
        found = Differences()
        with self.store.begin(Scope()) as work:
            logs = work.seals.logs()
        rebuild = Rebuild(store=self.store, verifies=self.verifies, found=found)
        elsewhere = rebuild.kept(logs, kept or Kept())
        trees = [rebuild.tree(log, elsewhere.get(log.origin, {})) for log in logs]
        newest = trees[-1] if trees else None
        dropped = dropped_months(self.store, logs, self.archived)
        for row, why in dropped.strange:
            found.add("archive_unproved", str(row.month), f"{row.events} events in the trail", why)
        events = unsealed = 0
        walked: list[Trail] = []
        for organisation in organisations:
            older = [self._places(organisation, tree) for tree in trees[:-1] if tree.size]
            trail = Trail(organisation, newest, dropped, found, older)
            walked.append(trail)
            for count in self._walk(organisation, trail):
                advance(count)
            with self.store.begin(Scope(organisation=organisation)) as work:
                for difference in strange_holds(work, dropped.begins):
                    found.add("hold_differs", *difference)
            events, unsealed = events + trail.events, unsealed + trail.unsealed
            for tree in trees[:-1]:
                self._hold_older(Trail(organisation, tree, dropped, found), trees[-1])
        for tree in trees:
            tree.finish(found)
        if dropped.begins is not None and newest is not None:
            _hold_archives(dropped.begins, dropped.events, walked, found)
        return Verdict(
            events=events,
            leaves=0 if newest is None else newest.size,
            checkpoints=sum(tree.checkpoints for tree in trees),
            unsealed=unsealed,
            archived=dropped.events,
            voided=sum(each.voided for each in walked),
            differences=found,
        )

    def _walk(self, organisation: OrganisationId, trail: Trail) -> Iterator[int]:
        scope = Scope(organisation=organisation)
        leaves = self._leaves(scope, trail.tree)
        leaf = next(leaves, None)
        with self.store.begin(scope) as work:
            head, days = work.audit.head(), work.ledger.lines_by_day()
        after = 0
        while True:
            with self.store.begin(scope) as work:
                page = work.audit.all(after=after, limit=_PAGE)
                for event in page:
                    while leaf is not None and leaf.sequence < event.sequence:
                        trail.orphan(leaf)
                        leaf = next(leaves, None)
                    mine = leaf if leaf is not None and leaf.sequence == event.sequence else None
                    trail.feed(work, event, mine, head)
                    if mine is not None:
                        leaf = next(leaves, None)
            if page:
                after = page[-1].sequence
                yield len(page)
            if len(page) < _PAGE:
                break
        while leaf is not None:
            trail.orphan(leaf)
            leaf = next(leaves, None)
        with self.store.begin(scope) as work:
            # A number that was given twice may stand on both sides of a page's end.
            twice = work.audit.count(EventFilter(), through=after) - trail.events
        trail.finish(head, days, twice)

    def _hold_older(self, trail: Trail, newest: Tree) -> None:
        """What a closed log has sealed against what is there: a new one must not hide a change.

        Of months that were dropped the new log has taken the leaves.
        """
        scope = Scope(organisation=trail.organisation)
        events, carried = self._events(scope), self._leaves(scope, newest)
        event, taken = next(events, None), next(carried, None)
        for leaf in self._leaves(scope, trail.tree):
            trail.claim(leaf)
            while event is not None and event.sequence < leaf.sequence:
                event = next(events, None)
            while taken is not None and taken.sequence < leaf.sequence:
                taken = next(carried, None)
            if event is not None and event.sequence == leaf.sequence:
                trail.compare(event, leaf)
            elif taken is None or taken.hash != leaf.hash:
                trail.lost(leaf)

    def _events(self, scope: Scope) -> Iterator[AuditEvent]:
        after = 0
        while True:
            with self.store.begin(scope) as work:
                page = work.audit.all(after=after, limit=_PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].sequence

    def _places(self, organisation: OrganisationId, tree: Tree) -> Places:
        return Places(tree.log.number, self._leaves(Scope(organisation=organisation), tree))

    def _leaves(self, scope: Scope, tree: Tree | None) -> Iterator[Leaf]:
        after = 0
        while tree is not None:
            with self.store.begin(scope) as work:
                page = work.seals.leaves(tree.log.number, after=after, limit=_PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].sequence


def _hold_archives(
    begins: datetime, archived: int, trails: Sequence[Trail], found: Differences
) -> None:
    """As many events are gone as the archives of dropped months have."""
    gone = sum(trail.gone for trail in trails)
    if gone == archived:
        return
    found.add("archive_differs", f"before {timestamp(begins)}", f"{archived} gone", f"{gone} gone")
    for subject in (each for trail in trails for each in trail.late):
        found.add("leaf_without_event", subject, "an event", "none")
