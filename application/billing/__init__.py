"""Taking money, and giving what was paid for."""
