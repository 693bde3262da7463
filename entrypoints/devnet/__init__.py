"""Servers for development and tests, started, broken and restarted at will.

Nothing of ours, and the standard library only; algod's simulator adds msgpack and Ed25519.
What judges the adapters shares no code with them.
"""
