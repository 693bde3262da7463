"""What accounts of ours hold, and when somebody has to be told that it is not enough.

A level falls as soon as the balance is below its threshold, and rises only once the balance is a
tenth above it: who pays fees all day crosses a threshold once, and not with every transaction.
Everything is in base units (wei, microalgos), in whole numbers.
"""

from datetime import datetime
from enum import StrEnum

from attrs import field, frozen, validators

from domain.identifiers import NetworkId


class Level(StrEnum):
    ENOUGH = "enough"
    LOW = "low"
    #: Nothing that it should pay for is accepted any more.
    EMPTY = "empty"


#: What the trail calls the arrival at a level.
REACHED = {
    Level.ENOUGH: "treasury.recovered",
    Level.LOW: "treasury.balance_low",
    Level.EMPTY: "treasury.empty",
}


@frozen(kw_only=True)
class Thresholds:
    """Below which balance a treasury is low, and below which it is empty."""

    low: int = field(validator=validators.ge(0))
    empty: int = field(validator=validators.ge(0))

    def __attrs_post_init__(self) -> None:
        if self.low < self.empty:
            raise ValueError("what is empty is low too")

    def level(self, balance: int, before: Level | None) -> Level:
        """The level of *balance*, where *before* was the last one that was told."""
        if balance < self.empty or (before is Level.EMPTY and not _is_above(balance, self.empty)):
            return Level.EMPTY
        was_low = before in {Level.LOW, Level.EMPTY}
        if balance < self.low or (was_low and not _is_above(balance, self.low)):
            return Level.LOW
        return Level.ENOUGH

    def missing(self, balance: int) -> int:
        """What must be sent so that it is enough again."""
        return max(0, -(-self.low * 11 // 10) - balance)


@frozen(kw_only=True)
class Holding:
    """What an address of ours held when somebody last looked."""

    network: NetworkId
    address: str
    balance: int = field(validator=validators.ge(0))
    level: Level
    seen_at: datetime


def crossing(before: Level | None, now: Level) -> str | None:
    """What the trail says of going from one level to another; None: nothing to say."""
    if before is now or (before is None and now is Level.ENOUGH):
        return None
    return REACHED[now]


def _is_above(balance: int, threshold: int) -> bool:
    return balance * 10 >= threshold * 11
