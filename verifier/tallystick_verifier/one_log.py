"""That the log is the one that others see: anchors on chains, and other checkpoints of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from . import note, tree
from .canonical import Json, unbase64
from .history import Event
from .note import Checkpoint, NamedKey
from .report import Refused, Report

_ANCHOR_PREFIX = b"tlog/1"
_ANCHOR_BYTES = 78
#: On EVM networks an anchor stands behind a call of so many bytes.
_CALL_BYTES = 68


@dataclass(frozen=True)
class Given:
    """What whoever checks has from elsewhere."""

    #: One of them is the log's.
    keys: Sequence[NamedKey] = ()
    #: Another signed checkpoint of the log.
    checkpoint: str | None = None
    #: The proof from the smaller of the two trees to the larger.
    consistency: Sequence[bytes] | None = None
    #: What is on chain: anchors, or all of the data that they stand at the end of.
    anchor_notes: Sequence[bytes] = ()


def check_anchors(
    pack: dict[str, Json],
    checkpoint: Checkpoint,
    anchors: Sequence[Event],
    events: Sequence[Event],
    given: Given,
    report: Report,
) -> None:
    proofs = {proof["size"]: proof["path"] for proof in pack["consistency"]}
    roots: dict[int, bytes] = {}
    own = [event.index for event in events if event not in anchors]
    for event in anchors:
        size, root = _anchored(event, checkpoint)
        if size not in proofs or roots.setdefault(size, root) != root:
            raise Refused("anchor_differs", event.where, "one root, and its proof", root)
        path = [unbase64(node, "consistency") for node in proofs[size]]
        if not tree.is_consistent(size, checkpoint.size, root, checkpoint.root, path):
            expected = f"the beginning of {checkpoint.root.hex()}"
            raise Refused("anchor_differs", event.where, expected, root)
    if strangers := proofs.keys() - roots.keys():
        raise Refused("anchor_differs", "consistency", "sizes of anchors", sorted(strangers))
    for anchored in given.anchor_notes:
        _read_off(_without_call(anchored), checkpoint, roots, report)
    for event in anchors:
        size, network = event.detail("size"), event.detail("network")
        covered = sum(index < size for index in own)
        report.proves(
            "anchor",
            f"This log begins with the {size} events that are said to be anchored on {network}: "
            f"{covered} of the {len(own)} above are among them",
        )
        if network not in pack["core"]["anchors"]:
            report.leaves(
                "anchor",
                f"That the operator anchors on {network}: the records do not name it",
            )
        anchor = _note_of(checkpoint.origin, size, roots[size])
        if anchor not in map(_without_call, given.anchor_notes):
            block = event.detail("block", "number")
            report.leaves(
                "anchor",
                f"That transaction {event.detail('transaction_id')} in block {block} of {network} "
                f"says {anchor.hex()}, in its note or at the end of its data: read it on a node "
                "that you trust, and give it with --anchor-note",
            )
    if not anchors:
        where = " or ".join(pack["core"]["anchors"])
        report.leaves(
            "anchor",
            "That the log was fixed on a chain: this pack has no anchor"
            + (f"; later ones may have, on {where}" if where else ""),
        )


def _anchored(event: Event, checkpoint: Checkpoint) -> tuple[int, bytes]:
    if event.detail("origin") != checkpoint.origin:
        raise Refused("anchor_differs", event.where, checkpoint.origin, event.detail("origin"))
    return event.detail("size"), bytes.fromhex(event.detail("root"))


def _read_off(
    anchored: bytes, checkpoint: Checkpoint, roots: dict[int, bytes], report: Report
) -> None:
    """What somebody has read off a chain is an anchor of the pack, or its own checkpoint."""
    wanted = _note_of(checkpoint.origin, 0, b"")[:-8]
    if len(anchored) != _ANCHOR_BYTES or not anchored.startswith(wanted):
        raise Refused("anchor_note", "--anchor-note", f"{wanted.hex()}…, 78 bytes", anchored)
    size, root = int.from_bytes(anchored[38:46]), anchored[46:]
    known = {checkpoint.size: checkpoint.root, **roots}.get(size)
    if known is None:
        sizes = " or ".join(map(str, sorted({*roots, checkpoint.size})))
        raise Refused("anchor_note", "--anchor-note", f"a size of {sizes}", size)
    if known != root:
        raise Refused("two_histories", "--anchor-note", known, root)
    report.proves(
        "anchor_note",
        f"What you read off a chain is the root of this log at {size} events: whoever is shown "
        "another history of these finds out in the same way",
    )


def _without_call(anchored: bytes) -> bytes:
    return anchored[_CALL_BYTES:] if len(anchored) == _CALL_BYTES + _ANCHOR_BYTES else anchored


def _note_of(origin: str, size: int, root: bytes) -> bytes:
    return _ANCHOR_PREFIX + sha256(origin.encode()).digest() + size.to_bytes(8) + root


def check_other(
    pack: dict[str, Json], checkpoint: Checkpoint, given: Given, report: Report
) -> None:
    if given.checkpoint is None:
        report.leaves(
            "one_history",
            "That the operator has not shown another history to somebody else: compare with a "
            "checkpoint that others have (--checkpoint), or with an anchor",
        )
        return
    where = "--checkpoint"
    try:
        other = note.read(given.checkpoint, unbase64(pack["key"], "key"), where)
    except Refused as refused:
        raise Refused("older_checkpoint", where, refused.expected, refused.found) from None
    if other.origin != checkpoint.origin:
        raise Refused("older_checkpoint", where, checkpoint.origin, other.origin)
    if other.size == 0:
        report.leaves(
            "one_history", "Anything by the other checkpoint: all logs begin with nothing"
        )
        return
    first, second = sorted((other, checkpoint), key=lambda each: each.size)
    if given.consistency is None and first.size != second.size:
        report.leaves(
            "one_history",
            f"That {first.size} events begin the {second.size} of the other checkpoint: ask for "
            f"the proof from {first.size} to {second.size}, and give it with --consistency",
        )
        return
    path = given.consistency or ()
    if not tree.is_consistent(first.size, second.size, first.root, second.root, path):
        expected = f"a proof that {first.size} events begin {second.size}"
        raise Refused("two_histories", where, expected, "none")
    report.proves(
        "one_history",
        f"The other checkpoint, of {other.size} events, is of the same history as this one",
    )
