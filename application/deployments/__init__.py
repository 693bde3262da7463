"""From a request to a token, exactly once."""
