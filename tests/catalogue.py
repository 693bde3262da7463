"""What is sold, by spec/credits.md and by hand: the oracle of the shipped files."""

from attrs import evolve

from domain.catalogue import (
    Catalogue,
    Fees,
    KindClass,
    Pack,
    PackName,
    Price,
    Tariff,
    TariffName,
)
from domain.network import NetworkClass

FREE = TariffName("free")
STARTER = TariffName("starter")
PROFESSIONAL = TariffName("professional")
ENTERPRISE = TariffName("enterprise")
PRO = TariffName("pro")
#: Of tests: as much as anybody likes, for the credits of `FREE`.
UNLIMITED = TariffName("unlimited")

_NO_LIVE = frozenset({NetworkClass.DEVELOPMENT, NetworkClass.TEST})
_ALL = frozenset({NetworkClass.DEVELOPMENT, NetworkClass.TEST, NetworkClass.LIVE})
_CORE = frozenset({KindClass.CORE})
_PREMIUM = frozenset({KindClass.CORE, KindClass.PREMIUM})
_EVERY = frozenset({KindClass.CORE, KindClass.PREMIUM, KindClass.COMPLIANCE})

_PACKS = {
    PackName("small"): Pack(name=PackName("small"), price_minor=29_00, credits=500),
    PackName("large"): Pack(name=PackName("large"), price_minor=79_00, credits=2_000),
}
_OPERATIONS = {
    "deployment": Price(operation="deployment", credits=5),
    "token_operation": Price(operation="token_operation", credits=1),
    "premium_call": Price(operation="premium_call", credits=3, klass=KindClass.PREMIUM),
    "report": Price(operation="report", credits=2),
}


def _tariff(
    name: TariffName,
    dollars: int,
    deployments: int | None,
    credits_: int,
    classes: frozenset[KindClass],
    networks: frozenset[NetworkClass] = _ALL,
    fees: Fees | None = None,
    *,
    is_price_least: bool = False,
) -> Tariff:
    return Tariff(
        name=name,
        price_minor=dollars * 100,
        is_price_least=is_price_least,
        deployments_per_month=deployments,
        credits_per_month=credits_,
        classes=classes,
        networks=networks,
        fees=fees,
    )


TOKENS = Catalogue(
    name="tokens",
    currency="USD",
    first_tariff=FREE,
    tariffs={
        FREE: _tariff(FREE, 0, 5, 25, _CORE, _NO_LIVE),
        STARTER: _tariff(STARTER, 99, 50, 250, _CORE),
        PROFESSIONAL: _tariff(PROFESSIONAL, 499, 500, 2_500, _PREMIUM),
        ENTERPRISE: _tariff(
            ENTERPRISE,
            1_999,
            None,
            10_000,
            _EVERY,
            fees=Fees(markup_basis_points=1_500, value_basis_points=50),
            is_price_least=True,
        ),
    },
    packs=_PACKS,
    operations=_OPERATIONS,
    most_credits_per_request=10,
)

#: With fees on development networks too.
CHARGED = TariffName("charged")

FOR_TESTS = evolve(
    TOKENS,
    tariffs=TOKENS.tariffs
    | {
        UNLIMITED: _tariff(UNLIMITED, 0, None, 25, _EVERY),
        CHARGED: _tariff(
            CHARGED,
            0,
            None,
            25,
            _EVERY,
            fees=Fees(markup_basis_points=1_500, value_basis_points=50, networks=_ALL),
        ),
    },
)

AI = Catalogue(
    name="ai",
    currency="USD",
    first_tariff=STARTER,
    tariffs={
        STARTER: _tariff(STARTER, 0, 5, 0, _CORE),
        PRO: _tariff(PRO, 149, 50, 200, _PREMIUM),
        ENTERPRISE: _tariff(ENTERPRISE, 399, None, 2_000, _EVERY),
    },
    packs=_PACKS,
    operations=_OPERATIONS,
    most_credits_per_request=10,
)
