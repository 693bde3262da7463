"""A short life of the whole house in every run of the tests; `make simulate` has longer ones."""

import json
import os
import subprocess
import sys

import pytest

from tests.simulation.drawing import draw
from tests.simulation.episode import live
from tests.simulation.history import Entry, History
from tests.simulation.hunt import ROOT, applies, broken, patches
from tests.simulation.shrink import shrink

PROVING = os.environ.get("TALLYSTICK_PROVE") == "1"


def simulated(*arguments, tree=ROOT):
    command = [sys.executable, "-W", "ignore", "-m", "tests.simulation", "--json", *arguments]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_a_short_life_of_the_whole_house_is_as_it_must_be():
    """Always the same histories, so that whoever did not break anything is not told otherwise.

    Where it is to be proven the seed is a fresh one, and has a quarter of an hour.
    """
    wanted = ["--seconds=900"] if PROVING else ["--seed=1000", "--episodes=8"]
    report = simulated(*wanted, "--shrink-seconds=20")
    assert report["failures"] == [], f"replay: make simulate ARGS='--seed {report['seed']}'"
    assert report["effects"] > 0


def test_a_seed_is_the_same_life_every_time():
    seed = 11
    assert live(draw(seed)).digest == live(draw(seed)).digest
    assert draw(seed) == draw(seed) != draw(seed + 1)


def test_what_is_left_of_a_history_is_what_it_takes():
    history = draw(1)
    wanted = {entry.number for entry in history.entries[3:20:8]}

    def fails(each):
        return wanted <= {entry.number for entry in each.entries}

    smallest = shrink(history, fails, seconds=10)
    assert {entry.number for entry in smallest.entries} == wanted
    assert smallest.plan.workers == 1


def test_what_is_left_of_a_failure_fails_again_in_the_same_way(tmp_path):
    """Of a product that is broken on purpose, each time in a process of its own; the whole one
    lives through it."""
    (patch,) = patches(["skipped_nonce"])
    tree = broken(patch, tmp_path / "tree")
    seconds = 60 if PROVING else 2
    report = simulated("--seed=1000", "--seconds=60", f"--shrink-seconds={seconds}", tree=tree)
    (failure,) = report["failures"]
    left = tmp_path / "left.json"
    left.write_text(json.dumps(failure["smallest"]))
    again = simulated(f"--history={left}", tree=tree)
    assert again["failures"][0]["wrongs"] == failure["smallest_wrongs"] != []
    assert again["failures"][0]["smallest"] == failure["smallest"]
    assert live(History.from_json(failure["smallest"])).wrongs == ()


def test_a_history_is_the_same_when_it_was_written_down():
    history = draw(11)
    assert History.from_json(json.loads(json.dumps(history.as_json()))) == history


def test_an_entry_is_told_in_one_line():
    entry = Entry(number=3, at=1.5, kind="kill", details={"which": "api", "seconds": 1.0})
    assert str(entry).split() == ["1.5", "s", "3", "kill", "which=api", "seconds=1.0"]


@pytest.mark.parametrize("patch", patches(), ids=lambda patch: patch.stem)
def test_every_mutant_still_applies(patch):
    assert applies(patch) is None
