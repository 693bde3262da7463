"""How what happened gets into the trail."""
