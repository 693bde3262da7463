"""Servers for development and tests, started, broken and restarted at will.

Standard library only, and nothing of ours: what judges the adapters shares no code with them.
"""
