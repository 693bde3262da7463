"""docs/security.md names attacks and tests: each test is there, each module of attacks named."""

import re

from tests.architecture.house import ROOT

PAGE = (ROOT / "docs/security.md").read_text("utf-8")
NAMED = re.findall(r"`((?:tests/)?[\w/]+\.py)::(\w+)`", PAGE)


def file_of(name):
    return ROOT / (name if name.startswith("tests/") else f"tests/hostile/{name}")


def test_every_test_that_is_named_exists():
    missing = [
        f"{file}::{test}"
        for file, test in NAMED
        if not re.search(rf"^ *def {test}\(", file_of(file).read_text("utf-8"), re.MULTILINE)
    ]
    assert not missing
    assert len(NAMED) > 60


def test_every_attack_that_is_tried_has_its_line():
    modules = {path.name for path in (ROOT / "tests/hostile").glob("test_*.py")}
    assert not modules - {file for file, _ in NAMED}


def test_every_line_names_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "Tried by" not in line]
    assert len(rows) > 30
    assert not [row for row in rows if "::" not in row]
