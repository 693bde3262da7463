from typing import Protocol
from uuid import UUID


class Identifiers(Protocol):
    """Where identity and chance come from."""

    def next(self) -> UUID:
        """A fresh UUIDv7 that carries the clock's instant."""
        ...

    def secret(self, length: int) -> bytes:
        """*length* bytes that nobody can guess."""
        ...
