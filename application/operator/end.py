"""A person ends what has begun and will not be finished, or a hand-over that cannot begin."""

from collections.abc import Mapping

from attrs import frozen

from application.audit.trail import Trail
from application.deployments.pursue import MAY_BE_FORGOTTEN, Pursuit
from application.deployments.recording import apply_all
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.audit import OPERATOR
from domain.deployment import Deployment, Failed, Reason
from domain.errors import Refusal
from domain.identifiers import NetworkId, OperationId, OrganisationId
from domain.operation import Effect, OperationKind


@frozen(kw_only=True)
class EndOperation:
    """Its credits are captured, because a part of it is on chain; it can never be tried again.

    A hand-over of which nothing was sent ends without effect, and costs nothing: it kept its
    account's change of keys open.  `rekey` tries it again.
    """

    store: Store
    chains: Mapping[NetworkId, Chain]
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, organisation: OrganisationId, id: OperationId, reason: str
    ) -> Deployment | Refusal:
        """The operation, failed; what remains on chain is told in its failure.

        The chain is asked first: after a restore from an older backup the step that looks stuck
        may have landed, or may land yet.

        Raises: ChainUnavailableError, WrongChainError: nothing was ended.
        """
        if not reason.strip():
            return Refusal(code="reason_missing", detail="say why: it is kept for seven years")
        with self.store.begin(Scope(organisation=organisation)) as work:
            seen = work.deployments.get(id)
        if seen is not None and _is_endable(seen) and (refusal := self._open_outcome(seen)):
            return refusal
        trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=OPERATOR)
        with self.store.begin(Scope(organisation=organisation)) as work:
            operation = work.deployments.lock(id)
            if operation is None or seen is None:
                return Refusal(code="not_found", detail="there is no such operation")
            if (operation.state, operation.steps) != (seen.state, seen.steps):
                return Refusal(code="outcome_open", detail="a worker is at it; ask again")
            if not _is_endable(operation):
                return Refusal(
                    code="not_endable",
                    detail=f"it is {operation.state.value}; only what has a step on chain, and no "
                    "transaction under way, may be ended by a person, or a hand-over of which "
                    "nothing was sent",
                )
            failed = _failure_of(operation, reason)
            now = self.clock.now()
            ended = apply_all(work, trail, operation, [failed], now)
            work.deployments.put(ended, due_at=now, claim=None)
            trail.write(work)
        return ended

    def _open_outcome(self, seen: Deployment) -> Refusal | None:
        """Why the step that is not done may be done all the same."""
        chain = self.chains.get(seen.network)
        if chain is None:
            return Refusal(code="network_not_ready", detail=f"{seen.network} is not set up")
        effect = chain.effect_of(Pursuit.intent(seen))
        if isinstance(effect, Effect):
            detail = f"{seen.step.name} is on the network already: a worker will find it"
            return Refusal(code="not_endable", detail=detail)
        if not effect.is_lasting:
            return Refusal(code="outcome_open", detail=MAY_BE_FORGOTTEN.detail)
        return None


def _is_endable(operation: Deployment) -> bool:
    is_hand_over = operation.kind is OperationKind.HAND_OVER
    return operation.may_be_ended or (is_hand_over and operation.is_untouched)


def _failure_of(operation: Deployment, reason: str) -> Failed:
    if operation.is_untouched:
        return Failed(
            reason=Reason.DEPLOYMENT_VALIDATION_FAILED,
            without_effect=True,
            detail=f"ended by the operator: {reason}; nothing of it was sent",
        )
    remains = ", ".join(
        f"{step.name} in {step.inclusion.transaction_id}"
        for step in operation.steps
        if step.is_final and step.inclusion is not None
    )
    where = f" at {operation.predicted}" if operation.predicted else ""
    return Failed(
        reason=Reason.POST_DEPLOYMENT_FAILED,
        without_effect=False,
        detail=f"ended by the operator: {reason}; on chain remains{where}: {remains}",
    )
