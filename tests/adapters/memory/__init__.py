"""What the world in memory can be told to do: tests elsewhere rest on it."""
