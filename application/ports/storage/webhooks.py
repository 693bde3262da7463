"""Webhook endpoints, their secrets, and their deliveries: the queue and the log in one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from attrs import frozen

from application.ports.storage.paging import Page, PageRequest
from domain.identifiers import DeliveryId, EndpointId, OrganisationId
from domain.webhook import Attempt, Delivery, DeliveryState, Endpoint, Secret


@frozen(kw_only=True)
class EndpointClaim:
    """A worker's lease on one endpoint's line."""

    organisation: OrganisationId
    endpoint: EndpointId
    #: What is recorded under the lease shows it.
    token: UUID
    #: As of the last time.
    is_slow: bool


@frozen(kw_only=True)
class Outcome:
    #: As it is after the attempt.
    delivery: Delivery
    attempt: Attempt


class Webhooks(Protocol):
    """Those of the scope's organisation, but for what says otherwise."""

    def add(self, endpoint: Endpoint, secret: Secret) -> None: ...

    def get(self, id: EndpointId) -> Endpoint | None:
        """Also a deleted one."""
        ...

    def lock(self, id: EndpointId) -> Endpoint | None:
        """As `get`, locked until the transaction ends."""
        ...

    def put(self, endpoint: Endpoint) -> None:
        """Store what became of a locked one.  A lease on it goes on."""
        ...

    def all(self) -> list[Endpoint]:
        """Newest first; none that are deleted."""
        ...

    def lock_lagging(self) -> list[Endpoint]:
        """Those enabled whose cursor is behind the trail's end; by id, locked."""
        ...

    def secrets(self, id: EndpointId) -> list[Secret]:
        """Newest first, those that are over included."""
        ...

    def add_secret(self, id: EndpointId, secret: Secret, old_until: datetime) -> None:
        """From now on the newest; those before end at *old_until*, if they did not before."""
        ...

    # The line, and the log.

    def add_deliveries(self, deliveries: Sequence[Delivery]) -> None: ...

    def delivery(self, endpoint: EndpointId, id: DeliveryId) -> Delivery | None: ...

    def deliveries(
        self, endpoint: EndpointId, page: PageRequest, *, state: DeliveryState | None = None
    ) -> Page[Delivery]:
        """Newest first, by their numbers."""
        ...

    def attempts(self, id: DeliveryId) -> list[Attempt]:
        """Oldest first."""
        ...

    def waiting(self, endpoint: EndpointId, limit: int) -> list[Delivery]:
        """What is pending: first what is beside the line, then the line; each in its order."""
        ...

    def skip(self, endpoint: EndpointId, now: datetime, *, since: int = 0) -> int:
        """Those of the line that are pending, of events numbered *since* or later; how many."""
        ...

    def record(self, claim: EndpointClaim, outcomes: Sequence[Outcome]) -> None:
        """Add the attempts.  A delivery that was skipped meanwhile stays so.

        Raises:
            LeaseLostError: somebody else may be at the endpoint.
        """
        ...

    # The queue, in any scope; ids only.

    def behind(self, limit: int) -> list[OrganisationId]:
        """Whose trail has events that an enabled endpoint of theirs was not held against."""
        ...

    def take(
        self, now: datetime, limit: int, lease: timedelta, *, slow: int
    ) -> list[EndpointClaim]:
        """Lease up to *limit* enabled endpoints that are due, at most *slow* of the slow ones.

        Longest due first, one organisation not starving another.  Leases run on the store's own
        clock.
        """
        ...

    def give_back(self, claim: EndpointClaim) -> None:
        """End a lease; no error where it is lost already."""
        ...

    def purge(self, before: datetime) -> int:
        """Forget deliveries of all organisations that were over by then; tell how many."""
        ...
