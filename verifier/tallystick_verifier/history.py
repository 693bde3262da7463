"""What the events of a deployment say, and whether the records agree with it.

The moves are those of the public state table (docs/states.md of the project), written down here
once more: a table that was read from the program could not find it wrong.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .canonical import Json
from .report import Refused

#: By action, without ``deployment.``: from which state to which.
MOVES: dict[str, frozenset[tuple[str, str]]] = {
    "submitted": frozenset({("Queued", "Submitted")}),
    "pending": frozenset({("Submitted", "Pending")}),
    "effect_found": frozenset({("Queued", "Pending"), ("Submitted", "Pending")}),
    "confirmed": frozenset({("Pending", "Confirmed")}),
    "indexed": frozenset({("Confirmed", "Indexed")}),
    "completed": frozenset({("Confirmed", "Completed"), ("Indexed", "Completed")}),
    "failed": frozenset(
        (state, "Failed") for state in ("Queued", "Submitted", "Pending", "Confirmed", "Indexed")
    ),
    "cancelled": frozenset({("Queued", "Cancelled")}),
    "retry_requested": frozenset({("Failed", "Queued")}),
}
#: They move only where what they tell of is the effect, and it was not known before.
MAY_STAND = frozenset({"pending", "effect_found"})
WITH_EFFECT = "POST_DEPLOYMENT_FAILED"
#: Why something may fail, by the state that it was in.
REASONS: dict[str, frozenset[str]] = {
    "Queued": frozenset({"DEPLOYMENT_VALIDATION_FAILED"}),
    "Submitted": frozenset({"TRANSACTION_SUBMISSION_FAILED"}),
    "Pending": frozenset({"TRANSACTION_REVERTED", WITH_EFFECT}),
    "Confirmed": frozenset({WITH_EFFECT}),
    "Indexed": frozenset({WITH_EFFECT}),
}
_SIGNING = frozenset({"submitted", "replaced", "slot_filling", "step_signed", "effect_found"})
_SENDING = frozenset({"pending", "sent_again", "step_sent"})
_DEAD = frozenset({"spent", "lost", "expired"})


@dataclass(frozen=True)
class Event:
    #: ``events[3].body``
    where: str
    index: int
    body: dict[str, Json]

    @property
    def action(self) -> str:
        return str(self.body["action"])

    @property
    def step(self) -> str:
        """The action without its noun."""
        return self.action.partition(".")[2]

    def detail(self, *path: str) -> Json:
        """Raises: Refused: there is none."""
        found = self.body["details"]
        for name in path:
            if not isinstance(found, dict) or name not in found:
                where = f"{self.where}.details"
                raise Refused("malformed_event", where, ".".join(path), "none")
            found = found[name]
        return found


def check_moves(deployment: dict[str, Json], events: Sequence[Event]) -> list[str]:
    """The states that it went through, which are one way through the table to the last.

    *events* are about the deployment, in order.
    """
    if not events or events[0].action != "deployment.queued":
        found = events[0].action if events else "no event"
        raise Refused("history_incomplete", "events", "deployment.queued first", found)
    states, failure = ["Queued"], None
    for event in events[1:]:
        if not event.action.startswith("deployment."):
            continue
        details, action = event.body["details"], event.step
        if action == "queued":
            raise Refused("history_incomplete", event.where, "deployment.queued once", "again")
        if "state" not in details and "state_before" not in details:
            if action in MOVES and action not in MAY_STAND:
                raise Refused("illegal_transition", event.where, "a move", "none")
            continue
        move = (event.detail("state_before"), event.detail("state"))
        if move not in MOVES.get(action, ()):
            expected = " or ".join(f"{a} to {b}" for a, b in sorted(MOVES.get(action, ())))
            raise Refused("illegal_transition", event.where, expected or "no move", move)
        if move[0] != states[-1]:
            raise Refused("illegal_transition", event.where, f"from {states[-1]}", move)
        if action == "failed":
            failure = {name: event.detail(name) for name in ("reason", "without_effect")}
            is_one = failure["reason"] in REASONS[move[0]]
            if not is_one or failure["without_effect"] is (failure["reason"] == WITH_EFFECT):
                expected = " or ".join(sorted(REASONS[move[0]]))
                raise Refused("illegal_transition", event.where, expected, failure)
        if action == "retry_requested":
            if failure is None or not failure["without_effect"]:
                raise Refused("illegal_transition", event.where, "one without effect", failure)
            failure = None
        states.append(move[1])
    if states[-1] != deployment["state"]:
        where = "core.deployment.state"
        raise Refused("history_incomplete", where, states[-1], deployment["state"])
    _same("core.deployment.failure", failure, deployment["failure"])
    return states


def check_request(deployment: dict[str, Json], events: Sequence[Event]) -> None:
    """What was accepted is what was asked for."""
    queued = events[0]
    for name, said in (
        ("network", queued.detail("network")),
        ("credits", queued.detail("credits")),
        ("live", queued.body["live"]),
        ("requested_by", queued.body["actor"]["id"]),
    ):
        _same(f"core.deployment.{name}", said, deployment[name])
    _same("core.deployment.token.kind", queued.detail("kind"), deployment["token"]["kind"])
    accepted = [each for each in events if each.step in {"queued", "retry_requested"}][-1]
    _same("core.deployment.accepted_at", accepted.body["at"], deployment["accepted_at"])


def check_account(core: dict[str, Json], events: Sequence[Event]) -> None:
    """*events* are about the account."""
    account, owner = core["account"], core["deployment"]["owner"]
    if account is None:
        return
    for name in ("address", "key"):
        said = [each.body["details"][name] for each in events if name in each.body["details"]]
        if account[name] is not None and not said:
            raise Refused("history_incomplete", f"core.account.{name}", "an event of it", "none")
        _same(f"core.account.{name}", said[-1] if said else None, account[name])
    if owner is not None:
        _same("core.deployment.owner", account["address"], owner)


def check_steps(core: dict[str, Json], events: Sequence[Event]) -> None:
    """Each attempt, slot and end has its event, and each such event its place in the records."""
    _check_attempts(core, events)
    _check_slots(core, events)
    _check_ends(core, events)


def attempts_of(core: dict[str, Json]) -> Iterator[tuple[str, Json, Json, Json]]:
    """Where it stands, with its step and slot."""
    for n, step in enumerate(core["steps"]):
        for m, slot in enumerate(step["slots"]):
            for o, attempt in enumerate(slot["attempts"]):
                yield f"core.steps[{n}].slots[{m}].attempts[{o}]", step, slot, attempt


def _check_attempts(core: dict[str, Json], events: Sequence[Event]) -> None:
    said: dict[tuple[Json, Json], Event] = {}
    sent: dict[str, str] = {}
    rejected: dict[str, bool] = {}
    for event in events:
        if event.step in _SIGNING:
            key = (event.detail("step"), event.detail("attempt", "number"))
            if key in said:
                raise Refused("history_incomplete", event.where, "an attempt once", key)
            said[key] = event
            if at := event.detail("attempt").get("broadcast_at"):
                sent[event.detail("attempt", "transaction_id")] = at
        elif event.step in _SENDING:
            sent.setdefault(event.detail("transaction_id"), event.detail("at"))
            rejected[event.detail("transaction_id")] = False
        elif event.step == "rejected":
            rejected[event.detail("transaction_id")] = True
    known = set()
    for where, step, _, attempt in attempts_of(core):
        key = (step["number"], attempt["number"])
        if key not in said:
            raise Refused("history_incomplete", where, "an event of it", "none")
        event = said.pop(key)
        for name in ("role", "origin", "transaction_id", "signed_at"):
            _same(f"{where}.{name}", event.detail("attempt", name), attempt[name])
        fee_cap = str(event.detail("attempt", "fee_cap"))
        _same(f"{where}.fee_cap", fee_cap, attempt["fee_cap"])
        receipts = event.body["details"].get("receipts", [])
        _same(f"{where}.receipts", receipts, attempt["receipts"])
        id = attempt["transaction_id"]
        _same(f"{where}.broadcast_at", sent.get(id), attempt["broadcast_at"])
        _same(f"{where}.rejected", rejected.get(id, False), attempt["rejected"])
        known.add(id)
    for event in said.values():
        raise Refused("history_incomplete", "core.steps", "an attempt", f"none of {event.where}")
    if strangers := (sent.keys() | rejected.keys()) - known:
        raise Refused("history_incomplete", "core.steps", "an attempt", f"none {min(strangers)}")


def _check_slots(core: dict[str, Json], events: Sequence[Event]) -> None:
    reserved = {
        (event.detail("step"), event.detail("slot", "number")): event
        for event in events
        if event.step == "slot_reserved"
    }
    for n, step in enumerate(core["steps"]):
        for m, slot in enumerate(step["slots"]):
            where = f"core.steps[{n}].slots[{m}]"
            key = (step["number"], slot["number"])
            if key not in reserved:
                # It came with an effect that was found on chain.
                if not any(each["origin"] == "found" for each in slot["attempts"]):
                    raise Refused("history_incomplete", where, "an event of it", "none")
                continue
            event = reserved.pop(key)
            for name in ("network", "signer", "sequence", "lease", "valid_until"):
                _same(f"{where}.{name}", event.detail("slot").get(name), slot[name])
    for event in reserved.values():
        raise Refused("history_incomplete", "core.steps", "a slot", f"none of {event.where}")


def _check_ends(core: dict[str, Json], events: Sequence[Event]) -> None:
    ends, seen = defaultdict(list), defaultdict(list)
    final: dict[Json, Event] = {}
    for event in events:
        if event.step == "slot_spent":
            ends[event.detail("step")].append(event.detail("slot_state"))
        elif event.step == "included":
            seen[event.detail("step")].append(_inclusion(event))
        elif event.step in {"confirmed", "step_confirmed"}:
            final[event.detail("step")] = event
    for n, step in enumerate(core["steps"]):
        where, number = f"core.steps[{n}]", step["number"]
        states = [slot["state"] for slot in step["slots"]]
        wanted = [*ends.pop(number, []), *(["used"] if number in final else [])]
        _same(f"{where}.slots", wanted, states)
        _same(f"{where}.is_final", number in final, step["is_final"])
        if number in final:
            event = final.pop(number)
            _same(f"{where}.inclusion", _inclusion(event), step["inclusion"])
            _check_effect(where, step)
        elif step["inclusion"] is not None and step["inclusion"] not in seen[number]:
            raise Refused("core_differs", f"{where}.inclusion", seen[number], step["inclusion"])
    if strangers := ends.keys() | final.keys():
        raise Refused("history_incomplete", "core.steps", "a step", f"none {strangers}")
    _check_result(core["deployment"], events)


def _check_effect(where: str, step: Json) -> None:
    """What is final is an attempt that was to have the effect, in the step's last slot."""
    inclusion, attempts = step["inclusion"], step["slots"][-1]["attempts"]
    _same(f"{where}.inclusion.succeeded", expected=True, found=inclusion["succeeded"])
    for attempt in attempts:
        if attempt["transaction_id"] == inclusion["transaction_id"]:
            _same(f"{where}.inclusion.transaction_id", "effect", attempt["role"])
            _same(f"{where}.inclusion.cost", attempt["cost"], inclusion["cost"])
            return
    raise Refused("core_differs", f"{where}.inclusion", "one of the attempts", inclusion)


