"""What only PostgreSQL promises: roles, policies, constraints, partitions, many at once."""
