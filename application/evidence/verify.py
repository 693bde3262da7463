"""Walk the whole trail, and hold it against the log: events, leaves, tiles, checkpoints.

What is found is told by a code that never changes its meaning (docs/evidence.md).  The log is read
first, up to its last checkpoint: what is appended meanwhile is not looked at, and nobody waits.
The trail is in the database, and whoever rewrites all of that database and has the signing key
leaves nothing to find there: *kept* are checkpoints from elsewhere, which they do not have.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

from attrs import define, field, frozen

from application.audit.logs import fingerprint
from application.evidence.dropped import Archived, Dropped, dropped_months
from application.evidence.holds import strange_holds
from application.ports.custody import Verifies
from application.ports.storage.seals import Leaf, Log, SignedCheckpoint
from application.ports.storage.work import Scope, Store, Work
from domain import evidence
from domain.audit import NUMBER_VOIDED, AuditEvent, EventFilter, timestamp
from domain.checkpoint import Checkpoint, MalformedError, Note
from domain.errors import MisuseError
from domain.identifiers import OrganisationId, Prefix, public_id
from domain.merkle import HASH_BYTES, Frontier, Hashes, leaf_hash
from domain.tiles import HEIGHT
from domain.tiles import WIDTH as _TILE

_PAGE = 1_000
#: Differences of one kind that are told one by one; the rest is counted.
_MOST_TOLD = 20

#: What each difference is, and what to do about it.
REMEDIES: Mapping[str, str] = {
    "event_missing": "an event that was numbered is not there: restore it from a backup or an "
    "export, and find out who deleted it",
    "event_repeated": "a number was given twice: one of the events was inserted past the "
    "application; the one that has a leaf is the one that was written",
    "event_beyond_head": "an event has a number that was never given: it was inserted past the "
    "application, or the head was set back",
    "event_changed": "the event is not what was sealed: restore it from a backup or an export",
    "row_differs": "a column of the event says something else than its body, which is what was "
    "sealed: correct the column",
    "leaf_missing": "the event is older than others that are sealed, and is not: it was inserted, "
    "or its leaf was deleted",
    "leaf_without_event": "an event that was sealed is not there: restore it",
    "archive_differs": "other events are gone than the archives of dropped months account for: "
    "find out who deleted them, and restore them from a backup or an archive",
    "archive_unproved": "a row says that a month was archived and dropped, and the trail not: "
    "it was written past the application, unless the files of archives are missing here",
    "hold_differs": "a legal hold is not what its events say: it was placed, changed, lifted or "
    "deleted past the application; place it again, and find out who did that",
    "leaf_differs": "the leaf's row is not what is in the tree: restore it",
    "leaf_out_of_order": "events are in the log in another order than they were numbered in",
    "position_empty": "leaves of the tree are of no organisation that there is: rows of leaves, "
    "or an organisation with all that it had, were deleted",
    "position_repeated": "two events claim one leaf of the tree",
    "tile_differs": "a node of the tree is not the hash of what is below it: restore the tiles",
    "tree_too_short": "a checkpoint is of more leaves than there are: the end of the log was cut "
    "off; restore the database",
    "checkpoint_malformed": "a checkpoint is not in its form, or not that of its row",
    "checkpoint_unsigned": "the log's key has not signed the checkpoint: whoever wrote it did not "
    "have the key",
    "checkpoint_root": "the tree is not the one that was signed for: it was rebuilt, or the "
    "checkpoint was exchanged; keep both, and restore the database",
    "checkpoint_missing": "a checkpoint that was published is not there any more: an older state "
    "is shown; restore it",
    "log_missing": "the checkpoint that you have from elsewhere is of a log that is not here",
    "two_histories": "the checkpoint that you have from elsewhere is of another tree under the "
    "same name: keep it, it is proof",
    "other_key": "the log is under another key than the one you named",
    "counts_differ": "journal and trail have different numbers of lines of that day: one of them "
    "was written or deleted past the application; `tallystick verify ledger` names the lines",
    "evidence_differs": "evidence that was issued is not what the trail committed to, or is gone: "
    "whoever has the file has the true one",
}


@frozen(kw_only=True)
class Difference:
    code: str
    #: An event, a leaf, a checkpoint, a day.
    subject: str
    expected: str
    found: str

    @property
    def remedy(self) -> str:
        return REMEDIES[self.code]


@define
class Differences:
    told: list[Difference] = field(factory=list)
    counts: Counter[str] = field(factory=Counter)

    @property
    def untold(self) -> Mapping[str, int]:
        """How many of each kind are counted only."""
        told = Counter(each.code for each in self.told)
        return {code: n - told[code] for code, n in self.counts.items() if n > told[code]}

    def add(self, code: str, subject: str, expected: object, found: object) -> None:
        self.counts[code] += 1
        if self.counts[code] <= _MOST_TOLD:
            self.told.append(
                Difference(code=code, subject=subject, expected=str(expected), found=str(found))
            )


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


@frozen(kw_only=True)
class Kept:
    """What somebody has from elsewhere."""

    #: Fingerprint of the log's key: SHA-256 of its 32 bytes, in hexadecimal.
    key: str | None = None
    #: Signed checkpoints.
    notes: Sequence[str] = ()


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
        elsewhere = self._kept(logs, kept or Kept(), found)
        trees = [self._tree(log, found, elsewhere.get(log.origin, {})) for log in logs]
        newest = trees[-1] if trees else None
        dropped = dropped_months(self.store, logs, self.archived)
        for row, why in dropped.strange:
            found.add("archive_unproved", str(row.month), f"{row.events} events in the trail", why)
        events = unsealed = 0
        walked: list[_Trail] = []
        for organisation in organisations:
            older = [self._places(organisation, tree) for tree in trees[:-1] if tree.size]
            trail = _Trail(organisation, newest, dropped, found, older)
            walked.append(trail)
            for count in self._walk(organisation, trail):
                advance(count)
            with self.store.begin(Scope(organisation=organisation)) as work:
                for difference in strange_holds(work, dropped.begins):
                    found.add("hold_differs", *difference)
            events, unsealed = events + trail.events, unsealed + trail.unsealed
            for tree in trees[:-1]:
                self._hold_older(_Trail(organisation, tree, dropped, found), trees[-1])
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

    # The log.

    def _tree(self, log: Log, found: Differences, kept: Mapping[int, Checkpoint]) -> _Tree:
        """Rebuilt from the hashes of its leaves, and held against all that was signed for it."""
        with self.store.begin(Scope()) as work:
            tree = _Tree(log, work.seals.size(log.number))
        frontier, wanted = Frontier(), sorted(kept)
        signed = _Ahead(self._checkpoints(log))
        for leaves in self._hashes(tree, found):
            rest = leaves
            while rest:
                stops = [size for size in (signed.size, *wanted[:1]) if size is not None]
                reach = min(stops, default=tree.size) - frontier.size
                frontier, _ = frontier.appended(rest[: max(reach, 0)])
                rest = rest[max(reach, 0) :]
                self._reached(tree, frontier, signed, wanted, kept, found)
        self._reached(tree, frontier, signed, wanted, kept, found)
        for checkpoint in signed:
            tree.checkpoints += 1
            self._hold(log, checkpoint, None, found)
            size = checkpoint.checkpoint.size
            found.add("tree_too_short", f"{log.origin} {size}", size, frontier.size)
        for size in wanted:
            found.add("tree_too_short", f"{log.origin} {size}", size, frontier.size)
        return tree

    def _reached(
        self,
        tree: _Tree,
        frontier: Frontier,
        signed: _Ahead,
        wanted: list[int],
        kept: Mapping[int, Checkpoint],
        found: Differences,
    ) -> None:
        """What was signed for a tree of this size, or is said elsewhere to have been."""
        while signed.size is not None and signed.size <= frontier.size:
            tree.checkpoints += 1
            self._hold(tree.log, next(signed), frontier.root, found)
        while wanted and wanted[0] <= frontier.size:
            checkpoint = kept[wanted.pop(0)]
            subject = f"{tree.log.origin} {checkpoint.size}"
            if checkpoint.root != frontier.root:
                root = frontier.root.hex()
                found.add("two_histories", subject, checkpoint.root.hex(), root)
            with self.store.begin(Scope()) as work:
                if work.seals.checkpoint(tree.log.number, checkpoint.size) is None:
                    found.add("checkpoint_missing", subject, "among those published", "not")

    def _kept(
        self, logs: Sequence[Log], kept: Kept, found: Differences
    ) -> Mapping[str, Mapping[int, Checkpoint]]:
        """What somebody has from elsewhere, by the origin of its log and by size."""
        checkpoints: dict[str, dict[int, Checkpoint]] = defaultdict(dict)
        for number, written in enumerate(kept.notes, start=1):
            subject = f"checkpoint {number} from elsewhere"
            try:
                origin = Checkpoint.parse(Note.parse(written).text).origin
            except MalformedError as error:
                found.add("checkpoint_malformed", subject, "a signed checkpoint", error)
                continue
            log = next((log for log in logs if log.origin == origin), None)
            if log is None:
                found.add("log_missing", subject, origin, [log.origin for log in logs])
                continue
            checkpoint = self._signed(log, written, found, subject)
            if checkpoint is not None:
                checkpoints[origin][checkpoint.size] = checkpoint
        for log in logs:
            there = fingerprint(log.public_key)
            if kept.key not in {None, there}:
                found.add("other_key", log.origin, kept.key, there)
        return checkpoints

    def _signed(
        self, log: Log, written: str, found: Differences, subject: str
    ) -> Checkpoint | None:
        """What the log's key has signed."""
        try:
            note = Note.parse(written)
            checkpoint = Checkpoint.parse(note.text)
        except MalformedError as error:
            found.add("checkpoint_malformed", subject, "a signed checkpoint", error)
            return None
        signature = note.of(log.origin, log.public_key)
        if signature is None or not self.verifies(log.public_key, note.text.encode(), signature):
            found.add("checkpoint_unsigned", subject, f"signed by the key of {log.origin}", "not")
            return None
        return checkpoint

    def _hold(
        self, log: Log, signed: SignedCheckpoint, root: bytes | None, found: Differences
    ) -> None:
        """A published checkpoint against *root*, that of the tree; None: there are no leaves."""
        row, subject = signed.checkpoint, f"{log.origin} {signed.checkpoint.size}"
        checkpoint = self._signed(log, signed.note, found, subject)
        if checkpoint is not None and checkpoint != row:
            found.add("checkpoint_malformed", subject, row.text.split(), checkpoint.text.split())
        if root is not None and row.root != root:
            found.add("checkpoint_root", subject, row.root.hex(), root.hex())

    def _checkpoints(self, log: Log) -> Iterator[SignedCheckpoint]:
        after = -1
        while True:
            with self.store.begin(Scope()) as work:
                page = work.seals.checkpoints(log.number, after=after, limit=_PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].checkpoint.size

    def _hashes(self, tree: _Tree, found: Differences) -> Iterator[list[bytes]]:
        """Hashes of the leaves, in order; the nodes above them are held against them."""
        for first in range(0, tree.size, _TILE * _TILE):
            with self.store.begin(Scope()) as work:
                hashes = work.seals.hashes(tree.log.number)
                for begin in range(first, min(first + _TILE * _TILE, tree.size), _TILE):
                    end = min(begin + _TILE, tree.size)
                    try:
                        leaves = [hashes(0, index) for index in range(begin, end)]
                    except MisuseError as error:
                        subject = f"{tree.log.origin} leaves {begin} to {end}"
                        found.add("tile_differs", subject, end - begin, error)
                        tree.size = begin
                        return
                    tree.leaves.append(b"".join(leaves))
                    yield leaves
                _hold_nodes(tree, hashes, first, found)

    # The trail.

    def _walk(self, organisation: OrganisationId, trail: _Trail) -> Iterator[int]:
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

    def _hold_older(self, trail: _Trail, newest: _Tree) -> None:
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

    def _places(self, organisation: OrganisationId, tree: _Tree) -> _Places:
        return _Places(tree.log.number, self._leaves(Scope(organisation=organisation), tree))

    def _leaves(self, scope: Scope, tree: _Tree | None) -> Iterator[Leaf]:
        after = 0
        while tree is not None:
            with self.store.begin(scope) as work:
                page = work.seals.leaves(tree.log.number, after=after, limit=_PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].sequence


