"""The few entries of a failing history that it takes to fail."""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import evolve

from tests.simulation.history import Entry, History

Entries = tuple[Entry, ...]


def shrink(history: History, fails: Callable[[History], bool], seconds: float) -> History:
    """The smallest history found within *seconds* that still *fails*.

    Halves are left out, then quarters, down to single entries, until none can go (Zeller's
    delta debugging); then the episode is made plainer.
    """
    ends = time.monotonic() + seconds

    def may_go_on() -> bool:
        return time.monotonic() < ends

    entries, parts = history.entries, 2
    while len(entries) >= 2 and may_go_on():
        size = -(-len(entries) // parts)
        for start in range(0, len(entries), size):
            fewer = entries[:start] + entries[start + size :]
            if may_go_on() and fails(history.only(fewer)):
                entries, parts = fewer, max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(entries), parts * 2)
    smallest = history.only(entries)
    for change in ({"workers": 1}, {"nodes": 1}, {"restlessness": 0.0}, {"organisations": 1}):
        plainer = evolve(smallest, plan=evolve(smallest.plan, **change))
        if may_go_on() and plainer != smallest and fails(plainer):
            smallest = plainer
    return smallest
