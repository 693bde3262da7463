"""Tests; what they may rely on is in conftest.py."""
