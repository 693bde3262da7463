"""The chain port on a real node."""
