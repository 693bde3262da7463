"""Ask again for a deployment that failed and provably had no effect."""

from collections.abc import Mapping

from attrs import evolve, field, frozen

from application.access.caller import Caller
from application.deployments.approve import ask_for_approval, without_a_plan
from application.deployments.belonging import giver_of
from application.deployments.budget import Budgets, intent_of
from application.deployments.gates import Gates
from application.deployments.keys_at_rest import is_disabled
from application.deployments.recording import apply_all, needed_for
from application.deployments.request import (
    Accepted,
    as_accepted,
    hold_for,
    operation_again,
    operation_of,
)
from application.once import Once
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Store, Work
from domain.abuse import DEFAULT_RULES, AbuseRules
from domain.catalogue import Catalogue
from domain.deployment import Deployment, RetryRequested, State
from domain.errors import Refusal
from domain.identifiers import HoldId, NetworkId, OperationId


@frozen(kw_only=True)
class RetryDeployment:
    store: Store
    catalogue: Catalogue
    chains: Mapping[NetworkId, Chain]
    clock: Clock
    identifiers: Identifiers
    rules: AbuseRules = DEFAULT_RULES
    budgets: Budgets = field(factory=Budgets)

    def __call__(
        self, caller: Caller, id: OperationId, key: IdempotencyKey, fingerprint: bytes
    ) -> Accepted | Refusal:
        """Queue it again under a new hold, once per *key*.  Its place on chain stays."""
        once = Once(
            store=self.store,
            clock=self.clock,
            act=lambda work: self._retry(work, caller, id),
            id_of=operation_of,
            again=operation_again,
        )
        return as_accepted(once(caller.scope, key, fingerprint))

    def _retry(self, work: Work, caller: Caller, id: OperationId) -> Deployment | Refusal:
        deployment = work.deployments.lock(id)
        if deployment is None:
            return Refusal(code="not_found", detail="there is no such deployment")
        if refusal := caller.refusal(
            needed_for(deployment), live=deployment.live, network=deployment.network
        ):
            return refusal
        if not deployment.may_retry:
            return Refusal(
                code="not_retryable",
                detail=f"the deployment is {deployment.state.value}; only a failure that proved "
                "to be without effect can be tried again",
            )
        work.ledger.stand_in_line()
        if refusal := _key_refusal(work, deployment):
            return refusal
        now = self.clock.now()
        chain = self.chains.get(deployment.network)
        if chain is None:
            return Refusal(code="network_not_ready", detail=f"{deployment.network} is not set up")
        kinds = {d.kind: d.kind_class for d in chain.kinds()}
        if deployment.token.kind not in kinds:
            detail = f"{deployment.token.kind} is not offered on {deployment.network} any more"
            return Refusal(code="network_not_ready", detail=detail)
        gates = Gates(
            work=work,
            catalogue=self.catalogue,
            network=chain.network,
            member=caller.member,
            now=now,
        )
        kind_class = kinds[deployment.token.kind]
        is_on_a_token = deployment.kind.is_on_a_token
        if not is_on_a_token and (refusal := without_a_plan(work, deployment.plan_hash)):
            return refusal
        allows = gates.tariff_includes if is_on_a_token else gates.tariff_allows
        if refusal := allows(kind_class):
            return refusal
        if refusal := self.budgets.refusal(work, chain, intent_of(deployment), now):
            return refusal
        trail = caller.trail(self.identifiers)
        hold = HoldId(self.identifiers.next())
        again = evolve(deployment, hold=hold)
        if refusal := hold_for(
            work, trail, caller, self.catalogue, self.rules, again, kind_class, now
        ):
            trail.write(work)
            return refusal
        queued = apply_all(work, trail, deployment, [RetryRequested(hold=hold)], now)
        # Accepted anew: it counts in the month in which it was asked for again.
        queued = evolve(queued, accepted_at=now, waiting_since=now)
        work.deployments.put(queued, due_at=now, claim=None)
        self.budgets.reserve(work, chain, queued, now)
        ask_for_approval(work, trail, caller, queued, now)
        trail.write(work)
        return queued


def _key_refusal(work: Work, failed: Deployment) -> Refusal | None:
    """Why nobody could order about what it would make, or give the order that it is."""
    account = work.accounts.get(failed.account) if failed.account is not None else None
    if account is None:
        return None
    untouched = evolve(failed, state=State.QUEUED)
    owner = giver_of(work, untouched) or failed.owner
    key = account.ruling(owner) if owner is not None else account.own_key
    if key is None or not is_disabled(work, account, key):
        return None
    return Refusal(code="key_disabled", detail=f"the key of {key.address} is disabled for good")
