"""When issued tokens are looked at, and what was last said of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from attrs import field, frozen, validators

from domain.identifiers import OperationId, OrganisationId


@frozen(kw_only=True)
class TokenWatch:
    """One issued token's place in the monitor's queue."""

    organisation: OrganisationId
    #: The one that made it.
    deployment: OperationId
    live: bool
    due_at: datetime
    #: When its chain last told what it is like; None: never yet.
    checked_at: datetime | None = None
    #: What was last told to differ, in words; (): nothing.
    differences: tuple[str, ...] = field(default=())

    @differences.validator
    def _was_looked_at(self, _: object, differences: tuple[str, ...]) -> None:
        if differences and self.checked_at is None:
            raise ValueError("what was told of a token was seen before")


@frozen(kw_only=True)
class WatchClaim:
    """Somebody's lease on looking at one token."""

    organisation: OrganisationId
    deployment: OperationId
    #: What is recorded under the lease shows it.
    token: UUID


@frozen(kw_only=True)
class WatchLease:
    """What a claim asks for."""

    #: By the store's own clock.
    length: timedelta = field(validator=validators.gt(timedelta(0)))
    #: When the token is due again should nothing be recorded: whoever dies over it does not
    #: keep it at the head of the queue.
    again: datetime


class TokenWatches(Protocol):
    """Those of the scope's organisation, where nothing else is said."""

    def add(self, watch: TokenWatch) -> bool:
        """Store a new one; False, and nothing stored, where the token has one."""
        ...

    def get(self, id: OperationId) -> TokenWatch | None: ...

    def lock(self, id: OperationId) -> TokenWatch | None:
        """As `get`, locked until the transaction ends."""
        ...

    def put(self, watch: TokenWatch, claim: WatchClaim) -> None:
        """Store what became of a locked one, and end the lease.

        Raises:
            LeaseLostError: *claim* is not, or no longer, its lease.
        """
        ...

    def take(self, now: datetime, limit: int, lease: WatchLease) -> list[WatchClaim]:
        """Lease up to *limit* that are due at *now*, of all organisations; ids only, in any scope.

        Longest due first, one organisation not starving another.  Any number may ask at once; no
        two get the same.
        """
        ...

    def claim(self, id: OperationId, lease: WatchLease) -> WatchClaim | None:
        """Lease this one, due or not; None where there is none, or somebody has it."""
        ...

    def unwatched(self, limit: int) -> list[tuple[OrganisationId, OperationId]]:
        """Issued tokens of all organisations that have none; ids only, in any scope."""
        ...

    def all(
        self, after: tuple[OrganisationId, OperationId] | None, limit: int
    ) -> Sequence[tuple[OrganisationId, OperationId]]:
        """Watched tokens of all organisations in ascending order of their ids, in any scope."""
        ...
