"""Programs on the development network."""
