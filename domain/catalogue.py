"""Tariffs and prices.  Prices are whole credits per operation."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from attrs import frozen

from domain.network import NetworkClass

DEPLOYMENT_CREDITS = 5
#: Of an operation on a token.
TOKEN_OPERATION_CREDITS = 1


class TariffName(StrEnum):
    FREE = "free"
    STARTER = "starter"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"


class KindClass(StrEnum):
    CORE = "core"
    PREMIUM = "premium"
    COMPLIANCE = "compliance"


@frozen(kw_only=True)
class Tariff:
    name: TariffName
    #: None: unlimited.
    deployments_per_month: int | None
    credits_per_month: int
    classes: frozenset[KindClass]
    networks: frozenset[NetworkClass]


_ALL = frozenset(NetworkClass)

#: The default catalogue (spec/credits.md).
TARIFFS: Mapping[TariffName, Tariff] = {
    tariff.name: tariff
    for tariff in (
        Tariff(
            name=TariffName.FREE,
            deployments_per_month=5,
            credits_per_month=25,
            classes=frozenset({KindClass.CORE}),
            networks=frozenset({NetworkClass.DEVELOPMENT, NetworkClass.TEST}),
        ),
        Tariff(
            name=TariffName.STARTER,
            deployments_per_month=50,
            credits_per_month=250,
            classes=frozenset({KindClass.CORE}),
            networks=_ALL,
        ),
        Tariff(
            name=TariffName.PROFESSIONAL,
            deployments_per_month=500,
            credits_per_month=2_500,
            classes=frozenset({KindClass.CORE, KindClass.PREMIUM}),
            networks=_ALL,
        ),
        Tariff(
            name=TariffName.ENTERPRISE,
            deployments_per_month=None,
            credits_per_month=10_000,
            classes=frozenset(KindClass),
            networks=_ALL,
        ),
    )
}


def month_of(instant: datetime) -> tuple[datetime, datetime]:
    """The calendar month around *instant*, in UTC: its first instant, and the next one's."""
    start = instant.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
    return start, start.replace(year=year, month=month)
