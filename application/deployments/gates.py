"""What stands between a request and its acceptance, gate by gate.

Asked under the wallet's lock, so that two requests of one organisation cannot both be the last
one that fits.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from attrs import frozen

from application.credits.licence import licence_refusal
from application.credits.terms import terms_of
from application.ports.chain import Chain
from application.ports.custody import Custodian
from application.ports.storage.work import Work
from domain.account import Account, AccountState
from domain.catalogue import Catalogue, KindClass
from domain.errors import Refusal
from domain.identifiers import AccountId, MemberId, NetworkId, OperationId, instant_of
from domain.network import Network, NetworkClass
from domain.operation import Intent, Party, Signer

#: A plan's instant may be this far ahead of ours: clocks differ.
_SKEW = timedelta(minutes=1)


@frozen(kw_only=True)
class Gates:
    work: Work
    catalogue: Catalogue
    network: Network
    #: Who asks; of an API key, who made it.
    member: MemberId
    now: datetime

    def id_is_free(self, id: OperationId | None) -> Refusal | None:
        if id is not None and self.work.deployments.get(id) is not None:
            return Refusal(code="deployment_id_used", detail="this id has a deployment already")
        return None

    def plan_is_fresh(self, id: OperationId | None, life: timedelta) -> Refusal | None:
        if id is None:
            return None
        made = instant_of(id)
        if made is None or not self.now - life <= made <= self.now + _SKEW:
            return Refusal(code="plan_expired", detail="the plan with this id is over; plan again")
        return None

    def reference_is_free(self, reference: str | None) -> Refusal | None:
        if reference is None:
            return None
        if self.work.deployments.by_reference(reference, live=self.network.live) is None:
            return None
        return Refusal(
            code="client_reference_used",
            detail="this client_reference has a deployment; it is unique for ever",
        )

    def tariff_allows(self, kind_class: str) -> Refusal | None:
        """The tariff's classes, its networks and its number per period.

        A deployment counts when accepted and is given back with its hold.
        """
        if refusal := self.tariff_includes(kind_class):
            return refusal
        terms = terms_of(self.work, self.catalogue, self.now)
        if isinstance(terms, Refusal):
            return terms
        most, period = terms.tariff.deployments_per_month, terms.period
        if most is None:
            return None
        used = self.work.deployments.count_accepted(period.start, period.end)
        if used < most:
            return None
        return Refusal(
            code="monthly_quota_exceeded",
            detail=f"{used} of {most} deployments until {period.end:%Y-%m-%d %H:%M} UTC are used",
        )

    def tariff_includes(self, kind_class: str) -> Refusal | None:
        """The tariff's classes and networks, and what the licence lets begin."""
        terms = terms_of(self.work, self.catalogue, self.now)
        if isinstance(terms, Refusal):
            return terms
        tariff = terms.tariff
        if kind_class not in tariff.classes or self.network.network_class not in tariff.networks:
            return Refusal(
                code="tariff_too_low",
                detail=f"the tariff {tariff.name} does not include this kind on this network",
            )
        if refusal := licence_refusal(self.work, KindClass(kind_class), self.now):
            return refusal
        is_serious = self.network.network_class is not NetworkClass.DEVELOPMENT
        if is_serious and not self.work.users.is_verified(self.member):
            # Before an address is verified nothing is signed outside development.
            return Refusal(code="address_not_verified", detail="verify your e-mail address first")
        return None

    def account(self, id: AccountId | None, custodian: str | None) -> Account | Refusal:
        """The account asked for, or the organisation's of this family and mode."""
        account = (
            self.work.accounts.get(id)
            if id is not None
            else self.work.accounts.find(self.network.family, live=self.network.live)
        )
        if account is None:
            return Refusal(code="account_not_found", detail="there is no such issuing account")
        fits = (account.family, account.live) == (self.network.family, self.network.live)
        if not fits:
            return Refusal(code="account_not_found", detail="this account is for other networks")
        is_own = custodian in {None, account.custodian}
        if not is_own and account.issuing(custodian, self.network.id) is None:
            return Refusal(
                code="custodian_not_offered",
                detail=f"the issuing account's key is at {account.custodian}, and it has no "
                f"address at {custodian}",
            )
        if account.state in {AccountState.FAILED, AccountState.DISABLED}:
            return Refusal(code="account_disabled", detail=f"the account is {account.state.value}")
        return account


def custodian_of(
    work: Work, account: Account, named: str | None, network: NetworkId
) -> str | None:
    """Whose key issues: the one that the request names, or else that the organisation chose.

    None: the account's own.  What was chosen counts where the account has an address there.
    """
    if named is not None:
        return named
    chosen = work.accounts.chosen()
    is_there = chosen is not None and account.issuing(chosen, network) is not None
    return chosen if is_there else None


def sender_of(work: Work, network: NetworkId, id: OperationId) -> Signer | Refusal:
    """The treasury account that signs and pays: always the same one for the same operation."""
    signers = sorted(work.signers.treasury(network), key=lambda signer: signer.address)
    if not signers:
        return Refusal(
            code="network_not_ready", detail="the operator has no treasury on this network yet"
        )
    return signers[id.int % len(signers)]


def custody_refusal(
    custodians: Mapping[str, Custodian], schemes: Iterable[str], network: Network
) -> Refusal | None:
    """Why whoever holds the keys cannot sign on *network*, as far as nobody has to be asked."""
    for scheme in schemes:
        if scheme not in custodians:
            detail = f"the custodian {scheme}, which holds a key of this, is not configured"
            return Refusal(code="custodian_not_configured", detail=detail)
        curve = network.family.curve
        if curve not in custodians[scheme].capabilities().curves:
            detail = f"the custodian {scheme} does not sign on {curve.value}"
            return Refusal(code="curve_not_offered", detail=detail)
    return None


def length_refusal(
    custodians: Mapping[str, Custodian],
    scheme: str,
    chain: Chain,
    intent: Intent,
    party: Party,
) -> Refusal | None:
    """Why the custodian *scheme*, which is configured, does not sign *party*'s message at once."""
    longest = custodians[scheme].capabilities().max_message_bytes
    # A message is made to be measured: not where any length will do.
    if longest is None or (length := chain.longest_message(intent, party)) <= longest:
        return None
    detail = f"{length} bytes are more than the {longest} that {scheme} signs at once"
    return Refusal(code="message_too_long", detail=detail)
