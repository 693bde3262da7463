"""What the person who runs the installation does."""
