from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from attrs import define, evolve, field, frozen

from adapters.memory.storage.audit import AuditTables
from adapters.memory.storage.transaction import Table, Transaction, page_of
from application.ports.storage.paging import Page, PageRequest
from application.ports.storage.webhooks import EndpointClaim, Outcome, Webhooks
from application.ports.storage.work import LeaseLostError, Lock
from domain.errors import MisuseError
from domain.identifiers import DeliveryId, EndpointId, OrganisationId
from domain.webhook import (
    Attempt,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointState,
    Secret,
    Way,
)

Key = tuple[OrganisationId, EndpointId]
DeliveryKey = tuple[OrganisationId, DeliveryId]


@frozen
class _Lease:
    token: UUID
    #: By the store's own clock.
    until: float


@define(eq=False)
class WebhookTables:
    endpoints: Table[Key, Endpoint] = field(factory=lambda: Table("webhook_endpoints"))
    secrets: Table[Key, tuple[Secret, ...]] = field(factory=lambda: Table("webhook_secrets"))
    leases: Table[Key, _Lease] = field(factory=lambda: Table("webhook_leases"))
    deliveries: Table[DeliveryKey, Delivery] = field(factory=lambda: Table("webhook_deliveries"))
    attempts: Table[DeliveryKey, tuple[Attempt, ...]] = field(
        factory=lambda: Table("webhook_attempts")
    )


