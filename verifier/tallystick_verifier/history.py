"""What the events of a deployment say, and whether the records agree with it.

The moves are those of the public state table (docs/states.md of the project), written down here
once more: a table that was read from the program could not find it wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .canonical import Json, write
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

    *events* are the deployment's, in order.
    """
    if not events or events[0].action != "deployment.queued":
        found = events[0].action if events else "no event"
        raise Refused("history_incomplete", "events", "deployment.queued first", found)
    states, failure = ["Queued"], None
    for event in events[1:]:
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
    same("core.deployment.failure", failure, deployment["failure"])
    return states


def check_request(deployment: dict[str, Json], events: Sequence[Event]) -> None:
    """What was accepted is what was asked for."""
    queued = events[0]
    for name, said in (
        ("network", queued.detail("network")),
        ("credits", queued.detail("credits")),
        ("requested_by", queued.body["actor"]["id"]),
    ):
        same(f"core.deployment.{name}", said, deployment[name])
    for event in events:
        same(f"{event.where}.live", deployment["live"], event.body["live"])
    same("core.deployment.token.kind", queued.detail("kind"), deployment["token"]["kind"])
    accepted = [each for each in events if each.step in {"queued", "retry_requested"}][-1]
    same("core.deployment.accepted_at", accepted.body["at"], deployment["accepted_at"])


def check_account(core: dict[str, Json], events: Sequence[Event]) -> None:
    """*events* are about the account."""
    account, owner = core["account"], core["deployment"]["owner"]
    if account is None:
        return
    for name in ("address", "key"):
        said = [each.body["details"][name] for each in events if name in each.body["details"]]
        if account[name] is not None and not said:
            raise Refused("history_incomplete", f"core.account.{name}", "an event of it", "none")
        same(f"core.account.{name}", said[-1] if said else None, account[name])
    if owner is not None:
        same("core.deployment.owner", account["address"], owner)


def same(where: str, expected: Json, found: Json) -> None:
    """Raises: Refused: they are not written alike.  In Python alone, true is 1."""
    if write(expected) != write(found):
        raise Refused("core_differs", where, expected, found)
