"""What the application asks of the world, in its own words."""
