"""What the house carries, as ratios to a limit measured in the same run on the same machine."""
