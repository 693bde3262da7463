"""docs/evidence.md names every code there is, and the verifier's tables are the house's."""

import re

import pytest

from domain.deployment import ACTIONS, EDGES
from tallystick_verifier import history, shape
from tallystick_verifier.pack import FORMAT, LARGEST
from tests.architecture.house import ROOT
from tests.verifier.packs import STORIES

PAGE = (ROOT / "docs/evidence.md").read_text("utf-8")
SOURCES = "".join(
    path.read_text("utf-8") for path in (ROOT / "verifier/tallystick_verifier").glob("*.py")
)


def section(heading):
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def codes_of(heading):
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", section(heading), re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([a-z_]+)`", row)]


@pytest.mark.parametrize(
    ("heading", "call"),
    [("Refusals", "Refused"), ("What is proved", "proves"), ("What is not proved", "leaves")],
)
def test_every_code_has_its_line(heading, call):
    codes = codes_of(heading)
    assert len(codes) == len(set(codes))
    assert sorted(codes) == sorted(set(re.findall(rf'\b{call}\(\s*"([a-z_]+)"', SOURCES)))


def test_the_format_and_its_limits_are_named():
    assert f'"{FORMAT}"' in PAGE
    assert f"at most {LARGEST // 2**20} MiB" in PAGE


def test_the_moves_are_those_of_the_house():
    ours = {move for moves in history.MOVES.values() for move in moves}
    adopted = {("Queued", "Pending")}
    assert ours - adopted == {(before.value, after.value) for before, after in EDGES}


def test_the_reasons_are_those_of_the_house():
    for (before, after), reasons in EDGES.items():
        if after.value == "Failed":
            assert history.REASONS[before.value] == {reason.value for reason in reasons}


def test_the_actions_are_those_of_the_house():
    assert {f"deployment.{action}" for action in history.MOVES} <= set(ACTIONS.values())


def test_every_member_of_core_is_on_the_page():
    """The stories are the page's shape; the page names each member that they have."""
    core = STORIES["evm"]().core
    named = set(re.findall(r"`([a-z_]+)`", PAGE)) | set(re.findall(r'"([a-z_]+)":', PAGE))

    def walk(value):
        if isinstance(value, dict):
            for name, inner in value.items():
                if name not in {"parameters", "token"}:
                    assert name in named, name
                    walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(core)
    shape.CORE(core | {"deployment": core["deployment"] | {"state": "Completed"}}, "core")
