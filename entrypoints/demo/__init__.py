"""The main job on real parts: the demo, and what it is checked by."""