def _check_result(deployment: dict[str, Json], events: Sequence[Event]) -> None:
    tokens = [each.detail("token") for each in events if each.step == "confirmed"]
    _same("core.deployment.result", tokens[-1] if tokens else None, deployment["result"])
    for event in events:
        if event.step == "indexed":
            _same("core.deployment.result", event.detail("token"), deployment["result"])
        elif event.step == "completed":
            _same("core.deployment.credits", event.detail("credits"), deployment["credits"])


def _inclusion(event: Event) -> dict[str, Json]:
    said = event.detail("inclusion")
    return {**said, "cost": str(event.detail("inclusion", "cost"))}


def check_credits(deployment: dict[str, Json], events: Sequence[Event]) -> str:
    """What became of the credits, in words.  *events* tell of credits."""
    held: dict[str, int] = {}
    flows: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in events:
        details = event.body["details"]
        hold = details.get("hold")
        if hold is None or not event.action.startswith("credits."):
            continue
        amount = event.detail("amount")
        if event.action == "credits.held":
            if hold in held or (details["debit"], event.detail("credit")) != ("available", "held"):
                raise Refused(
                    "credits_differ", event.where, "one hold, of what is available", hold
                )
            held[hold] = amount
        elif details["debit"] == "held":
            flows[hold][event.detail("credit")] += amount
    price, last = deployment["credits"], deployment["hold"]
    where = "core.deployment.hold"
    if last is None:
        if held:
            raise Refused("credits_differ", where, list(held)[-1], last)
        return "It cost no credits"
    if not held or list(held)[-1] != last:
        raise Refused("credits_differ", where, list(held)[-1:] or "a hold", last)
    failure = deployment["failure"]
    is_spent = deployment["state"] == "Completed" or (failure and not failure["without_effect"])
    for hold, amount in held.items():
        gone, spent = sum(flows[hold].values()), flows[hold].get("spent", 0)
        wanted = amount if hold == last and is_spent else 0
        if amount != price or gone != amount or spent != wanted:
            expected = f"{price} held, {wanted} of it spent, none left"
            found = f"{amount} held, {spent} spent, {amount - gone} left"
            raise Refused("credits_differ", hold, expected, found)
    return f"{price} credits were held, and {'captured' if is_spent else 'given back'}"


def _same(where: str, expected: Json, found: Json) -> None:
    # True is 1 in Python, and in nothing else that is compared here.
    if expected != found or isinstance(expected, bool) is not isinstance(found, bool):
        raise Refused("core_differs", where, expected, found)
