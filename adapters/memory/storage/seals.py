from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from attrs import define, evolve, field

from adapters.memory.storage.audit import AuditTables
from adapters.memory.storage.transaction import Locks, Table, Transaction
from application.ports.storage.seals import (
    Backlog,
    Leaf,
    Log,
    SealerBusyError,
    Seals,
    SealSession,
    SealStore,
    SignedCheckpoint,
    Trouble,
    Unsealed,
)
from domain.audit import AuditEvent
from domain.errors import MisuseError
from domain.identifiers import OrganisationId
from domain.merkle import Hashes, Node, leaf_hash


@define(eq=False)
class SealTables:
    logs: Table[int, Log] = field(factory=lambda: Table("audit_logs"))
    #: By log, organisation and number.
    leaves: Table[tuple[int, OrganisationId, int], Leaf] = field(
        factory=lambda: Table("audit_leaves")
    )
    #: Complete nodes by log, level and index.
    nodes: Table[tuple[int, int, int], bytes] = field(factory=lambda: Table("audit_nodes"))
    checkpoints: Table[tuple[int, int], SignedCheckpoint] = field(
        factory=lambda: Table("audit_checkpoints")
    )
    #: Whether somebody is sealing.
    is_busy: bool = False


@define(eq=False)
class MemorySeals(Seals):
    _transaction: Transaction
    _tables: SealTables
    _audit: AuditTables

    def logs(self) -> list[Log]:
        return [log for _, log in sorted(self._transaction.items(self._tables.logs))]

    def size(self, log: int) -> int:
        return sum(of == log for (of, _, _), _ in self._transaction.items(self._tables.leaves))

    def backlog(self, log: int) -> Backlog:
        return _backlog(
            log,
            dict(self._transaction.items(self._tables.leaves)).keys(),
            dict(self._transaction.items(self._audit.heads)),
            [event for _, event in self._transaction.items(self._audit.events)],
        )

    def latest(self, log: int) -> SignedCheckpoint | None:
        found = self._checkpoints(log)
        return found[-1] if found else None

    def checkpoint(self, log: int, size: int) -> SignedCheckpoint | None:
        return self._transaction.get(self._tables.checkpoints, (log, size))

    def covering(self, log: int, position: int) -> SignedCheckpoint | None:
        found = self.checkpoints(log, after=position, limit=1)
        return found[0] if found else None

    def checkpoints(self, log: int, *, after: int = -1, limit: int) -> list[SignedCheckpoint]:
        return [each for each in self._checkpoints(log) if each.checkpoint.size > after][:limit]

    def hashes(self, log: int) -> Hashes:
        def hash_of(level: int, index: int) -> bytes:
            found = self._transaction.get(self._tables.nodes, (log, level, index))
            if found is None:
                raise MisuseError(f"node {index} of level {level} is not complete")
            return found

        return hash_of

    def leaf(self, log: int, sequence: int) -> Leaf | None:
        mine = self._transaction.organisation
        if mine is None:
            return None
        return self._transaction.get(self._tables.leaves, (log, mine, sequence))

    def leaves(self, log: int, *, after: int = 0, limit: int) -> list[Leaf]:
        mine = [
            leaf
            for (of, organisation, sequence), leaf in self._transaction.items(self._tables.leaves)
            if of == log and organisation == self._transaction.organisation and sequence > after
        ]
        return sorted(mine, key=lambda leaf: leaf.sequence)[:limit]

    def _checkpoints(self, log: int) -> list[SignedCheckpoint]:
        rows = self._transaction.items(self._tables.checkpoints)
        return [signed for (of, _), signed in sorted(rows, key=lambda row: row[0]) if of == log]


@define(eq=False)
class MemorySealStore(SealStore):
    """Seals what a `MemoryStore` keeps.  Events settle when they are committed, in that order."""

    _audit: AuditTables
    _tables: SealTables
    _locks: Locks

    @contextmanager
    def session(self) -> Iterator[SealSession]:
        with self._locks.changed:
            if self._tables.is_busy:
                raise SealerBusyError("another sealer is at work on this store")
            self._tables.is_busy = True
        try:
            yield _Session(self._audit, self._tables, self._locks)
        finally:
            with self._locks.changed:
                self._tables.is_busy = False


