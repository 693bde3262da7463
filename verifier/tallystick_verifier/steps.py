"""What was done on chain, as events tell it: carried out again, and held against the records.

A step is done through slots, of which one is open at a time; a slot through attempts, of which at
most one lands.  An event that cannot happen after those before it is refused.
"""

from collections.abc import Iterator, Sequence
from typing import NoReturn

from .canonical import Json
from .history import WITH_EFFECT, Event, same
from .report import Refused

_SIGNING = frozenset({"submitted", "replaced", "slot_filling", "step_signed"})
_SENDING = frozenset({"pending", "sent_again", "step_sent"})
_ENDING = frozenset({"confirmed", "step_confirmed"})
_PLACE = ("network", "signer", "sequence", "lease", "valid_until")
_SIGNATURE = ("number", "origin", "role", "signed_at", "transaction_id")


def check(core: dict[str, Json], events: Sequence[Event]) -> None:
    """*events* are the deployment's, in order."""
    steps: list[Json] = [
        {"inclusion": None, "is_final": False, "slots": []} for _ in core["steps"]
    ]
    for event in events:
        _happened(event, steps)
    for n, (said, step) in enumerate(zip(steps, core["steps"], strict=True)):
        _compare(f"core.steps[{n}]", said, step)
    _check_result(core["deployment"], events)


def attempts_of(core: dict[str, Json]) -> Iterator[tuple[str, Json, Json, Json]]:
    """Where it stands, with its step and slot."""
    for n, step in enumerate(core["steps"]):
        for m, slot in enumerate(step["slots"]):
            for o, attempt in enumerate(slot["attempts"]):
                yield f"core.steps[{n}].slots[{m}].attempts[{o}]", step, slot, attempt


def _happened(event: Event, steps: list[Json]) -> None:
    """Change *steps* as *event* says."""
    is_begun = any(step["is_final"] for step in steps)
    is_open = any(slot["state"] == "open" for step in steps for slot in step["slots"])
    if event.step == "failed":
        is_with_effect = event.detail("reason") == WITH_EFFECT
        if not is_with_effect and (is_begun or is_open):
            _impossible(event, "no step that is done, and no slot that is open")
        is_pending = event.detail("state_before") == "Pending"
        if is_with_effect and is_pending and (is_open or not is_begun):
            _impossible(event, "a step that is done, and no slot that is open")
    elif event.step == "cancelled" and (is_begun or is_open):
        _impossible(event, "no slot that is open")
    elif event.step in {"slot_reserved", "effect_found", *_SIGNING}:
        _signed(event, _current(event, steps))
    elif (
        event.step in {"included", "block_vanished", "rejected", "slot_spent"} | _SENDING | _ENDING
    ):
        _landed(event, _current(event, steps), steps)


def _current(event: Event, steps: list[Json]) -> Json:
    """The step that is worked on, which is the one that *event* names."""
    number = next((n for n, step in enumerate(steps, 1) if not step["is_final"]), None)
    if event.detail("step") != number:
        _impossible(event, f"step {number}")
    return steps[event.detail("step") - 1]


def _signed(event: Event, step: Json) -> None:
    """A slot, or an attempt in one."""
    slots = step["slots"]
    is_open = bool(slots) and slots[-1]["state"] == "open"
    if event.step == "slot_reserved" or (event.step == "effect_found" and not is_open):
        slot = event.detail("slot")
        number = len(slots) + 1
        # One that was found comes with its place alone.
        if is_open or event.detail("slot", "number") != (
            number if event.step == "slot_reserved" else 1
        ):
            _impossible(event, f"slot {number}, and none that is open")
        place = {name: slot.get(name) for name in _PLACE}
        slots.append({**place, "attempts": [], "number": number, "state": "open"})
    elif not is_open:
        _impossible(event, "a slot that is open")
    if event.step == "slot_reserved":
        return
    attempt, number = event.detail("attempt"), 1 + sum(len(slot["attempts"]) for slot in slots)
    wanted = (
        number,
        "found" if event.step == "effect_found" else "signed",
        "fill" if event.step == "slot_filling" else "effect",
    )
    there = (attempt["number"], attempt["origin"], attempt["role"])
    is_known = any(_attempt(slot, attempt["transaction_id"]) for slot in slots)
    if wanted != there or is_known:
        _impossible(event, f"attempt {wanted}, once")
    made = {name: attempt[name] for name in _SIGNATURE}
    made |= {"broadcast_at": attempt.get("broadcast_at"), "cost": None, "rejected": False}
    made |= {"fee_cap": str(attempt["fee_cap"])}
    made |= {"receipts": event.body["details"].get("receipts", [])}
    slots[-1]["attempts"].append(made)


