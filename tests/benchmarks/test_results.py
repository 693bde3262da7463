"""What is made of figures: a comparison, and a drawing."""

from xml.etree import ElementTree as ET

import pytest

from benchmarks.checking import regressions
from benchmarks.plots import bars, drawn

SVG = "{http://www.w3.org/2000/svg}"
RATE = {"ratio": 0.6, "floor": 0.5, "goal": 2.0}
DURATION = {"ratio": 6.0, "seconds": 5.0, "floor": 8, "goal": 3}


@pytest.mark.parametrize(
    ("before", "now", "is_worse"),
    [
        (RATE, {"ratio": 0.6}, False),
        (RATE, {"ratio": 0.41}, False),
        (RATE, {"ratio": 0.39}, True),
        (RATE, {"ratio": 1.2}, False),
        (DURATION, {"ratio": 8.9, "seconds": 9.0}, False),
        (DURATION, {"ratio": 9.1, "seconds": 9.0}, True),
        (DURATION, {"ratio": 3.0, "seconds": 3.0}, False),
        ({"per_second": 100}, {"per_second": 1}, False),
    ],
)
def test_a_ratio_is_worse_where_it_is_so_by_more_than_a_third(before, now, is_worse):
    assert bool(list(regressions({"figure": before}, {"figure": now}))) is is_worse


def test_a_figure_that_nobody_kept_is_not_compared():
    assert list(regressions({}, {"figure": {"ratio": 0.1}})) == []


def test_a_bar_is_longer_where_the_figure_is_better_whichever_way_that_is():
    drawn_bars = {
        bar.name: bar
        for bar in bars(
            {
                "rate": RATE,
                "duration": DURATION,
                "wait": {"milliseconds": 100.0, "floor": 50, "goal": 25},
                "of nobody": {"ratio": 1.0},
            }
        )
    }
    assert drawn_bars.keys() == {"rate", "duration", "wait"}
    assert drawn_bars["rate"].reached == pytest.approx(1.2)
    assert drawn_bars["rate"].goal == pytest.approx(4.0)
    assert drawn_bars["duration"].reached == pytest.approx(8 / 6)
    assert drawn_bars["wait"].reached == pytest.approx(0.5)
    assert drawn_bars["wait"].goal == pytest.approx(2.0)
    assert drawn_bars["wait"].value == "100.0 ms"


def test_the_drawing_has_a_bar_and_a_mark_for_each_figure():
    """What is beyond the scale ends at its end."""
    figures = {"a & b": RATE, "idle": {"percent": 0.0, "floor": 2, "goal": 0.5}}
    root = ET.fromstring(drawn([*bars(figures)]))  # noqa: S314 - ours
    classes = [each.get("class") for each in root.iter()]
    assert classes.count("bar") == 2
    assert classes.count("goal") == 2
    assert "a & b" in [each.text for each in root.iter(f"{SVG}text")]
    widths = [float(each.get("width")) for each in root.iter(f"{SVG}rect") if each.get("class")]
    assert all(0 < width <= 420 for width in widths)
