"""Values and rules.  Nothing here asks a clock, chance or the world."""
