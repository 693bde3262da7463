"""Faults on real parts: what is tried, what has to hold, and what came of it (docs/faults.md)."""
