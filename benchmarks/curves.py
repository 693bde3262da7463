"""Numbers over time, as one SVG."""

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from attrs import field, frozen

_WIDTH, _HEIGHT = 560, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 110, 20, 44
_COLOURS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df")
_TICKS = 4
_STYLE = """
text { font: 12px sans-serif; fill: #24292f } .axis { stroke: #8c959f; stroke-dasharray: 2 4 }
polyline { fill: none; stroke-width: 1.5 }
"""


@frozen(kw_only=True)
class Drawing:
    #: What is told along either axis, with its unit.
    across: str
    up: str
    #: By name: points, from left to right.
    lines: Mapping[str, Sequence[tuple[float, float]]] = field()

    @lines.validator
    def _has_points(self, _: object, lines: Mapping[str, Sequence[tuple[float, float]]]) -> None:
        if not lines or not all(lines.values()):
            raise ValueError("there is nothing to draw")


def drawn(drawing: Drawing) -> str:
    """An SVG document; both scales begin at 0."""
    points = [point for line in drawing.lines.values() for point in line]
    furthest = max(x for x, _ in points) or 1.0
    highest = max(y for _, y in points) or 1.0
    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + x / furthest * _WIDTH, _TOP + (1 - y / highest) * _HEIGHT

    def axes() -> Iterator[str]:
        for number in range(_TICKS + 1):
            x, y = furthest * number / _TICKS, highest * number / _TICKS
            right, up = place(x, y)
            yield _text(right, _TOP + _HEIGHT + 16, "middle", f"{x:.0f}")
            yield _text(_LEFT - 8, up + 4, "end", f"{y:.0f}")
            yield (
                f'<line class="axis" x1="{_LEFT}" y1="{up:.1f}" x2="{_LEFT + _WIDTH}"'
                f' y2="{up:.1f}"/>'
            )
        yield _text(_LEFT + _WIDTH, height - 8, "end", drawing.across)
        yield _text(4, 14, "start", drawing.up)

    def lines() -> Iterator[str]:
        for number, (name, line) in enumerate(drawing.lines.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
            yield f'<polyline stroke="{colour}" points="{path}"/>'
            top = _TOP + 14 + number * 18
            yield (
                f'<text x="{_LEFT + _WIDTH + 10}" y="{top}" style="fill: {colour}">'
                f"{escape(name)}</text>"
            )

    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
            f"<style>{_STYLE}</style>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *axes(),
            *lines(),
            "</svg>",
            "",
        ]
    )


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
