"""What members are told of: audit events, under names that are promised to the world outside.

There is no second record.  A notification is an audit event of `TYPES`, read: its id is the
event's, its number the event's place in the organisation's trail.  Numbers rise and have gaps,
for what is nobody's business outside has numbers too.  It is thin: an id, a state, and where to
ask for the rest.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import frozen

from domain.audit import API_VERSION, AuditEvent, JsonValue, canonical, timestamp
from domain.identifiers import EventId, Prefix, public_id
from domain.treasury import REACHED


@frozen(kw_only=True)
class EventType:
    #: ``deployment.completed``: what endpoints ask for.  It never changes its meaning.
    name: str
    #: What `id` is the id of.
    object: str
    #: Which of the audit event's details are told.
    details: tuple[str, ...] = ()
    #: Whether it belongs to one mode; what is the organisation's own is told in both.
    has_mode: bool = True
    #: Of the installation's own trail: members neither get it nor may ask for it.
    is_operators: bool = False


def _of_deployments(name: str, *details: str) -> EventType:
    told = ("state_before", "state", *details)
    return EventType(name=f"deployment.{name}", object="deployment", details=told)


_QUEUED = _of_deployments("queued")
_PENDING = _of_deployments("pending")
_FAILED = _of_deployments("failed", "reason", "without_effect")
_CREDITS = ("available", "granted", "percent")

#: The one table: what the trail calls it, and what it is outside.  What is not here is not told.
TYPES: Mapping[str, EventType] = {
    "deployment.queued": _QUEUED,
    "deployment.retry_requested": _QUEUED,
    "deployment.submitted": _of_deployments("submitted"),
    "deployment.pending": _PENDING,
    "deployment.effect_found": _PENDING,
    "deployment.confirmed": _of_deployments("confirmed"),
    "deployment.indexed": _of_deployments("indexed"),
    "deployment.completed": _of_deployments("completed"),
    "deployment.failed": _FAILED,
    "deployment.cancelled": _of_deployments("cancelled"),
    "balance.low": EventType(
        name="credits.low", object="organisation", details=_CREDITS, has_mode=False
    ),
    "balance.exhausted": EventType(
        name="credits.exhausted", object="organisation", details=_CREDITS, has_mode=False
    ),
    "licence.changed": EventType(
        name="licence.changed",
        object="organisation",
        details=("state_before", "state", "since", "until"),
        has_mode=False,
    ),
    "export.finished": EventType(
        name="audit.export_ready",
        object="export",
        details=("digest", "events", "format", "parts"),
        has_mode=False,
    ),
    **{
        action: EventType(
            name=action,
            object="treasury",
            details=("network", "balance", "threshold"),
            has_mode=False,
            is_operators=True,
        )
        for action in REACHED.values()
    },
    "account.balance_low": EventType(
        name="account.balance_low", object="account", details=("address", "network", "balance")
    ),
}

#: What a member asks for to see whether an endpoint works; it goes to that endpoint only.
TEST = EventType(name="webhook_endpoint.test", object="webhook_endpoint", has_mode=False)
#: What the trail calls it.
TESTED = "webhook_endpoint.tested"

#: What an endpoint of a member may ask for.
NAMES: tuple[str, ...] = tuple(
    dict.fromkeys(each.name for each in TYPES.values() if not each.is_operators)
)
#: What only the operator's may.
OPERATORS_NAMES: tuple[str, ...] = tuple(each.name for each in TYPES.values() if each.is_operators)


def actions_of(names: frozenset[str]) -> frozenset[str]:
    """What the trail calls *names*; none: everything that is told at all."""
    return frozenset(action for action, each in TYPES.items() if not names or each.name in names)


@frozen(kw_only=True)
class Notification:
    """One event, as it is told outside."""

    id: EventId
    sequence: int
    kind: EventType
    at: datetime
    live: bool
    #: Public id of what it happened to.
    subject: str
    #: Canonical bytes: the same in every attempt, of every release.
    body: bytes

    @classmethod
    def of(cls, event: AuditEvent, kind: EventType) -> "Notification":
        return cls(
            id=event.id,
            sequence=event.sequence,
            kind=kind,
            at=event.at,
            live=event.live,
            subject=event.subject,
            body=canonical(shown(event, kind)),
        )

    @property
    def name(self) -> str:
        """Its id outside; receivers know a repeat by it."""
        return public_id(Prefix.EVENT, self.id)


def shown(event: AuditEvent, kind: EventType) -> dict[str, JsonValue]:
    details = event.content()["details"]
    said = details if isinstance(details, Mapping) else {}
    told = {name: said[name] for name in kind.details if name in said}
    return {
        "api_version": API_VERSION,
        "data": {"id": event.subject, "object": kind.object, **told},
        "id": public_id(Prefix.EVENT, event.id),
        "live": event.live,
        "organisation": public_id(Prefix.ORGANISATION, event.organisation),
        "sequence": event.sequence,
        "timestamp": timestamp(event.at),
        "type": kind.name,
    }


def notifications(events: Sequence[AuditEvent]) -> list[Notification]:
    """Those of *events* that are told."""
    return [
        Notification.of(event, kind)
        for event in events
        if (kind := TYPES.get(event.action)) is not None
    ]
