from typing import Protocol

from domain.identifiers import OrganisationId
from domain.signing import Curve, PublicKey


class DerivationsBusyError(Exception):
    """Too many are waiting already; come back in a moment."""


class TooManyDerivationsError(Exception):
    """One organisation has as many under way as one may."""


class Derivation(Protocol):
    """The secret of ARC-76 (`domain/arc76.py`).  Slow by design: never called in a transaction."""

    def __call__(
        self, organisation: OrganisationId, email: str, passphrase: str, slot: int
    ) -> bytearray:
        """32 bytes; whoever asks overwrites them after use.

        Raises:
            ValueError: of what *passphrase* or *slot* is no account is made.
            TooManyDerivationsError: *organisation* has enough under way.
            DerivationsBusyError: rather than keep more callers waiting than there are places for.
        """
        ...


class PublicKeys(Protocol):
    """Which key a secret made elsewhere is; asks no custodian, and keeps nothing."""

    def __call__(self, curve: Curve, secret: bytearray) -> PublicKey:
        """Raises: ValueError: it is no secret of *curve*."""
        ...
