"""What the system does: one file per thing."""
