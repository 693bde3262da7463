"""Withdraw a deployment, as long as no slot was reserved for it and nothing of it is on chain."""

from collections.abc import Mapping

from attrs import frozen

from application.access.caller import Caller
from application.deployments.pursue import MAY_BE_FORGOTTEN, Pursuit
from application.deployments.recording import apply_all, needed_for
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Store
from domain.deployment import Cancelled, Deployment, State
from domain.errors import Refusal
from domain.identifiers import NetworkId, OperationId
from domain.operation import Effect, NoEffect

#: How often it is looked at where workers change it in the middle of that.
LOOKS = 3

_UNKNOWN = Refusal(code="not_found", detail="there is no such deployment")


@frozen(kw_only=True)
class CancelDeployment:
    store: Store
    chains: Mapping[NetworkId, Chain]
    clock: Clock
    identifiers: Identifiers

    def __call__(self, caller: Caller, id: OperationId) -> Deployment | Refusal:
        """Cancelling what is cancelled already is no error.

        The chain is asked first: after a restore from an older backup a deployment may look as if
        nothing had begun, and have its token all the same.

        Raises: ChainUnavailableError, WrongChainError: nothing was cancelled.
        """
        for _ in range(LOOKS):
            answer = self._look(caller, id)
            if answer is not None:
                return answer
        return Refusal(code="outcome_open", detail="a worker is at it; ask again in a moment")

    def _look(self, caller: Caller, id: OperationId) -> Deployment | Refusal | None:
        """One look at it; None where it changed between the look and the record."""
        with self.store.begin(caller.scope) as work:
            seen = work.deployments.get(id)
            account = work.accounts.get(seen.account) if seen and seen.account else None
        if seen is None:
            return _UNKNOWN
        if refusal := caller.refusal(needed_for(seen), live=seen.live, network=seen.network):
            return refusal
        if seen.state is State.CANCELLED:
            return seen
        owner = account.address if account is not None else None
        if seen.may_cancel and owner is not None:
            if seen.network not in self.chains:
                # Another process may have begun with it, and its records may have been lost.
                detail = f"{seen.network} is not set up here, so that nobody can look"
                return Refusal(code="network_not_ready", detail=detail)
            effect = self._effect(seen, owner)
            if isinstance(effect, Effect):
                detail = "a part of it is on the network already"
                return Refusal(code="too_late_to_cancel", detail=detail)
            if effect is not None and not effect.is_lasting:
                return Refusal(code="outcome_open", detail=MAY_BE_FORGOTTEN.detail)
        with self.store.begin(caller.scope) as work:
            deployment = work.deployments.lock(id)
            if deployment is None:
                return _UNKNOWN
            if (deployment.state, deployment.steps) != (seen.state, seen.steps):
                # The chain was asked about another one than this.
                return None
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

    def _effect(self, seen: Deployment, owner: str) -> Effect | NoEffect | None:
        chain = self.chains.get(seen.network)
        if chain is None:
            return None
        placed = seen if seen.owner is not None else seen.placed(owner, None)
        return chain.effect_of(Pursuit.intent(placed))
