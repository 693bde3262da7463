"""``python -m benchmarks.plots``: the figures that somebody asks something of, as one SVG.

Each is a bar on a logarithmic scale on which its floor is 1, whether more of it is better or less:
a bar that ends right of the line has reached its floor, and one that ends right of its mark has
reached its goal.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from attrs import frozen

RESULTS = Path(__file__).parent / "results" / "latest.json"
PLOT = RESULTS.with_name("latest.svg")

#: What a figure's floor is of, with what is written behind it.
_UNITS = {
    "milliseconds": " ms",
    "percent": " %",
    "megabytes": " MB",
    "ratio": "",
    "per_second": "/s",
    "seconds": " s",
}
_LEFT, _RIGHT, _ROW, _TOP = 210, 130, 26, 44
_SCALE_WIDTH = 420
#: Of the scale: a tenth of the floor to ten times the floor.
_LEAST, _MOST = 0.1, 10.0
_STYLE = """
text { font: 12px sans-serif; fill: #24292f } .axis { stroke: #8c959f }
.bar { fill: #54aeff } .short { fill: #fa8f5c } .goal { stroke: #1a7f37; stroke-width: 2 }
"""


@frozen(kw_only=True)
class Bar:
    name: str
    #: As it is written.
    value: str
    #: How far it is and how far its goal is, where the floor is 1 and more is better.
    reached: float
    goal: float


def bars(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[Bar]:
    """Of the figures with a floor, by name."""
    for name, figure in sorted(figures.items()):
        if "floor" not in figure:
            continue
        unit = next(each for each in _UNITS if each in figure)
        value, floor, goal = (float(figure[each]) for each in (unit, "floor", "goal"))
        is_less_better = goal < floor
        yield Bar(
            name=name,
            value=f"{figure[unit]}{_UNITS[unit]}",
            reached=_ratio(floor, value) if is_less_better else _ratio(value, floor),
            goal=floor / goal if is_less_better else goal / floor,
        )


def _ratio(more: float, less: float) -> float:
    return more / less if less else math.inf


def drawn(rows: Sequence[Bar]) -> str:
    """An SVG document."""
    width, height = _LEFT + _SCALE_WIDTH + _RIGHT, _TOP + len(rows) * _ROW + 12
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for tick in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0):
        at = _across(tick)
        label = "floor" if tick == 1.0 else f"{tick:g}×"
        lines.append(f'<text x="{at:.1f}" y="20" text-anchor="middle">{label}</text>')
        dashes = "" if tick == 1.0 else ' stroke-dasharray="2 4"'
        lines.append(
            f'<line class="axis" x1="{at:.1f}" y1="28" x2="{at:.1f}" y2="{height - 8}"{dashes}/>'
        )
    for number, row in enumerate(rows):
        lines += _row(row, _TOP + number * _ROW)
    return "\n".join([*lines, "</svg>", ""])


def _row(row: Bar, top: int) -> Iterator[str]:
    end, mark = _across(row.reached), _across(row.goal)
    kind = "bar" if row.reached >= 1 else "short"
    yield f'<text x="{_LEFT - 8}" y="{top + 13}" text-anchor="end">{escape(row.name)}</text>'
    yield (
        f'<rect class="{kind}" x="{_LEFT}" y="{top + 2}" width="{end - _LEFT:.1f}"'
        f' height="{_ROW - 10}"/>'
    )
    yield f'<line class="goal" x1="{mark:.1f}" y1="{top}" x2="{mark:.1f}" y2="{top + 20}"/>'
    yield f'<text x="{_LEFT + _SCALE_WIDTH + 10}" y="{top + 13}">{escape(row.value)}</text>'


def _across(value: float) -> float:
    """Where it stands on the scale; at its end, whatever is beyond."""
    within = min(max(value, _LEAST), _MOST)
    share = math.log(within / _LEAST) / math.log(_MOST / _LEAST)
    return _LEFT + share * _SCALE_WIDTH


def draw() -> None:
    figures = json.loads(RESULTS.read_text())["figures"]
    PLOT.write_text(drawn([*bars(figures)]))


if __name__ == "__main__":
    draw()
