"""The description as programs read it: compared with what was, and executed."""
