from typing import Protocol


class Passwords(Protocol):
    """One-way storage of passwords.  Slow by design: never called inside a transaction."""

    def hash(self, password: str) -> str:
        """A self-describing hash with its own salt."""
        ...

    def verify(self, hash: str | None, password: str) -> bool:
        """Whether *password* made *hash*.

        None stands for nobody: as slow as a real comparison, and False.
        """
        ...
