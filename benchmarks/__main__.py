"""``make bench``: measure figures and write them to benchmarks/results/latest.json.

Figures that are not measured this time keep what an earlier run wrote, with the commit it was of.
"""

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import (
    http_writes,
    idling,
    issuing,
    ledger,
    plots,
    recovering,
    sealing,
    signing,
    trail,
    verifying,
    waits,
    webhooks,
)
from benchmarks.checking import regressions
from benchmarks.figures import FEWEST_ROUNDS, AnyFigure, measure

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "latest.json"

_ALL: Sequence[AnyFigure] = (
    *ledger.FIGURES,
    *sealing.FIGURES,
    *verifying.FIGURES,
    *trail.FIGURES,
    *webhooks.FIGURES,
    *http_writes.FIGURES,
    *waits.FIGURES,
    *issuing.FIGURES,
    *idling.FIGURES,
    *recovering.FIGURES,
    *signing.FIGURES,
)
FIGURES: Mapping[str, AnyFigure] = {figure.name: figure for figure in _ALL}
#: What a figure comes to, in the order in which it is told.
_REACHED = (
    "seconds",
    "milliseconds",
    "percent",
    "megabytes",
    "ratio",
    "per_second",
    "inclusion_bytes",
    "consistency_bytes",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("figures", nargs="*", help=f"of: {', '.join(FIGURES)}; all by default")
    parser.add_argument("--rounds", type=int, default=FEWEST_ROUNDS)
    parser.add_argument("--seconds", type=float, default=8.0, help="of one side in one round")
    parser.add_argument("--count", type=int, help="of what is done once, in place of its own")
    parser.add_argument("--keep", action="store_true", help="print only, write nothing")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit with 1 where a ratio is worse than the one that is kept by more"
        " than a third; without names: of those that are kept",
    )
    asked = parser.parse_args()
    if unknown := [name for name in asked.figures if name not in FIGURES]:
        parser.error(f"there is no figure {', '.join(unknown)}")
    known = _known()["figures"]
    of_a_ratio = [name for name in FIGURES if "ratio" in known.get(name, {})]
    measured = {}
    for name in asked.figures or (of_a_ratio if asked.check else FIGURES):
        found = measure(FIGURES[name], asked.rounds, asked.seconds, _say, asked.count)
        measured[name] = found | circumstances()
        _tell(name, measured[name])
        if not (asked.keep or asked.check):
            # One by one: the next one may take long, or break off.
            _write(name, measured[name])
    worse = list(regressions(known, measured)) if asked.check else []
    for line in worse:
        _say(f"WORSE: {line}")
    return 1 if worse else 0


def _tell(name: str, figure: Mapping[str, object]) -> None:
    reached = [f"{figure[each]} {each}" for each in _REACHED if each in figure]
    asked_for = f" (floor {figure['floor']}, goal {figure['goal']})" if "floor" in figure else ""
    _say(f"{name}: {', '.join(reached)}{asked_for}")


def _known() -> dict[str, Any]:
    if not RESULTS.exists():
        return {"figures": {}}
    known: dict[str, Any] = json.loads(RESULTS.read_text())
    return known


def _write(name: str, figure: Mapping[str, object]) -> None:
    figures = _known()["figures"] | {name: figure}
    skips = sorted(set(FIGURES) - set(figures))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps({"figures": figures, "skips": skips}, indent=2, sort_keys=True) + "\n"
    )
    plots.draw()
    _say(f"written: {RESULTS.relative_to(ROOT)} and {plots.PLOT.name}")


def circumstances() -> dict[str, object]:
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "has_uncommitted_changes": bool(
            # But for the figures that this very run has written.
            _git("status", "--porcelain", "--untracked-files=no", ":!benchmarks/results")
        ),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
