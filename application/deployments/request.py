"""Accept a deployment: one transaction that holds the credits and stores the request."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from attrs import evolve, field, frozen

from application.access.caller import Caller
from application.audit.trail import Trail
from application.credits.allowance import orders_due
from application.credits.post import Order, post_all
from application.credits.spending import Hours, spenders
from application.deployments.approve import ask_for_approval, without_a_plan
from application.deployments.budget import Budgets, intent_of
from application.deployments.gates import (
    Gates,
    custodian_of,
    custody_refusal,
    length_refusal,
    sender_of,
)
from application.deployments.pursue import Pursuit
from application.once import Answered, Once
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.custody import Custodian
from application.ports.identifiers import Identifiers
from application.ports.storage.foreseen import Foreseen
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Store, Work
from domain.abuse import DEFAULT_RULES, AbuseRules
from domain.account import AccountKey
from domain.allowance import monthly_facts
from domain.audit import details_of
from domain.catalogue import Catalogue, KindClass
from domain.deployment import ACTIONS, Deployment, Issue, Payer, Queued
from domain.errors import FieldFault, Refusal
from domain.identifiers import (
    AccountId,
    HoldId,
    NetworkId,
    OperationId,
)
from domain.ledger import HoldCredits
from domain.money import Money
from domain.network import Network
from domain.operation import Intent, Party, Step, WaitReason
from domain.organisation import Permission
from domain.plan import Plan, SignerPlan, StepPlan
from domain.token import Token

#: How old the id of a plan may be when it is asked for.
PLAN_LIFE = timedelta(hours=24)


@frozen(kw_only=True)
class DeploymentRequest:
    #: From a plan; None: a fresh one.
    deployment: OperationId | None = None
    network: NetworkId
    token: Token
    account: AccountId | None = None
    #: Scheme of a custodian, to choose among accounts.  Excludes *account*.
    custodian: str | None = None
    payer: Payer = Payer.SPONSORED
    plan_hash: bytes | None = None
    declared_value: Money | None = None
    client_reference: str | None = None
    metadata: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Accepted:
    deployment: Deployment
    #: Repeats an answer given before.
    replayed: bool

    @property
    def due_at(self) -> datetime | None:
        """When it is looked at first: at once.  None: that was before, and may be over."""
        return None if self.replayed else self.deployment.accepted_at


@frozen(kw_only=True)
class RequestDeployment:
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
        self, caller: Caller, request: DeploymentRequest, key: IdempotencyKey, fingerprint: bytes
    ) -> Accepted | Refusal:
        """Hold the credits and queue the deployment, once per *key*.

        A refusal by a rule of business is remembered with the key and repeats; it changes no
        balance.
        """
        chain = self.chains[request.network]
        if refusal := caller.refusal(
            Permission.WRITE_DEPLOYMENTS, live=chain.network.live, network=request.network
        ):
            return refusal
        once = Once(
            store=self.store,
            clock=self.clock,
            act=lambda work: self._accept(work, caller, request, chain),
            id_of=operation_of,
            again=operation_again,
        )
        return as_accepted(once(caller.scope, key, fingerprint))

    def _accept(
        self, work: Work, caller: Caller, request: DeploymentRequest, chain: Chain
    ) -> Deployment | Refusal:
        # The wallet first: it puts the organisation's requests in line, so that what is read
        # below is still true when the deployment is stored.
        work.ledger.stand_in_line(foreseen_of(caller, chain.network, self.clock.now()))
        now = self.clock.now()
        gates = Gates(
            work=work,
            catalogue=self.catalogue,
            network=chain.network,
            member=caller.member,
            now=now,
        )
        if refusal := gates.id_is_free(request.deployment) or gates.plan_is_fresh(
            request.deployment, PLAN_LIFE
        ):
            return refusal
        if refusal := gates.reference_is_free(request.client_reference):
            return refusal
        kind_class = _kind_class(chain, request.token)
        if refusal := gates.tariff_allows(kind_class):
            return refusal
        if refusal := without_a_plan(work, request.plan_hash):
            return refusal
        account = gates.account(request.account, request.custodian)
        if isinstance(account, Refusal):
            return account
        id = request.deployment or OperationId(self.identifiers.next())
        sender = sender_of(work, chain.network.id, id)
        if isinstance(sender, Refusal):
            return sender
        named = custodian_of(work, account, request.custodian, chain.network.id)
        issuer = account.issuing(named, chain.network.id)
        holder = issuer.custodian if issuer is not None and issuer.networks else account.custodian
        schemes = (named or holder, sender.custodian)
        if refusal := custody_refusal(self.custodians, schemes, chain.network):
            return refusal
        deployment = Deployment(
            organisation=caller.organisation,
            id=id,
            network=chain.network.id,
            live=chain.network.live,
            account=account.id,
            requested_by=caller.name,
            token=request.token,
            payer=request.payer,
            sender=sender.address,
            fee_ceiling=chain.network.fee_ceiling,
            credits=self.catalogue.deployment_credits,
            hold=HoldId(self.identifiers.next()),
            plan_hash=request.plan_hash,
            declared_value=request.declared_value,
            client_reference=request.client_reference,
            metadata=dict(request.metadata),
            accepted_at=now,
            steps=tuple(
                Step(number=number, name=step.name)
                for number, step in enumerate(chain.steps(request.token), start=1)
            ),
            waiting=WaitReason.QUEUED,
            waiting_since=now,
        )
        if refusal := _plan_differs(deployment, issuer, chain):
            return refusal
        if issuer is not None and (request.plan_hash or named or issuer.networks):
            # What was planned, or chosen, stays so, whatever becomes of the account's keys.
            owned = evolve(deployment, owner=issuer.address)
            deployment = evolve(owned, predicted=chain.predicted(Pursuit.intent(owned)))
        intent = intent_of(deployment)
        for party, scheme in zip((Party.OWNER, Party.SENDER), schemes, strict=True):
            if refusal := length_refusal(self.custodians, scheme, chain, intent, party):
                return refusal
        if refusal := self.budgets.refusal(work, chain, intent, now):
            return refusal
        return self._hold_and_store(work, caller, chain, deployment, kind_class, now)

    def _hold_and_store(
        self,
        work: Work,
        caller: Caller,
        chain: Chain,
        deployment: Deployment,
        kind_class: KindClass,
        now: datetime,
    ) -> Deployment | Refusal:
        trail = caller.trail(self.identifiers)
        if refusal := hold_for(
            work, trail, caller, self.catalogue, self.rules, deployment, kind_class, now
        ):
            trail.write(work)
            return refusal
        work.deployments.add(deployment, due_at=now, cause=caller.cause)
        self.budgets.reserve(work, chain, deployment, now)
        queued = Queued(
            kind=deployment.token.kind,
            network=deployment.network,
            credits=deployment.credits,
            issue=Issue.of(deployment.token),
        )
        trail.add(
            ACTIONS[Queued],
            deployment.named,
            now,
            live=deployment.live,
            details=details_of(queued),
        )
        ask_for_approval(work, trail, caller, deployment, now)
        trail.write(work)
        return deployment.apply(queued)


def foreseen_of(caller: Caller, network: Network, now: datetime) -> Foreseen:
    """What is asked before credits are held for *caller* on *network*."""
    return Foreseen(
        network=network.id,
        family=network.family,
        live=network.live,
        asker=caller.name,
        spenders=spenders(caller.organisation, caller.counted_as),
        facts=monthly_facts(caller.organisation, now),
    )


def hold_for(
    work: Work,
    trail: Trail,
    caller: Caller,
    catalogue: Catalogue,
    rules: AbuseRules,
    deployment: Deployment,
    kind_class: KindClass,
    now: datetime,
) -> Refusal | None:
    """Hold what *deployment* costs; None where it costs nothing or was held.

    What the tariff gives this month is there before, however the holding ends.
    """
    if deployment.hold is None:
        return None
    hours = Hours.of(work, caller.organisation, caller.counted_as)
    if refusal := hours.refusal(now):
        return refusal
    command = HoldCredits(
        id=deployment.hold,
        subject=deployment.id,
        amount=deployment.credits,
        operation=deployment.kind.value,
        kind_class=kind_class,
        member=caller.name,
    )
    order = Order(
        trail=trail,
        command=command,
        subject=deployment.id,
        correlation=deployment.named,
        live=deployment.live,
    )
    *_, held = post_all(work, [*orders_due(work, trail, catalogue, now), order], now)
    if held.refusal is None:
        hours.count(trail, rules, deployment.credits, now)
    return held.refusal


def as_accepted(answer: Answered[Deployment] | Refusal) -> Accepted | Refusal:
    if isinstance(answer, Refusal):
        return answer
    return Accepted(deployment=answer.value, replayed=answer.replayed)


def operation_of(deployment: Deployment) -> UUID:
    """What an idempotency key remembers."""
    return deployment.id


def operation_again(work: Work, id: UUID) -> Deployment | None:
    """What came of a key, as it is now."""
    return work.deployments.get(OperationId(id))


def plan_of(deployment: Deployment, owner: str, chain: Chain, custodian: str) -> Plan:
    """The plan that *deployment* carries out once *owner* is known."""
    intent = Intent(
        organisation=deployment.organisation,
        operation=deployment.id,
        step=1,
        token=deployment.token,
        owner=owner,
        sender=deployment.sender,
    )
    return Plan(
        deployment=deployment.id,
        network=deployment.network,
        token=deployment.token,
        owner=owner,
        sender=deployment.sender,
        predicted=chain.predicted(intent),
        steps=tuple(
            StepPlan(
                name=step.name,
                signers=tuple(
                    SignerPlan(
                        address=deployment.sender if party is Party.SENDER else owner,
                        custodian=custodian,
                    )
                    for party in step.signed_by
                ),
            )
            for step in chain.steps(deployment.token)
        ),
        fee_ceiling=deployment.fee_ceiling,
        credits=deployment.credits,
    )


def _plan_differs(
    deployment: Deployment, issuer: AccountKey | None, chain: Chain
) -> Refusal | None:
    if deployment.plan_hash is None:
        return None
    if issuer is None:
        return Refusal(code="account_not_ready", detail="the issuing account has no key yet")
    plan = plan_of(deployment, issuer.address, chain, issuer.custodian)
    if plan.hash != deployment.plan_hash:
        return Refusal(
            code="plan_changed",
            detail="what was planned is not what would be done now; plan again",
            faults=(FieldFault("/plan_hash", "plan_changed", "not the hash of this request"),),
        )
    return None


def _kind_class(chain: Chain, token: Token) -> KindClass:
    return next(d.kind_class for d in chain.kinds() if d.kind == token.kind)
