"""A figure: two sides measured in turns, their medians, and what both must reach.

Absolute figures differ from machine to machine; what counts is the ratio of the sides' medians,
wherever there is something of the same kind to measure against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from statistics import median

from attrs import field, frozen

FEWEST_ROUNDS = 5


@frozen(kw_only=True)
class Measured:
    """What one side did in one round."""

    #: Per second.
    rate: float
    #: How many were done.
    count: int
    errors: int = 0


@frozen(kw_only=True)
class Sides:
    """Both sides, ready to be measured for so many seconds; without a limit, ours alone."""

    ours: Callable[[float], Measured]
    limit: Callable[[float], Measured] | None = None
    #: How either was set up.
    notes: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Figure:
    name: str
    what: str
    #: None: nothing; the figure is how many there are in a second.
    against: str | None = None
    #: Ratios, or per second.
    floor: float
    goal: float
    prepare: Callable[[], AbstractContextManager[Sides]]


def measure(
    figure: Figure, rounds: int, seconds: float, say: Callable[[str], None]
) -> dict[str, object]:
    """Warm both sides up once, then measure them in turns, the first of each round changing."""
    if rounds < FEWEST_ROUNDS:
        raise ValueError(f"a figure needs {FEWEST_ROUNDS} rounds, not {rounds}")
    ours: list[Measured] = []
    limit: list[Measured] = []
    with figure.prepare() as sides:
        for side in filter(None, (sides.ours, sides.limit)):
            side(min(seconds, 2.0))
        for number in range(1, rounds + 1):
            turns = [(sides.ours, ours), (sides.limit, limit)]
            for side, results in turns if number % 2 else reversed(turns):
                if side is not None:
                    results.append(side(seconds))
            against = f" against {limit[-1].rate:,.0f}/s" if limit else ""
            say(f"{figure.name} round {number}: {ours[-1].rate:,.0f}/s{against}")
        notes = dict(sides.notes)
    return {
        "what": figure.what,
        **_reached(figure, ours, limit),
        "floor": figure.floor,
        "goal": figure.goal,
        "rounds": rounds,
        "seconds_per_round": seconds,
        "ours_per_second": _summary(ours),
        "count": sum(each.count for each in ours),
        "errors": sum(each.errors for each in (*ours, *limit)),
        "notes": notes,
    }


def _reached(
    figure: Figure, ours: Sequence[Measured], limit: Sequence[Measured]
) -> dict[str, object]:
    rate = median(each.rate for each in ours)
    if not limit:
        return {"per_second": round(rate)}
    return {
        "against": figure.against,
        "ratio": round(rate / median(each.rate for each in limit), 3),
        "limit_per_second": _summary(limit),
    }


def _summary(results: Sequence[Measured]) -> dict[str, float]:
    rates = [each.rate for each in results]
    return {
        "median": round(median(rates), 1),
        "min": round(min(rates), 1),
        "max": round(max(rates), 1),
    }
