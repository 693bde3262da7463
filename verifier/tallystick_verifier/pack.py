"""The check of a pack, from its bytes to what is proved by it.

Each step may rest on those before it: form, then signature, then leaves, then the digest of the
records, and only then what all of it says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from . import canonical, history, note, shape, transactions, tree
from .canonical import Json, unbase64
from .history import Event
from .note import Checkpoint
from .report import Refused, Report

FORMAT = "tallystick.evidence/1"
#: Bytes of the largest file that is looked at.
LARGEST = 32 * 2**20
#: The organisation of the installation itself.
_INSTALLATION = f"org_{'0' * 26}"
_ANCHOR_PREFIX = b"tlog/1"
_ANCHOR_BYTES = 78
#: On EVM networks an anchor stands behind a call of so many bytes.
_CALL_BYTES = 68
_PLAN_DOMAIN = b"tallystick.plan.v2\0"


@dataclass(frozen=True)
class Given:
    """What whoever checks has from elsewhere."""

    #: Fingerprint of the log's key.
    key: str | None = None
    #: Another signed checkpoint of the log.
    checkpoint: str | None = None
    #: The proof from the smaller of the two trees to the larger.
    consistency: Sequence[bytes] | None = None
    #: What is on chain: anchors, or all of the data that they stand at the end of.
    anchor_notes: Sequence[bytes] = ()


def verify(raw: bytes, given: Given | None = None) -> Report:
    """What *raw* proves, or the first difference."""
    try:
        return _verified(raw, given or Given())
    except Refused as refused:
        return Report(refused=refused)


def _verified(raw: bytes, given: Given) -> Report:
    report = Report()
    pack = canonical.read(raw, "the file")
    if isinstance(pack, dict) and pack.get("format", FORMAT) != FORMAT:
        raise Refused("unknown_format", "format", FORMAT, pack["format"])
    shape.PACK(pack, "")
    core = pack["core"]
    checkpoint = _checkpoint(pack, given, report)
    events = _events(pack, checkpoint, report)
    _issued(core, events[-1], report)
    anchors = _sorted_out(core, events)
    _told(core, events[: len(events) - 1 - len(anchors)], events, report)
    _plan(core, report)
    transactions.check(core, report)
    _anchors(pack, checkpoint, anchors, events, given, report)
    _other_checkpoint(pack, checkpoint, given, report)
    _beyond(core, events, report)
    return report


def _checkpoint(pack: dict[str, Json], given: Given, report: Report) -> Checkpoint:
    key = unbase64(pack["key"], "key")
    fingerprint = note.fingerprint(key)
    if given.key is not None and given.key != fingerprint:
        raise Refused("other_key", "key", given.key, fingerprint)
    checkpoint = note.read(pack["checkpoint"], key, "checkpoint")
    _host, *path = checkpoint.origin.split("/")
    installation = pack["core"]["installation"]
    if len(path) != 3 or path[:2] != ["audit", installation] or not path[2].isdecimal():
        expected = f"…/audit/{installation}/<number>"
        raise Refused("other_installation", "checkpoint", expected, checkpoint.origin)
    report.proves(
        "checkpoint",
        f"The key {fingerprint} has signed that the log {checkpoint.origin} has "
        f"{checkpoint.size} events, with the root {checkpoint.root.hex()}",
    )
    if given.key is not None:
        report.proves("key", "It is the key that you named")
    else:
        report.leaves(
            "key",
            f"That the key {fingerprint} is the operator's: ask for its fingerprint by another "
            "way, and name it with --key",
        )
    return checkpoint


def _events(pack: dict[str, Json], checkpoint: Checkpoint, report: Report) -> list[Event]:
    events: list[Event] = []
    indices, ids, places = set(), set(), set()
    for number, each in enumerate(pack["events"]):
        where = f"events[{number}]"
        salt, body = (unbase64(each[name], f"{where}.{name}") for name in ("salt", "body"))
        path = [unbase64(node, f"{where}.path") for node in each["path"]]
        leaf, index = tree.leaf_hash(salt, body), each["index"]
        if not tree.is_included(leaf, index, checkpoint.size, path, checkpoint.root):
            expected = f"leaf {index} of {checkpoint.size} under {checkpoint.root.hex()}"
            raise Refused("not_in_tree", where, expected, leaf)
        if index in indices:
            raise Refused("index_repeated", where, "each index once", index)
        event = Event(f"{where}.body", index, _body(body, f"{where}.body"))
        id, place = event.body["id"], (event.body["organisation"], event.body["sequence"])
        if id in ids or place in places:
            raise Refused("event_repeated", where, "each id and each sequence once", (id, *place))
        indices.add(index)
        ids.add(id)
        places.add(place)
        events.append(event)
    report.proves("events", f"{len(events)} audit events are in that log, bit for bit")
    return events


def _body(raw: bytes, where: str) -> dict[str, Json]:
    try:
        body: dict[str, Json] = canonical.read(raw, where)
        shape.BODY(body, where)
        shape.told(body, where)
    except Refused as refused:
        raise Refused("malformed_event", refused.where, refused.expected, refused.found) from None
    return body


def _issued(core: dict[str, Json], last: Event, report: Report) -> None:
    deployment = core["deployment"]["id"]
    if last.action != "evidence.issued":
        raise Refused("not_issued", last.where, "evidence.issued", last.action)
    digest = sha256(canonical.write(core)).hexdigest()
    said = (last.detail("format"), last.detail("digest"))
    if said != (FORMAT, digest):
        raise Refused("core_digest", "core", said, (FORMAT, digest))
    if last.body["subject"] != deployment:
        raise Refused("not_issued", last.where, deployment, last.body["subject"])
    report.proves(
        "core",
        f"The records of {deployment} are those that the log has committed to in "
        f"{last.body['id']}, at {last.body['at']} by the operator's clock",
    )


def _sorted_out(core: dict[str, Json], events: Sequence[Event]) -> list[Event]:
    """The anchors among *events*, once each event was found to belong here, and in its place."""
    organisation, deployment = core["organisation"], core["deployment"]["id"]
    account = core["account"]["id"] if core["account"] else None
    anchors: list[Event] = []
    for event in events:
        body, is_last = event.body, event is events[-1]
        if event.action == "checkpoint.anchored" and body["organisation"] == _INSTALLATION:
            anchors.append(event)
            continue
        if body["organisation"] != organisation:
            where = f"{event.where}.organisation"
            raise Refused("other_organisation", where, organisation, body["organisation"])
        is_credit = event.action.partition(".")[0] in {"credits", "balance"}
        is_about = body["subject"] in {deployment, account} or (
            is_credit and body["correlation_id"] == deployment
        )
        if not is_about:
            raise Refused("other_subject", event.where, deployment, body["subject"])
        if anchors and not is_last:
            raise Refused("out_of_order", event.where, "an anchor", event.action)
    own = [event for event in events if event not in anchors]
    for some in (own, anchors):
        for before, after in pairwise(some):
            if after.body["sequence"] <= before.body["sequence"]:
                expected = f"a sequence above {before.body['sequence']}"
                raise Refused("out_of_order", after.where, expected, after.body["sequence"])
    return anchors


def _told(
    core: dict[str, Json], own: Sequence[Event], events: Sequence[Event], report: Report
) -> None:
    """*own* are the organisation's events without the last."""
    deployment = core["deployment"]
    about = [event for event in own if event.body["subject"] == deployment["id"]]
    states = history.check_moves(deployment, about)
    about = [event for event in about if event.action.startswith("deployment.")]
    history.check_request(deployment, about)
    history.check_account(core, [each for each in own if each.action.startswith("account.")])
    history.check_steps(core, about)
    report.proves(
        "history",
        f"It went {' → '.join(states)}, each by an event of the log and a rule of the table; "
        "every attempt and slot of the records has its event",
    )
    if deployment["result"] is not None:
        issue = about[0].body["details"].get("issue")
        of = f", of {_words(issue)}" if isinstance(issue, dict) else ""
        report.proves("result", f"The log says that {deployment['result']} was issued{of}")
    report.proves("credits", history.check_credits(deployment, own))
    numbers = sorted(each.body["sequence"] for each in (*own, events[-1]))
    if missing := _gaps(numbers):
        report.leaves(
            "other_events",
            f"What the organisation's events {missing} say: they are not in this pack, and may be "
            "about other things",
        )


