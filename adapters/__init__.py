"""One folder per technology behind the ports; the folders do not know each other."""
