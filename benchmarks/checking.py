"""Whether a figure has become worse than the one that is kept.

Only ratios are compared: absolute figures are of one machine on one day.
"""

from collections.abc import Iterator, Mapping
from typing import Any

#: Worse by as much as this is no chance any more.
TOLERATED = 1 / 3


def regressions(
    known: Mapping[str, Mapping[str, Any]], measured: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """A sentence for each of *measured* whose ratio is worse by more than `TOLERATED`."""
    for name, figure in measured.items():
        before, now = known.get(name, {}).get("ratio"), figure.get("ratio")
        if before is None or now is None:
            continue
        # Of a duration less is better: it is as often as the limit takes.
        share = before / now if "seconds" in figure else now / before
        if share < 1 - TOLERATED:
            yield f"{name}: the ratio was {before} and is {now}"
