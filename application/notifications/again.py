"""What is done by hand: a new secret, a test, one delivery again, everything again since then."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from attrs import evolve, frozen

from application.access.caller import Caller
from application.notifications.endpoints import NO_ENDPOINT, Registered
from application.notifications.secrets import EndpointSecrets
from application.once import Answered, Once
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Store, Work
from domain.audit import EventFilter, timestamp
from domain.errors import Refusal
from domain.identifiers import DeliveryId, EndpointId
from domain.notification import TEST, TESTED, Notification
from domain.organisation import Permission
from domain.webhook import (
    MOST_OLD_SECRETS,
    Delivery,
    Endpoint,
    EndpointState,
    Way,
)

_DISABLED = Refusal(
    code="webhook_endpoint_disabled", detail="nothing is sent to it until it is enabled"
)


def found(work: Work, caller: Caller, id: EndpointId) -> Endpoint | Refusal:
    """The caller's endpoint, locked."""
    if refusal := caller.refusal(Permission.WRITE_WEBHOOKS):
        return refusal
    endpoint = work.webhooks.lock(id)
    if endpoint is None or endpoint.state is EndpointState.DELETED:
        return NO_ENDPOINT
    return caller.refusal(Permission.WRITE_WEBHOOKS, live=endpoint.live) or endpoint


@frozen(kw_only=True)
class RotateSecret:
    store: Store
    secrets: EndpointSecrets
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self,
        caller: Caller,
        id: EndpointId,
        overlap: timedelta,
        key: IdempotencyKey,
        fingerprint: bytes,
    ) -> Answered[Registered] | Refusal:
        """Until *overlap* is over, the old secret signs beside the new one."""
        if refusal := caller.refusal(Permission.WRITE_WEBHOOKS):
            return refusal
        with self.store.begin(caller.scope) as work:
            owner, known = work.webhooks.get(id), work.webhooks.secrets(id)
        if owner is None or not known:
            return NO_ENDPOINT
        now = self.clock.now()
        number = known[0].number + 1
        secret, shown = self.secrets.new(caller.organisation, id, number, now, owner.scheme)

        def act(work: Work) -> Registered | Refusal:
            endpoint = found(work, caller, id)
            if isinstance(endpoint, Refusal):
                return endpoint
            before = work.webhooks.secrets(id)
            if before[0].number != number - 1:
                return Refusal(
                    code="request_in_flight",
                    detail="its secret is being changed by somebody else",
                    retry_after=timedelta(seconds=1),
                )
            if sum(each.signs(now) for each in before) > MOST_OLD_SECRETS:
                detail = f"{MOST_OLD_SECRETS} old secrets still sign; wait until one is over"
                return Refusal(code="too_many_webhook_secrets", detail=detail)
            work.webhooks.add_secret(id, secret, now + overlap)
            trail = caller.trail(self.identifiers)
            trail.add(
                "webhook_endpoint.secret_rotated",
                endpoint.name,
                now,
                live=endpoint.live,
                details={"number": number, "old_until": timestamp(now + overlap)},
            )
            trail.write(work)
            return Registered(endpoint=endpoint, secret=shown)

        def again(work: Work, _id: UUID) -> Registered | None:
            endpoint = work.webhooks.get(id)
            return None if endpoint is None else Registered(endpoint=endpoint, secret=None)

        once = Once(
            store=self.store,
            clock=self.clock,
            act=act,
            id_of=lambda made: made.endpoint.id,
            again=again,
        )
        return once(caller.scope, key, fingerprint)


