"""Record what happened to a deployment: state, money and audit event in one transaction."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from attrs import AttrsInstance

from application.audit.trail import Trail
from application.credits.post import post
from application.deployments.budget import settle_native
from application.ports.storage.tokens import TokenWatch
from application.ports.storage.work import Work
from domain.anchor import ANCHORED, Anchor
from domain.audit import details_of
from domain.deployment import (
    Cancelled,
    Completed,
    Deployment,
    Event,
    Failed,
    action_of,
)
from domain.errors import MisuseError, Refusal
from domain.ledger import Capture, Release
from domain.operation import OperationKind
from domain.organisation import Permission

#: When a new token is looked at first: it was read back a moment ago.
FIRST_LOOK = timedelta(minutes=1)

#: What an operation is called in the trail, where it is not named after what it does.
_NOUN = {OperationKind.INSTALL_FACTORY: "installation"}


def apply_all(
    work: Work, trail: Trail, deployment: Deployment, events: Iterable[Event], now: datetime
) -> Deployment:
    """The locked *deployment* after *events*; settles its hold where an event ends it."""
    for event in events:
        before, deployment = deployment, deployment.apply(event)
        settle(work, trail, deployment, event, now)
        if isinstance(event, Completed):
            watch(work, deployment, now)
        name_event(trail, before, deployment, event, now)
        if isinstance(event, Completed) and deployment.kind is OperationKind.ANCHOR:
            tell_anchored(trail, deployment, now)
    return deployment


def settle(work: Work, trail: Trail, deployment: Deployment, event: Event, now: datetime) -> None:
    """Capture on an effect that exists, release on proof that there is none.

    And what the treasury gave for it is known: of the day's budget the rest is free again.
    """
    if deployment.hold is None:
        if deployment.kind.is_for_a_key and not deployment.state.is_open:
            work.ledger.stand_in_line()
            settle_native(work, deployment)
        return
    match event:
        case Completed() | Failed(without_effect=False):
            command: Capture | Release = Capture(id=deployment.hold)
        case Failed(without_effect=True):
            command = Release(id=deployment.hold, is_ours=True)
        case Cancelled():
            command = Release(id=deployment.hold)
        case _:
            return
    refusal = post(
        work,
        trail,
        command,
        now,
        subject=deployment.id,
        correlation=deployment.named,
        live=deployment.live,
    )
    if isinstance(refusal, Refusal):
        raise MisuseError(f"the hold of {deployment.id} cannot be settled: {refusal.detail}")
    settle_native(work, deployment)


def watch(work: Work, deployment: Deployment, now: datetime) -> None:
    """From now on the token that *deployment* has made is looked at, where it has made one."""
    if deployment.kind is OperationKind.DEPLOYMENT:
        work.token_watches.add(
            TokenWatch(
                organisation=deployment.organisation,
                deployment=deployment.id,
                live=deployment.live,
                due_at=now + FIRST_LOOK,
            )
        )


def tell_anchored(trail: Trail, deployment: Deployment, now: datetime) -> None:
    """Which checkpoint is on chain, where, for whoever reads the trail and not our records."""
    inclusion, checkpoint = deployment.step.inclusion, Anchor.of(deployment.token).checkpoint
    if inclusion is None:
        raise AssertionError("what is completed is in a block")
    trail.add(
        ANCHORED,
        deployment.named,
        now,
        live=deployment.live,
        details={
            "block": details_of(inclusion.block),
            "network": deployment.network,
            "origin": checkpoint.origin,
            "root": checkpoint.root.hex(),
            "size": checkpoint.size,
            "transaction_id": inclusion.transaction_id,
        },
    )


def name_event(
    trail: Trail, before: Deployment, after: Deployment, event: Event, now: datetime
) -> None:
    """The audit event: what happened, and how it moved the public state."""
    details = details_of(_as_attrs(event))
    if after.state is not before.state:
        details["state_before"] = before.state.value
        details["state"] = after.state.value
    trail.add(
        action_for(after.kind, action_of(before.state, event, after.state)),
        after.named,
        now,
        live=after.live,
        details=details,
    )


def needed_for(operation: Deployment) -> Permission:
    """What somebody must be allowed to do in order to change it."""
    if operation.kind.is_on_a_token:
        return Permission.WRITE_TOKENS
    return Permission.WRITE_DEPLOYMENTS


def action_for(kind: OperationKind, action: str) -> str:
    """What an operation of *kind* calls what for a deployment is *action*: ``mint.completed``."""
    return action.replace("deployment.", f"{_NOUN.get(kind, kind.value)}.", 1)


def _as_attrs(event: Event) -> AttrsInstance:
    return event
