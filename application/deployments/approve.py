"""Four eyes: whose deployments need them, and a second member's word about a plan's hash.

An approval is asked for in the transaction that accepts the deployment, and nothing is signed
while it waits.  What is rejected, or approved by nobody in time, fails without effect, and its
credits come back.
"""

from collections.abc import Mapping
from datetime import datetime

from attrs import frozen

from application.access.caller import Caller
from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Store, Work
from domain.approval import Approval, Verdict
from domain.audit import JsonValue, timestamp
from domain.deployment import Deployment, State
from domain.errors import FieldFault, Refusal
from domain.identifiers import OperationId, Prefix, public_id
from domain.organisation import Permission

_NONE = Refusal(code="not_found", detail="there is no such deployment that is to be approved")


@frozen(kw_only=True)
class SetApprovalPolicy:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(self, caller: Caller, *, needed: bool) -> bool | Refusal:
        """From now on; what was accepted before goes on as it was accepted."""
        if caller.user is None:
            return Refusal(code="session_required", detail="a key does not say who must approve")
        if refusal := caller.refusal(Permission.WRITE_MEMBERS):
            return refusal
        with self.store.begin(caller.scope) as work:
            # Under the wallet's lock, as deployments are accepted.
            work.ledger.stand_in_line()
            if work.approvals.are_needed() is not needed:
                work.approvals.need(needed=needed)
                trail = caller.trail(self.identifiers)
                trail.add(
                    "organisation.policy_changed",
                    public_id(Prefix.ORGANISATION, caller.organisation),
                    self.clock.now(),
                    details={"deployments_need_approval": needed},
                )
                trail.write(work)
        return needed


@frozen(kw_only=True)
class DecideApproval:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, caller: Caller, id: OperationId, verdict: Verdict, plan_hash: bytes
    ) -> Approval | Refusal:
        if caller.user is None:
            return Refusal(code="session_required", detail="a key is nobody's second pair of eyes")
        if refusal := caller.refusal(Permission.APPROVE_DEPLOYMENTS):
            return refusal
        with self.store.begin(caller.scope) as work:
            deployment = work.deployments.lock(id)
            approval = work.approvals.get(id)
            if deployment is None or approval is None:
                return _NONE
            now = self.clock.now()
            decided = approval.decided(verdict, plan_hash, caller.member, now)
            if isinstance(decided, Refusal) or decided == approval:
                return decided
            if deployment.state is not State.QUEUED:
                return Refusal(
                    code="approval_decided", detail=f"it is {deployment.state.value} already"
                )
            work.approvals.put(decided)
            # A worker goes on with it, or ends it.
            work.deployments.put(deployment, due_at=now, claim=None)
            trail = caller.trail(self.identifiers)
            trail.add(
                "approval.given" if verdict is Verdict.APPROVED else "approval.refused",
                deployment.named,
                now,
                live=deployment.live,
                details=_told(decided),
            )
            trail.write(work)
        return decided


def without_a_plan(work: Work, plan_hash: bytes | None) -> Refusal | None:
    """Why what has no plan is not accepted; None: nobody has to approve it, or there is one."""
    if plan_hash is not None or not work.approvals.are_needed():
        return None
    return Refusal(
        code="plan_hash_required",
        detail="deployments of this organisation are approved by a plan's hash",
        faults=(FieldFault("/plan_hash", "missing", "is required by the organisation's policy"),),
    )


def ask_for_approval(
    work: Work, trail: Trail, caller: Caller, deployment: Deployment, now: datetime
) -> bool:
    """Whether somebody has to say yes to *deployment* now; it is stored.

    What was approved stays so, also for another try.
    """
    if deployment.order is not None or deployment.plan_hash is None:
        return False
    known = work.approvals.get(deployment.id)
    if known is not None and known.verdict is Verdict.APPROVED:
        return False
    if known is None and not work.approvals.are_needed():
        return False
    asked = Approval.asked(
        deployment.organisation, deployment.id, deployment.plan_hash, caller.member, now
    )
    work.approvals.put(asked)
    trail.add(
        "approval.requested", deployment.named, now, live=deployment.live, details=_told(asked)
    )
    return True


def _told(approval: Approval) -> Mapping[str, JsonValue]:
    told: dict[str, JsonValue] = {
        "plan_hash": approval.plan_hash.hex(),
        "requested_by": public_id(Prefix.MEMBER, approval.asked_by),
        "expires_at": timestamp(approval.expires_at),
    }
    if approval.decided_by is not None:
        told["decided_by"] = public_id(Prefix.MEMBER, approval.decided_by)
    return told