@define(eq=False)
class _Session(SealSession):
    _audit: AuditTables
    _tables: SealTables
    _locks: Locks

    def cluster(self) -> str:
        return "memory"

    def timeline(self) -> int:
        return 1

    def horizon(self) -> int:
        with self._locks.changed:
            return len(self._audit.events.rows) + 1

    def logs(self) -> list[Log]:
        with self._locks.changed:
            return [log for _, log in sorted(self._tables.logs.rows.items())]

    def open_log(self, log: Log) -> None:
        with self._locks.changed:
            logs = self._tables.logs.rows
            if any(
                each.is_open or each.number == log.number or each.origin == log.origin
                for each in logs.values()
            ):
                raise MisuseError(f"log {log.number} cannot be opened: see the others")
            logs[log.number] = log

    def close_log(self, log: int, at: datetime, because: str) -> None:
        with self._locks.changed:
            known = self._tables.logs.rows.get(log)
            if known is None or not known.is_open:
                raise MisuseError(f"log {log} is not open")
            self._tables.logs.rows[log] = known.closed(at, because)

    def settle(self, log: int, cluster: str | None) -> None:
        with self._locks.changed:
            if log not in self._tables.logs.rows:
                raise MisuseError(f"there is no log {log}")
            self._tables.logs.rows[log] = evolve(self._tables.logs.rows[log], cluster=cluster)

    def size(self, log: int) -> int:
        with self._locks.changed:
            return sum(of == log for of, _, _ in self._tables.leaves.rows)

    def hashes(self, log: int) -> Hashes:
        def hash_of(level: int, index: int) -> bytes:
            with self._locks.changed:
                found = self._tables.nodes.rows.get((log, level, index))
            if found is None:
                raise MisuseError(f"node {index} of level {level} is not complete")
            return found

        return hash_of

    def sealed_through(
        self, log: int, organisations: Iterable[OrganisationId]
    ) -> dict[OrganisationId, int]:
        with self._locks.changed:
            return {
                organisation: self._through(log, organisation) for organisation in organisations
            }

    def latest(self, log: int) -> SignedCheckpoint | None:
        with self._locks.changed:
            sizes = [size for of, size in self._tables.checkpoints.rows if of == log]
            return self._tables.checkpoints.rows[log, max(sizes)] if sizes else None

    def backlog(self, log: int) -> Backlog:
        with self._locks.changed:
            return _backlog(
                log,
                self._tables.leaves.rows.keys(),
                self._audit.heads.rows,
                self._audit.events.rows.values(),
            )

    def unsealed(
        self, log: int, *, batch: int, takes_restored: bool
    ) -> Iterator[Sequence[Unsealed] | Trouble]:
        del takes_restored  # Nothing is ever restored into memory.
        with self._locks.changed:
            waiting, troubles = self._next(log)
        yield from troubles
        for first in range(0, len(waiting), batch):
            yield waiting[first : first + batch]

    def append(self, log: int, leaves: Sequence[Leaf], nodes: Iterable[Node]) -> None:
        with self._locks.changed:
            size = self.size(log)
            if [leaf.position for leaf in leaves] != list(range(size, size + len(leaves))):
                raise MisuseError(f"log {log} has {size} leaves; these do not follow them")
            rows = {(log, leaf.organisation, leaf.sequence): leaf for leaf in leaves}
            if len(rows) != len(leaves) or rows.keys() & self._tables.leaves.rows.keys():
                raise MisuseError(f"an event has a leaf in log {log} already")
            self._tables.leaves.rows |= rows
            for node in nodes:
                self._tables.nodes.rows[log, node.level, node.index] = node.hash

    def publish(self, log: int, signed: SignedCheckpoint) -> None:
        place = (log, signed.checkpoint.size)
        with self._locks.changed:
            known = self._tables.checkpoints.rows.setdefault(place, signed)
        if known.checkpoint != signed.checkpoint:
            raise MisuseError(f"log {log} has another checkpoint of {place[1]} leaves")

    def _next(self, log: int) -> tuple[list[Unsealed], list[Trouble]]:
        """What of each organisation is there without a gap, and where the gaps begin.

        Of months that have gone to an archive, what the newest older log has.
        """
        there: dict[tuple[OrganisationId, int], Unsealed] = {}
        for (of, organisation, sequence), leaf in sorted(self._tables.leaves.rows.items()):
            if of < log:
                there[organisation, sequence] = Unsealed(
                    organisation=organisation,
                    sequence=sequence,
                    event=leaf.event,
                    hash=leaf.hash,
                )
        for place in self._audit.events.rows.keys() & there.keys():
            del there[place]
        # As they were committed.
        there |= {place: _unsealed(event) for place, event in self._audit.events.rows.items()}
        ends, troubles = {}, []
        for organisation, head in self._audit.heads.rows.items():
            first = self._through(log, organisation) + 1
            if head < first - 1:
                trouble = Trouble(kind="beyond_head", organisation=organisation, sequence=head + 1)
                troubles.append(trouble)
                continue
            whole = range(first, head + 1)
            gap = next((n for n in whole if (organisation, n) not in there), None)
            ends[organisation] = range(first, head + 1 if gap is None else gap)
            if gap is not None:
                troubles.append(Trouble(kind="missing", organisation=organisation, sequence=gap))
        found = [
            event
            for (organisation, sequence), event in there.items()
            if sequence in ends.get(organisation, ())
        ]
        return _as_they_settle(found), troubles

    def _through(self, log: int, organisation: OrganisationId) -> int:
        return max(
            (
                sequence
                for of, owner, sequence in self._tables.leaves.rows
                if of == log and owner == organisation
            ),
            default=0,
        )


def _as_they_settle(committed: Sequence[Unsealed]) -> list[Unsealed]:
    """None of an organisation's before one with a lower number: a gap may be filled later."""
    turn = {(each.organisation, each.sequence): n for n, each in enumerate(committed)}
    settles: dict[tuple[OrganisationId, int], int] = {}
    last: dict[OrganisationId, int] = {}
    for organisation, sequence in sorted(turn):
        last[organisation] = max(turn[organisation, sequence], last.get(organisation, 0))
        settles[organisation, sequence] = last[organisation]
    return sorted(
        committed,
        key=lambda each: (settles[each.organisation, each.sequence], each.sequence),
    )


def _backlog(
    log: int,
    leaves: Collection[tuple[int, OrganisationId, int]],
    heads: Mapping[OrganisationId, int],
    events: Iterable[AuditEvent],
) -> Backlog:
    through = dict.fromkeys(heads, 0)
    for of, organisation, sequence in leaves:
        if of == log:
            through[organisation] = max(sequence, through.get(organisation, 0))
    return Backlog(
        # Set back: a number has one event here, and what is appended again is not kept.
        events=sum(
            head - through[owner] if head >= through[owner] else 1 for owner, head in heads.items()
        ),
        since=min(
            (each.at for each in events if each.sequence > through.get(each.organisation, 0)),
            default=None,
        ),
    )


def _unsealed(event: AuditEvent) -> Unsealed:
    return Unsealed(
        organisation=event.organisation,
        sequence=event.sequence,
        event=event.id,
        hash=leaf_hash(event.leaf),
    )
