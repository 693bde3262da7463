"""Accept an operation on a token: mint, burn, pause.

As with a deployment, one transaction holds the credits and stores the request; a worker does the
rest.  Who gives the order is the account that issued the token.
"""

from collections.abc import Mapping
from datetime import datetime

from attrs import evolve, field, frozen

from application.access.caller import Caller
from application.deployments.belonging import owner_of
from application.deployments.budget import Budgets, intent_of
from application.deployments.gates import Gates, custody_refusal, sender_of
from application.deployments.recording import action_for
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
from application.ports.custody import Custodian
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Store, Work
from domain.abuse import DEFAULT_RULES, AbuseRules
from domain.audit import details_of
from domain.catalogue import Catalogue, KindClass
from domain.deployment import ACTIONS, Deployment, Queued, State
from domain.errors import FieldFault, Refusal
from domain.identifiers import HoldId, NetworkId, OperationId, Prefix, public_id
from domain.operation import OperationKind, Step, WaitReason
from domain.organisation import Permission
from domain.token import Action, Order

_UNKNOWN = Refusal(code="not_found", detail="there is no such token")


@frozen(kw_only=True)
class TokenOperationRequest:
    #: The deployment that made the token.
    token: OperationId
    order: Order
    client_reference: str | None = None
    metadata: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class ValidateOrder:
    store: Store
    chains: Mapping[NetworkId, Chain]

    def __call__(
        self, caller: Caller, token: OperationId, action: Action, parameters: Mapping[str, object]
    ) -> Order | Refusal | tuple[FieldFault, ...]:
        """The order, or all that is wrong with it: pointers are into the request's body."""
        with self.store.begin(caller.scope) as work:
            deployment = issued(work, token)
        if isinstance(deployment, Refusal):
            return deployment
        chain = self.chains.get(deployment.network)
        if chain is None:
            return Refusal(code="network_not_ready", detail=f"{deployment.network} is not set up")
        order = chain.order(deployment.token, action, parameters)
        if isinstance(order, Refusal) and order.faults:
            return tuple(evolve(f, pointer=f"/parameters{f.pointer}") for f in order.faults)
        return order


@frozen(kw_only=True)
class RequestTokenOperation:
    store: Store
    catalogue: Catalogue
    chains: Mapping[NetworkId, Chain]
    #: By the scheme of their key references.
    custodians: Mapping[str, Custodian]
    clock: Clock
    identifiers: Identifiers
    rules: AbuseRules = DEFAULT_RULES
    budgets: Budgets = field(factory=Budgets)

    def __call__(
        self,
        caller: Caller,
        request: TokenOperationRequest,
        key: IdempotencyKey,
        fingerprint: bytes,
    ) -> Accepted | Refusal:
        """Hold the credits and queue the operation, once per *key*; see `RequestDeployment`."""
        if refusal := caller.refusal(Permission.WRITE_TOKENS):
            return refusal
        once = Once(
            store=self.store,
            clock=self.clock,
            act=lambda work: self._accept(work, caller, request),
            id_of=operation_of,
            again=operation_again,
        )
        return as_accepted(once(caller.scope, key, fingerprint))

    def _accept(
        self, work: Work, caller: Caller, request: TokenOperationRequest
    ) -> Deployment | Refusal:
        work.ledger.stand_in_line()
        now = self.clock.now()
        deployment = issued(work, request.token)
        if isinstance(deployment, Refusal):
            return deployment
        if refusal := caller.refusal(
            Permission.WRITE_TOKENS, live=deployment.live, network=deployment.network
        ):
            return refusal
        chain = self.chains.get(deployment.network)
        if chain is None:
            return Refusal(code="network_not_ready", detail=f"{deployment.network} is not set up")
        gates = Gates(
            work=work,
            catalogue=self.catalogue,
            network=chain.network,
            member=caller.member,
            now=now,
        )
        if refusal := gates.reference_is_free(request.client_reference):
            return refusal
        classes = {d.kind: d.kind_class for d in chain.kinds()}
        kind_class = classes[deployment.token.kind]
        if refusal := gates.tariff_includes(kind_class):
            return refusal
        account = gates.account(deployment.account, None)
        if isinstance(account, Refusal):
            return account
        id = OperationId(self.identifiers.next())
        sender = sender_of(work, chain.network.id, id)
        if isinstance(sender, Refusal):
            return sender
        owner = owner_of(work, deployment)
        ruling = account.ruling(owner or "")
        if ruling is not None and not ruling.is_enabled:
            detail = f"the key of {ruling.address} is disabled for good"
            return Refusal(code="key_disabled", detail=detail)
        scheme = account.custodian
        if ruling is not None and ruling.key != account.key:
            scheme = ruling.custodian
        schemes = (scheme, sender.custodian)
        if refusal := custody_refusal(self.custodians, schemes, chain.network):
            return refusal
        operation = Deployment(
            organisation=caller.organisation,
            id=id,
            kind=OperationKind.of(request.order.action),
            network=deployment.network,
            live=deployment.live,
            account=deployment.account,
            requested_by=caller.name,
            token=deployment.token,
            order=request.order,
            of=deployment.id,
            sender=sender.address,
            owner=owner,
            predicted=deployment.result,
            fee_ceiling=chain.network.fee_ceiling,
            credits=self.catalogue.token_operation_credits,
            hold=HoldId(self.identifiers.next()),
            client_reference=request.client_reference,
            metadata=dict(request.metadata),
            accepted_at=now,
            steps=tuple(
                Step(number=number, name=step.name)
                for number, step in enumerate(
                    chain.steps(deployment.token, request.order), start=1
                )
            ),
            waiting=WaitReason.QUEUED,
            waiting_since=now,
        )
        if refusal := self.budgets.refusal(work, chain, intent_of(operation), now):
            return refusal
        return self._hold_and_store(work, caller, chain, operation, kind_class, now)

    def _hold_and_store(
        self,
        work: Work,
        caller: Caller,
        chain: Chain,
        operation: Deployment,
        kind_class: KindClass,
        now: datetime,
    ) -> Deployment | Refusal:
        trail = caller.trail(self.identifiers)
        if refusal := hold_for(
            work, trail, caller, self.catalogue, self.rules, operation, kind_class, now
        ):
            trail.write(work)
            return refusal
        work.deployments.add(operation, due_at=now, cause=caller.cause)
        self.budgets.reserve(work, chain, operation, now)
        queued = Queued(
            kind=operation.token.kind,
            network=operation.network,
            credits=operation.credits,
            token=None if operation.of is None else public_id(Prefix.TOKEN, operation.of),
            order=operation.order,
        )
        action = action_for(operation.kind, ACTIONS[Queued])
        details = details_of(queued)
        trail.add(action, operation.named, now, live=operation.live, details=details)
        trail.write(work)
        return operation.apply(queued)


def issued(work: Work, id: OperationId) -> Deployment | Refusal:
    """The deployment of a token that exists."""
    deployment = work.deployments.get(id)
    if deployment is None or deployment.kind is not OperationKind.DEPLOYMENT:
        return _UNKNOWN
    if deployment.state is not State.COMPLETED:
        detail = f"its deployment is {deployment.state.value}"
        return Refusal(code="token_not_issued", detail=detail)
    return deployment
