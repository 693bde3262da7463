"""Giving, holding and taking credits."""
