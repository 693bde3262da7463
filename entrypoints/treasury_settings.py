"""What an operator says of a network's treasury: when it is low, and what anybody may cost it.

All of it in base units, in the network's own table::

    [networks."eip155:8453"]
    treasury_low = 50_000_000_000_000_000
    treasury_empty = 5_000_000_000_000_000
    daily_budget = 10_000_000_000_000_000
"""

from collections.abc import Callable
from typing import Protocol

from attrs import field, frozen

from domain.network import Family
from domain.treasury import Thresholds

#: What a creation is given on EVM networks, in units of gas and rounded up; and what one locks up
#: on Algorand, fees included, in microalgos.
_ONE_CREATION_GAS = 3_000_000
_ONE_CREATION_MICROALGOS = 1_000_000
#: A treasury is low when so many creations are left, as far as nothing is said.
_LEFT = 20


class Keys(Protocol):
    """A network's table."""

    def look(self, key: str, parse: Callable[[object], int], *default: int | None) -> int | None:
        """None: it is not there, or it has a fault that was noted."""
        ...

    def fault(self, key: str, what: str) -> None: ...


@frozen(kw_only=True)
class TreasurySettings:
    thresholds: Thresholds = field(factory=lambda: Thresholds(low=0, empty=0))
    #: What one organisation's operations may cost the treasury on one day (UTC); None: anything.
    daily_budget: int | None = None

    def shown(self) -> dict[str, object]:
        return {
            "treasury_low": self.thresholds.low,
            "treasury_empty": self.thresholds.empty,
            "daily_budget": self.daily_budget,
        }


def read_treasury(
    found: Keys, family: Family | None, fee_ceiling: int | None, amount: Callable[[object], int]
) -> TreasurySettings:
    """*amount* reads a whole number that is not negative."""
    if family is Family.ALGORAND:
        one = _ONE_CREATION_MICROALGOS
    else:
        one = _ONE_CREATION_GAS * (fee_ceiling or 0)
    empty = found.look("treasury_empty", amount, one)
    low = found.look("treasury_low", amount, max(_LEFT * one, empty or 0))
    budget = found.look("daily_budget", amount, None)
    if low is not None and empty is not None and low < empty:
        found.fault("treasury_low", f"is {low}, and below treasury_empty, which is {empty}")
        low = empty
    return TreasurySettings(
        thresholds=Thresholds(low=low or 0, empty=min(empty or 0, low or 0)), daily_budget=budget
    )
