"""Fees in money: written down when a deployment is completed, priced once a rate is known."""

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from attrs import frozen

from application.audit.trail import Trail
from application.credits.terms import terms_of
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from domain.audit import OPERATOR
from domain.catalogue import Catalogue
from domain.deployment import Deployment
from domain.errors import MisuseError, Refusal
from domain.fees import FeeLine, fees_of
from domain.identifiers import INSTALLATION, NetworkId, OrganisationId
from domain.money import DIGITS, Rate
from domain.network import Network
from domain.operation import OperationKind

_PAGE = 100
#: Clocks differ.
_SKEW = timedelta(minutes=1)


def valued(
    work: Work, catalogue: Catalogue, deployment: Deployment, network: Network, now: datetime
) -> Deployment:
    """*deployment* with what coins are worth now, for what took coin and has no rate yet."""
    if not deployment.has_unvalued_costs:
        return deployment
    rate = work.rates.newest(network.id, catalogue.currency, now)
    return deployment if rate is None else deployment.valued(rate)


def charge(
    work: Work, catalogue: Catalogue, deployment: Deployment, network: Network, now: datetime
) -> None:
    """Write down the fees of *deployment*, which is completed; by the tariff as it is now.

    In the transaction that completes it, and once.
    """
    if deployment.kind is not OperationKind.DEPLOYMENT:
        return
    terms = terms_of(work, catalogue, now)
    if isinstance(terms, Refusal) or terms.tariff.fees is None:
        return
    if network.network_class not in terms.tariff.fees.networks:
        return
    fees, decimals = terms.tariff.fees, network.native_decimals
    for line in fees_of(deployment, fees, catalogue.currency, decimals, now):
        if not work.fees.add(line):
            raise MisuseError(f"{line.fact} was charged before")


@frozen(kw_only=True)
class PriceFees:
    """Give amounts to fees that wait for a rate."""

    store: Store
    catalogue: Catalogue
    clock: Clock

    def __call__(self) -> int:
        """Tell how many were given one."""
        priced, last = 0, INSTALLATION
        while page := self._page(last):
            priced += sum(self._price(organisation) for organisation in page)
            last = page[-1]
        return priced

    def _page(self, after: OrganisationId) -> list[OrganisationId]:
        with self.store.begin(Scope()) as work:
            return list(work.fees.owing(after, _PAGE))

    def _price(self, organisation: OrganisationId) -> int:
        priced, now = 0, self.clock.now()
        with self.store.begin(Scope(organisation=organisation)) as work:
            for line in work.fees.unpriced():
                rate = self._rate(work, line, now)
                done = line if rate is None else line.priced(rate)
                if done.amount_minor is not None:
                    work.fees.price(done)
                    priced += 1
        return priced

    @staticmethod
    def _rate(work: Work, line: FeeLine, now: datetime) -> Rate | None:
        deployment = work.deployments.get(line.deployment)
        if deployment is None:
            return None
        return work.rates.newest(deployment.network, line.currency, now)


@frozen(kw_only=True)
class SetRate:
    """The operator says what a network's coin was worth."""

    store: Store
    networks: frozenset[NetworkId]
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, network: NetworkId, price: str, currency: str, source: str, at: datetime | None
    ) -> Rate | Refusal:
        """*price* is that of one whole coin, in whole units of *currency*; *at*: None for now."""
        now = self.clock.now()
        if network not in self.networks:
            return Refusal(code="unknown_network", detail=f"{network} is not configured")
        rate = _rate(price, currency, source, at or now)
        if isinstance(rate, Refusal):
            return rate
        if rate.at > now + _SKEW:
            return Refusal(code="invalid_rate", detail=f"{rate.at} is in the future")
        trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=OPERATOR)
        with self.store.begin(Scope.installation()) as work:
            if not work.rates.add(network, rate):
                detail = f"the rate of {network} in {currency} at {rate.at} was told before"
                return Refusal(code="invalid_rate", detail=detail)
            trail.add(
                "operator.set_rate",
                network,
                now,
                details={
                    "price": str(rate.price),
                    "currency": rate.currency,
                    "source": rate.source,
                    "at": rate.at.isoformat(),
                },
            )
            trail.write(work)
        return rate


def _rate(price: str, currency: str, source: str, at: datetime) -> Rate | Refusal:
    try:
        amount = Decimal(price)
    except InvalidOperation:
        return Refusal(code="invalid_rate", detail=f"{price} is no decimal number")
    if not amount.is_finite() or amount <= 0 or currency not in DIGITS or not source.strip():
        detail = "a rate is a price above zero, in a currency of ISO 4217, and who said so"
        return Refusal(code="invalid_rate", detail=detail)
    return Rate(price=amount, currency=currency, source=source.strip(), at=at)
