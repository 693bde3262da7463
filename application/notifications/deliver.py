"""Send what waits for one endpoint, in its order, under a lease.

Read, send, record: whoever dies in between leaves messages that are sent again, with the same
``webhook-id``.  Whether a message arrived that was not answered, nobody knows; it is sent again.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from attrs import evolve, frozen

from application.audit.trail import Trail
from application.notifications.secrets import EndpointSecrets
from application.ports.clock import Clock
from application.ports.egress import (
    Egress,
    EgressRefusedError,
    EgressUnavailableError,
    Line,
    Reply,
)
from application.ports.identifiers import Identifiers
from application.ports.storage.webhooks import EndpointClaim, Outcome
from application.ports.storage.work import Scope, Store, Work
from application.ports.telemetry import SpanKind, Telemetry
from domain.audit import WORKER
from domain.identifiers import OperationId, Prefix, parse_id, public_id
from domain.trace import Cause, TraceContext
from domain.webhook import (
    KEPT_FOR,
    LONGEST_EXCERPT,
    Attempt,
    Delivery,
    Endpoint,
    Verdict,
    Way,
    judge,
    written,
)

#: How long an endpoint is somebody's: longer than `TURN` and one attempt together.
LEASE = timedelta(seconds=60)
#: After that long the others have their turn.
TURN = timedelta(seconds=5)
#: Messages in one turn, which are recorded together: as many may come twice after a death.
BATCH = 100
#: Whoever takes longer to answer is slow.
SLOW = timedelta(seconds=1)

_HEADERS = {"Content-Type": "application/json", "User-Agent": "Tallystick-Webhooks/1"}
#: What of an answer's headers is kept.
_LOGGED = ("content-type", "retry-after")
_LONGEST_HEADER = 200
#: Stands for each letter that nobody sees.
_INVISIBLE = "\N{REPLACEMENT CHARACTER}"
_HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


@frozen(kw_only=True)
class _Turn:
    """What one turn works on."""

    endpoint: Endpoint
    deliveries: Sequence[Delivery]
    secrets: Sequence[bytes]
    #: What the operations that they tell of were asked for in, by public id.
    causes: Mapping[str, Cause]


@frozen(kw_only=True)
class DeliverWebhooks:
    store: Store
    egress: Egress
    secrets: EndpointSecrets
    telemetry: Telemetry
    clock: Clock
    identifiers: Identifiers

    def take(self, limit: int, *, slow: int) -> list[EndpointClaim]:
        """Endpoints that something waits for."""
        with self.store.begin(Scope()) as work:
            return work.webhooks.take(self.clock.now(), limit, LEASE, slow=slow)

    def __call__(
        self, claim: EndpointClaim, is_stopping: Callable[[], bool] = lambda: False
    ) -> int:
        """One turn of the endpoint that was taken; how many messages were sent.

        Raises:
            LeaseLostError: somebody else is at it by now.
            CustodyUnavailableError, CustodyRefusedError: its secrets cannot be read.
        """
        until = self.clock.now() + TURN
        turn = self._read(claim)
        if turn is None:
            with self.store.begin(Scope(organisation=claim.organisation)) as work:
                work.webhooks.give_back(claim)
            return 0
        verdicts: list[tuple[Verdict, Attempt]] = []
        with self.egress.line(turn.endpoint.url) as line:
            for delivery in turn.deliveries:
                attempt = self._tell(line, turn, delivery)
                chance = int.from_bytes(self.identifiers.secret(2), "big")
                verdict = judge(delivery, attempt, chance)
                verdicts.append((verdict, attempt))
                if not verdict.goes_on or self.clock.now() >= until or is_stopping():
                    break
        with self.store.begin(Scope(organisation=claim.organisation)) as work:
            self._record(work, claim, verdicts)
        return len(verdicts)

    def forget(self) -> int:
        """Drop from the log what is older than it is kept."""
        with self.store.begin(Scope()) as work:
            return work.webhooks.purge(self.clock.now() - KEPT_FOR)

    def _read(self, claim: EndpointClaim) -> _Turn | None:
        with self.store.begin(Scope(organisation=claim.organisation)) as work:
            endpoint = work.webhooks.get(claim.endpoint)
            waiting = work.webhooks.waiting(claim.endpoint, BATCH)
            secrets = work.webhooks.secrets(claim.endpoint)
            causes = _causes(work, waiting)
        now = self.clock.now()
        if endpoint is None or not endpoint.is_enabled:
            return None
        if not endpoint.may_send_its_line(now):
            waiting = [each for each in waiting if each.way is not Way.EVENT]
        return _Turn(
            endpoint=endpoint,
            deliveries=waiting,
            secrets=self.secrets.read(claim.organisation, claim.endpoint, secrets, now),
            causes=causes,
        )

    def _tell(self, line: Line, turn: _Turn, delivery: Delivery) -> Attempt:
        """One attempt, in the trace of the request that what it tells of was asked for in."""
        cause = turn.causes.get(delivery.subject, Cause())
        with self.telemetry.span(
            "send_webhook",
            kind=SpanKind.PRODUCER,
            after=cause.trace,
            event_type=delivery.event_type,
        ) as span:
            span.concerns(
                organisation=public_id(Prefix.ORGANISATION, delivery.organisation),
                request_id=cause.request_id,
                endpoint=turn.endpoint.name,
                delivery=delivery.name,
                subject=delivery.subject,
            )
            attempt = self._send(line, turn, delivery, span.context)
            span.says(status=attempt.status)
            if not attempt.is_good:
                span.failed(attempt.error or f"{attempt.status}")
        return attempt

    def _send(self, line: Line, turn: _Turn, delivery: Delivery, trace: TraceContext) -> Attempt:
        begun = self.clock.now()
        signed = self.secrets.headers(
            delivery.message, begun, delivery.body, turn.secrets, turn.endpoint.scheme
        )
        headers = {**_HEADERS, "traceparent": trace.traceparent, **signed}
        try:
            reply = line.post(delivery.body, headers)
        except (EgressRefusedError, EgressUnavailableError) as error:
            return Attempt(
                url=turn.endpoint.url,
                at=begun,
                took=self._since(begun),
                error=error.code,
                excerpt=str(error)[:LONGEST_EXCERPT],
            )
        return Attempt(
            url=turn.endpoint.url,
            at=begun,
            took=self._since(begun),
            status=reply.status,
            response_headers={
                name: _visible(reply.headers[name][:_LONGEST_HEADER])
                for name in _LOGGED
                if name in reply.headers
            },
            excerpt=_excerpt(reply, turn.secrets),
            retry_after=_retry_after(reply, begun),
        )

    def _since(self, begun: datetime) -> timedelta:
        # The clock may have been set back meanwhile.
        return max(timedelta(0), self.clock.now() - begun)

    def _record(
        self, work: Work, claim: EndpointClaim, verdicts: Sequence[tuple[Verdict, Attempt]]
    ) -> None:
        endpoint = work.webhooks.lock(claim.endpoint)
        if endpoint is None:
            raise AssertionError("an endpoint's row stays for ever")
        outcomes = [Outcome(delivery=v.delivery, attempt=a) for v, a in verdicts]
        work.webhooks.record(claim, outcomes)
        now = self.clock.now()
        # By others it may have been disabled, deleted or set forward while we were sending.
        after = _after(endpoint, verdicts)
        causes = [verdict.disables for verdict, _ in verdicts if verdict.disables]
        trail = Trail(identifiers=self.identifiers, organisation=claim.organisation, actor=WORKER)
        if causes and endpoint.is_enabled:
            after = after.disabled(causes[0], now)
            trail.add(
                "webhook_endpoint.disabled",
                endpoint.name,
                now,
                live=endpoint.live,
                details={"because": causes[0].value},
            )
        after = evolve(after, due_at=_due(work, after, now))
        if after != endpoint:
            work.webhooks.put(after)
        work.webhooks.give_back(claim)
        trail.write(work)


def _causes(work: Work, waiting: Sequence[Delivery]) -> Mapping[str, Cause]:
    subjects = {
        OperationId(id): each.subject
        for each in waiting
        if (
            id := parse_id(Prefix.DEPLOYMENT, each.subject)
            or parse_id(Prefix.OPERATION, each.subject)
        )
    }
    found = work.deployments.causes_of(subjects) if subjects else {}
    return {subjects[id]: cause for id, cause in found.items()}


def _after(endpoint: Endpoint, verdicts: Sequence[tuple[Verdict, Attempt]]) -> Endpoint:
    """What the attempts tell about the endpoint; those beside the line tell nothing."""
    for verdict, attempt in verdicts:
        if verdict.delivery.way is not Way.EVENT:
            continue
        if attempt.is_good:
            endpoint = evolve(endpoint, failures=0, held_until=None, is_slow=attempt.took > SLOW)
        else:
            endpoint = evolve(
                endpoint,
                failures=endpoint.failures + 1,
                held_until=verdict.again_at,
                is_slow=True,
            )
    return endpoint


def _due(work: Work, endpoint: Endpoint, now: datetime) -> datetime | None:
    """When there is something to send; None: nothing waits."""
    waiting = work.webhooks.waiting(endpoint.id, 1)
    if not waiting:
        return None
    if waiting[0].way is not Way.EVENT:
        return now
    return max(now, endpoint.held_until or now)


def _excerpt(reply: Reply, secrets: Sequence[bytes]) -> str:
    """The beginning of an answer, as it may be shown: without our secrets, without tricks."""
    text = reply.body[: 4 * LONGEST_EXCERPT].decode("utf-8", "replace")
    for secret in secrets:
        shown = written(secret)
        text = text.replace(shown, "whsec_…").replace(shown.removeprefix("whsec_"), "…")
    return _visible(text)[:LONGEST_EXCERPT]


def _visible(text: str) -> str:
    """*text* without what acts on a terminal, or has no place in a database."""
    return "".join(
        letter if letter in "\n\t" or unicodedata.category(letter)[0] != "C" else _INVISIBLE
        for letter in text
    )


def _retry_after(reply: Reply, now: datetime) -> timedelta | None:
    """RFC 9110, 10.2.3: seconds, or an instant."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return timedelta(seconds=int(text))
    try:
        instant = datetime.strptime(text, _HTTP_DATE).replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(timedelta(0), instant - now)
