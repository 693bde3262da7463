"""Figures: two sides measured in turns, their medians, and what both must reach.

Absolute figures differ from machine to machine; what counts is the ratio of the sides' medians,
wherever there is something of the same kind to measure against.  A `Figure` is a rate, and more is
better; a `Duration` is one piece of work, and less is; what is `Once` is counted, or takes so long
that it is done a single time.  A `Reading` is a number with a unit, of a while or of an instant;
a `Batch` is work of a size that may be chosen.
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
    #: Ratios, or per second; None: nobody has asked for any.
    floor: float | None = None
    goal: float | None = None
    prepare: Callable[[], AbstractContextManager[Sides]]


@frozen(kw_only=True)
class Works:
    """Both sides of a duration, ready: each call does all of it, and tells the seconds."""

    ours: Callable[[], float]
    limit: Callable[[], float]
    #: How much there is to do.
    count: int
    notes: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Duration:
    name: str
    what: str
    against: str
    #: In seconds, and as often as the limit takes: both are told.
    floor: float
    goal: float
    prepare: Callable[[], AbstractContextManager[Works]]


@frozen(kw_only=True)
class Read:
    """What was read off in one round."""

    value: float
    #: How many it was read off.
    count: int
    errors: int = 0
    #: What else there was to see, each a number of the same unit.
    beside: Mapping[str, float] = field(factory=dict)


@frozen(kw_only=True)
class Readings:
    """Ready to be read off, for so many seconds each time."""

    read: Callable[[float], Read]
    notes: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Reading:
    """A number that should be small, with a unit that its name ends in."""

    name: str
    what: str
    #: As a key of the results: `milliseconds`, `percent`.
    unit: str
    floor: float
    goal: float
    prepare: Callable[[], AbstractContextManager[Readings]]
    #: Of one round, whatever is asked for; None: what is asked for.
    seconds: float | None = None


@frozen(kw_only=True)
class Once:
    name: str
    what: str
    #: What was found; it is handed something to say how far it is.
    measure: Callable[[Callable[[str], None]], Mapping[str, object]]


@frozen(kw_only=True)
class Batch:
    """So much work that it is done once, and more or less of it on demand."""

    name: str
    what: str
    floor: float
    goal: float
    #: Unless somebody says otherwise.
    count: int
    #: What was found, of so many; it is handed something to say how far it is.
    measure: Callable[[int, Callable[[str], None]], Mapping[str, object]]


AnyFigure = Figure | Duration | Reading | Once | Batch


def measure(
    figure: AnyFigure,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
    count: int | None = None,
) -> dict[str, object]:
    """Each round takes *seconds* for either side of a rate, and as long as it takes otherwise.

    *count*: of a `Batch`, in place of its own.
    """
    if rounds < FEWEST_ROUNDS:
        raise ValueError(f"a figure needs {FEWEST_ROUNDS} rounds, not {rounds}")
    match figure:
        case Once():
            return {"what": figure.what, "rounds": 1, **figure.measure(say)}
        case Batch():
            found = figure.measure(count or figure.count, say)
            asked_for = {"floor": figure.floor, "goal": figure.goal}
            return {"what": figure.what, **asked_for, "rounds": 1, **found}
        case Duration():
            return _duration(figure, rounds, say)
        case Reading():
            return _reading(figure, rounds, seconds, say)
        case Figure():
            return _rate(figure, rounds, seconds, say)


def _duration(figure: Duration, rounds: int, say: Callable[[str], None]) -> dict[str, object]:
    ours: list[float] = []
    limit: list[float] = []
    with figure.prepare() as works:
        works.limit()  # what both read is in memory then
        for number in range(1, rounds + 1):
            turns = [(works.ours, ours), (works.limit, limit)]
            for work, results in turns if number % 2 else reversed(turns):
                results.append(work())
            say(f"{figure.name} round {number}: {ours[-1]:.2f} s against {limit[-1]:.2f} s")
    return {
        "what": figure.what,
        "against": figure.against,
        "seconds": round(median(ours), 2),
        "ratio": round(median(ours) / median(limit), 2),
        "floor": figure.floor,
        "goal": figure.goal,
        "rounds": rounds,
        "ours_seconds": _spread(ours),
        "limit_seconds": _spread(limit),
        "count": works.count,
        "errors": 0,
        "notes": dict(works.notes),
    }


def _reading(
    figure: Reading, rounds: int, seconds: float, say: Callable[[str], None]
) -> dict[str, object]:
    seconds = figure.seconds or seconds
    found: list[Read] = []
    with figure.prepare() as ready:
        for number in range(1, rounds + 1):
            found.append(ready.read(seconds))
            say(f"{figure.name} round {number}: {found[-1].value:.2f} {figure.unit}")
        notes = dict(ready.notes)
    values = [each.value for each in found]
    beside = {name: [each.beside[name] for each in found] for name in found[0].beside}
    return {
        "what": figure.what,
        figure.unit: round(median(values), 2),
        "floor": figure.floor,
        "goal": figure.goal,
        "rounds": rounds,
        "seconds_per_round": seconds,
        f"ours_{figure.unit}": _spread(values),
        **({"beside": {name: _spread(each) for name, each in beside.items()}} if beside else {}),
        "count": sum(each.count for each in found),
        "errors": sum(each.errors for each in found),
        "notes": notes,
    }


def _rate(
    figure: Figure, rounds: int, seconds: float, say: Callable[[str], None]
) -> dict[str, object]:
    """Warm both sides up for one round, then measure them in turns, the first of each changing.

    A whole round: a server that has not met each of its organisations yet is another one.
    """
    ours: list[Measured] = []
    limit: list[Measured] = []
    with figure.prepare() as sides:
        for side in filter(None, (sides.ours, sides.limit)):
            side(seconds)
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
        **({} if figure.floor is None else {"floor": figure.floor, "goal": figure.goal}),
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
    return _spread([each.rate for each in results], digits=1)


def _spread(results: Sequence[float], digits: int = 2) -> dict[str, float]:
    return {
        "median": round(median(results), digits),
        "min": round(min(results), digits),
        "max": round(max(results), digits),
    }