def _hold_nodes(tree: _Tree, hashes: Hashes, first: int, found: Differences) -> None:
    """The kept nodes over 256 and over 65,536 leaves that begin with leaf *first*."""
    roots = []
    for index in range(first // _TILE, min(first // _TILE + _TILE, tree.size // _TILE)):
        leaves = tree.leaves[index]
        frontier, _ = Frontier().appended(
            leaves[at : at + HASH_BYTES] for at in range(0, len(leaves), HASH_BYTES)
        )
        roots.append(frontier.root)
        _compare(tree.log, hashes, (HEIGHT, index), frontier.root, found)
    if len(roots) == _TILE:
        frontier, _ = Frontier().appended(roots)
        _compare(tree.log, hashes, (2 * HEIGHT, first // _TILE // _TILE), frontier.root, found)


def _compare(
    log: Log, hashes: Hashes, place: tuple[int, int], expected: bytes, found: Differences
) -> None:
    subject = f"{log.origin} node {place[1]} of height {place[0]}"
    try:
        there = hashes(*place).hex()
    except MisuseError as error:
        there = str(error)
    if there != expected.hex():
        found.add("tile_differs", subject, expected.hex(), there)


def _hold_archives(
    begins: datetime, archived: int, trails: Sequence[_Trail], found: Differences
) -> None:
    """As many events are gone as the archives of dropped months have."""
    gone = sum(trail.gone for trail in trails)
    if gone == archived:
        return
    found.add("archive_differs", f"before {timestamp(begins)}", f"{archived} gone", f"{gone} gone")
    for subject in (each for trail in trails for each in trail.late):
        found.add("leaf_without_event", subject, "an event", "none")


@define
class _Places:
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
class _Ahead:
    """Checkpoints, of which one knows the size of the next."""

    _rest: Iterator[SignedCheckpoint]
    _next: SignedCheckpoint | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._next = next(self._rest, None)

    @property
    def size(self) -> int | None:
        return None if self._next is None else self._next.checkpoint.size

    def __iter__(self) -> _Ahead:
        return self

    def __next__(self) -> SignedCheckpoint:
        if self._next is None:
            raise StopIteration
        found, self._next = self._next, next(self._rest, None)
        return found


@define
class _Tree:
    """The leaves of a log, by position, and who has claimed them."""

    log: Log
    size: int
    #: Hashes of 256 leaves each.
    leaves: list[bytes] = field(factory=list)
    checkpoints: int = 0
    _claimed: bytearray = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._claimed = bytearray(self.size)

    def hash(self, position: int) -> bytes | None:
        tile, offset = divmod(position, _TILE)
        if position >= self.size or tile >= len(self.leaves):
            return None
        return self.leaves[tile][offset * HASH_BYTES : (offset + 1) * HASH_BYTES]

    def claim(self, position: int) -> bool:
        """False: somebody has it already."""
        if position >= len(self._claimed):
            # Sealed since the log was read.
            return True
        before, self._claimed[position] = self._claimed[position], 1
        return not before

    def finish(self, found: Differences) -> None:
        empty = self._claimed.count(0, 0, self.size)
        if empty:
            first = self._claimed.index(0)
            subject = f"{self.log.origin} leaf {first} and {empty - 1} more"
            found.add("position_empty", subject, "an event of an organisation", "none")


@define
class _Trail:
    """One organisation's events, in the order of their numbers."""

    organisation: OrganisationId
    tree: _Tree | None
    _dropped: Dropped
    _found: Differences
    #: Of closed logs, which months that were dropped before may be in.
    _older: Sequence[_Places] = ()
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
            if self.events and len(self.late) < _MOST_TOLD:
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
            for missing in range(first, min(begin, first + _MOST_TOLD)):
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
            if len(self._waiting) < _MOST_TOLD:
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