@frozen(kw_only=True)
class SendAgain:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def test(
        self, caller: Caller, id: EndpointId, key: IdempotencyKey, fingerprint: bytes
    ) -> Answered[Delivery] | Refusal:
        """An event that happened to the endpoint: somebody wants to see whether it works."""

        def act(work: Work) -> Delivery | Refusal:
            endpoint = found(work, caller, id)
            if isinstance(endpoint, Refusal):
                return endpoint
            if not endpoint.is_enabled:
                return _DISABLED
            now = self.clock.now()
            trail = caller.trail(self.identifiers)
            trail.add(TESTED, endpoint.name, now, live=endpoint.live)
            (event,) = trail.write(work)
            delivery = Delivery.of(
                endpoint,
                Notification.of(event, TEST),
                id=DeliveryId(self.identifiers.next()),
                number=endpoint.next_number,
                way=Way.TEST,
                now=now,
            )
            return self._beside(work, endpoint, delivery, now)

        return self._once(caller, id, act, key, fingerprint)

    def resend(
        self,
        caller: Caller,
        id: EndpointId,
        delivery: DeliveryId,
        key: IdempotencyKey,
        fingerprint: bytes,
    ) -> Answered[Delivery] | Refusal:
        """The same message, once more and now.  What is pending is tried at once."""

        def act(work: Work) -> Delivery | Refusal:
            endpoint = found(work, caller, id)
            if isinstance(endpoint, Refusal):
                return endpoint
            known = work.webhooks.delivery(id, delivery)
            if known is None:
                return Refusal(code="not_found", detail="there is no such delivery")
            if not endpoint.is_enabled:
                return _DISABLED
            now = self.clock.now()
            if known.is_pending:
                work.webhooks.put(evolve(endpoint, due_at=now, held_until=None))
                return known
            again = known.again(
                id=DeliveryId(self.identifiers.next()), number=endpoint.next_number, now=now
            )
            return self._beside(work, endpoint, again, now)

        return self._once(caller, id, act, key, fingerprint)

    def replay(
        self,
        caller: Caller,
        id: EndpointId,
        since: datetime,
        key: IdempotencyKey,
        fingerprint: bytes,
    ) -> Answered[Endpoint] | Refusal:
        """Everything from *since* on once more, in its order, then what comes after."""

        def act(work: Work) -> Endpoint | Refusal:
            endpoint = found(work, caller, id)
            if isinstance(endpoint, Refusal):
                return endpoint
            if not endpoint.is_enabled:
                return _DISABLED
            now = self.clock.now()
            events = work.audit.find(EventFilter(since=since), limit=1)
            if not events:
                return endpoint
            first = events[0].sequence
            # It comes again, at its place among the others.
            work.webhooks.skip(id, now, since=first)
            after = evolve(
                endpoint, cursor=min(endpoint.cursor, first - 1), held_until=None, due_at=now
            )
            work.webhooks.put(after)
            trail = caller.trail(self.identifiers)
            trail.add(
                "webhook_endpoint.replayed",
                endpoint.name,
                now,
                live=endpoint.live,
                details={"from_sequence": first},
            )
            trail.write(work)
            return after

        once = Once(
            store=self.store,
            clock=self.clock,
            act=act,
            id_of=lambda endpoint: endpoint.id,
            again=lambda work, _id: work.webhooks.get(id),
        )
        return once(caller.scope, key, fingerprint)

    def _once(
        self,
        caller: Caller,
        id: EndpointId,
        act: Callable[[Work], Delivery | Refusal],
        key: IdempotencyKey,
        fingerprint: bytes,
    ) -> Answered[Delivery] | Refusal:
        once = Once(
            store=self.store,
            clock=self.clock,
            act=act,
            id_of=lambda delivery: delivery.id,
            again=lambda work, made: work.webhooks.delivery(id, DeliveryId(made)),
        )
        return once(caller.scope, key, fingerprint)

    def _beside(
        self, work: Work, endpoint: Endpoint, delivery: Delivery, now: datetime
    ) -> Delivery:
        """Put it beside the line: it is sent now, whatever the line waits for."""
        work.webhooks.add_deliveries([delivery])
        work.webhooks.put(evolve(endpoint, next_number=endpoint.next_number + 1, due_at=now))
        return delivery
