"""Whether an issuing account that sends transactions itself can pay for the next one.

It is given what each of its orders may cost.  After one that came to nothing that is less; then
its organisation is told once, and the operation waits until somebody has sent the account coin.
"""

from datetime import datetime

from attrs import evolve

from application.audit.trail import Trail
from application.deployments.findings import Finding, IssuerBalance
from application.ports.chain import Chain
from application.ports.storage.work import Scope, Store, Work
from domain.deployment import Deployment
from domain.identifiers import Prefix, public_id
from domain.operation import Signer, WaitReason
from domain.treasury import Holding, Level


def with_issuer_balance(store: Store, chain: Chain, signer: Signer, finding: Finding) -> Finding:
    """*finding* with what the issuing account *signer* holds, where that is news."""
    is_short = finding.wait is not None and finding.wait.reason is WaitReason.TREASURY_EMPTY
    if signer.is_treasury or not (is_short or finding.reserve is not None):
        return finding
    with store.begin(Scope()) as work:
        known = work.signers.holding(signer.network, signer.address)
    was_short = known is not None and known.level is Level.EMPTY
    if is_short == was_short:
        return finding
    balance = chain.signer_state(signer.address).balance
    news = IssuerBalance(address=signer.address, balance=balance, is_enough=not is_short)
    return evolve(finding, issuer=news)


def tell_issuer_balance(
    work: Work, trail: Trail, deployment: Deployment, news: IssuerBalance, now: datetime
) -> None:
    """Record it, and tell once that there is too little."""
    work.signers.lock(deployment.network, news.address)
    known = work.signers.holding(deployment.network, news.address)
    level = Level.ENOUGH if news.is_enough else Level.EMPTY
    if known is not None and known.level is level:
        return
    work.signers.put_holding(
        Holding(
            network=deployment.network,
            address=news.address,
            balance=news.balance,
            level=level,
            seen_at=now,
        )
    )
    if level is Level.EMPTY and deployment.account is not None:
        trail.add(
            "account.balance_low",
            public_id(Prefix.ACCOUNT, deployment.account),
            now,
            live=deployment.live,
            correlation=deployment.named,
            details={
                "address": news.address,
                "balance": str(news.balance),
                "network": deployment.network,
            },
        )
