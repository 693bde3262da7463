"""The HTTP face of the application: decode, ask, represent."""
