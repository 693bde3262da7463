"""Accept a deployment: one transaction that holds the credits and stores the request."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import field, frozen

from application.access.caller import Caller
from application.audit.trail import Trail
from application.credits.allowance import orders_due
from application.credits.post import Order, post_all
from application.deployments.gates import Gates, sender_of
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import (
    IdempotencyKey,
    Remembered,
    RequestInFlightError,
)
from application.ports.storage.work import Store, Work
from domain.account import Account
from domain.audit import details_of
from domain.catalogue import Catalogue, KindClass
from domain.deployment import ACTIONS, Deployment, Payer, Queued
from domain.errors import FieldFault, Refusal
from domain.identifiers import (
    AccountId,
    HoldId,
    NetworkId,
    OperationId,
)
from domain.ledger import HoldCredits
from domain.operation import Intent, Party, Step, WaitReason
from domain.organisation import Permission
from domain.plan import Plan, SignerPlan, StepPlan
from domain.token import Token

#: How long an answer is repeated to the same idempotency key.
REMEMBERED_FOR = timedelta(days=30)
REFUSAL_REMEMBERED_FOR = timedelta(hours=24)
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
    client_reference: str | None = None
    metadata: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Accepted:
    deployment: Deployment
    #: Repeats an answer given before.
    replayed: bool


@frozen(kw_only=True)
class RequestDeployment:
    store: Store
    catalogue: Catalogue
    chains: Mapping[NetworkId, Chain]
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, caller: Caller, request: DeploymentRequest, key: IdempotencyKey, fingerprint: bytes
    ) -> Accepted | Refusal:
        """Hold the credits and queue the deployment, once per *key*.

        A refusal by a rule of business is remembered with the key and repeats; it changes no
        balance.
        """
        chain = self.chains[request.network]
        if refusal := caller.refusal(Permission.WRITE_DEPLOYMENTS, live=chain.network.live):
            return refusal
        try:
            with self.store.begin(caller.scope) as work:
                remembered = work.idempotency.take(key, self.clock.now())
                if remembered is not None:
                    return repeat(work, remembered, fingerprint)
                answer = self._accept(work, caller, request, chain)
                remember(work, key, fingerprint, answer, self.clock.now())
        except RequestInFlightError:
            return IN_FLIGHT
        return (
            answer if isinstance(answer, Refusal) else Accepted(deployment=answer, replayed=False)
        )

    def _accept(
        self, work: Work, caller: Caller, request: DeploymentRequest, chain: Chain
    ) -> Deployment | Refusal:
        # The wallet first: it puts the organisation's requests in line, so that what is read
        # below is still true when the deployment is stored.
        work.ledger.lock()
        now = self.clock.now()
        gates = Gates(work=work, catalogue=self.catalogue, network=chain.network, now=now)
        if refusal := gates.id_is_free(request.deployment) or gates.plan_is_fresh(
            request.deployment, PLAN_LIFE
        ):
            return refusal
        if refusal := gates.reference_is_free(request.client_reference):
            return refusal
        kind_class = _kind_class(chain, request.token)
        if refusal := gates.tariff_allows(kind_class):
            return refusal
        account = gates.account(request.account, request.custodian)
        if isinstance(account, Refusal):
            return account
        id = request.deployment or OperationId(self.identifiers.next())
        sender = sender_of(work, chain.network.id, id)
        if isinstance(sender, Refusal):
            return sender
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
        if refusal := _plan_differs(deployment, account, chain):
            return refusal
        return self._hold_and_store(work, caller, deployment, kind_class, now)

    def _hold_and_store(
        self,
        work: Work,
        caller: Caller,
        deployment: Deployment,
        kind_class: KindClass,
        now: datetime,
    ) -> Deployment | Refusal:
        trail = caller.trail(self.identifiers)
        if refusal := hold_for(work, trail, self.catalogue, deployment, kind_class, now):
            trail.write(work)
            return refusal
        work.deployments.add(deployment, due_at=now)
        queued = Queued(
            kind=deployment.token.kind, network=deployment.network, credits=deployment.credits
        )
        trail.add(
            ACTIONS[Queued],
            deployment.named,
            now,
            live=deployment.live,
            details=details_of(queued),
        )
        trail.write(work)
        return deployment.apply(queued)


def hold_for(
    work: Work,
    trail: Trail,
    catalogue: Catalogue,
    deployment: Deployment,
    kind_class: KindClass,
    now: datetime,
) -> Refusal | None:
    """Hold what *deployment* costs; None where it costs nothing or was held.

    What the tariff gives this month is there before, however the holding ends.
    """
    if deployment.hold is None:
        return None
    command = HoldCredits(
        id=deployment.hold,
        subject=deployment.id,
        amount=deployment.credits,
        operation=deployment.kind.value,
        kind_class=kind_class,
        member=trail.actor.id,
    )
    order = Order(
        trail=trail,
        command=command,
        subject=deployment.id,
        correlation=deployment.named,
        live=deployment.live,
    )
    *_, held = post_all(work, [*orders_due(work, trail, catalogue, now), order], now)
    return held.refusal


def remember(
    work: Work,
    key: IdempotencyKey,
    fingerprint: bytes,
    answer: Deployment | Refusal,
    now: datetime,
) -> None:
    """Keep the answer with its key, unless it is one of `NOT_REMEMBERED`."""
    if isinstance(answer, Refusal):
        if answer.code in NOT_REMEMBERED:
            return
        remembered = Remembered(
            fingerprint=fingerprint,
            operation=None,
            refusal=answer,
            expires_at=now + REFUSAL_REMEMBERED_FOR,
        )
    else:
        remembered = Remembered(
            fingerprint=fingerprint,
            operation=answer.id,
            refusal=None,
            expires_at=now + REMEMBERED_FOR,
        )
    work.idempotency.remember(key, remembered)


def repeat(work: Work, remembered: Remembered, fingerprint: bytes) -> Accepted | Refusal:
    """The state, as it is now, of what this key brought about."""
    if remembered.fingerprint != fingerprint:
        return Refusal(
            code="idempotency_key_reused",
            detail="this idempotency key was used before, for a different request",
        )
    if remembered.refusal is not None:
        return remembered.refusal
    found = remembered.operation and work.deployments.get(remembered.operation)
    if not found:
        return Refusal(code="not_found", detail="there is no such deployment")
    return Accepted(deployment=found, replayed=True)


IN_FLIGHT = Refusal(
    code="request_in_flight",
    detail="a request with this idempotency key is being worked on",
    retry_after=timedelta(seconds=1),
)

#: Answers that may be another one in a moment, without anybody having done anything wrong; and
#: those that are about who asks, and not about what is asked.
NOT_REMEMBERED = frozenset(
    {
        "network_not_ready",
        "account_not_ready",
        "tariff_not_in_catalogue",
        "forbidden",
        "mode_mismatch",
    }
)


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


def _plan_differs(deployment: Deployment, account: Account, chain: Chain) -> Refusal | None:
    if deployment.plan_hash is None:
        return None
    if account.address is None:
        return Refusal(code="account_not_ready", detail="the issuing account has no key yet")
    plan = plan_of(deployment, account.address, chain, account.custodian)
    if plan.hash != deployment.plan_hash:
        return Refusal(
            code="plan_changed",
            detail="what was planned is not what would be done now; plan again",
            faults=(FieldFault("/plan_hash", "plan_changed", "not the hash of this request"),),
        )
    return None


def _kind_class(chain: Chain, token: Token) -> KindClass:
    return next(d.kind_class for d in chain.kinds() if d.kind == token.kind)
