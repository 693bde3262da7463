"""What happens in an episode, as data: drawn (`drawing.py`), printed, replayed, shrunk.

An entry says at which second what is asked for or goes wrong.  Entries that are about others name
them by their number, so that any of them may be left out.
"""

from __future__ import annotations

from typing import Any

from attrs import asdict, evolve, field, frozen

HOUR = 3600.0


@frozen(kw_only=True)
class Entry:
    number: int
    #: In virtual seconds from the beginning.
    at: float
    kind: str
    details: dict[str, Any] = field(factory=dict)

    def __str__(self) -> str:
        told = " ".join(f"{name}={value}" for name, value in self.details.items())
        return f"{self.at:10.1f} s  {self.number:3} {self.kind} {told}".rstrip()


@frozen(kw_only=True)
class Plan:
    """What an episode is like, beside what happens in it."""

    #: Of networks: ``counting``, ``windowed``.
    networks: tuple[str, ...]
    workers: int
    organisations: int
    #: The last of them has the first tariff, with five deployments a month.
    hours: float
    restlessness: float
    #: How fast whoever polls does so at most, in seconds.
    pace: float
    #: Nodes of each network, of which two must agree where there are three.
    nodes: int = 1
    #: Of a day, in creations; None: none.
    budget: float | None = None
    #: Whether somebody else has to approve what the first organisation asks for.
    approvals: bool = False
    #: Whether the trail is sealed.
    seals: bool = False


@frozen(kw_only=True)
class History:
    seed: int
    plan: Plan
    entries: tuple[Entry, ...]

    def only(self, entries: tuple[Entry, ...]) -> History:
        return evolve(self, entries=entries)

    def as_json(self) -> dict[str, Any]:
        """All that it takes to live through it again."""
        return {
            "seed": self.seed,
            "plan": asdict(self.plan),
            "entries": [asdict(each) for each in self.entries],
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> History:
        plan = told["plan"]
        return cls(
            seed=told["seed"],
            plan=Plan(**plan | {"networks": tuple(plan["networks"])}),
            entries=tuple(Entry(**each) for each in told["entries"]),
        )

    def __str__(self) -> str:
        plan = self.plan
        head = (
            f"seed {self.seed}: {', '.join(plan.networks)}; {plan.workers} workers, "
            f"{plan.organisations} organisations, {plan.nodes} nodes, {plan.hours:.0f} hours"
        )
        return "\n".join([head, *map(str, self.entries)])
