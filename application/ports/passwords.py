from typing import Protocol


class PasswordsBusyError(Exception):
    """Too many are waiting already; come back in a moment."""


class Passwords(Protocol):
    """One-way storage of passwords.  Slow by design: never called inside a transaction.

    Both methods raise `PasswordsBusyError` rather than keep more callers waiting than they have
    places for.
    """

    def hash(self, password: str) -> str:
        """A self-describing hash with its own salt."""
        ...

    def verify(self, hash: str | None, password: str) -> bool:
        """Whether *password* made *hash*.

        None stands for nobody: as slow as a real comparison, and False.
        """
        ...
