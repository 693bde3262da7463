"""Keeping the trail for as long as it must be kept, where it is cheap, and no longer."""
