"""The development servers: they break as told, and come back."""
