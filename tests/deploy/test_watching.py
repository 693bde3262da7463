"""Alerts and the dashboard ask for figures that are served, and send people to real pages."""

import json
import re
from pathlib import Path

import promql_parser
import pytest
import yaml

from tests.architecture.house import ROOT, text_of
from tests.architecture.test_documentation import anchors_of

DEPLOY = ROOT / "deploy"
ALERTS = {
    rule["alert"]: rule
    for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
}
BOARD = json.loads((DEPLOY / "grafana/tallystick.json").read_text("utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]

#: Name, type and labels, as docs/metrics.md tells whoever writes alerts.
ROW = re.compile(r"^\| `(tallystick_\w+)` \| (\w+) \| ([^|]*) \|", re.MULTILINE)
SERVED = {
    name: (type_, frozenset(re.findall(r"`(\w+)`", labels)))
    for name, type_, labels in ROW.findall(text_of(Path("docs/metrics.md")))
}
#: What Prometheus puts beside the labels of a process, and what buckets have.
OF_PROMETHEUS = {"instance", "job", "le"}
CODES = set(re.findall(r"^\| `([a-z_.]+)` \|", text_of(Path("docs/alarms.md")), re.MULTILINE))

EXPRESSIONS = [(name, rule["expr"]) for name, rule in ALERTS.items()] + [
    (panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]
]
each_expression = pytest.mark.parametrize(
    ("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS]
)
each_alert = pytest.mark.parametrize("name", ALERTS)


def selectors(expression):
    found = []

    def note(node):
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expression), pre_visit=note)
    return found


def served_as(name):
    """The figure that a series is of, and its labels; None: nobody serves it."""
    for suffix in ("_bucket", "_sum", "_count"):
        stem = name.removesuffix(suffix)
        if stem != name and SERVED.get(stem, ("", ()))[0] == "histogram":
            return SERVED[stem]
    found = SERVED.get(name)
    return None if found is None or found[0] == "histogram" else found


def grouped(expression):
    return {
        label.strip()
        for labels in re.findall(r"\bby \(([^)]*)\)", expression)
        for label in labels.split(",")
    }


def test_the_table_of_figures_was_read():
    assert len(SERVED) >= 35
    assert SERVED["tallystick_alarms_total"] == ("counter", frozenset({"code"}))


@each_expression
def test_asks_for_figures_and_labels_that_are_served(where, expression):
    found = selectors(expression)
    assert found
    labels = set()
    for selector in found:
        served = served_as(selector.name)
        assert served, f"nobody serves {selector.name}"
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= served[1] | OF_PROMETHEUS, selector.name
        labels |= served[1]
    assert grouped(expression) <= labels | OF_PROMETHEUS


@each_expression
def test_counters_are_asked_for_their_growth(where, expression):
    """A counter's own value says since when a process runs, but for whether it is new."""
    for selector in selectors(expression):
        if selector.name.endswith("_total") and "offset" not in expression:
            pattern = rf"(?:rate|increase)\({selector.name}\b"
            assert re.search(pattern, expression), selector.name


@each_alert
def test_an_alert_says_how_bad_it_is_and_where_to_read_on(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor == name.lower()
    assert anchor in anchors_of(ROOT / page)


def test_every_runbook_is_of_an_alert():
    headings = re.findall(r"^## (.+)$", text_of(Path("docs/runbooks.md")), re.MULTILINE)
    assert sorted(headings) == sorted(ALERTS)


def test_every_code_that_an_alert_names_is_sounded():
    named = set()
    for _, expression in EXPRESSIONS:
        for codes in re.findall(r'\bcode!?=~?"([^"]+)"', expression):
            named |= set(codes.split("|"))
    assert named
    assert named <= CODES


def test_no_code_is_sounded_that_no_alert_tells():
    """What one alert takes by name, the alert for the rest leaves out; nothing else."""
    taken = set()
    for name in ("TallystickTampering", "TallystickTreasuryEmpty"):
        (codes,) = set(re.findall(r'\bcode=~?"([^"]+)"', ALERTS[name]["expr"]))
        taken |= set(codes.split("|"))
    (left,) = set(re.findall(r'\bcode!~"([^"]+)"', ALERTS["TallystickAlarm"]["expr"]))
    assert set(left.split("|")) == taken


def test_what_is_worth_an_alarm_by_the_page_has_one():
    page = text_of(Path("docs/telemetry.md")).partition("Worth an alarm:")[2]
    wanted = set(re.findall(r"\btallystick_\w+", page))
    assert len(wanted) >= 6
    asked = {found.name for rule in ALERTS.values() for found in selectors(rule["expr"])}
    assert wanted <= asked


def test_panels_do_not_lie_upon_each_other():
    places = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & places, panel["title"]
        assert max(x for x, _ in cells) < 24
        places |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


@pytest.mark.parametrize(
    "expression",
    [
        "sum(tallystick_unheard_of)",
        'tallystick_halted{organisation="x"}',
        "sum by (organisation) (tallystick_halted)",
    ],
)
def test_the_judge_refuses_what_is_not_served(expression):
    with pytest.raises(AssertionError):
        test_asks_for_figures_and_labels_that_are_served("here", expression)
