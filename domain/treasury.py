"""What accounts of ours hold, and when somebody has to be told that it is not enough.

A level falls as soon as the balance is below its threshold, and rises only once the balance is a
tenth above it: who pays fees all day crosses a threshold once, and not with every transaction.
Everything is in base units (wei, microalgos), in whole numbers.
"""

from datetime import datetime
from enum import StrEnum

from attrs import field, frozen, validators

from domain.deployment import Deployment
from domain.identifiers import NetworkId
from domain.operation import AttemptOrigin, SlotState


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


@frozen
class Budget:
    """What of a day's budget is not free any more."""

    #: For what is under way.
    reserved: int = field(default=0, validator=validators.ge(0))
    spent: int = field(default=0, validator=validators.ge(0))

    @property
    def taken(self) -> int:
        return self.reserved + self.spent


def native_spent(deployment: Deployment) -> int | None:
    """What all attempts of *deployment* took from its sender; None: nobody can tell.

    What an attempt carries is gone if it took its slot.  Of one that was found on chain it is not
    known what it carried.
    """
    spent = 0
    for slot in (slot for step in deployment.steps for slot in step.slots):
        if slot.signer != deployment.sender:
            continue
        for attempt in slot.attempts:
            if attempt.origin is AttemptOrigin.FOUND:
                return None
            if attempt.cost is not None:
                spent += attempt.cost + (attempt.value if slot.state is SlotState.USED else 0)
    return spent


def crossing(before: Level | None, now: Level) -> str | None:
    """What the trail says of going from one level to another; None: nothing to say."""
    if before is now or (before is None and now is Level.ENOUGH):
        return None
    return REACHED[now]


def _is_above(balance: int, threshold: int) -> bool:
    return balance * 10 >= threshold * 11
