"""What became of the price: one hold for each time that it was asked for, and one end for each."""

from collections import defaultdict
from collections.abc import Sequence

from .canonical import Json
from .history import Event
from .report import Refused
from .shape import uuid_of

#: Where what was held may go, and what is said of it there.
_ENDS = {"spent": "captured", "available": "given back", "expired": "expired"}


def check(deployment: dict[str, Json], events: Sequence[Event]) -> str:
    """What became of the credits, in words.  *events* are the organisation's, in order."""
    holds = _holds(deployment, events)
    price = deployment["credits"]
    for event in events:
        details = event.body["details"]
        is_spent = event.action.startswith("credits.") and details.get("credit") == "spent"
        if is_spent and not (details.get("debit") == "held" and details.get("hold") in holds):
            expected = "what was held for it, and nothing else"
            raise Refused("credits_differ", event.where, expected, details.get("hold"))
    failure = deployment["failure"]
    is_due = deployment["state"] == "Completed" or (failure and not failure["without_effect"])
    became: list[str] = []
    for hold in holds:
        lines = [
            event
            for event in events
            if event.action.startswith("credits.") and event.body["details"].get("hold") == hold
        ]
        spent, there = _carried_out(lines)
        wanted = price if hold == holds[-1] and is_due else 0
        if there["held"] or spent != wanted:
            expected = f"{price} held, {wanted} of it spent, none left"
            raise Refused("credits_differ", hold, expected, f"{spent} spent, {there['held']} left")
        ends = [(there[account], words) for account, words in _ENDS.items() if there[account]]
        became.append(
            ends[0][1]
            if len(ends) == 1
            else ", ".join(f"{amount} of them {words}" for amount, words in ends)
        )
    if not holds:
        return "It cost no credits"
    return "; ".join(f"{price} credits were held, and {each}" for each in became)


def _carried_out(lines: Sequence[Event]) -> tuple[int, dict[str, int]]:
    """What was spent of one hold, and where its credits are in the end, by account.

    Raises: Refused: they came from where they were not, or went where none of them can go.
    """
    there: dict[str, int] = defaultdict(int)
    spent = 0
    for event in lines:
        debit, credit, amount = (event.detail(name) for name in ("debit", "credit", "amount"))
        if event.action != "credits.held":
            if credit not in _ENDS or debit == credit or amount > there[debit]:
                expected = f"of what is held, to {' or '.join(_ENDS)}"
                found = f"{amount} from {debit} to {credit}"
                raise Refused("credits_differ", event.where, expected, found)
            there[debit] -= amount
        there[credit] += amount
        if credit == "spent":
            spent += amount
    return spent, there


def _holds(deployment: dict[str, Json], events: Sequence[Event]) -> list[str]:
    """Those that paid, in order: each was taken right before it was asked for."""
    holds: list[str] = []
    taken: list[Event] = []
    for event in events:
        details = event.body["details"]
        if event.action == "credits.held":
            taken.append(event)
        elif event.action in {"deployment.queued", "deployment.retry_requested"}:
            if len(taken) != (1 if deployment["credits"] else 0):
                found = f"{len(taken)} before event {event.body['sequence']}"
                raise Refused("credits_differ", event.where, "one credits.held before it", found)
            holds.extend(_hold(deployment, each) for each in taken)
            taken = []
            if event.action == "deployment.retry_requested" and holds:
                named = details.get("hold", "").replace("-", "")
                if named != uuid_of(holds[-1]).hex():
                    raise Refused("credits_differ", event.where, holds[-1], named)
    if taken or len(holds) != len(set(holds)):
        where = taken[0].where if taken else "events"
        raise Refused(
            "credits_differ", where, "a hold for each time that it was asked for", "more"
        )
    if deployment["hold"] != (holds[-1] if holds else None):
        where = "core.deployment.hold"
        raise Refused("credits_differ", where, holds[-1:] or "none", deployment["hold"])
    return holds


def _hold(deployment: dict[str, Json], event: Event) -> str:
    """Its id, once it was found to be of the price."""
    wanted = (deployment["credits"], "available", "held")
    there = tuple(event.detail(name) for name in ("amount", "debit", "credit"))
    if wanted != there:
        raise Refused("credits_differ", event.where, wanted, there)
    return str(event.detail("hold"))
