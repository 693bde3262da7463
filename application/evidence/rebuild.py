"""A log's tree, rebuilt from its leaves and held against all that was signed for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field, frozen

from application.audit.logs import fingerprint
from application.evidence.differences import Differences
from application.ports.custody import Verifies
from application.ports.storage.seals import Log, SignedCheckpoint
from application.ports.storage.work import Scope, Store
from domain.checkpoint import Checkpoint, MalformedError, Note
from domain.errors import MisuseError
from domain.merkle import HASH_BYTES, Frontier, Hashes
from domain.tiles import HEIGHT, WIDTH

_PAGE = 1_000


@frozen(kw_only=True)
class Kept:
    """What somebody has from elsewhere."""

    #: Fingerprint of the log's key: SHA-256 of its 32 bytes, in hexadecimal.
    key: str | None = None
    #: Signed checkpoints.
    notes: Sequence[str] = ()


@define
class Tree:
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
        tile, offset = divmod(position, WIDTH)
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


@frozen(kw_only=True)
class Rebuild:
    """What differs goes to *found*."""

    store: Store
    verifies: Verifies
    found: Differences

    def tree(self, log: Log, kept: Mapping[int, Checkpoint]) -> Tree:
        """Rebuilt from the hashes of its leaves, and held against all that was signed for it."""
        with self.store.begin(Scope()) as work:
            tree = Tree(log, work.seals.size(log.number))
        frontier, wanted = Frontier(), sorted(kept)
        signed = _Ahead(self._checkpoints(log))
        for leaves in self._hashes(tree):
            rest = leaves
            while rest:
                stops = [size for size in (signed.size, *wanted[:1]) if size is not None]
                reach = min(stops, default=tree.size) - frontier.size
                frontier, _ = frontier.appended(rest[: max(reach, 0)])
                rest = rest[max(reach, 0) :]
                self._reached(tree, frontier, signed, wanted, kept)
        self._reached(tree, frontier, signed, wanted, kept)
        for checkpoint in signed:
            tree.checkpoints += 1
            self._hold(log, checkpoint, None)
            size = checkpoint.checkpoint.size
            self.found.add("tree_too_short", f"{log.origin} {size}", size, frontier.size)
        for size in wanted:
            self.found.add("tree_too_short", f"{log.origin} {size}", size, frontier.size)
        return tree

    def _reached(
        self,
        tree: Tree,
        frontier: Frontier,
        signed: _Ahead,
        wanted: list[int],
        kept: Mapping[int, Checkpoint],
    ) -> None:
        """What was signed for a tree of this size, or is said elsewhere to have been."""
        while signed.size is not None and signed.size <= frontier.size:
            tree.checkpoints += 1
            self._hold(tree.log, next(signed), frontier.root)
        while wanted and wanted[0] <= frontier.size:
            checkpoint = kept[wanted.pop(0)]
            subject = f"{tree.log.origin} {checkpoint.size}"
            if checkpoint.root != frontier.root:
                root = frontier.root.hex()
                self.found.add("two_histories", subject, checkpoint.root.hex(), root)
            with self.store.begin(Scope()) as work:
                if work.seals.checkpoint(tree.log.number, checkpoint.size) is None:
                    self.found.add("checkpoint_missing", subject, "among those published", "not")

    def kept(self, logs: Sequence[Log], kept: Kept) -> Mapping[str, Mapping[int, Checkpoint]]:
        """What somebody has from elsewhere, by the origin of its log and by size."""
        checkpoints: dict[str, dict[int, Checkpoint]] = defaultdict(dict)
        for number, written in enumerate(kept.notes, start=1):
            subject = f"checkpoint {number} from elsewhere"
            try:
                origin = Checkpoint.parse(Note.parse(written).text).origin
            except MalformedError as error:
                self.found.add("checkpoint_malformed", subject, "a signed checkpoint", error)
                continue
            log = next((log for log in logs if log.origin == origin), None)
            if log is None:
                self.found.add("log_missing", subject, origin, [log.origin for log in logs])
                continue
            checkpoint = self._signed(log, written, subject)
            if checkpoint is not None:
                checkpoints[origin][checkpoint.size] = checkpoint
        for log in logs:
            there = fingerprint(log.public_key)
            if kept.key not in {None, there}:
                self.found.add("other_key", log.origin, kept.key, there)
        return checkpoints

    def _signed(self, log: Log, written: str, subject: str) -> Checkpoint | None:
        """What the log's key has signed."""
        try:
            note = Note.parse(written)
            checkpoint = Checkpoint.parse(note.text)
        except MalformedError as error:
            self.found.add("checkpoint_malformed", subject, "a signed checkpoint", error)
            return None
        signature = note.of(log.origin, log.public_key)
        if signature is None or not self.verifies(log.public_key, note.text.encode(), signature):
            self.found.add(
                "checkpoint_unsigned", subject, f"signed by the key of {log.origin}", "not"
            )
            return None
        return checkpoint

    def _hold(self, log: Log, signed: SignedCheckpoint, root: bytes | None) -> None:
        """A published checkpoint against *root*, that of the tree; None: there are no leaves."""
        row, subject = signed.checkpoint, f"{log.origin} {signed.checkpoint.size}"
        checkpoint = self._signed(log, signed.note, subject)
        if checkpoint is not None and checkpoint != row:
            self.found.add(
                "checkpoint_malformed", subject, row.text.split(), checkpoint.text.split()
            )
        if root is not None and row.root != root:
            self.found.add("checkpoint_root", subject, row.root.hex(), root.hex())

    def _checkpoints(self, log: Log) -> Iterator[SignedCheckpoint]:
        after = -1
        while True:
            with self.store.begin(Scope()) as work:
                page = work.seals.checkpoints(log.number, after=after, limit=_PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].checkpoint.size

    def _hashes(self, tree: Tree) -> Iterator[list[bytes]]:
        """Hashes of the leaves, in order; the nodes above them are held against them."""
        for first in range(0, tree.size, WIDTH * WIDTH):
            with self.store.begin(Scope()) as work:
                hashes = work.seals.hashes(tree.log.number)
                for begin in range(first, min(first + WIDTH * WIDTH, tree.size), WIDTH):
                    end = min(begin + WIDTH, tree.size)
                    try:
                        leaves = [hashes(0, index) for index in range(begin, end)]
                    except MisuseError as error:
                        subject = f"{tree.log.origin} leaves {begin} to {end}"
                        self.found.add("tile_differs", subject, end - begin, error)
                        tree.size = begin
                        return
                    tree.leaves.append(b"".join(leaves))
                    yield leaves
                _hold_nodes(tree, hashes, first, self.found)


def _hold_nodes(tree: Tree, hashes: Hashes, first: int, found: Differences) -> None:
    """The kept nodes over 256 and over 65,536 leaves that begin with leaf *first*."""
    roots = []
    for index in range(first // WIDTH, min(first // WIDTH + WIDTH, tree.size // WIDTH)):
        leaves = tree.leaves[index]
        frontier, _ = Frontier().appended(
            leaves[at : at + HASH_BYTES] for at in range(0, len(leaves), HASH_BYTES)
        )
        roots.append(frontier.root)
        _compare(tree.log, hashes, (HEIGHT, index), frontier.root, found)
    if len(roots) == WIDTH:
        frontier, _ = Frontier().appended(roots)
        _compare(tree.log, hashes, (2 * HEIGHT, first // WIDTH // WIDTH), frontier.root, found)


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
