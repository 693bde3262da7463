"""Checks evidence packs."""
