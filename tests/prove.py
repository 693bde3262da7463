"""``make prove``: every test at its full counts, and what came of it as data under docs/proofs/.

It goes folder by folder of tests/, the quickest first, and writes down each as soon as it is done;
``ARGS="verifier http"`` are some of them.  Each names the commit that it was run on, which must be
all there is in the working tree.  One that was interrupted goes on at the same commit with what
has not passed yet; what failed is run again, and the proof says that it had failed.  Where only
tests have changed since the commit of the last one, it takes over from it what has nothing to do
with them, and says so.  With other arguments, which are pytest's, no proof is written.
"""

import datetime as dt
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests import carried, sitting

ROOT = Path(__file__).parent.parent
PROOFS = ROOT / "docs" / "proofs"
RECORDS = ROOT / ".cache" / "proof"
#: The tests that lie beside the folders: what commands say, how settings are read.
COMMANDS = "commands"
#: pytest's own: all tests have run, some have failed, there were none left.
DONE, FAILED, NONE_LEFT = 0, 1, 5


def main() -> int:
    changed = _git("status", "--porcelain", "--", ".", ":!docs/proofs")
    if changed:
        print(f"commit first, a proof is of a commit:\n{changed}", file=sys.stderr)
        return 2
    commit = _git("rev-parse", "HEAD")
    RECORDS.mkdir(parents=True, exist_ok=True)
    record = RECORDS / f"{commit}.jsonl"
    if not record.exists():
        take_over(record, commit)
    cut(record)
    _add(record, {"begun": _now()})
    arguments = sys.argv[1:]
    parts = parts_of(ROOT)
    if not set(arguments) <= parts.keys():
        status = sit(record, arguments)
        _add(record, {"ended": _now()})
        print("a piece of the proof: `make prove` without arguments runs the rest")
        return DONE if status == NONE_LEFT else status
    file = PROOFS / "full-counts.json"
    before = proved(file)
    ends = [
        prove(record, commit, part, parts[part], file)
        for part in sorted(arguments or parts, key=lambda part: _seconds(before, part))
    ]
    return next((end for end in ends if end != DONE), DONE)


def parts_of(root: Path) -> dict[str, list[str]]:
    """What pytest is given for each part of the proof: a folder, or the files beside them."""
    tests = root / "tests"
    folders = sorted(
        each.parent.relative_to(tests).parts[0] for each in tests.glob("*/**/test_*.py")
    )
    files = sorted(each.relative_to(root).as_posix() for each in tests.glob("test_*.py"))
    return {
        **{each: [f"tests/{each}"] for each in folders},
        **({COMMANDS: files} if files else {}),
    }


def prove(record: Path, commit: str, part: str, paths: list[str], file: Path) -> int:
    """Run one part, and add what came of it to *file*; pytest's exit status.

    Raises: SystemExit: it was not run to its end.
    """
    print(f"\n{part}: {' '.join(paths)}")
    before = len(read(record))
    status = sit(record, paths)
    _add(record, {"ended": _now()})
    is_whole = not any("could_not_collect" in each for each in read(record)[before:])
    if status not in {DONE, FAILED, NONE_LEFT} or not is_whole:
        print("not all tests have run: `make prove` goes on from here", file=sys.stderr)
        raise SystemExit(status or FAILED)
    told = [each for each in read(record) if "test" not in each or _part(each["test"]) == part]
    parts = proved(file)
    parts[part] = {"commit": commit, **summed_up(told)}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(whole(parts), indent=2, sort_keys=True) + "\n")
    print(f"{part}: {parts[part]['tests']} tests, {parts[part]['failed']} failed; written")
    return DONE if status == NONE_LEFT else status


def proved(file: Path) -> dict[str, Any]:
    """What has been written down, by part; nothing, where it is of before there were parts."""
    parts: dict[str, Any] = json.loads(file.read_text()).get("parts", {}) if file.exists() else {}
    return parts


def whole(parts: dict[str, Any]) -> dict[str, Any]:
    """All parts, and what they come to."""
    return {
        "parts": parts,
        **{
            what: sum(part[what] for part in parts.values())
            for what in ("tests", "failed", "skipped")
        },
        "commits": sorted({part["commit"] for part in parts.values()}),
    }


def take_over(record: Path, commit: str) -> None:
    """What the last proof told, as far as it is true of *commit* as well."""
    records = sorted(RECORDS.glob("*.jsonl"), key=lambda file: file.stat().st_mtime)
    if not records:
        return
    before = records[-1]
    changed = _git("diff", "--name-only", before.stem, commit).splitlines()
    files = carried.affected(ROOT, changed)
    if files is None:
        print(f"more than tests has changed since {before.stem}: all of them are run")
        return
    cut(before)
    lines = carried.taken_over(read(before), files, before.stem, changed)
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))


def sit(record: Path, arguments: list[str]) -> int:
    """Run what has not passed yet; pytest's exit status."""
    passed = [test for test, outcomes in outcomes_of(read(record)).items() if is_good(outcomes)]
    if passed:
        print(f"{len(passed)} tests have passed at this commit, and are not run again")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as list_of_passed:
        list_of_passed.write("\n".join(passed))
        list_of_passed.flush()
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "tests.sitting"),
                *("-n", "2", "--dist", "worksteal", *arguments),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "TALLYSTICK_PROVE": "1",
                sitting.RECORD: str(record),
                sitting.PASSED: list_of_passed.name,
            },
            check=False,
        ).returncode


def cut(record: Path) -> None:
    """Begin *record*, or leave out the line that whoever was killed has not written to its end."""
    written = record.read_text() if record.exists() else ""
    record.write_text(written[: written.rfind("\n") + 1])


def read(record: Path) -> list[dict]:
    return [json.loads(line) for line in record.read_text().splitlines()]


def outcomes_of(told: list[dict]) -> dict[str, list[dict]]:
    """For each test what became of it, each time that it was run."""
    found: dict[str, list[dict]] = {}
    for each in told:
        if "test" in each:
            found.setdefault(each["test"], []).append(each)
    return found


def is_good(outcomes: list[dict]) -> bool:
    return outcomes[-1]["outcome"] == "passed"


def summed_up(told: list[dict]) -> dict[str, object]:
    outcomes = outcomes_of(told)
    last = {test: each[-1] for test, each in outcomes.items()}
    ends = Counter(each["outcome"] for each in last.values())
    return {
        "sittings": [each for each in told if "test" not in each],
        "seconds_of_tests": round(sum(each["seconds"] for each in told if "test" in each)),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "tests": len(last),
        "failed": ends["failed"],
        "skipped": ends["skipped"],
        # Whatever was not so at once is worth knowing.
        "failed_before": sorted(
            test
            for test, each in outcomes.items()
            if is_good(each) and any(one["outcome"] == "failed" for one in each)
        ),
        "recorded": {test: each["says"] for test, each in last.items() if each["says"]},
    }


def _part(test: str) -> str:
    """The first folder below tests/, or what the files beside them are called together."""
    path = test.partition("::")[0].split("/")
    return path[1] if len(path) > 2 else COMMANDS


def _seconds(before: dict[str, Any], part: str) -> float:
    """How long it took; what has never run is the last."""
    seconds: float = before[part]["seconds_of_tests"] if part in before else math.inf
    return seconds


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _add(record: Path, line: dict) -> None:
    with record.open("a") as file:
        file.write(json.dumps(line) + "\n")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
