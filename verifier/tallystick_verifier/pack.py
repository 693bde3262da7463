"""The check of a pack, from its bytes to what is proved by it.

Each step may rest on those before it: form, then signature, then leaves, then the digest of the
records, and only then what all of it says.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise

from . import canonical, history, note, one_log, price, shape, steps, transactions, tree
from .canonical import Json, unbase64
from .history import Event
from .note import Checkpoint
from .one_log import Given
from .report import Refused, Report

FORMAT = "tallystick.evidence/1"
#: Bytes of the largest file that is looked at.
LARGEST = 32 * 2**20
#: The organisation of the installation itself.
_INSTALLATION = f"org_{'0' * 26}"
#: Clocks of an operator's machines may differ by so much.
_CLOCKS = timedelta(seconds=5)
_PLAN_DOMAIN = b"tallystick.plan.v2\0"


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
    issue = _told(core, events[: len(events) - 1 - len(anchors)], events, report)
    _parties(core)
    _plan(core, report)
    transactions.check(core, issue, report)
    one_log.check_anchors(pack, checkpoint, anchors, events, given, report)
    one_log.check_other(pack, checkpoint, given, report)
    _beyond(core, events, report)
    return report


def _checkpoint(pack: dict[str, Json], given: Given, report: Report) -> Checkpoint:
    key = unbase64(pack["key"], "key")
    fingerprint = note.fingerprint(key)
    checkpoint = note.read(pack["checkpoint"], key, "checkpoint")
    origin, installation = checkpoint.origin, pack["core"]["installation"]
    if not re.fullmatch(rf"[^/]+/audit/{installation}/[1-9][0-9]*", origin):
        expected = f"…/audit/{installation}/<number>"
        raise Refused("other_installation", "checkpoint", expected, origin)
    is_named = any(each.is_of(fingerprint, origin) for each in given.keys)
    if given.keys and not is_named:
        named = " or ".join(map(str, given.keys))
        raise Refused("other_key", "key", named, f"{fingerprint}, of the log {origin}")
    report.proves(
        "checkpoint",
        f"The key {fingerprint} has signed that the log {origin} has "
        f"{checkpoint.size} events, with the root {checkpoint.root.hex()}",
    )
    if is_named:
        report.proves("key", f"It is the key that you named for {origin}")
    else:
        report.leaves(
            "key",
            f"That the key {fingerprint} is the operator's for {origin} (each log that was opened "
            "has its own): ask for its fingerprint by another way, and name it with --key",
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
        is_credit = event.action.startswith(("credits.", "balance."))
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
            place, least = ((e.body["sequence"], e.index) for e in (after, before))
            if place[0] <= least[0] or place[1] <= least[1]:
                expected = f"sequence and leaf above {least}"
                raise Refused("out_of_order", after.where, expected, place)
    return anchors


def _told(
    core: dict[str, Json], own: Sequence[Event], events: Sequence[Event], report: Report
) -> Json:
    """What the token began with, as the log says.

    *own* are the organisation's events without the last.
    """
    deployment = core["deployment"]
    about = [event for event in own if event.body["subject"] == deployment["id"]]
    about = [event for event in about if event.action.startswith("deployment.")]
    states = history.check_moves(deployment, about)
    history.check_request(deployment, about)
    history.check_account(core, [each for each in own if each.action.startswith("account.")])
    steps.check(core, about)
    report.proves(
        "history",
        f"It went {' → '.join(states)}, each by an event of the log and a rule of the table; "
        "every attempt and slot of the records has its event",
    )
    issue = about[0].body["details"].get("issue")
    if deployment["result"] is not None:
        of = f", of {_words(issue)}" if isinstance(issue, dict) else ""
        report.proves("result", f"The log says that {deployment['result']} was issued{of}")
    report.proves("credits", price.check(deployment, own))
    if missing := _gaps(each.body["sequence"] for each in (*own, events[-1])):
        report.leaves(
            "other_events",
            f"What the organisation's events {missing} say: they are not in this pack, and may be "
            "about other things",
        )
    return issue


def _parties(core: dict[str, Json]) -> None:
    """Key, slot and network are those that were planned; without a plan, those asked for."""
    deployment, account, plan = core["deployment"], core["account"], core["plan"]
    family = {"eip155": "evm", "algorand": "algorand"}.get(deployment["network"].partition(":")[0])
    if account is not None and family is not None:
        history.same("core.account.family", family, account["family"])
    if plan is not None:
        names = [[step["name"] for step in steps] for steps in (core["steps"], plan["steps"])]
        if names[0] != names[1]:
            raise Refused("plan_hash", "core.plan.steps", *names)
    for n, step in enumerate(core["steps"]):
        known = [deployment["sender"], deployment["owner"]]
        signers = known if plan is None else plan["steps"][n]["signers"]
        for m, slot in enumerate(step["slots"]):
            where = f"core.steps[{n}].slots[{m}]"
            history.same(f"{where}.network", deployment["network"], slot["network"])
            if slot["signer"] not in signers or not set(signers) <= set(known):
                raise Refused("core_differs", f"{where}.signer", known, [slot["signer"], *signers])
            _within_bounds(where, deployment, step["slots"][:m], slot)


def _within_bounds(
    where: str, deployment: dict[str, Json], earlier: Sequence[Json], slot: Json
) -> None:
    """Windows follow each other, and no attempt at the effect offers more than was agreed."""
    over = max((each["valid_until"] or 0 for each in earlier), default=0)
    if slot["valid_until"] is not None and slot["valid_until"] <= over:
        place = f"{where}.valid_until"
        raise Refused("history_incomplete", place, f"a window behind {over}", slot["valid_until"])
    ceiling = int(deployment["fee_ceiling"])
    for o, attempt in enumerate(slot["attempts"]):
        # A fill serves those behind it, whatever was agreed for this one.
        if attempt["role"] == "effect" and int(attempt["fee_cap"]) > ceiling:
            place = f"{where}.attempts[{o}].fee_cap"
            raise Refused("core_differs", place, f"at most {ceiling}", attempt["fee_cap"])


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
    if plan["address"] is not None:
        wanted["address"] = deployment["predicted"]
    for name, value in wanted.items():
        if canonical.write(there[name]) != canonical.write(value) or plan["hash"] != digest:
            raise Refused("plan_hash", f"core.plan.{name}", value, plan[name])
    if deployment["plan_hash"] is not None:
        report.proves("plan", f"The plan is the one that the request named: {digest}")
    else:
        report.leaves(
            "plan",
            "That the parameters are those of the request: it named no plan, so that they are "
            "what the operator has recorded",
        )


def _beyond(core: dict[str, Json], events: Sequence[Event], report: Report) -> None:
    """What no file can show."""
    last = events[-1]
    if not any(step["is_final"] for step in core["steps"]):
        attempts = [attempt["transaction_id"] for _, _, _, attempt in steps.attempts_of(core)]
        told = f"That none of {', '.join(attempts)} took effect: look them up" if attempts else ""
        report.leaves("no_effect", told or "That nothing of it is on chain")
    report.leaves(
        "left_out",
        "That nothing happened which was never written to the log, and that what was written was "
        "true when it was",
    )
    back = [
        after.body["sequence"]
        for before, after in pairwise(events)
        if before.body["organisation"] == after.body["organisation"]
        and _instant(before) - _instant(after) > _CLOCKS
    ]
    if back:
        report.leaves(
            "time_goes_back",
            f"That events {', '.join(map(str, back))} of the organisation came when they say: the "
            f"one before each says that it came later, by more than {_CLOCKS.seconds} seconds",
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


def _instant(event: Event) -> datetime:
    return datetime.fromisoformat(event.body["at"])


def _words(issue: dict[str, Json]) -> str:
    """What a token began with."""
    return f"{issue['supply']} base units, with {issue['decimals']} decimals"


def _gaps(numbers: Iterable[int]) -> str:
    """The numbers from 1 to the last that are not among them, which ascend: ``1-2, 4, 7-9``."""
    found: list[str] = []
    before = 0
    for number in numbers:
        if number > before + 1:
            one = f"{before + 1}"
            found.append(one if number == before + 2 else f"{one}-{number - 1}")
        before = number
    return ", ".join(found)
