"""What is sold: tariffs, packs, prices.  A value, read once from the operator's file.

A *tariff* is what an organisation subscribes to.  Prices of operations are whole credits and flat;
prices of tariffs and packs are integers in minor units of the catalogue's currency (ISO 4217:
cents of USD, whole JPY).  Fees are shares in basis points (1/100 of a percent): never a float.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NewType, TypeAlias

from attrs import field, frozen, validators

from domain.network import NetworkClass

TariffName = NewType("TariffName", str)
PackName = NewType("PackName", str)

#: Of tariffs, packs, operations and catalogues.  They are parts of lookup keys and of facts.
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: ISO 4217.
CURRENCY: Final = re.compile(r"[A-Z]{3}")

DEPLOYMENT: Final = "deployment"
#: Of an operation on a token: mint, burn, …
TOKEN_OPERATION: Final = "token_operation"  # noqa: S105 - no password
#: What is priced in every catalogue; whatever else is priced is a metered operation.  The class of
#: these two is that of the token's kind.
OWN_OPERATIONS: Final = (DEPLOYMENT, TOKEN_OPERATION)


_Check: TypeAlias = Callable[[Any, Any, Any], None]


class KindClass(StrEnum):
    CORE = "core"
    PREMIUM = "premium"
    COMPLIANCE = "compliance"


def _whole(least: int = 0, most: int | None = None) -> _Check:
    """Refuses what is no `int`, a `bool`, a `float` that happens to be whole."""

    def check(_: Any, attribute: Any, value: Any) -> None:
        if type(value) is not int or value < least or (most is not None and value > most):
            limit = f"from {least} to {most}" if most is not None else f"of at least {least}"
            raise ValueError(f"{attribute.name} must be a whole number {limit}: {value!r}")

    return check


_named: _Check = validators.matches_re(NAME)


@frozen(kw_only=True)
class Fees:
    """Fees in money on a deployment, in basis points."""

    #: On top of the network's cost, which is charged as well.
    markup_basis_points: int = field(default=0, validator=_whole(0, 10_000))
    #: Of the value that was declared.
    value_basis_points: int = field(default=0, validator=_whole(0, 10_000))
    #: Where they are charged: what is tried out costs nothing.
    networks: frozenset[NetworkClass] = frozenset({NetworkClass.LIVE})


@frozen(kw_only=True)
class Tariff:
    name: TariffName = field(validator=_named)
    #: Per month, in minor units.
    price_minor: int = field(validator=_whole())
    #: The price is the least: what is paid is agreed upon in each case.
    is_price_least: bool = False
    #: None: unlimited.
    deployments_per_month: int | None = field(validator=validators.optional(_whole()))
    credits_per_month: int = field(validator=_whole())
    classes: frozenset[KindClass]
    networks: frozenset[NetworkClass]
    #: None: this tariff has no fees in money.
    fees: Fees | None = None
    #: Changing requests of one member; None: as the installation's settings say.
    requests_per_minute: int | None = field(default=None, validator=validators.optional(_whole(1)))


@frozen(kw_only=True)
class Pack:
    name: PackName = field(validator=_named)
    price_minor: int = field(validator=_whole(1))
    credits: int = field(validator=_whole(1))
    #: How long its credits are good; None: for ever.
    days: int | None = field(default=None, validator=validators.optional(_whole(1)))


@frozen(kw_only=True)
class Price:
    operation: str = field(validator=_named)
    #: Flat, per operation.
    credits: int = field(validator=_whole(1))
    #: What the tariff must include; of `OWN_OPERATIONS` the token's kind says it.
    klass: KindClass = KindClass.CORE

    @property
    def is_metered(self) -> bool:
        return self.operation not in OWN_OPERATIONS


@frozen(kw_only=True)
class Catalogue:
    name: str = field(validator=_named)
    #: ISO 4217, of every price of tariffs and packs.
    currency: str = field(validator=validators.matches_re(CURRENCY))
    #: Of an organisation that has just registered; it costs nothing.
    first_tariff: TariffName
    tariffs: Mapping[TariffName, Tariff]
    packs: Mapping[PackName, Pack] = field(factory=dict)
    operations: Mapping[str, Price]
    most_credits_per_request: int = field(default=10, validator=_whole(1))

    def __attrs_post_init__(self) -> None:
        if self.first_tariff not in self.tariffs:
            raise ValueError(f"there is no tariff {self.first_tariff}")
        if self.tariffs[self.first_tariff].price_minor:
            raise ValueError(f"the first tariff, {self.first_tariff}, has a price")
        listed = [(str(name), str(each.name)) for name, each in self.tariffs.items()]
        listed += [(str(name), str(each.name)) for name, each in self.packs.items()]
        listed += [(name, each.operation) for name, each in self.operations.items()]
        for name, own in listed:
            if name != own:
                raise ValueError(f"{own} is listed as {name}")
        for operation in OWN_OPERATIONS:
            if operation not in self.operations:
                raise ValueError(f"the price of a {operation} is missing")
        for operation, price in self.operations.items():
            if price.is_metered and price.credits > self.most_credits_per_request:
                raise ValueError(f"{operation} costs more than one request may")

    @property
    def deployment_credits(self) -> int:
        return self.operations[DEPLOYMENT].credits

    @property
    def token_operation_credits(self) -> int:
        return self.operations[TOKEN_OPERATION].credits

    def tariff_key(self, name: TariffName) -> str:
        """How the payment provider's price of a tariff is looked up."""
        return f"tallystick_{self.name}_tariff_{name}"

    def pack_key(self, name: PackName) -> str:
        return f"tallystick_{self.name}_pack_{name}"


@frozen
class Period:
    """What a month's grants and limits are counted in: from `start`, before `end`."""

    start: datetime
    end: datetime = field()

    @end.validator
    def _is_after_start(self, attribute: Any, value: datetime) -> None:
        del attribute
        if value <= self.start:
            raise ValueError(f"a period from {self.start} cannot end at {value}")

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


def month_of(instant: datetime) -> Period:
    """The calendar month around *instant*, in UTC."""
    return _month_of(instant.astimezone(UTC))


@lru_cache(maxsize=64)
def _month_of(utc: datetime) -> Period:
    # A transaction has one instant, and asks for each of its organisations.
    start = utc.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
    return Period(start, start.replace(year=year, month=month))


def period_of(paid: Period | None, now: datetime) -> Period:
    """The period that *now* counts in: the subscription's, else the calendar month, UTC.

    *paid* is the last one that was paid for.  After it, periods of its length follow each other:
    what somebody owes is no reason to count anew.
    """
    if paid is None or now < paid.start:
        return month_of(now)
    length = paid.end - paid.start
    start = paid.start + (now - paid.start) // length * length
    return Period(start, start + length)
