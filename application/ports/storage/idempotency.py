"""Which requests have been answered already."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from attrs import frozen

from domain.errors import Refusal
from domain.identifiers import OperationId


class RequestInFlightError(Exception):
    """A request with the same key is being worked on at this moment."""


@frozen(kw_only=True)
class IdempotencyKey:
    live: bool
    #: ``POST /v1/deployments``.
    route: str
    #: As the client sent it.
    key: str


@frozen(kw_only=True)
class Remembered:
    #: SHA-256 over body and API version.
    fingerprint: bytes
    #: What the request brought about; None where it was refused.
    operation: OperationId | None
    #: The refusal that repeats until the key is forgotten.
    refusal: Refusal | None
    expires_at: datetime


class IdempotencyKeys(Protocol):
    def take(self, key: IdempotencyKey, now: datetime) -> Remembered | None:
        """Hold *key* until the transaction ends and tell what is remembered under it.

        What expired before *now* is not remembered.

        Raises:
            RequestInFlightError: another transaction holds it.
        """
        ...

    def remember(self, key: IdempotencyKey, remembered: Remembered) -> None:
        """In the same transaction as the effect."""
        ...

    def recall(
        self, keys: Collection[IdempotencyKey], now: datetime
    ) -> Mapping[IdempotencyKey, Remembered]:
        """What is remembered under each of *keys*.

        For keys that are used under the wallet's lock only: that lock holds them.
        """
        ...

    def keep(self, remembered: Mapping[IdempotencyKey, Remembered]) -> None:
        """As `remember`, for such keys."""
        ...

    def purge(self, before: datetime) -> int:
        """Forget, for all organisations, what expired before; tell how many."""
        ...