def _plan(core: dict[str, Json], report: Report) -> None:
    plan, deployment = core["plan"], core["deployment"]
    if plan is None:
        report.leaves("plan", "What was planned: the pack has no plan")
        return
    content = {name: value for name, value in plan.items() if name != "hash"}
    digest = sha256(_PLAN_DOMAIN + canonical.write(content)).hexdigest()
    wanted = {
        **{name: deployment[name] for name in ("credits", "fee_ceiling", "network", "owner")},
        "sender": deployment["sender"],
        "kind": deployment["token"]["kind"],
        "token": deployment["token"]["parameters"],
        "hash": deployment["plan_hash"] or digest,
    }
    there = {**plan, "hash": digest}
    for name, value in wanted.items():
        if there[name] != value or plan["hash"] != digest:
            raise Refused("plan_hash", f"core.plan.{name}", value, plan[name])
    names = [[step["name"] for step in steps] for steps in (core["steps"], plan["steps"])]
    if names[0] != names[1]:
        raise Refused("plan_hash", "core.plan.steps", *names)
    if deployment["plan_hash"] is not None:
        report.proves("plan", f"The plan is the one that the request named: {digest}")
    else:
        report.leaves(
            "plan",
            "That the parameters are those of the request: it named no plan, so that they are "
            "what the operator has recorded",
        )


def _anchors(
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


def _other_checkpoint(
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
    first, second = sorted((other, checkpoint), key=lambda each: each.size)
    if given.consistency is None and first.size != second.size:
        report.leaves(
            "one_history",
            f"That {first.size} events begin the {second.size} of the other checkpoint: ask for "
            f"the proof from {first.size} to {second.size}, and give it with --consistency",
        )
        return
    path = given.consistency or ()
    if first.size and not tree.is_consistent(
        first.size, second.size, first.root, second.root, path
    ):
        expected = f"a proof that {first.size} events begin {second.size}"
        raise Refused("two_histories", where, expected, "none")
    report.proves(
        "one_history",
        f"The other checkpoint, of {other.size} events, is of the same history as this one",
    )


def _beyond(core: dict[str, Json], events: Sequence[Event], report: Report) -> None:
    """What no file can show."""
    last = events[-1]
    report.leaves(
        "left_out",
        "That nothing happened which was never written to the log, and that what was written was "
        "true when it was",
    )
    report.leaves(
        "time",
        "When it was: instants are those of the operator's clock; what is anchored was there "
        "before its block",
    )
    report.leaves(
        "later",
        f"What became of it after event {last.body['sequence']} of {core['organisation']}",
    )


def _words(issue: dict[str, Json]) -> str:
    """What a token began with."""
    return f"{issue.get('supply')} base units, with {issue.get('decimals')} decimals"


def _gaps(numbers: Iterable[int]) -> str:
    """The numbers between the first and the last that are not among them: ``4, 7-9``."""
    found: list[str] = []
    before: int | None = None
    for number in numbers:
        if before is not None and number > before + 1:
            one = f"{before + 1}"
            found.append(one if number == before + 2 else f"{one}-{number - 1}")
        before = number
    return ", ".join(found)
