"""`make mutants`: does the simulation find what is broken on purpose?

Each patch in `mutants/` breaks one promise.  It is applied to a copy of the tree, and five
simulations with fresh seeds look for it, each for at most two minutes of a processor; four must
find it.

    --only NAME    this one (may be said several times)
    --seconds N    of a processor, for each seed (120)
    --seeds N      for each mutant (5)
    --again        also what is known already of this very tree
    --json         one object at the end

The seeds are drawn before anything is looked for, and what is found is kept in `.cache/mutants/`:
whoever is interrupted goes on with the very seed at which it was, and mutants may be looked for
one by one, or several at once.  When all of them are known of a tree that is committed, the
outcome is written to docs/proofs/mutants.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MUTANTS = Path(__file__).parent / "mutants"
KEPT = ROOT / ".cache" / "mutants"
PROOF = ROOT / "docs" / "proofs" / "mutants.json"
#: What a simulation runs on.
SOURCES = ("domain", "application", "adapters", "entrypoints", "tests/simulation")
FILES = ("tests/__init__.py", "tests/catalogue.py", "pyproject.toml")
_SEEDS = 2**40
#: Of five seeds, so many must find it, each within so many seconds of a processor.
SEEDS, ENOUGH, SECONDS = 5, 0.8, 120.0


def patches(names: list[str] | None = None) -> list[Path]:
    found = sorted(MUTANTS.glob("*.patch"))
    return [each for each in found if not names or each.stem in names]


def applies(patch: Path, tree: Path = ROOT) -> str | None:
    """Why *patch* does not fit *tree*; None: it does."""
    done = subprocess.run(
        ["git", "apply", "--check", str(patch)],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode == 0 else done.stderr.strip()


def main(arguments: list[str]) -> int:
    """0: every mutant is found by enough seeds."""
    wanted = _parsed(arguments)
    tree, results = _digest(), []
    for patch in patches(wanted.only):
        told = f"{tree} {wanted.seconds}".encode()
        kept = KEPT / f"{hashlib.sha256(patch.read_bytes() + told).hexdigest()[:16]}.json"
        if wanted.again:
            kept.unlink(missing_ok=True)
        result = _begun(patch, kept, wanted.seeds)
        for look in _hunt(patch, result, wanted):
            result["seeds"].append(look)
            kept.write_text(json.dumps(result, indent=1))
        results.append(_judged(result))
        if not wanted.json:
            _tell(results[-1])
    killed = sum(each["killed"] for each in results)
    if wanted.json:
        sys.stdout.write(json.dumps({"mutants": results, "killed": killed}) + "\n")
    else:
        sys.stdout.write(f"{killed} of {len(results)} mutants are found\n")
    if not wanted.only and wanted.seeds >= SEEDS and wanted.seconds <= SECONDS:
        _prove(results, wanted)
    return 0 if killed == len(results) else 1


def _prove(results: list[dict[str, Any]], wanted: argparse.Namespace) -> None:
    """Write down what is known, if it is of a commit."""
    changed = _git("status", "--porcelain", "--", ".", ":!docs/proofs")
    if changed:
        sys.stderr.write(f"no proof: it is of a commit, and there is more here:\n{changed}\n")
        return
    proof = {
        "commit": _git("rev-parse", "HEAD"),
        "python": platform.python_version(),
        "seconds_are": "of a processor",
        "seconds_for_each_seed": wanted.seconds,
        "mutants": len(results),
        "killed": sum(each["killed"] for each in results),
        "by_mutant": {each.pop("mutant"): each for each in map(dict, results)},
    }
    PROOF.write_text(json.dumps(proof, indent=2, sort_keys=True) + "\n")
    sys.stderr.write(f"written: {PROOF.relative_to(ROOT)}\n")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _begun(patch: Path, kept: Path, seeds: int) -> dict[str, Any]:
    """What is known of a mutant, with all seeds that it is to be looked for with."""
    known: dict[str, Any] = {"mutant": patch.stem, "drawn": [], "seeds": []}
    if kept.exists():
        known = json.loads(kept.read_text())
    known["drawn"] += [secrets.randbelow(_SEEDS) for _ in range(seeds - len(known["drawn"]))]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(known, indent=1))
    return known


def _hunt(
    patch: Path, result: dict[str, Any], wanted: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """With the seeds that are left."""
    left = result["drawn"][len(result["seeds"]) :]
    if not left:
        return
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = broken(patch, Path(folder))
        for seed in left:
            yield _look(tree, seed, wanted.seconds)


def broken(patch: Path, tree: Path) -> Path:
    """A copy of what a simulation runs on, with *patch*, in the empty folder *tree*."""
    for name in SOURCES:
        shutil.copytree(
            ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "mutants")
        )
    for name in FILES:
        shutil.copy(ROOT / name, tree / name)
    subprocess.run(["git", "apply", str(patch)], cwd=tree, check=True)
    return tree


def _look(tree: Path, seed: int, seconds: float) -> dict[str, Any]:
    """One simulation of the broken tree: whether it fails, and how soon."""
    asked = [
        f"--seed={seed}",
        f"--seconds={seconds}",
        "--processor",
        "--shrink-seconds=0",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.simulation", *asked],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in {0, 1} or not done.stdout:
        raise RuntimeError(f"the simulation itself failed: {done.stderr[-2000:]}")
    report = json.loads(done.stdout)
    wrongs = [wrong for failure in report["failures"] for wrong in failure["wrongs"]]
    return {
        "seed": seed,
        "found": bool(wrongs),
        "seconds": report["seconds"],
        "episodes": report["episodes"],
        # The copy was in a folder of this machine, and is gone.
        "by": [wrong.replace(f"{tree}/", "") for wrong in wrongs[:1]],
    }


def _judged(result: dict[str, Any]) -> dict[str, Any]:
    found = [each for each in result["seeds"] if each["found"]]
    slowest = max((each["seconds"] for each in found), default=None)
    told = {name: value for name, value in result.items() if name != "drawn"}
    return told | {
        "found": len(found),
        "slowest_seconds": slowest,
        "killed": len(found) >= ENOUGH * len(result["seeds"]),
    }


def _tell(result: dict[str, Any]) -> None:
    times = " ".join(
        f"{each['seconds']:6.1f}" if each["found"] else "     –" for each in result["seeds"]
    )
    mark = "found" if result["killed"] else "MISSED"
    by = next((each["by"][0] for each in result["seeds"] if each["by"]), "")
    share = f"{result['found']}/{len(result['seeds'])}"
    sys.stdout.write(f"{result['mutant']:32} {share} {mark:6} {times}  {by[:90]}\n")
    sys.stdout.flush()


def _digest() -> str:
    """Of everything that a simulation runs on."""
    told = hashlib.sha256()
    for name in SOURCES:
        for path in sorted((ROOT / name).rglob("*.py")):
            if not path.name.startswith("test_") and path != Path(__file__):
                told.update(path.read_bytes())
    return told.hexdigest()


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.hunt",
        description="Whether the simulation finds what is broken on purpose.",
    )
    parser.add_argument("--only", action="append", help="this mutant")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each seed")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="for each mutant")
    parser.add_argument("--again", action="store_true", help="also what is known")
    parser.add_argument("--json", action="store_true", help="one object at the end")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
