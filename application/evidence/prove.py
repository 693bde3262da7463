"""Show where an event is in the log, and that one checkpoint's log begins another's.

Proofs are against a signed checkpoint: whoever has its key and an event's leaf needs nobody else.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from attrs import frozen

from application.access.caller import Caller
from application.ports.storage.seals import Log, Seals, SignedCheckpoint
from application.ports.storage.work import Scope, Store, Work
from domain import merkle
from domain.audit import AuditEvent, timestamp
from domain.errors import Refusal
from domain.identifiers import EventId, Prefix, instant_of, public_id
from domain.organisation import Permission

_NO_CHECKPOINT = Refusal(code="not_found", detail="there is no such checkpoint")


@frozen(kw_only=True)
class Receipt:
    """What whoever caused an event may keep: it names bytes that the log will have for ever."""

    event: AuditEvent

    @property
    def leaf_hash(self) -> bytes:
        return merkle.leaf_hash(self.event.leaf)


@frozen(kw_only=True)
class Proof(Receipt):
    """An event in the log."""

    log: Log
    #: Of its leaf, from 0.
    index: int
    #: From the leaf to the checkpoint's root.
    path: tuple[bytes, ...]
    checkpoint: SignedCheckpoint

    @property
    def text(self) -> str:
        """In the form of c2sp.org/tlog-proof; the extra data is the leaf."""
        hashes = "".join(f"{_base64(node)}\n" for node in self.path)
        return (
            f"c2sp.org/tlog-proof@v1\nextra {_base64(self.event.leaf)}\nindex {self.index}\n"
            f"{hashes}\n{self.checkpoint.note}"
        )


@frozen(kw_only=True)
class Consistency:
    """The log of one checkpoint is the beginning of another's."""

    older: SignedCheckpoint
    newer: SignedCheckpoint
    path: tuple[bytes, ...]


@frozen(kw_only=True)
class ProveEvent:
    store: Store

    def __call__(
        self, caller: Caller, id: EventId, size: int | None = None
    ) -> Proof | Receipt | Refusal:
        """Against the first checkpoint that covers it, or that of *size* leaves.

        A receipt only, where no checkpoint covers the event yet.
        """
        with self.store.begin(caller.scope) as work:
            event = work.audit.get(id)
            if event is None:
                return missing(work, id)
            if refusal := caller.refusal(Permission.READ_AUDIT, live=event.live):
                return refusal
            return prove_one(work.seals, event, size)


def missing(work: Work, id: EventId) -> Refusal:
    """Why the scope's organisation has no event *id*: its id carries when it was made."""
    begins, made_at = work.archives.begins(), instant_of(id)
    if begins is None or made_at is None or made_at >= begins:
        return Refusal(code="not_found", detail="there is no such event")
    return Refusal(
        code="event_archived",
        detail=f"an event of {made_at:%Y-%m}: the database has events since {timestamp(begins)}",
    )


def prove_one(seals: Seals, event: AuditEvent, size: int | None) -> Proof | Receipt | Refusal:
    """*event* is of the scope's organisation; the database may not have it any more."""
    for log in reversed(seals.logs()):
        positions = positions_of(seals, log, [event])
        if positions is None:
            continue
        if isinstance(positions, Refusal):
            return positions
        covering = _checkpoint(seals, log, positions[0], size)
        if covering is not None:
            return prove(seals, log, [event], positions, covering)[0]
    return Receipt(event=event) if size is None else _NO_CHECKPOINT


@frozen(kw_only=True)
class ProveConsistency:
    store: Store

    def __call__(self, older: int, newer: int, number: int | None) -> Consistency | Refusal:
        """Between the checkpoints of these sizes in log *number*, or in the newest."""
        with self.store.begin(Scope()) as work:
            log = the_log(work.seals, number)
            if log is None:
                return Refusal(code="not_found", detail="nothing was sealed yet")
            first = work.seals.checkpoint(log.number, older)
            second = work.seals.checkpoint(log.number, newer)
            if first is None or second is None or not 0 < older <= newer:
                return _NO_CHECKPOINT
            path = merkle.consistency_proof(older, newer, work.seals.hashes(log.number))
            return Consistency(older=first, newer=second, path=path)


def the_log(seals: Seals, number: int | None) -> Log | None:
    """The one of that number, or the newest."""
    return next((log for log in reversed(seals.logs()) if number in {None, log.number}), None)


def positions_of(
    seals: Seals, log: Log, events: Sequence[AuditEvent]
) -> list[int] | Refusal | None:
    """Where *events*, of the scope's organisation, are in *log*; None: not all are in it yet.

    Refused is what is not what was sealed: a proof of it would convince nobody.
    """
    positions = []
    for event in events:
        leaf = seals.leaf(log.number, event.sequence)
        if leaf is None:
            return None
        if (leaf.event, leaf.hash) != (event.id, merkle.leaf_hash(event.leaf)):
            return damaged(f"{public_id(Prefix.EVENT, event.id)} is not what was sealed")
        positions.append(leaf.position)
    return positions


def prove(
    seals: Seals,
    log: Log,
    events: Sequence[AuditEvent],
    positions: Sequence[int],
    checkpoint: SignedCheckpoint,
) -> list[Proof]:
    size, hashes = checkpoint.checkpoint.size, seals.hashes(log.number)
    return [
        Proof(
            event=event,
            log=log,
            index=position,
            path=merkle.inclusion_proof(position, size, hashes),
            checkpoint=checkpoint,
        )
        for event, position in zip(events, positions, strict=True)
    ]


def damaged(detail: str) -> Refusal:
    return Refusal(code="evidence_damaged", detail=detail)


def _checkpoint(
    seals: Seals, log: Log, position: int, size: int | None
) -> SignedCheckpoint | None:
    if size is None:
        return seals.covering(log.number, position)
    return seals.checkpoint(log.number, size) if size > position else None


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
