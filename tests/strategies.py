"""Hypothesis strategies for domain values, and how many examples a run draws."""

import os


def examples(count: int) -> int:
    """*count*, or twenty times as many where the run is to prove something."""
    return count * 20 if os.environ.get("TALLYSTICK_PROVE") == "1" else count
