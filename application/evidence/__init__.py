"""What the trail proves to a stranger."""
