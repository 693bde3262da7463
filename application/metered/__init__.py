"""Spending on metered operations: holds with a lease, for other services."""
