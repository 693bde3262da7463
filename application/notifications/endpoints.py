"""What members do with their endpoints: register, change, switch off and on, delete."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from attrs import evolve, field, frozen

from application.access.caller import Caller
from application.notifications.secrets import EndpointSecrets
from application.once import Answered, Once
from application.ports.clock import Clock
from application.ports.egress import Egress, EgressRefusedError, EgressUnavailableError
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Store, Work
from domain.audit import JsonValue
from domain.errors import Refusal
from domain.identifiers import EndpointId
from domain.organisation import Permission
from domain.webhook import MOST_ENDPOINTS, Cause, Endpoint, EndpointState, Scheme

NO_ENDPOINT = Refusal(code="not_found", detail="there is no such webhook endpoint")


@frozen(kw_only=True)
class EndpointRequest:
    url: str
    live: bool
    scheme: Scheme = Scheme.SHARED
    description: str = ""
    #: None of them: all, those to come included.
    event_types: frozenset[str] = field(factory=frozenset)


@frozen(kw_only=True)
class Changes:
    """None: stays as it is."""

    url: str | None = None
    description: str | None = None
    event_types: frozenset[str] | None = None


@frozen(kw_only=True)
class Registered:
    endpoint: Endpoint
    #: Shown now and never again; None: it was shown before, or nobody needs it.
    secret: str | None = field(repr=False)


def url_refusal(egress: Egress, url: str) -> Refusal | None:
    """Why nothing is sent to *url*; None: it is."""
    try:
        egress.check(url)
    except EgressRefusedError as error:
        return Refusal(code="webhook_url_refused", detail=str(error))
    except EgressUnavailableError as error:
        return Refusal(code="webhook_url_unresolved", detail=str(error))
    return None


@frozen(kw_only=True)
class RegisterEndpoint:
    store: Store
    egress: Egress
    secrets: EndpointSecrets
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, caller: Caller, request: EndpointRequest, key: IdempotencyKey, fingerprint: bytes
    ) -> Answered[Registered] | Refusal:
        """Once per *key*; it is told of what happens from now on."""
        if refusal := caller.refusal(Permission.WRITE_WEBHOOKS, live=request.live):
            return refusal
        if refusal := url_refusal(self.egress, request.url):
            return refusal
        now = self.clock.now()
        id = EndpointId(self.identifiers.next())
        # Wrapping may ask a custodian: before the transaction.
        secret, shown = self.secrets.new(caller.organisation, id, 1, now, request.scheme)

        def act(work: Work) -> Registered | Refusal:
            if len(work.webhooks.all()) >= MOST_ENDPOINTS:
                detail = f"an organisation has at most {MOST_ENDPOINTS}"
                return Refusal(code="too_many_webhook_endpoints", detail=detail)
            endpoint = Endpoint(
                organisation=caller.organisation,
                id=id,
                url=request.url,
                description=request.description,
                event_types=request.event_types,
                live=request.live,
                scheme=request.scheme,
                created_by=caller.name,
                created_at=now,
                cursor=work.audit.head(),
            )
            work.webhooks.add(endpoint, secret)
            trail = caller.trail(self.identifiers)
            details: dict[str, JsonValue] = {"event_types": sorted(request.event_types)}
            trail.add(
                "webhook_endpoint.created", endpoint.name, now, live=endpoint.live, details=details
            )
            trail.write(work)
            return Registered(endpoint=endpoint, secret=shown)

        once = Once(
            store=self.store,
            clock=self.clock,
            act=act,
            id_of=lambda made: made.endpoint.id,
            again=_again,
        )
        return once(caller.scope, key, fingerprint)


def _again(work: Work, id: UUID) -> Registered | None:
    found = work.webhooks.get(EndpointId(id))
    return None if found is None else Registered(endpoint=found, secret=None)


@frozen(kw_only=True)
class ChangeEndpoints:
    store: Store
    egress: Egress
    clock: Clock
    identifiers: Identifiers

    def update(self, caller: Caller, id: EndpointId, changes: Changes) -> Endpoint | Refusal:
        """What is in the line goes to the new address."""
        if changes.url is not None and (refusal := url_refusal(self.egress, changes.url)):
            return refusal

        def change(work: Work, before: Endpoint, now: datetime) -> Endpoint:
            del work, now
            types, text = changes.event_types, changes.description
            return evolve(
                before,
                url=before.url if changes.url is None else changes.url,
                description=before.description if text is None else text,
                event_types=before.event_types if types is None else types,
            )

        def tell(before: Endpoint, after: Endpoint) -> dict[str, JsonValue]:
            # Addresses may carry what proves who calls: the trail has none.
            return {
                "event_types": sorted(after.event_types),
                "url_changed": before.url != after.url,
            }

        return self._change(caller, id, "webhook_endpoint.changed", change, tell)

    def disable(self, caller: Caller, id: EndpointId) -> Endpoint | Refusal:
        def change(work: Work, before: Endpoint, now: datetime) -> Endpoint:
            del work
            return before.disabled(Cause.ASKED, now) if before.is_enabled else before

        return self._change(caller, id, "webhook_endpoint.disabled", change, _because)

    def enable(
        self, caller: Caller, id: EndpointId, *, skip_missed: bool = False
    ) -> Endpoint | Refusal:
        """It gets what it missed, in its order; with *skip_missed*, what comes from now on."""

        def change(work: Work, before: Endpoint, now: datetime) -> Endpoint:
            if skip_missed:
                work.webhooks.skip(id, now)
            if before.is_enabled and not skip_missed:
                return before
            after = before.enabled(now)
            return evolve(after, cursor=work.audit.head()) if skip_missed else after

        return self._change(caller, id, "webhook_endpoint.enabled", change)

    def delete(self, caller: Caller, id: EndpointId) -> Endpoint | Refusal:
        """For ever, and at once: what is under way arrives or not, and nothing after it."""

        def change(work: Work, before: Endpoint, now: datetime) -> Endpoint:
            work.webhooks.skip(id, now)
            return evolve(before, state=EndpointState.DELETED, due_at=None)

        return self._change(caller, id, "webhook_endpoint.deleted", change)

    def _change(
        self,
        caller: Caller,
        id: EndpointId,
        action: str,
        change: Callable[[Work, Endpoint, datetime], Endpoint],
        tell: Callable[[Endpoint, Endpoint], dict[str, JsonValue]] = lambda _before, _after: {},
    ) -> Endpoint | Refusal:
        if refusal := caller.refusal(Permission.WRITE_WEBHOOKS):
            return refusal
        with self.store.begin(caller.scope) as work:
            before = work.webhooks.lock(id)
            if before is None or before.state is EndpointState.DELETED:
                return NO_ENDPOINT
            if refusal := caller.refusal(Permission.WRITE_WEBHOOKS, live=before.live):
                return refusal
            now = self.clock.now()
            after = change(work, before, now)
            if after == before:
                return before
            work.webhooks.put(after)
            trail = caller.trail(self.identifiers)
            trail.add(action, after.name, now, live=after.live, details=tell(before, after))
            trail.write(work)
        return after


def _because(before: Endpoint, after: Endpoint) -> dict[str, JsonValue]:
    del before
    return {"because": after.disabled_because and after.disabled_because.value}
