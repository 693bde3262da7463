"""What becomes of each test of a proof is written down as it happens, so that a proof that was
interrupted goes on where it stopped: what has passed at the same commit is not run again.
"""

import json
import os
from pathlib import Path

#: A file of JSON lines, to which outcomes are added.
RECORD = "TALLYSTICK_PROOF_RECORD"
#: A file with the tests that have passed, one on each line: as it was when the sitting began, so
#: that every worker leaves out the same.
PASSED = "TALLYSTICK_PROOF_PASSED"


def pytest_collection_modifyitems(config, items):
    passed = set(Path(os.environ[PASSED]).read_text().splitlines())
    done = [item for item in items if item.nodeid in passed]
    if done:
        config.hook.pytest_deselected(items=done)
        items[:] = [item for item in items if item.nodeid not in passed]


def pytest_configure(config):
    # Workers report to the process that started them, and it writes.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(Path(os.environ[RECORD])))


class Recorder:
    def __init__(self, file):
        self.file = file
        self.under_way = {}

    def pytest_collectreport(self, report):
        """Tests of a file that cannot be read are in no report."""
        if report.failed:
            with self.file.open("a") as record:
                record.write(json.dumps({"could_not_collect": report.nodeid}) + "\n")

    def pytest_runtest_logreport(self, report):
        """A test has three reports, of which the last is always that of its teardown; or one of
        neither, where the process that ran it died.
        """
        parts = self.under_way.setdefault(report.nodeid, [])
        parts.append(report)
        if report.when not in {"setup", "call"}:
            with self.file.open("a") as record:
                record.write(json.dumps(told(self.under_way.pop(report.nodeid))) + "\n")


def told(parts):
    outcomes = {part.outcome for part in parts}
    return {
        "test": parts[0].nodeid,
        "outcome": next(each for each in ("failed", "skipped", "passed") if each in outcomes),
        "seconds": round(sum(part.duration for part in parts), 3),
        "says": {name: str(value) for part in parts for name, value in part.user_properties},
    }
