"""Withdraw a deployment, as long as no slot was reserved for it."""

from attrs import frozen

from application.access.caller import Caller
from application.deployments.recording import apply_all
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Store
from domain.deployment import Cancelled, Deployment, State
from domain.errors import Refusal
from domain.identifiers import OperationId
from domain.organisation import Permission


@frozen(kw_only=True)
class CancelDeployment:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(self, caller: Caller, id: OperationId) -> Deployment | Refusal:
        """Cancelling what is cancelled already is no error."""
        with self.store.begin(caller.scope) as work:
            deployment = work.deployments.lock(id)
            if deployment is None:
                return Refusal(code="not_found", detail="there is no such deployment")
            if refusal := caller.refusal(Permission.WRITE_DEPLOYMENTS, live=deployment.live):
                return refusal
            if deployment.state is State.CANCELLED:
                return deployment
            if not deployment.may_cancel:
                return Refusal(
                    code="too_late_to_cancel",
                    detail=f"the deployment is {deployment.state.value} and may take effect",
                )
            now = self.clock.now()
            trail = caller.trail(self.identifiers)
            cancelled = apply_all(work, trail, deployment, [Cancelled()], now)
            work.deployments.put(cancelled, due_at=now, claim=None)
            trail.write(work)
        return cancelled
