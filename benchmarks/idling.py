"""What processes take that have nothing to do, and what they keep once they had much to do."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from benchmarks.figures import Batch, Read, Reading, Readings
from benchmarks.installation import NOTES, Installation, installed
from benchmarks.issuing import BALANCE, carried
from benchmarks.processes import processor_seconds, resident_megabytes

CUSTOMERS = 100
#: Carried to their end before the memory is looked at.
COUNT = 10_000
#: Five rounds of it are a minute.
SECONDS = 12.0
#: Whatever processes do once they have started is done by then.
SETTLING_SECONDS = 5.0

_OURS = "one process of `tallystick serve`, one of `tallystick work`, the larger of both"


@contextmanager
def _idle() -> Iterator[Readings]:
    with installed(customers=CUSTOMERS, workers=1) as place:
        time.sleep(SETTLING_SECONDS)
        yield idle(place)


def idle(place: Installation) -> Readings:
    def read(seconds: float) -> Read:
        before, begun = _processor(place), time.perf_counter()
        time.sleep(seconds)
        taken = time.perf_counter() - begun
        percent = {
            name: 100 * (after - before[name]) / taken for name, after in _processor(place).items()
        }
        return Read(value=max(percent.values()), count=len(percent), beside=percent)

    notes = {**NOTES, "ours": f"{_OURS}; {len(place.customers)} organisations that ask nothing"}
    return Readings(read=read, notes=notes)


def _remember(count: int, say: Callable[[str], None]) -> Mapping[str, object]:
    with installed(customers=CUSTOMERS, workers=1, balance=BALANCE) as place:
        time.sleep(SETTLING_SECONDS)
        return remembered(place, count, say)


def remembered(
    place: Installation, count: int, say: Callable[[str], None]
) -> Mapping[str, object]:
    """Their memory before and after *count* deployments: the most that one of them had."""
    before = _resident(place)
    done = carried(place, count, say)
    after = _resident(place)
    return {
        "megabytes": max(*before.values(), *after.values()),
        "resident_megabytes": {"before": before, "after": after},
        "count": done["count"],
        "errors": done["errors"],
        "notes": {
            **NOTES,
            "ours": f"{_OURS}; resident, in units of 1,000,000 bytes, before and after"
            f" {done['count']} deployments of {len(place.customers)} organisations",
        },
    }


def _processor(place: Installation) -> dict[str, float]:
    return {name: processor_seconds(process.pid) for name, process in place.running.items()}


def _resident(place: Installation) -> dict[str, float]:
    return {
        name: round(resident_megabytes(process.pid), 1) for name, process in place.running.items()
    }


FIGURES = (
    Reading(
        name="idle_cpu_percent",
        what="percent of one processor that the API, or a worker, takes with nothing to do",
        unit="percent",
        floor=2,
        goal=0.5,
        prepare=_idle,
        seconds=SECONDS,
    ),
    Batch(
        name="rss_mb",
        what="megabytes of memory that the API, or a worker, has at most: idle, and after so many"
        " deployments",
        floor=200,
        goal=130,
        count=COUNT,
        measure=_remember,
    ),
)
