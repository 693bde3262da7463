"""Months that come and go, in any store: what is written, sealed, archived, dropped and deleted.

What a leaf is and what a tree is, is said here again: the story believes nobody.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import define, field
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.memory.clock import MemoryClock
from adapters.memory.files import MemoryFiles
from adapters.memory.identifiers import MemoryIdentifiers
from application.audit.trail import Trail
from application.operator.credits import GrantCredits
from application.ports.storage.retention import Partitions, Rows
from application.ports.storage.seals import Log, SealStore, SignedCheckpoint, Trouble
from application.ports.storage.work import Scope, Store
from application.retention.archive import ArchiveMonth
from application.retention.drop import DeleteArchive, DropMonth, PutBack
from application.retention.holds import LiftHold, PlaceHold
from application.retention.tables import ArchiveFiles
from domain.audit import WORKER
from domain.checkpoint import Checkpoint, Note
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, InstallationId, KeyRef, OrganisationId
from domain.merkle import Frontier, inclusion_proof
from domain.retention import Month
from domain.signing import Curve, PublicKey, Signature
from entrypoints.assembly import table_formats

BEGIN = datetime(2019, 1, 15, 12, tzinfo=UTC)
ORIGIN = "issue.example.com/audit/ins_1/1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PublicKey(Curve.ED25519, KEY.public_key().public_bytes_raw())


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:]))


def leads(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """Whether *path* leads from the leaf to the root: from the top down, by where it must be."""

    def climb(index: int, size: int, path: list[bytes]) -> bytes:
        if size == 1:
            assert not path
            return leaf
        split = 1
        while split * 2 < size:
            split *= 2
        *rest, sibling = path
        if index < split:
            return sha(b"\x01" + climb(index, split, rest) + sibling)
        return sha(b"\x01" + sibling + climb(index - split, size - split, rest))

    return climb(index, size, path) == root


@define
class Story:
    store: Store
    sealing: SealStore
    partitions: Partitions
    organisations: list[OrganisationId]
    clock: MemoryClock = field(factory=lambda: MemoryClock(BEGIN))
    identifiers: MemoryIdentifiers = field(init=False)
    files: MemoryFiles = field(factory=MemoryFiles)
    hot_months: int = 13
    kept_months: int = 84
    #: Leaf hashes of all that was ever written, by organisation and number, as they were written.
    written: dict[tuple[OrganisationId, int], bytes] = field(factory=dict)
    #: In which month each was.
    months: dict[tuple[OrganisationId, int], str] = field(factory=dict)
    #: In the order of the tree.
    leaves: list[bytes] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.identifiers = MemoryIdentifiers(self.clock)

    @property
    def parts(self) -> dict[str, Any]:
        return {
            "store": self.store,
            "clock": self.clock,
            "identifiers": self.identifiers,
        }

    @property
    def installation(self) -> InstallationId:
        return InstallationId(OrganisationId(INSTALLATION))

    @property
    def tables(self) -> ArchiveFiles:
        return ArchiveFiles(files=self.files, formats=table_formats(), part_limit=8_000)

    @property
    def archive(self) -> ArchiveMonth:
        return ArchiveMonth(
            **self.parts,
            files=self.tables,
            installation=self.installation,
            hot_months=self.hot_months,
        )

    @property
    def drop(self) -> DropMonth:
        return DropMonth(
            **self.parts,
            files=self.tables,
            partitions=self.partitions,
            installation=self.installation,
        )

    @property
    def delete(self) -> DeleteArchive:
        return DeleteArchive(
            **self.parts,
            files=self.files,
            installation=self.installation,
            kept_months=self.kept_months,
        )

    @property
    def put_back(self) -> PutBack:
        return PutBack(store=self.store, partitions=self.partitions)

    @property
    def place(self) -> PlaceHold:
        return PlaceHold(**self.parts)

    @property
    def lift(self) -> LiftHold:
        return LiftHold(**self.parts)

    def prepare(self) -> None:
        with self.store.begin(Scope.installation()) as work:
            work.audit.prepare_months(self.clock.now(), 1)

    def live(self, events: int = 3) -> None:
        """What a month brings: events, and credits with their lines."""
        for organisation in self.organisations:
            trail = Trail(
                identifiers=self.identifiers,
                organisation=organisation,
                actor=WORKER,
            )
            for number in range(events):
                trail.add("deployment.queued", f"dep_{number}", self.clock.now())
            with self.store.begin(Scope(organisation=organisation)) as work:
                trail.write(work)
            GrantCredits(**self.parts)(organisation, 5, "for the story", None)
        self.note()

    def note(self) -> None:
        """Remember what is new, by our own hashing."""
        for organisation in [INSTALLATION, *self.organisations]:
            known = max((n for of, n in self.written if of == organisation), default=0)
            with self.store.begin(Scope(organisation=organisation)) as work:
                for event in work.audit.all(after=known, limit=10_000):
                    place = (organisation, event.sequence)
                    text = b"tallystick.audit.v1\0" + event.salt + event.body
                    self.written[place] = sha(b"\0" + text)
                    self.months[place] = event.at.strftime("%Y-%m")

    def seal(self) -> None:
        """Until nothing waits: transactions of others on the server keep events from settling."""
        for _ in range(400):
            if not self._seal():
                return
            time.sleep(0.05)
        raise AssertionError("events do not settle")

    def _seal(self) -> int:
        """As the sealer does, in few words; how many events wait still."""
        with self.sealing.session() as session:
            if not session.logs():
                session.open_log(
                    Log(
                        number=1,
                        origin=ORIGIN,
                        key=KeyRef("test:key"),
                        public_key=PUBLIC,
                        cluster=session.cluster(),
                        opened_at=self.clock.now(),
                    )
                )
            size = session.size(1)
            edge = Frontier.of(size, session.hashes(1))
            for batch in session.unsealed(1, batch=1_000, takes_restored=False):
                assert not isinstance(batch, Trouble), batch
                leaves = [each.at(size + place) for place, each in enumerate(batch)]
                edge, nodes = edge.appended(each.hash for each in leaves)
                session.append(1, leaves, nodes)
                self.leaves += [each.hash for each in leaves]
                size += len(leaves)
            checkpoint = Checkpoint(origin=ORIGIN, size=size, root=edge.root)
            raw = Signature(Curve.ED25519, KEY.sign(checkpoint.text.encode()))
            note = str(Note.signed(checkpoint.text, ORIGIN, PUBLIC, raw))
            session.publish(
                1,
                SignedCheckpoint(checkpoint=checkpoint, note=note, signed_at=self.clock.now()),
            )
            return session.backlog(1).events

    def next_month(self) -> None:
        now = self.clock.now()
        later = Month(Month.of(now).index + 1).first + timedelta(days=14)
        self.clock.advance(later - now)

    def keep_house(self) -> dict[str, list[str]]:
        """What `tallystick audit archive --drop --delete` does every day; by what was refused."""
        refused: dict[str, list[str]] = {}

        def note(month: Month, outcome: object) -> bool:
            if isinstance(outcome, Refusal):
                refused.setdefault(outcome.code, []).append(str(month))
            return isinstance(outcome, Refusal)

        def each(act: Callable[[Month], object], due: Callable[[Month, str], bool]) -> None:
            with self.store.begin(Scope.installation()) as work:
                states = {a.month: a.state.value for a in work.archives.all()}
                known = sorted({*states, *work.archives.hot()})
            for month in known:
                if due(month, states.get(month, "hot")) and note(month, act(month)):
                    break

        now = self.clock.now()
        each(self.archive, lambda m, s: s == "hot" and m.is_over_for(self.hot_months, now))
        self.note()
        self.seal()
        each(self.drop, lambda _, s: s == "archived")
        each(self.delete, lambda m, s: s == "dropped" and m.is_over_for(self.kept_months, now))
        self.note()
        self.seal()
        return refused

    # What anybody can see.

    def states(self) -> dict[str, str]:
        with self.store.begin(Scope.installation()) as work:
            return {str(each.month): each.state.value for each in work.archives.all()}

    def in_database(self) -> set[str]:
        found = set()
        for organisation in [INSTALLATION, *self.organisations]:
            with self.store.begin(Scope(organisation=organisation)) as work:
                found |= {e.at.strftime("%Y-%m") for e in work.audit.all(limit=10_000)}
        return found

    def archived_rows(self, month: str) -> list[dict[str, Any]]:
        """Of the files, by nobody's code: the manifest, then JSON Lines."""
        (manifest,) = [
            json.loads(content)
            for name, content in self.files.kept.items()
            if name.startswith(f"{month}/") and name.endswith("manifest.json")
        ]
        rows: list[dict[str, Any]] = []
        for part in manifest["tables"][0]["parts"]:
            content = self.files.kept[f"{month}/{part['sha256']}-{part['name']}"]
            assert sha(content).hex() == part["sha256"]
            if part["name"].endswith(".jsonl"):
                rows += [json.loads(line) for line in content.split(b"\n")[:-1]]
        return rows

    def prove_archived(self, month: str) -> int:
        """Every event of the month's archive is in the tree as it is signed now; how many."""
        import rfc8785

        with self.store.begin(Scope.installation()) as work:
            signed = work.seals.latest(1)
        assert signed is not None
        size, root = signed.checkpoint.size, signed.checkpoint.root
        assert (size, root) == (len(self.leaves), root_of(self.leaves))
        KEY.public_key().verify(
            Note.parse(signed.note).signatures[0].signature, signed.checkpoint.text.encode()
        )
        rows = self.archived_rows(month)
        for row in rows:
            text = b"tallystick.audit.v1\0" + bytes.fromhex(row["salt"])
            leaf = sha(b"\0" + text + rfc8785.dumps(row["body"]))
            assert leaf == self.leaves[row["position"]]
            with self.store.begin(Scope.installation()) as work:
                path = inclusion_proof(row["position"], size, work.seals.hashes(1))
            assert leads(leaf, row["position"], size, list(path), root)
        return len(rows)

    def rows_of(self, month: str) -> Rows:
        """As they were written."""
        mine = sorted(place for place, of in self.months.items() if of == month)
        return Rows(len(mine), sha(b"".join(self.written[place] for place in mine)))

    def written_in(self, month: str) -> int:
        return list(self.months.values()).count(month)
