"""``make prove``: every test at its full counts, and what came of it as data under docs/proofs/.

A proof names the commit it was run on, which must be all there is in the working tree.  One that
was interrupted goes on at the same commit with what has not passed yet; what failed is run again,
and the proof says that it had failed.  Where only tests have changed since the commit of the last
one, it takes over from it what has nothing to do with them, and says so.  With arguments, which
are pytest's, it is a part that is run, and no proof is written.
"""

import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests import carried, sitting

ROOT = Path(__file__).parent.parent
PROOFS = ROOT / "docs" / "proofs"
RECORDS = ROOT / ".cache" / "proof"
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
    _add(record, {"begun": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")})
    arguments = sys.argv[1:]
    status = sit(record, arguments)
    _add(record, {"ended": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")})
    if status == NONE_LEFT:
        status = DONE
    if status not in {DONE, FAILED}:
        print("not all tests have run: `make prove` goes on from here", file=sys.stderr)
        return status
    if arguments:
        print("a part of the proof: `make prove` without arguments runs the rest")
        return status
    PROOFS.mkdir(parents=True, exist_ok=True)
    target = PROOFS / "full-counts.json"
    proof = {"commit": commit, **summed_up(read(record))}
    target.write_text(json.dumps(proof, indent=2, sort_keys=True) + "\n")
    print(f"written: {target.relative_to(ROOT)}")
    return status


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
        "by_folder": dict(sorted(Counter(map(_folder, last)).items())),
        "recorded": {test: each["says"] for test, each in last.items() if each["says"]},
    }


def _folder(test: str) -> str:
    """The first folder below tests/, or the file that lies there."""
    return test.partition("::")[0].split("/")[1].removesuffix(".py")


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
