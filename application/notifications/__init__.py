"""Telling members what has happened, at the addresses that they have named."""
