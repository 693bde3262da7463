"""Who waits for which wallet: a queue that is fair between organisations, as a value.

Organisations take turns.  A turn serves at most so many commands of one organisation; what is
left of a busy one goes to the end of the line, behind everybody who came meanwhile.  Nobody else
is served while an organisation's turn lasts: its commands stay in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from attrs import field, frozen

from domain.identifiers import OrganisationId

T = TypeVar("T")


@frozen(kw_only=True)
class Line(Generic[T]):
    #: In the order of their turns; nobody is here without somebody waiting.
    waiting: Mapping[OrganisationId, tuple[T, ...]] = field(factory=dict)
    #: Whose turn it is now.
    served: frozenset[OrganisationId] = frozenset()

    @property
    def first(self) -> T | None:
        """Who would be the first of the next turn; None: there is nothing to begin with now."""
        for id, items in self.waiting.items():
            if id not in self.served:
                return items[0]
        return None

    def joined(self, organisation: OrganisationId, item: T) -> Line[T]:
        before = self.waiting.get(organisation, ())
        return Line(waiting={**self.waiting, organisation: (*before, item)}, served=self.served)

    def turn(
        self, *, most_organisations: int, most_each: int
    ) -> tuple[Mapping[OrganisationId, tuple[T, ...]], Line[T]]:
        """Whom to serve next, and the line meanwhile.

        Ask `finished` when they have been served.
        """
        turn: dict[OrganisationId, tuple[T, ...]] = {}
        stay: dict[OrganisationId, tuple[T, ...]] = {}
        again: dict[OrganisationId, tuple[T, ...]] = {}
        for id, items in self.waiting.items():
            if id in self.served or len(turn) == most_organisations:
                stay[id] = items
                continue
            turn[id] = items[:most_each]
            if len(items) > most_each:
                again[id] = items[most_each:]
        return turn, Line(waiting={**stay, **again}, served=self.served | turn.keys())

    def finished(self, organisations: Iterable[OrganisationId]) -> Line[T]:
        return Line(waiting=self.waiting, served=self.served - set(organisations))
