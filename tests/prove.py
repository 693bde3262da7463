"""``make prove``: every test at its full counts, and what came of it as data under docs/proofs/.

A proof names the commit it was run on, which must be all there is in the working tree.
"""

import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROOFS = ROOT / "docs" / "proofs"


def main() -> int:
    changed = _git("status", "--porcelain", "--", ".", ":!docs/proofs")
    if changed:
        print(f"commit first, a proof is of a commit:\n{changed}", file=sys.stderr)
        return 2
    begun = dt.datetime.now(dt.UTC)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        arguments = ["-n", "2", "--dist", "worksteal", f"--junitxml={report}", *sys.argv[1:]]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=ROOT,
            env={**os.environ, "TALLYSTICK_PROVE": "1"},
            check=False,
        )
        suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314 - our own file
    if suite is None:
        raise SystemExit("pytest left no report")
    proof = {
        "commit": _git("rev-parse", "HEAD"),
        "begun": begun.isoformat(timespec="seconds"),
        "seconds": round(float(suite.attrib["time"])),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "tests": int(suite.attrib["tests"]),
        "failed": int(suite.attrib["failures"]) + int(suite.attrib["errors"]),
        "skipped": int(suite.attrib["skipped"]),
        "by_folder": _by_folder(suite),
        "recorded": _recorded(suite),
    }
    PROOFS.mkdir(parents=True, exist_ok=True)
    target = PROOFS / "full-counts.json"
    target.write_text(json.dumps(proof, indent=2, sort_keys=True) + "\n")
    print(f"written: {target.relative_to(ROOT)}")
    return done.returncode


def _by_folder(suite: ET.Element) -> dict[str, int]:
    counts: dict[str, int] = {}
    for case in suite.iter("testcase"):
        folder = ".".join(case.attrib["classname"].split(".")[:2])
        counts[folder] = counts.get(folder, 0) + 1
    return dict(sorted(counts.items()))


def _recorded(suite: ET.Element) -> dict[str, dict[str, str]]:
    """What tests say of themselves: counts, seeds, kills."""
    return {
        f"{case.attrib['classname']}.{case.attrib['name']}": {
            each.attrib["name"]: each.attrib["value"] for each in case.iter("property")
        }
        for case in suite.iter("testcase")
        if case.find("properties") is not None
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
