"""Tokens and their supply, from the events of what made them and of what was done with them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import define, evolve, field, frozen

from domain.as_of.state import Token

Details = Mapping[str, Any]


@frozen
class _Order:
    #: Public id of the token that it is about.
    token: str
    action: str
    amount: int


@frozen
class _Done:
    #: The block in which it took effect: the chain's order, not that of our news of it.
    block: int
    operation: str
    order: _Order


@define
class TokenBook:
    #: By public id of the operation: what was asked for, and what is known of its end.
    _issues: dict[str, Details] = field(factory=dict)
    _orders: dict[str, _Order] = field(factory=dict)
    _ends: dict[str, Details] = field(factory=dict)
    _tokens: dict[str, Token] = field(factory=dict)
    _done: dict[str, list[_Done]] = field(factory=dict)

    def feed(self, action: str, subject: str, at: datetime, details: Details) -> None:
        noun, _, verb = action.partition(".")
        match verb:
            case "queued" if "order" in details:
                order = details["order"]
                self._orders[subject] = _Order(
                    token=details["token"],
                    action=order["action"],
                    amount=int(order["parameters"].get("amount") or 0),
                )
            case "queued" if noun == "deployment":
                self._issues[subject] = details
            case "confirmed" | "step_confirmed":
                self._ends[subject] = details
            case "completed" if subject in self._orders:
                order = self._orders[subject]
                done = _Done(_block(self._ends.get(subject, {})), subject, order)
                self._done.setdefault(order.token, []).append(done)
            case "completed" if noun == "deployment" and subject in self._issues:
                self._issue(subject, at)

    def tokens(self) -> tuple[Token, ...]:
        """Oldest first."""
        return tuple(self._now(token) for token in self._tokens.values())

    def _issue(self, deployment: str, at: datetime) -> None:
        asked, end = self._issues[deployment], self._ends.get(deployment, {})
        issue = asked.get("issue") or {}
        supply = issue.get("supply")
        id = f"tok_{deployment.partition('_')[2]}"
        self._tokens[id] = Token(
            id=id,
            deployment=deployment,
            network=asked["network"],
            kind=asked["kind"],
            address=end.get("token"),
            issued_at=at,
            decimals=issue.get("decimals"),
            supply=None if supply is None else int(supply),
            paused=False,
        )

    def _now(self, token: Token) -> Token:
        for done in sorted(self._done.get(token.id, ()), key=lambda it: (it.block, it.operation)):
            supply, amount = token.supply, done.order.amount
            match done.order.action:
                case "mint" if supply is not None:
                    token = evolve(token, supply=supply + amount)
                case "burn" if supply is not None:
                    token = evolve(token, supply=supply - amount)
                case "pause" | "unpause":
                    token = evolve(token, paused=done.order.action == "pause")
        return token


def _block(end: Details) -> int:
    number: int = end.get("inclusion", {}).get("block", {}).get("number", 0)
    return number
