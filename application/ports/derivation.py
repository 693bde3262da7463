from typing import Protocol


class DerivationsBusyError(Exception):
    """Too many are waiting already; come back in a moment."""


class Derivation(Protocol):
    """The secret of ARC-76 (`domain/arc76.py`).  Slow by design: never called in a transaction."""

    def __call__(self, email: str, passphrase: str, slot: int) -> bytearray:
        """32 bytes; whoever asks overwrites them after use.

        Raises:
            ValueError: of what *passphrase* or *slot* is no account is made.
            DerivationsBusyError: rather than keep more callers waiting than there are places for.
        """
        ...
