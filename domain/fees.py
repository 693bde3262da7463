"""Fees in money on a deployment: what the network took, with a markup, and a share of its value.

Each fee is a line with all that it was computed from.  It is computed in whole, and rounded once,
half up, to minor units.  What has no rate is charged nothing until one is known: nothing is
guessed, and a line that waits for a rate says so (`amount_minor` is None).

A line belongs to the economic fact ``fee:<deployment>:<kind>``, which is charged once.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from attrs import evolve, field, frozen, validators

from domain.catalogue import Fees
from domain.deployment import Deployment
from domain.identifiers import OperationId, Prefix, public_id
from domain.money import Money, Rate, half_up
from domain.operation import TransactionId

_WHOLE = 10_000


class FeeKind(StrEnum):
    NETWORK = "network"
    VALUE = "value"


@frozen(kw_only=True)
class Cost:
    """What one transaction took."""

    transaction_id: TransactionId
    #: In base units of the network's coin.
    amount: int = field(validator=validators.ge(0))
    #: What the coin was worth; None: nobody has said.
    rate: Rate | None


@frozen(kw_only=True)
class FeeLine:
    deployment: OperationId
    kind: FeeKind
    live: bool
    #: When the deployment was completed: the period it belongs to.
    at: datetime
    currency: str
    #: None: no rate is known yet, and nothing is charged.
    amount_minor: int | None
    #: On top of `costs`, or of `declared`.
    basis_points: int = field(validator=validators.ge(0))
    #: Digits of the coin that `costs` are in.
    decimals: int = 0
    costs: tuple[Cost, ...] = ()
    declared: Money | None = None
    #: The payment provider's name of the invoice item it was charged by.
    invoice_item: str | None = None

    @property
    def fact(self) -> str:
        return f"fee:{public_id(Prefix.DEPLOYMENT, self.deployment)}:{self.kind}"

    def priced(self, rate: Rate) -> "FeeLine":
        """The line with *rate* for each cost that has none."""
        if self.amount_minor is not None or rate.currency != self.currency:
            return self
        costs = tuple(evolve(each, rate=each.rate or rate) for each in self.costs)
        amount = _network_fee(costs, self.basis_points, self.decimals, self.currency)
        return evolve(self, costs=costs, amount_minor=amount)


def fees_of(
    deployment: Deployment, fees: Fees, currency: str, decimals: int, at: datetime
) -> tuple[FeeLine, ...]:
    """What *deployment*, which is completed, is charged; in *currency* where it is ours.

    The network's cost is what its sender paid for all of its transactions, for those too that
    came to nothing.  What an issuing account spends, the sender has given to it before.
    """
    costs = tuple(
        Cost(transaction_id=each.transaction_id, amount=each.cost, rate=each.rate)
        for step in deployment.steps
        for slot in step.slots
        for each in slot.attempts
        if each.cost and slot.signer == deployment.sender
    )
    network = FeeLine(
        deployment=deployment.id,
        kind=FeeKind.NETWORK,
        live=deployment.live,
        at=at,
        currency=currency,
        amount_minor=_network_fee(costs, fees.markup_basis_points, decimals, currency),
        basis_points=fees.markup_basis_points,
        decimals=decimals,
        costs=costs,
    )
    lines = (network,) if costs else ()
    declared = deployment.declared_value
    if declared is None or not fees.value_basis_points:
        return lines
    value = evolve(
        network,
        kind=FeeKind.VALUE,
        currency=declared.currency,
        amount_minor=half_up(Fraction(declared.amount_minor * fees.value_basis_points, _WHOLE)),
        basis_points=fees.value_basis_points,
        decimals=0,
        costs=(),
        declared=declared,
    )
    return (*lines, value)


def _network_fee(
    costs: Iterable[Cost], markup_basis_points: int, decimals: int, currency: str
) -> int | None:
    """None: one of *costs* has no rate in *currency*."""
    total = Fraction(0)
    for cost in costs:
        if cost.rate is None or cost.rate.currency != currency:
            return None
        total += cost.rate.minor_units(cost.amount, decimals)
    return half_up(total * (_WHOLE + markup_basis_points) / _WHOLE)