@define(eq=False)
class MemoryWebhooks(Webhooks):
    _transaction: Transaction
    _tables: WebhookTables
    _audit: AuditTables
    _new_token: Callable[[], UUID]

    def add(self, endpoint: Endpoint, secret: Secret) -> None:
        organisation = self._transaction.require_organisation(endpoint.organisation)
        key = (organisation, endpoint.id)
        if not self._transaction.insert(self._tables.endpoints, key, endpoint):
            raise MisuseError(f"there is an endpoint {endpoint.name} already")
        self._transaction.put(self._tables.secrets, key, (secret,))

    def get(self, id: EndpointId) -> Endpoint | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.endpoints, (organisation, id))

    def lock(self, id: EndpointId) -> Endpoint | None:
        key = (self._transaction.require_organisation(), id)
        self._transaction.enter(Lock.WEBHOOK_ENDPOINT, id)
        self._transaction.hold(self._tables.endpoints, key)
        return self._transaction.get(self._tables.endpoints, key)

    def put(self, endpoint: Endpoint) -> None:
        key = (self._transaction.require_organisation(endpoint.organisation), endpoint.id)
        before = self._transaction.get(self._tables.endpoints, key)
        if before is None or before.live is not endpoint.live:
            raise MisuseError(f"there is no {endpoint.name} in the scope")
        if before.state is EndpointState.DELETED and endpoint.state is not before.state:
            raise MisuseError(f"{endpoint.name} is deleted")
        self._transaction.update(self._tables.endpoints, key, endpoint)

    def all(self) -> list[Endpoint]:
        mine = [each for each in self._mine() if each.state is not EndpointState.DELETED]
        return sorted(mine, key=lambda each: each.id, reverse=True)

    def lock_lagging(self) -> list[Endpoint]:
        organisation = self._transaction.require_organisation()
        found = []
        for each in sorted(self._mine(), key=lambda each: each.id):
            if not self._lags(each):
                continue
            self._transaction.lock(
                Lock.WEBHOOK_ENDPOINT, self._tables.endpoints, (organisation, each.id)
            )
            # Whoever held it may have brought it forward.
            locked = self._transaction.get(self._tables.endpoints, (organisation, each.id))
            if locked is not None and self._lags(locked):
                found.append(locked)
        return found

    def secrets(self, id: EndpointId) -> list[Secret]:
        organisation = self._transaction.organisation
        if organisation is None:
            return []
        found = self._transaction.get(self._tables.secrets, (organisation, id))
        return [*(found or ())]

    def add_secret(self, id: EndpointId, secret: Secret, old_until: datetime) -> None:
        key = (self._transaction.require_organisation(), id)
        known = self._transaction.get(self._tables.secrets, key)
        if not known or secret.number != known[0].number + 1:
            raise MisuseError(f"{secret.number} is not the next secret of {id}")
        ended = tuple(
            evolve(
                each,
                expires_at=old_until
                if each.expires_at is None
                else min(each.expires_at, old_until),
            )
            for each in known
        )
        self._transaction.put(self._tables.secrets, key, (secret, *ended))

    def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        taken = {(each.endpoint, each.number) for each in self._deliveries()}
        for each in deliveries:
            key = (self._transaction.require_organisation(each.organisation), each.id)
            is_new = self._transaction.insert(self._tables.deliveries, key, each)
            if not is_new or (each.endpoint, each.number) in taken:
                raise MisuseError(f"there is a delivery {each.number} already")
            taken.add((each.endpoint, each.number))

    def delivery(self, endpoint: EndpointId, id: DeliveryId) -> Delivery | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        found = self._transaction.get(self._tables.deliveries, (organisation, id))
        return found if found is not None and found.endpoint == endpoint else None

    def deliveries(
        self, endpoint: EndpointId, page: PageRequest, *, state: DeliveryState | None = None
    ) -> Page[Delivery]:
        mine = [each for each in self._deliveries() if each.endpoint == endpoint]
        if page.after is not None:
            last = next((each for each in self._deliveries() if each.id == page.after), None)
            mine = [each for each in mine if last is not None and each.number < last.number]
        if state is not None:
            mine = [each for each in mine if each.state is state]
        newest_first = sorted(mine, key=lambda each: each.number, reverse=True)
        return Page(*page_of(newest_first, page.limit))

    def attempts(self, id: DeliveryId) -> list[Attempt]:
        organisation = self._transaction.organisation
        if organisation is None:
            return []
        found = self._transaction.get(self._tables.attempts, (organisation, id))
        return [*(found or ())]

    def waiting(self, endpoint: EndpointId, limit: int) -> list[Delivery]:
        found = [
            each for each in self._deliveries() if each.endpoint == endpoint and each.is_pending
        ]
        return sorted(found, key=lambda each: (each.way is Way.EVENT, each.number))[:limit]

    def skip(self, endpoint: EndpointId, now: datetime, *, since: int = 0) -> int:
        found = [
            each
            for each in self.waiting(endpoint, len(self._deliveries()))
            if each.way is Way.EVENT and each.sequence >= since
        ]
        for each in found:
            self._store(each.finished(DeliveryState.SKIPPED, now))
        return len(found)

    def record(self, claim: EndpointClaim, outcomes: Sequence[Outcome]) -> None:
        organisation = self._transaction.require_organisation()
        key = (organisation, claim.endpoint)
        self._transaction.hold(self._tables.endpoints, key)
        lease = self._transaction.get(self._tables.leases, key)
        if lease is None or lease.token != claim.token or self._is_free(key):
            raise LeaseLostError(f"somebody else may be at the endpoint {claim.endpoint}")
        for each in outcomes:
            place = (organisation, each.delivery.id)
            known = self._transaction.get(self._tables.deliveries, place)
            if known is not None and known.is_pending:
                self._store(each.delivery)
            made = self._transaction.get(self._tables.attempts, place) or ()
            # What comes back of it is in the row; how long to wait is of that moment only.
            kept = evolve(each.attempt, retry_after=None)
            self._transaction.put(self._tables.attempts, place, (*made, kept))

    def behind(self, limit: int) -> list[OrganisationId]:
        lagging = [
            (self._head(organisation) - endpoint.cursor, organisation)
            for (organisation, _), endpoint in self._transaction.items(self._tables.endpoints)
            if self._lags(endpoint)
        ]
        most: dict[OrganisationId, int] = {}
        for behind, organisation in lagging:
            most[organisation] = max(behind, most.get(organisation, 0))
        return [id for _, id in sorted((behind, id) for id, behind in most.items())][:limit]

    def take(
        self, now: datetime, limit: int, lease: timedelta, *, slow: int
    ) -> list[EndpointClaim]:
        claims: list[EndpointClaim] = []
        left = slow
        for key, endpoint in self._in_turn(now):
            if len(claims) == limit:
                break
            if endpoint.is_slow and left <= 0:
                continue
            if not self._transaction.try_hold(self._tables.endpoints, key):
                continue
            # Between the look and the hold somebody else may have taken it.
            locked = self._transaction.get(self._tables.endpoints, key)
            if locked is None or not self._is_due(key, locked, now):
                continue
            left -= endpoint.is_slow
            token = self._new_token()
            until = self._transaction.now() + lease.total_seconds()
            self._transaction.put(self._tables.leases, key, _Lease(token, until))
            claims.append(
                EndpointClaim(
                    organisation=key[0], endpoint=key[1], token=token, is_slow=endpoint.is_slow
                )
            )
        return claims

    def give_back(self, claim: EndpointClaim) -> None:
        key = (self._transaction.require_organisation(), claim.endpoint)
        self._transaction.hold(self._tables.endpoints, key)
        found = self._transaction.get(self._tables.leases, key)
        if found is not None and found.token == claim.token:
            self._transaction.delete(self._tables.leases, key)

    def purge(self, before: datetime) -> int:
        old = [
            key
            for key, each in self._transaction.items(self._tables.deliveries)
            if each.finished_at is not None and each.finished_at < before
        ]
        for key in old:
            self._transaction.delete(self._tables.deliveries, key)
            self._transaction.delete(self._tables.attempts, key)
        return len(old)

    def _mine(self) -> list[Endpoint]:
        return [
            endpoint
            for (organisation, _), endpoint in self._transaction.items(self._tables.endpoints)
            if organisation == self._transaction.organisation
        ]

    def _deliveries(self) -> list[Delivery]:
        return [
            each
            for (organisation, _), each in self._transaction.items(self._tables.deliveries)
            if organisation == self._transaction.organisation
        ]

    def _store(self, delivery: Delivery) -> None:
        key = (delivery.organisation, delivery.id)
        self._transaction.update(self._tables.deliveries, key, delivery)

    def _head(self, organisation: OrganisationId) -> int:
        return self._transaction.get(self._audit.heads, organisation) or 0

    def _lags(self, endpoint: Endpoint) -> bool:
        return endpoint.is_enabled and endpoint.cursor < self._head(endpoint.organisation)

    def _in_turn(self, now: datetime) -> list[tuple[Key, Endpoint]]:
        """Those that are due: first the first of each organisation."""
        due = [
            (key, endpoint)
            for key, endpoint in self._transaction.items(self._tables.endpoints)
            if self._is_due(key, endpoint, now)
        ]
        # Their turns are counted by organisation, those of slow ones apart.
        turns: Counter[tuple[OrganisationId, bool]] = Counter()
        ranked: list[tuple[int, datetime, Key, Endpoint]] = []
        for key, endpoint in sorted(due, key=lambda each: (each[1].due_at or now, each[0])):
            turns[key[0], endpoint.is_slow] += 1
            turn = turns[key[0], endpoint.is_slow]
            ranked.append((turn, endpoint.due_at or now, key, endpoint))
        ranked.sort(key=lambda entry: entry[:3])
        return [(key, endpoint) for _, _, key, endpoint in ranked]

    def _is_due(self, key: Key, endpoint: Endpoint, now: datetime) -> bool:
        is_due = endpoint.due_at is not None and endpoint.due_at <= now
        return endpoint.is_enabled and is_due and self._is_free(key)

    def _is_free(self, key: Key) -> bool:
        lease = self._transaction.get(self._tables.leases, key)
        return lease is None or lease.until <= self._transaction.now()
