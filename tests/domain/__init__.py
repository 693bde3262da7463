"""The rules, without a world."""
