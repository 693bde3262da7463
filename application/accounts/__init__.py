"""Issuing accounts and their keys."""
