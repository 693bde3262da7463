"""Which function answers which request, and what it may be sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.forms import Description
from entrypoints.devnet.stripe.records import Record

#: Is handed the account, the checked parameters and the ids in the path.
Handler = Callable[..., Record]


@dataclass(frozen=True)
class Route:
    """A method and a path; `:id` stands for one part of it."""

    method: str
    path: str
    handler: Handler
    parameters: Description = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class Routes:
    def __init__(self, routes: list[Route]) -> None:
        self._by_length: dict[tuple[str, int], list[tuple[list[str], Route]]] = {}
        for route in routes:
            parts = route.path.split("/")
            self._by_length.setdefault((route.method, len(parts)), []).append((parts, route))

    def find(self, method: str, path: str) -> tuple[Route, list[str]] | None:
        """The route, and what stood for its ids.  Fixed paths are listed before open ones."""
        parts = path.rstrip("/").split("/")
        for pattern, route in self._by_length.get((method, len(parts)), ()):
            pairs = list(zip(pattern, parts, strict=True))
            if all(wanted == part or wanted.startswith(":") for wanted, part in pairs):
                return route, [part for wanted, part in pairs if wanted.startswith(":")]
        return None


def getter(kind: str) -> Handler:
    def handler(account: Account, form: Mapping[str, Any], id: str) -> Record:
        del form
        return account.get(kind, id)

    return handler
