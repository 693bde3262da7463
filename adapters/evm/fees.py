"""What to offer per unit of gas (EIP-1559), in whole wei.

``max_fee`` is the most that is ever paid; it leaves room for the base fee to double, which takes
six full blocks.  ``priority_fee`` is the part that goes to whoever builds the block.  The ceiling
is policy: nothing above it is ever offered.
"""

from collections.abc import Sequence

from attrs import field, frozen, validators

from domain.operation import Postponed, WaitReason

#: Blocks looked at, and which of a block's tips, sorted, counts.
BLOCKS = 20
PERCENTILE = 85
#: Least tip offered: what op-geth asks of every transaction, and nothing next to any base fee.
LEAST_PRIORITY_FEE = 1_000_000

#: Nodes ask 10 % (geth) or 12.5 % (others) more, in both fields, of a replacement: 9/8 is both.
_RAISE_NUMERATOR = 9
_RAISE_DENOMINATOR = 8


@frozen(kw_only=True)
class Offer:
    max_fee: int = field(validator=validators.ge(0))
    priority_fee: int = field(validator=validators.ge(0))


@frozen(kw_only=True)
class Market:
    """What the next block asks, and what the last ones were paid."""

    base_fee: int = field(validator=validators.ge(0))
    priority_fee: int = field(validator=validators.ge(0))

    @classmethod
    def of(cls, base_fees: Sequence[int], tips: Sequence[int]) -> "Market":
        """From a fee history: the last base fee is the next block's; empty blocks tip nothing."""
        paid = sorted(tip for tip in tips if tip > 0)
        median = paid[len(paid) // 2] if paid else 0
        return cls(base_fee=base_fees[-1], priority_fee=max(median, LEAST_PRIORITY_FEE))

    @property
    def price(self) -> int:
        """What a unit of gas costs now."""
        return self.base_fee + self.priority_fee


def offer(market: Market, ceiling: int, replacing: Sequence[Offer] = ()) -> Offer | Postponed:
    """The offer to make now, above each of *replacing* by what nodes demand."""
    if market.base_fee > ceiling:
        detail = f"the base fee is {market.base_fee} wei, and the ceiling {ceiling} wei"
        return Postponed(WaitReason.FEE_ABOVE_CEILING, detail)
    max_fee = min(2 * market.base_fee + market.priority_fee, ceiling)
    priority_fee = min(market.priority_fee, max_fee)
    if not replacing:
        return Offer(max_fee=max_fee, priority_fee=priority_fee)
    priority_fee = max(priority_fee, _raised(max(old.priority_fee for old in replacing)))
    max_fee = max(max_fee, priority_fee, _raised(max(old.max_fee for old in replacing)))
    if max_fee > ceiling:
        detail = f"a replacement must offer {max_fee} wei, and the ceiling is {ceiling} wei"
        return Postponed(WaitReason.FEE_ABOVE_CEILING, detail)
    return Offer(max_fee=max_fee, priority_fee=priority_fee)


def _raised(fee: int) -> int:
    """At least an eighth more, rounded up, and more in any case."""
    return max(-(-fee * _RAISE_NUMERATOR // _RAISE_DENOMINATOR), fee + 1)
