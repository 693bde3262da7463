"""``make soak``: an hour of deployments at a steady pace, and what every process keeps of it.

Deployments are asked for on both chains, and read again, at instants that are set beforehand; all
the while memory, threads and open files of our processes and of the chains are read off.  In the
end chains and books are asked whether all of it is true, as in ``make bench``.  Written to
benchmarks/results/soak.json, with what was read off, and drawn in soak.svg beside it.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from statistics import median
from typing import Any

from attrs import asdict, frozen

from benchmarks import curves
from benchmarks.__main__ import RESULTS, circumstances
from benchmarks.http_client import Answer, Request, on_time, percentile
from benchmarks.installation import NOTES, Installation, NotReadyError, installed
from benchmarks.issuing import differences, finished
from benchmarks.orders import orders, page
from benchmarks.processes import open_files, resident_megabytes, threads

CUSTOMERS = 100
WORKERS = 2
BALANCE = 1_000_000
SECONDS = 3_600.0
#: Deployments a second; as many pages of a hundred are read.  10,800 in an hour.
RATE = 3.0
CONNECTIONS = 16
#: Requests are made up, and their answers let go, for so long at a time.
_ROUND_SECONDS = 60.0
SAMPLE_SECONDS = 10.0
_PAGE = "page"
#: Of what was read off, the first and the last of so many parts are compared: the first is that
#: of processes that have started, met everybody once, and filled what they remember.
_PARTS = 6


@frozen(kw_only=True)
class Sample:
    """What processes have at one instant, by their names."""

    seconds: float
    megabytes: Mapping[str, float]
    threads: Mapping[str, int]
    open_files: Mapping[str, int]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make soak ARGS=…", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rate", type=float, default=RATE, help="deployments a second")
    parser.add_argument("--keep", action="store_true", help="print only, write nothing")
    parser.add_argument("--json", action="store_true", help="one object at the end, no progress")
    asked = parser.parse_args(arguments)
    say = (lambda _: None) if asked.json else partial(print, flush=True)
    with installed(customers=CUSTOMERS, workers=WORKERS, balance=BALANCE) as place:
        found = soaked(place, asked.seconds, asked.rate, say) | circumstances()
    if asked.json:
        print(json.dumps(found))
    if not asked.keep:
        written = RESULTS.with_name("soak.json")
        written.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        written.with_suffix(".svg").write_text(curves.drawn(memory(found["samples"])))
        say(f"written: benchmarks/results/{written.name} and soak.svg")
    return 1 if found["errors"] or found["differences"] else 0


def soaked(
    place: Installation,
    seconds: float,
    rate: float,
    say: Callable[[str], None],
    sample_seconds: float = SAMPLE_SECONDS,
) -> dict[str, Any]:
    """Raises: NotReadyError: nothing moves, and not all have come to an end."""
    #: Of each round, by what was asked.
    waits: dict[str, list[float]] = {}
    errors = asked = accepted = 0
    before = finished(place, say)
    with sampled(place, sample_seconds) as samples:
        requests, begun, planned = _requests(place), time.perf_counter(), 0.0
        while planned < seconds:
            round_seconds = min(seconds - planned, _ROUND_SECONDS)
            # Two requests for each deployment.
            number = 2 * max(1, round(round_seconds * rate))
            due = [(turn / rate / 2, each) for turn, each in enumerate(islice(requests, number))]
            answers = on_time(place.api, due, CONNECTIONS)
            asked += number // 2
            accepted += sum(answer.is_good and answer.kind != _PAGE for answer in answers)
            errors += sum(not answer.is_good for answer in answers)
            for what, p95 in _waited(answers).items():
                waits.setdefault(what, []).append(p95)
            planned += round_seconds
            time.sleep(max(0.0, begun + planned - time.perf_counter()))
            say(f"{planned:.0f} s: {asked} asked for, {errors} errors")
        completed, failed = (
            now - then for now, then in zip(finished(place, say), before, strict=True)
        )
        taken = time.perf_counter() - begun
    wrong = list(differences(place))
    for line in wrong[:10]:
        say(f"NOT SO: {line}")
    found = {
        "count": completed,
        # What was accepted and is nowhere is one, too.
        "errors": errors + failed + max(0, accepted - completed - failed),
        "differences": len(wrong),
        "seconds": round(taken, 1),
        "rate": rate,
        "p95_milliseconds": {
            what: {"median": median(each), "most": max(each)} for what, each in waits.items()
        },
        "kept": kept(samples),
        "samples": [asdict(each) for each in samples],
        "notes": {
            **NOTES,
            "ours": f"one process of `tallystick serve`, {WORKERS} of `tallystick work`;"
            f" {len(place.customers)} organisations by turns, half of the deployments on either"
            " chain, and as many pages of a hundred read",
            "p95": "of rounds of a minute: their median, and the most of one",
            "kept": f"medians of the first and the last of {_PARTS} parts of what was read off,"
            " and the most of all; megabytes are resident, of 1,000,000 bytes",
            "differences": "of what the API tells, what the chains' own APIs tell, and what"
            " journal, wallets, holds and trail say",
        },
    }
    say(f"{completed} completed, {found['errors']} errors, {len(wrong)} differences")
    for what, by_process in kept(samples).items():
        say(f"{what}: {by_process}")
    return found


def _requests(place: Installation) -> Iterator[Request]:
    """A deployment, and a page of whoever asked for it some time ago."""
    for turn, (each, customer) in enumerate(zip(orders(place), cycle(place.customers))):
        yield each
        yield page(customer, turn)


def _waited(answers: Sequence[Answer]) -> dict[str, float]:
    """Milliseconds that 95 of 100 do not exceed, of deployments accepted and of pages."""
    pages = [each.seconds for each in answers if each.kind == _PAGE]
    accepted = [each.seconds for each in answers if each.kind != _PAGE]
    return {
        what: round(percentile(each, 95) * 1_000, 1)
        for what, each in (("accept", accepted), ("page", pages))
    }


@contextmanager
def sampled(place: Installation, every_seconds: float) -> Iterator[list[Sample]]:
    """What all processes have, at once, every so many seconds, and at the end."""
    samples: list[Sample] = []
    over, begun = threading.Event(), time.perf_counter()
    pids = {name: process.pid for name, process in place.running.items()} | place.chains

    def sample() -> None:
        samples.append(
            Sample(
                seconds=round(time.perf_counter() - begun, 1),
                megabytes={name: round(resident_megabytes(pid), 1) for name, pid in pids.items()},
                threads={name: threads(pid) for name, pid in pids.items()},
                open_files={name: open_files(pid) for name, pid in pids.items()},
            )
        )

    def watch() -> None:
        while not over.wait(every_seconds):
            sample()

    sample()
    watching = threading.Thread(target=watch, name="soak", daemon=True)
    watching.start()
    try:
        yield samples
    finally:
        over.set()
        watching.join()
    sample()


def kept(samples: Sequence[Sample]) -> dict[str, dict[str, dict[str, float]]]:
    """By what is counted and by process: what it was first, what it is last, and the most."""
    part = max(1, len(samples) // _PARTS)
    return {
        what: {
            name: {
                "first": median(getattr(each, what)[name] for each in samples[:part]),
                "last": median(getattr(each, what)[name] for each in samples[-part:]),
                "most": max(getattr(each, what)[name] for each in samples),
            }
            for name in samples[0].megabytes
        }
        for what in ("megabytes", "threads", "open_files")
    }


def memory(samples: Sequence[Mapping[str, Any]]) -> curves.Drawing:
    """Of our processes: the chains belong to nobody who runs Tallystick."""
    names = [name for name in samples[0]["megabytes"] if name.startswith(("serve", "work"))]
    return curves.Drawing(
        across="minutes",
        up="MB resident",
        lines={
            name: [(each["seconds"] / 60, each["megabytes"][name]) for each in samples]
            for name in names
        },
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NotReadyError as error:
        sys.exit(f"not all of it has ended: {error}")
