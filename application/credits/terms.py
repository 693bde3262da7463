"""On which terms an organisation works now: its tariff, and the period that is counted in."""

from datetime import datetime

from attrs import frozen

from application.ports.storage.work import Work
from domain.catalogue import Catalogue, Period, Price, Tariff, TariffName, period_of
from domain.errors import Refusal
from domain.organisation import Organisation
from domain.payment import BillingFacts


@frozen(kw_only=True)
class Terms:
    tariff: Tariff
    period: Period
    #: A subscription runs: credits come with its payments, and not by the month.
    is_subscribed: bool


def terms_of(work: Work, catalogue: Catalogue, now: datetime) -> Terms | Refusal:
    """The terms of the scope's organisation; asked under its wallet's lock."""
    organisation = work.organisations.get()
    if organisation is None:
        return Refusal(code="not_found", detail="there is no such organisation")
    facts = work.billing.facts()
    name = _tariff_in_force(organisation, facts, catalogue, now)
    tariff = catalogue.tariffs.get(name)
    if tariff is None:
        return Refusal(
            code="tariff_not_in_catalogue",
            detail=f"the tariff {name} is not sold any more, and the operator has not chosen "
            "another one yet",
        )
    running = facts.running(now)
    paid = None if running is None else running.period
    return Terms(tariff=tariff, period=period_of(paid, now), is_subscribed=running is not None)


def _tariff_in_force(
    organisation: Organisation, facts: BillingFacts, catalogue: Catalogue, now: datetime
) -> TariffName:
    """A subscription that is over gives nothing, whether or not somebody has noticed."""
    is_left_behind = any(
        each.is_over(now) and each.left_at is None and each.tariff == organisation.tariff
        for each in facts.subscriptions
    )
    if is_left_behind and facts.running(now) is None:
        return catalogue.first_tariff
    return organisation.tariff


def price_on(terms: Terms, catalogue: Catalogue, operation: str) -> Price | Refusal:
    """What a metered *operation* costs, where the tariff includes it."""
    price = catalogue.operations.get(operation)
    if price is None or not price.is_metered:
        metered = sorted(name for name, each in catalogue.operations.items() if each.is_metered)
        return Refusal(
            code="unknown_operation",
            detail=f"there is no metered operation {operation}; there are: {', '.join(metered)}",
        )
    if price.klass not in terms.tariff.classes:
        return Refusal(
            code="tariff_too_low",
            detail=f"the tariff {terms.tariff.name} does not include {price.klass} operations",
        )
    return price
