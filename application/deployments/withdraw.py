"""End an operation that must not begin any more, and see that none begins that must not.

Nothing of it is signed, so it is over as soon as it is certain that none of it is on chain and no
slot is kept for it.  A retry asks for it anew, under a new hold.
"""

from datetime import datetime

from application.audit.trail import Trail
from application.credits.licence import why_not_begin
from application.credits.post import post
from application.deployments.findings import Finding
from application.deployments.pursue import MAY_BE_FORGOTTEN, Pursuit
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.storage.work import Work
from domain.deployment import Deployment, EffectFound, Failed, Reason, Signed, State
from domain.errors import Refusal
from domain.ledger import Release
from domain.operation import AttemptRole, Effect, Postponed, WaitReason


def withdraw(pursuit: Pursuit, seen: Deployment, chain: Chain, refusal: Refusal) -> Finding | None:
    """The end of *seen*, which has no slot.  None: it is on chain, and goes on as that.

    A restored backup may have forgotten what was done.
    """
    if seen.owner is not None:
        effect = chain.effect_of(pursuit.intent(seen))
        if isinstance(effect, Effect):
            return None
        last = seen.step.slot.valid_until if seen.step.slot is not None else None
        if not effect.is_lasting or effect.at.number < (last or 0):
            return Finding(owner=seen.owner, predicted=seen.predicted, wait=MAY_BE_FORGOTTEN)
    failed = Failed(
        reason=Reason.DEPLOYMENT_VALIDATION_FAILED, without_effect=True, detail=refusal.detail
    )
    return Finding(owner=seen.owner, predicted=seen.predicted, events=(failed,), is_withdrawn=True)


def before_the_first(
    work: Work, fresh: Deployment, finding: Finding, clock: Clock
) -> Finding | None:
    """*finding*, where it may be recorded; None: it has a first signature that must not be.

    Takes the wallet's lock where it has one, so that no hold is given back meanwhile.  A signature
    that is not recorded is seen by nobody, and lost with this process.
    """
    is_found = any(isinstance(event, EffectFound) for event in finding.events)
    is_signed = any(
        isinstance(event, Signed) and event.attempt.role is AttemptRole.EFFECT
        for event in finding.events
    )
    if fresh.state is not State.QUEUED or not (is_found or is_signed):
        return finding
    work.ledger.stand_in_line()
    refusal = why_not_begin(work, fresh, clock.now())
    if refusal is None:
        return finding
    if not is_found:
        return None
    if refusal.code == "hold_closed":
        detail = "it is on chain, and its credits were given back"
        return Finding(wait=Postponed(WaitReason.OPERATOR, detail))
    return finding


def give_back(work: Work, trail: Trail, fresh: Deployment, now: datetime) -> None:
    """Release the hold, unless it was: whose payment fails gets no days of grace for its lots."""
    if fresh.hold is not None:
        post(
            work,
            trail,
            Release(id=fresh.hold),
            now,
            subject=fresh.id,
            correlation=fresh.named,
            live=fresh.live,
        )