def _landed(event: Event, step: Json, steps: list[Json]) -> None:
    """What became of an attempt, and of its slot."""
    slot = step["slots"][-1] if step["slots"] else None
    if slot is None or slot["state"] != "open":
        _impossible(event, "a slot that is open")
    if event.step in {"included", *_ENDING}:
        inclusion = {**event.detail("inclusion"), "cost": str(event.detail("inclusion", "cost"))}
        attempt = _attempt(slot, inclusion["transaction_id"])
        if attempt is None:
            _impossible(event, "an attempt in the open slot")
        is_same = inclusion["transaction_id"] == (step["inclusion"] or {}).get("transaction_id")
        if event.step == "included" and not is_same and _took_effect(step, slot):
            _impossible(event, "that the block of what took effect has vanished")
        step["inclusion"] = inclusion
        if event.step == "included":
            return
        if not inclusion["succeeded"] or attempt["role"] != "effect":
            _impossible(event, "an attempt that took effect")
        attempt["cost"], slot["state"], step["is_final"] = inclusion["cost"], "used", True
        if all(each["is_final"] for each in steps) is not (event.step == "confirmed"):
            _impossible(event, "confirmed once all steps are done, and not before")
    elif event.step == "block_vanished":
        if step["inclusion"] is None:
            _impossible(event, "a block that it was in")
        step["inclusion"] = None
    elif event.step == "slot_spent":
        _spent(event, step, slot)
    else:
        attempt = _attempt(slot, event.detail("transaction_id"))
        if attempt is None:
            _impossible(event, "an attempt in the open slot")
        attempt["rejected"] = event.step == "rejected"
        if event.step in _SENDING and attempt["broadcast_at"] is None:
            attempt["broadcast_at"] = event.detail("at")


def _spent(event: Event, step: Json, slot: Json) -> None:
    """The slot ended without the effect: a window by itself, a nonce by what took it."""
    state = event.detail("slot_state")
    if state not in ({"expired"} if slot["valid_until"] is not None else {"spent", "lost"}):
        _impossible(event, "an end that such a slot can have")
    if _took_effect(step, slot):
        _impossible(event, "no attempt that took effect, or its block has vanished")
    if state == "spent":
        id, inclusion = event.detail("transaction_id"), step["inclusion"]
        attempt = _attempt(slot, id)
        if attempt is None or inclusion is None or inclusion["transaction_id"] != id:
            _impossible(event, "an attempt that was seen in a block")
        attempt["cost"] = inclusion["cost"]
    slot["state"], step["inclusion"] = state, None


def _took_effect(step: Json, slot: Json) -> bool:
    """Whether the effect stands in a block, as far as has been told."""
    inclusion = step["inclusion"]
    if inclusion is None or not inclusion["succeeded"]:
        return False
    attempt = _attempt(slot, inclusion["transaction_id"])
    return attempt is not None and attempt["role"] == "effect"


def _attempt(slot: Json, id: Json) -> Json:
    return next((each for each in slot["attempts"] if each["transaction_id"] == id), None)


def _impossible(event: Event, expected: str) -> NoReturn:
    raise Refused(
        "history_incomplete", event.where, f"{expected}, before {event.action}", "not so"
    )


def _compare(where: str, said: Json, step: Json) -> None:
    for name in ("is_final", "inclusion"):
        same(f"{where}.{name}", said[name], step[name])
    _count(f"{where}.slots", said["slots"], step["slots"])
    for m, (told, slot) in enumerate(zip(said["slots"], step["slots"], strict=True)):
        place = f"{where}.slots[{m}]"
        for name in ("number", "state", *_PLACE):
            same(f"{place}.{name}", told[name], slot[name])
        _count(f"{place}.attempts", told["attempts"], slot["attempts"])
        for o, attempt in enumerate(slot["attempts"]):
            for name, value in told["attempts"][o].items():
                same(f"{place}.attempts[{o}].{name}", value, attempt[name])


def _count(where: str, told: Sequence[Json], there: Sequence[Json]) -> None:
    if len(told) != len(there):
        raise Refused("history_incomplete", where, f"{len(told)}, as the events say", len(there))


def _check_result(deployment: dict[str, Json], events: Sequence[Event]) -> None:
    """Where the token is: as was planned, unless it failed because it is not."""
    places = [each.detail("token") for each in events if each.step == "step_confirmed"]
    if places:
        same("core.deployment.predicted", places[-1], deployment["predicted"])
    tokens = [each.detail("token") for each in events if each.step == "confirmed"]
    same("core.deployment.result", tokens[-1] if tokens else None, deployment["result"])
    if deployment["predicted"] and tokens and deployment["failure"] is None:
        same("core.deployment.predicted", deployment["result"], deployment["predicted"])
    for event in events:
        if event.step == "indexed":
            same("core.deployment.result", event.detail("token"), deployment["result"])
        elif event.step == "completed":
            same("core.deployment.credits", event.detail("credits"), deployment["credits"])
