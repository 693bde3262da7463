"""What stands between the application and whoever holds the keys."""
