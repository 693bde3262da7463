"""`python -m tests.simulation`: live through histories until the time is up, and tell of faults.

--seed S           the first seed; alone, it is replayed and nothing else
--history FILE     the history that is written there: what was left of one that failed
--seconds N        for so long (60 where neither seed nor episodes are given)
--processor        the seconds are of a processor, so that a busy machine sees as much
--episodes N       so many
--shrink-seconds N for making a failing history small (60)
--keep-going       do not stop at the first history that fails
--log              tell what happened in each episode
--json             one object at the end, and nothing else
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from attrs import define, field

from tests.simulation.drawing import draw
from tests.simulation.episode import Outcome, live
from tests.simulation.history import History
from tests.simulation.shrink import shrink

ROOT = Path(__file__).parents[2]
#: Where it is kept what is left of histories that failed.
KEPT = ROOT / ".cache" / "simulation"
#: Of a fresh seed; short enough to be read out.
_SEEDS = 2**40


@define
class Report:
    seed: int
    episodes: int = 0
    simulated_seconds: float = 0.0
    real_seconds: float = 0.0
    calls: int = 0
    commits: int = 0
    effects: int = 0
    failures: list[dict[str, Any]] = field(factory=list)

    def count(self, outcome: Outcome) -> None:
        self.episodes += 1
        self.simulated_seconds += outcome.seconds
        self.calls += outcome.calls
        self.commits += outcome.commits
        self.effects += outcome.effects

    def as_json(self) -> dict[str, Any]:
        hours = self.simulated_seconds / 3600
        return {
            "seed": self.seed,
            "episodes": self.episodes,
            "simulated_hours": round(hours, 1),
            "seconds": round(self.real_seconds, 1),
            "hours_per_second": round(hours / self.real_seconds, 1) if self.real_seconds else 0,
            "calls": self.calls,
            "commits": self.commits,
            "effects": self.effects,
            "failures": self.failures,
        }

    def __str__(self) -> str:
        told = self.as_json()
        return (
            f"{told['episodes']} episodes, {told['simulated_hours']} hours in {told['seconds']} s "
            f"({told['hours_per_second']} hours a second), {self.calls} calls, "
            f"{self.commits} commits, {self.effects} effects, {len(self.failures)} failures"
        )


def main(arguments: list[str]) -> int:
    """0: everything was as it must be."""
    wanted = _parsed(arguments)
    given = None
    if wanted.history is not None:
        given = History.from_json(json.loads(wanted.history.read_text()))
        wanted.seed, wanted.shrink_seconds = given.seed, 0.0
    seed = wanted.seed if wanted.seed is not None else secrets.randbelow(_SEEDS)
    clock = time.process_time if wanted.processor else time.monotonic
    report, started = Report(seed), clock()
    say = _Say(is_quiet=wanted.json)
    say(f"seed {seed}")
    number = 0
    while not _is_enough(wanted, number, clock() - started):
        history = given or draw(seed + number)
        number += 1
        outcome = live(history)
        report.count(outcome)
        report.real_seconds = clock() - started
        if wanted.log:
            say("\n".join([str(history), *outcome.log]))
        if outcome.wrongs:
            report.failures.append(_failure(outcome, wanted.shrink_seconds, say))
            if not wanted.keep_going:
                break
        say.progress(str(report))
    say(str(report))
    if wanted.json:
        sys.stdout.write(json.dumps(report.as_json()) + "\n")
    return 1 if report.failures else 0


def _failure(outcome: Outcome, seconds: float, say: _Say) -> dict[str, Any]:
    seed = outcome.history.seed
    say(f"\nseed {seed} fails:", *(f"  {wrong}" for wrong in outcome.wrongs))
    smallest, wrongs = outcome.history, outcome.wrongs
    if seconds:
        say("making it small ...")
        smallest = shrink(smallest, lambda each: bool(live(each).wrongs), seconds)
        wrongs = live(smallest).wrongs
        say(str(smallest), *(f"  {wrong}" for wrong in wrongs))
        KEPT.mkdir(parents=True, exist_ok=True)
        kept = KEPT / f"{seed}.json"
        kept.write_text(json.dumps(smallest.as_json(), indent=1))
        say(f"replay what is left: make simulate ARGS='--history {kept.relative_to(ROOT)}'")
    say(f"replay all of it: make simulate ARGS='--seed {seed}'")
    return {
        "seed": seed,
        "wrongs": list(outcome.wrongs),
        "entries": len(outcome.history.entries),
        "smallest": smallest.as_json(),
        "smallest_wrongs": list(wrongs),
    }


@define
class _Say:
    is_quiet: bool

    def __call__(self, *lines: str) -> None:
        if not self.is_quiet:
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()

    def progress(self, line: str) -> None:
        if not self.is_quiet and sys.stdout.isatty():
            sys.stdout.write(f"\r{line}\033[K\r")
            sys.stdout.flush()


def _is_enough(wanted: argparse.Namespace, episodes: int, seconds: float) -> bool:
    if wanted.episodes is not None and episodes >= wanted.episodes:
        return True
    if wanted.seconds is not None:
        return seconds >= wanted.seconds
    if wanted.episodes is None:
        return episodes >= 1 if wanted.seed is not None else seconds >= 60
    return False


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="The whole house, lived through by one seeded program.",
    )
    parser.add_argument("--seed", type=int, help="the first seed; alone, only that one")
    parser.add_argument("--history", type=Path, help="what was left of one that failed")
    parser.add_argument("--seconds", type=float, help="for so long")
    parser.add_argument(
        "--processor", action="store_true", help="seconds are the processor's, not the wall's"
    )
    parser.add_argument("--episodes", type=int, help="so many")
    parser.add_argument("--shrink-seconds", type=float, default=60.0)
    parser.add_argument("--keep-going", action="store_true", help="beyond the first failure")
    parser.add_argument("--log", action="store_true", help="tell what happened")
    parser.add_argument("--json", action="store_true", help="one object at the end")
    return parser.parse_args(arguments)


def _again_without_chance() -> None:
    """Sets are walked by hashes, which Python draws anew for each process unless it is told to."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, environment)  # noqa: S606 - this very program


if __name__ == "__main__":
    _again_without_chance()
    sys.exit(main(sys.argv[1:]))
