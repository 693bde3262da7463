"""What local keys promise beyond the port: nothing usable leaks, and nothing can be swapped."""
