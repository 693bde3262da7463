"""Webhook endpoints, their secrets, and their deliveries: the queue and the log in one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen
from psycopg.types.json import Jsonb

from adapters.postgres import queries
from adapters.postgres.transaction import Transaction
from application.ports.storage.paging import Page, PageRequest
from application.ports.storage.webhooks import EndpointClaim, Outcome, Webhooks
from application.ports.storage.work import LeaseLostError, Lock
from domain.identifiers import DeliveryId, EndpointId, EventId, OrganisationId
from domain.webhook import (
    Attempt,
    Cause,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointState,
    Scheme,
    Secret,
    Way,
)

WEBHOOKS = queries.load("webhooks.sql")

Row = Mapping[str, Any]


@frozen
class PostgresWebhooks(Webhooks):
    _transaction: Transaction

    def add(self, endpoint: Endpoint, secret: Secret) -> None:
        self._transaction.batch(
            [
                (WEBHOOKS["insert_endpoint"], _endpoint_to_row(endpoint)),
                (WEBHOOKS["insert_secret"], _secret_to_row(endpoint.id, secret)),
            ]
        )

    def get(self, id: EndpointId) -> Endpoint | None:
        row = self._transaction.row(WEBHOOKS["select_endpoint"], {"id": id})
        return _endpoint(row) if row else None

    def lock(self, id: EndpointId) -> Endpoint | None:
        self._transaction.enter(Lock.WEBHOOK_ENDPOINT, id)
        row = self._transaction.row(WEBHOOKS["lock_endpoint"], {"id": id})
        return _endpoint(row) if row else None

    def put(self, endpoint: Endpoint) -> None:
        self._transaction.update(
            endpoint.name, WEBHOOKS["update_endpoint"], _endpoint_to_row(endpoint)
        )

    def all(self) -> list[Endpoint]:
        return [_endpoint(row) for row in self._transaction.rows(WEBHOOKS["list_endpoints"])]

    def lock_lagging(self) -> list[Endpoint]:
        self._transaction.enter_any(Lock.WEBHOOK_ENDPOINT)
        return [_endpoint(row) for row in self._transaction.rows(WEBHOOKS["lock_lagging"])]

    def secrets(self, id: EndpointId) -> list[Secret]:
        found = self._transaction.rows(WEBHOOKS["select_secrets"], {"endpoint_id": id})
        return [_secret(row) for row in found]

    def add_secret(self, id: EndpointId, secret: Secret, old_until: datetime) -> None:
        self._transaction.batch(
            [
                (WEBHOOKS["end_secrets"], {"endpoint_id": id, "until": old_until}),
                (WEBHOOKS["insert_secret"], _secret_to_row(id, secret)),
            ]
        )

    def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        self._transaction.write(
            WEBHOOKS["insert_deliveries"],
            {
                "endpoints": [each.endpoint for each in deliveries],
                "ids": [each.id for each in deliveries],
                "numbers": [each.number for each in deliveries],
                "ways": [each.way.value for each in deliveries],
                "events": [each.event for each in deliveries],
                "sequences": [each.sequence for each in deliveries],
                "types": [each.event_type for each in deliveries],
                "subjects": [each.subject for each in deliveries],
                "bodies": [each.body for each in deliveries],
                "instants": [each.created_at for each in deliveries],
            },
        )

    def delivery(self, endpoint: EndpointId, id: DeliveryId) -> Delivery | None:
        asked = {"endpoint_id": endpoint, "id": id}
        row = self._transaction.row(WEBHOOKS["select_delivery"], asked)
        return _delivery(row) if row else None

    def deliveries(
        self, endpoint: EndpointId, page: PageRequest, *, state: DeliveryState | None = None
    ) -> Page[Delivery]:
        found = self._transaction.rows(
            WEBHOOKS["list_deliveries"],
            {
                "endpoint_id": endpoint,
                "state": state and state.value,
                "after": page.after,
                "limit": page.limit + 1,
            },
        )
        return Page(tuple(map(_delivery, found[: page.limit])), len(found) > page.limit)

    def attempts(self, id: DeliveryId) -> list[Attempt]:
        found = self._transaction.rows(WEBHOOKS["select_attempts"], {"delivery_id": id})
        return [Attempt(**row) for row in found]

    def waiting(self, endpoint: EndpointId, limit: int) -> list[Delivery]:
        asked = {"endpoint_id": endpoint, "limit": limit}
        return [_delivery(row) for row in self._transaction.rows(WEBHOOKS["waiting"], asked)]

    def skip(self, endpoint: EndpointId, now: datetime, *, since: int = 0) -> int:
        asked = {"endpoint_id": endpoint, "now": now, "since": since}
        return self._transaction.change(WEBHOOKS["skip"], asked)

    def record(self, claim: EndpointClaim, outcomes: Sequence[Outcome]) -> None:
        lease = {"id": claim.endpoint, "token": claim.token}
        if self._transaction.row(WEBHOOKS["holds_lease"], lease) is None:
            raise LeaseLostError(f"somebody else may be at the endpoint {claim.endpoint}")
        if not outcomes:
            return
        rows = _outcomes_to_row(outcomes)
        self._transaction.batch(
            [(WEBHOOKS["update_deliveries"], rows), (WEBHOOKS["insert_attempts"], rows)]
        )

    def behind(self, limit: int) -> list[OrganisationId]:
        found = self._transaction.rows(WEBHOOKS["behind"], {"limit": limit})
        return [row["organisation_id"] for row in found]

    def take(
        self, now: datetime, limit: int, lease: timedelta, *, slow: int
    ) -> list[EndpointClaim]:
        self._transaction.enter_any(Lock.WEBHOOK_ENDPOINT)
        asked = {"now": now, "limit": limit, "lease": lease, "slow": slow}
        return [
            EndpointClaim(
                organisation=row["organisation_id"],
                endpoint=row["id"],
                token=row["token"],
                is_slow=row["is_slow"],
            )
            for row in self._transaction.rows(WEBHOOKS["claim"], asked)
        ]

    def give_back(self, claim: EndpointClaim) -> None:
        asked = {"id": claim.endpoint, "token": claim.token}
        self._transaction.write(WEBHOOKS["give_back"], asked)

    def purge(self, before: datetime) -> int:
        row = self._transaction.row(WEBHOOKS["purge"], {"before": before})
        return row["count"] if row else 0


def _endpoint_to_row(endpoint: Endpoint) -> Row:
    return {
        "organisation_id": endpoint.organisation,
        "id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": sorted(endpoint.event_types),
        "live": endpoint.live,
        "scheme": endpoint.scheme.value,
        "api_version": endpoint.api_version,
        "state": endpoint.state.value,
        "disabled_because": endpoint.disabled_because and endpoint.disabled_because.value,
        "disabled_at": endpoint.disabled_at,
        "created_by": endpoint.created_by,
        "created_at": endpoint.created_at,
        "cursor": endpoint.cursor,
        "next_number": endpoint.next_number,
        "due_at": endpoint.due_at,
        "held_until": endpoint.held_until,
        "failures": endpoint.failures,
        "is_slow": endpoint.is_slow,
    }


def _endpoint(row: Row) -> Endpoint:
    because = row["disabled_because"]
    return Endpoint(
        organisation=row["organisation_id"],
        id=row["id"],
        url=row["url"],
        description=row["description"],
        event_types=frozenset(row["event_types"]),
        live=row["live"],
        scheme=Scheme(row["scheme"]),
        api_version=row["api_version"],
        state=EndpointState(row["state"]),
        disabled_because=None if because is None else Cause(because),
        disabled_at=row["disabled_at"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        cursor=row["cursor"],
        next_number=row["next_number"],
        due_at=row["due_at"],
        held_until=row["held_until"],
        failures=row["failures"],
        is_slow=row["is_slow"],
    )


def _secret_to_row(endpoint: EndpointId, secret: Secret) -> Row:
    return {
        "endpoint_id": endpoint,
        "number": secret.number,
        "wrapping": secret.wrapping,
        "ciphertext": secret.ciphertext,
        "public_key": secret.public_key,
        "created_at": secret.created_at,
        "expires_at": secret.expires_at,
    }


def _secret(row: Row) -> Secret:
    public = row["public_key"]
    return Secret(
        number=row["number"],
        wrapping=row["wrapping"],
        ciphertext=bytes(row["ciphertext"]),
        public_key=None if public is None else bytes(public),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


def _delivery(row: Row) -> Delivery:
    return Delivery(
        organisation=row["organisation_id"],
        endpoint=row["endpoint_id"],
        id=row["id"],
        number=row["number"],
        way=Way(row["way"]),
        event=EventId(row["event_id"]),
        sequence=row["sequence"],
        event_type=row["event_type"],
        subject=row["subject"],
        body=bytes(row["body"]),
        created_at=row["created_at"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        finished_at=row["finished_at"],
        last_status=row["last_status"],
        last_error=row["last_error"],
    )


def _outcomes_to_row(outcomes: Sequence[Outcome]) -> Row:
    deliveries = [each.delivery for each in outcomes]
    attempts = [each.attempt for each in outcomes]
    return {
        "ids": [each.id for each in deliveries],
        "states": [each.state.value for each in deliveries],
        "counts": [each.attempts for each in deliveries],
        "finishes": [each.finished_at for each in deliveries],
        "statuses": [each.last_status for each in deliveries],
        "errors": [each.last_error for each in deliveries],
        "urls": [each.url for each in attempts],
        "instants": [each.at for each in attempts],
        "durations": [each.took for each in attempts],
        "attempt_statuses": [each.status for each in attempts],
        "attempt_errors": [each.error for each in attempts],
        "headers": [Jsonb(dict(each.response_headers)) for each in attempts],
        "excerpts": [each.excerpt for each in attempts],
    }
