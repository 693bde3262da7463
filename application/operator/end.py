"""A person ends what has begun and will not be finished."""

from attrs import frozen

from application.audit.trail import Trail
from application.deployments.recording import apply_all
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.audit import OPERATOR
from domain.deployment import Deployment, Failed, Reason
from domain.errors import Refusal
from domain.identifiers import OperationId, OrganisationId


@frozen(kw_only=True)
class EndOperation:
    """Its credits are captured, because a part of it is on chain; it can never be tried again."""

    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, organisation: OrganisationId, id: OperationId, reason: str
    ) -> Deployment | Refusal:
        """The operation, failed; what remains on chain is told in its failure."""
        if not reason.strip():
            return Refusal(code="reason_missing", detail="say why: it is kept for seven years")
        trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=OPERATOR)
        with self.store.begin(Scope(organisation=organisation)) as work:
            operation = work.deployments.lock(id)
            if operation is None:
                return Refusal(code="not_found", detail="there is no such operation")
            if not operation.may_be_ended:
                return Refusal(
                    code="not_endable",
                    detail=f"it is {operation.state.value}; only what has a step on chain, and no "
                    "transaction under way, may be ended by a person",
                )
            remains = ", ".join(
                f"{step.name} in {step.inclusion.transaction_id}"
                for step in operation.steps
                if step.is_final and step.inclusion is not None
            )
            where = f" at {operation.predicted}" if operation.predicted else ""
            failed = Failed(
                reason=Reason.POST_DEPLOYMENT_FAILED,
                without_effect=False,
                detail=f"ended by the operator: {reason}; on chain remains{where}: {remains}",
            )
            now = self.clock.now()
            ended = apply_all(work, trail, operation, [failed], now)
            work.deployments.put(ended, due_at=now, claim=None)
            trail.write(work)
        return ended
