"""Say what a deployment will do, without doing any of it."""

from collections.abc import Mapping

from attrs import evolve, field, frozen

from application.access.caller import Caller
from application.deployments.budget import Budgets
from application.deployments.gates import (
    Gates,
    custodian_of,
    custody_refusal,
    length_refusal,
    sender_of,
)
from application.deployments.request import DeploymentRequest
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.custody import Custodian
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Store
from domain.account import AccountKey
from domain.catalogue import Catalogue
from domain.errors import Refusal
from domain.identifiers import NetworkId, OperationId
from domain.operation import Intent, Party, Postponed, Signer, WaitReason
from domain.organisation import Permission
from domain.plan import Plan, Quote, SignerPlan, StepPlan


@frozen(kw_only=True)
class PlanDeployment:
    store: Store
    catalogue: Catalogue
    chains: Mapping[NetworkId, Chain]
    #: By the scheme of their key references.
    custodians: Mapping[str, Custodian]
    clock: Clock
    identifiers: Identifiers
    budgets: Budgets = field(factory=Budgets)

    def __call__(self, caller: Caller, request: DeploymentRequest) -> tuple[Plan, Quote] | Refusal:
        """The plan, and what it would cost now.  Nothing is stored."""
        chain = self.chains[request.network]
        if refusal := caller.refusal(
            Permission.WRITE_DEPLOYMENTS, live=chain.network.live, network=request.network
        ):
            return refusal
        id = OperationId(self.identifiers.next())
        found = self._parties(caller, request, chain, id)
        if isinstance(found, Refusal):
            return found
        issuer, sender, halted = found
        if issuer is None:
            return Refusal(code="account_not_ready", detail="the issuing account has no key yet")
        intent = _intent(caller, request, id, issuer, sender)
        forecast = chain.plan(intent)
        if isinstance(forecast, Refusal):
            return forecast
        plan = Plan(
            deployment=id,
            network=request.network,
            token=request.token,
            owner=issuer.address,
            sender=sender.address,
            predicted=chain.predicted(intent),
            steps=tuple(
                StepPlan(
                    name=step.name,
                    signers=tuple(
                        self._signer(party, issuer, sender, chain, intent)
                        for party in step.signed_by
                    ),
                )
                for step in chain.steps(request.token)
            ),
            fee_ceiling=chain.network.fee_ceiling,
            credits=self.catalogue.deployment_credits,
        )
        quote = Quote(
            gas=forecast.gas,
            gas_price=forecast.gas_price,
            deposit=forecast.deposit,
            warnings=forecast.warnings,
        )
        delay = chain.preflight(intent, chain.network.fee_ceiling)
        if halted:
            quote = evolve(quote, would_wait_for=WaitReason.NETWORK_HALTED)
        elif isinstance(delay, Postponed):
            quote = evolve(quote, would_wait_for=delay.reason)
        return plan, quote

    def _parties(
        self, caller: Caller, request: DeploymentRequest, chain: Chain, id: OperationId
    ) -> tuple[AccountKey | None, Signer, bool] | Refusal:
        with self.store.begin(caller.scope) as work:
            gates = Gates(
                work=work,
                catalogue=self.catalogue,
                network=chain.network,
                member=caller.member,
                now=self.clock.now(),
            )
            kinds = {d.kind: d.kind_class for d in chain.kinds()}
            if refusal := gates.tariff_allows(kinds[request.token.kind]):
                return refusal
            account = gates.account(request.account, request.custodian)
            if isinstance(account, Refusal):
                return account
            sender = sender_of(work, chain.network.id, id)
            if isinstance(sender, Refusal):
                return sender
            network = chain.network.id
            named = custodian_of(work, account, request.custodian, network)
            issuer = account.issuing(named, network)
            intent = _intent(caller, request, id, issuer, sender)
            if refusal := self.budgets.refusal(work, chain, intent, gates.now):
                return refusal
            status = work.networks.status(network)
            return issuer, sender, (status.halted or sender.halted) is not None

    def _signer(
        self, party: Party, issuer: AccountKey, sender: Signer, chain: Chain, intent: Intent
    ) -> SignerPlan:
        is_sender = party is Party.SENDER
        scheme = sender.custodian if is_sender else issuer.custodian
        refusal = custody_refusal(self.custodians, [scheme], chain.network) or length_refusal(
            self.custodians, scheme, chain, intent, party
        )
        return SignerPlan(
            address=sender.address if is_sender else issuer.address,
            custodian=scheme,
            impediment=None if refusal is None else refusal.code,
        )


def _intent(
    caller: Caller,
    request: DeploymentRequest,
    id: OperationId,
    issuer: AccountKey | None,
    sender: Signer,
) -> Intent:
    """Its first step; as long as the account has no address, with another one."""
    return Intent(
        organisation=caller.organisation,
        operation=id,
        step=1,
        token=request.token,
        owner=issuer.address if issuer is not None else sender.address,
        sender=sender.address,
    )
