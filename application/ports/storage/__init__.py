"""What the application asks of durable storage.

`Store.begin(scope)` is one transaction: committed when the block ends, undone when it raises.
Everything in it is scoped: what belongs to another organisation is not found, exactly as if it did
not exist.  Network calls never happen inside the block; writes never outside one.
"""
