"""What only PostgreSQL promises: roles, policies, constraints, partitions, and real concurrency."""
