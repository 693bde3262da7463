"""Every port in memory, as unkind as the real thing: for tests and simulations only."""
