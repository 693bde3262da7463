"""What our Algorand contracts promise."""
