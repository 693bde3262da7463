"""Processes: what is started from outside, and the one place where ports meet adapters."""
