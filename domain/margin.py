"""What was earned: the worth of credits that were captured, by what was paid for their lots.

Amounts are integers in micros (10⁻⁶ of a currency unit); nothing is rounded.  Everything follows
from single lines of the journal and the lots they are about, so any window of time can be asked
for, and windows that touch add up::

    captured    held → spent: the first of a hold's portions, each at its lot's unit cost
    corrected   spent → available: the same, taken off again
    breakage    what was paid for and expired, and what lived on for a day for nothing
    taken_back  debt → issued: refunded or disputed after it had been used
    repaid      available → debt: what came in paid it
    adjusted    available → adjust: an operator took it away

Promotions, gifts' givers and what lives on for a day (*grace*) have no worth here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

from attrs import define, field, frozen

from domain.books import Line
from domain.books.portions import first, last_first
from domain.books.rows import HoldRow, LotRow, PortionRow


class Worth(StrEnum):
    CAPTURED = "captured"
    CORRECTED = "corrected"
    BREAKAGE = "breakage"
    TAKEN_BACK = "taken_back"
    REPAID = "repaid"
    ADJUSTED = "adjusted"


#: What counts for or against the operator.  What an adjustment took is in nobody's favour yet.
SIGNS: Mapping[Worth, int] = {
    Worth.CAPTURED: 1,
    Worth.CORRECTED: -1,
    Worth.BREAKAGE: 1,
    Worth.TAKEN_BACK: -1,
    Worth.REPAID: 1,
    Worth.ADJUSTED: 0,
}


@frozen(kw_only=True)
class ChainCost:
    """What one transaction of an operation took from who pays."""

    #: ``deployment``, ``token_operation``
    operation: str
    network: str
    #: In base units of the network's coin.
    amount: int
    #: What a whole coin was worth, in whole units of `currency`; None: nobody has said.
    price: Fraction | None
    currency: str | None


@define
class Margin:
    """One organisation's figures.  Feed it the lines of a window, and the costs of it."""

    #: Micros by operation, kind of worth and currency.  Operation ``""``: of none.
    worth: Counter[tuple[str, Worth, str]] = field(factory=Counter)
    #: Credits by operation: captured less corrected, whatever they were worth.
    credits: Counter[str] = field(factory=Counter)
    #: Micros by operation and currency; exact.
    costs: dict[tuple[str, str], Fraction] = field(factory=dict)
    #: Base units by network that have no rate.
    unvalued: Counter[str] = field(factory=Counter)
    _lots: dict[UUID, LotRow] = field(factory=dict)

    def know(self, lots: Iterable[LotRow]) -> None:
        self._lots.update((lot.id, lot) for lot in lots)

    def feed(self, line: Line) -> None:
        operation = "" if line.hold is None else line.hold.operation
        match (line.debit, line.credit.partition(":")[0]):
            case ("held", "spent") if line.hold is not None:
                self.credits[operation] += line.amount
                for portion in first(line.hold.portions, line.amount):
                    self._add(operation, Worth.CAPTURED, portion)
            case ("spent", "available"):
                self.credits[operation] -= line.amount
                self._add(operation, Worth.CORRECTED, _of(line), is_grace_worth_it=True)
                if line.action == "credits.graced":
                    self._add("", Worth.BREAKAGE, _of(line), is_grace_worth_it=True)
            case ("held", "available") if line.lot_id is not None:
                self._add("", Worth.BREAKAGE, _of(line), is_grace_worth_it=True)
            case ("held", "expired") if line.hold is not None:
                for portion in self._broken(line.hold, line.amount, line.at):
                    self._add("", Worth.BREAKAGE, portion)
            case ("available", "expired"):
                self._add("", Worth.BREAKAGE, _of(line))
            case ("expired", "issued"):
                self._add("", Worth.BREAKAGE, _of(line), sign=-1)
            case ("debt", "issued"):
                self._add("", Worth.TAKEN_BACK, _of(line))
            case ("available", "debt"):
                self._add("", Worth.REPAID, _of(line))
            case ("available", "adjust"):
                self._add("", Worth.ADJUSTED, _of(line))
            case _:
                pass

    def charge(self, cost: ChainCost, decimals: int | None) -> None:
        """*decimals*: how many digits the network's coin has; None: nobody knows any more."""
        if cost.price is None or cost.currency is None or decimals is None:
            self.unvalued[cost.network] += cost.amount
            return
        micros = cost.amount * cost.price * 10**6 / 10**decimals
        place = (cost.operation, cost.currency)
        self.costs[place] = self.costs.get(place, Fraction(0)) + micros

    def _broken(self, hold: HoldRow, amount: int, at: datetime) -> list[PortionRow]:
        """What of *hold* had expired when it came back; see `domain.books` on *ended*."""
        unspent = last_first(hold.portions, hold.captured)
        readings = [
            [
                portion
                for portion in unspent
                if portion.lot in self._lots and self._lots[portion.lot].is_over(at, ended=ended)
            ]
            for ended in (False, True)
        ]
        told = [each for each in readings if sum(portion.amount for portion in each) == amount]
        return told[0] if told else readings[1]

    def _add(
        self,
        operation: str,
        kind: Worth,
        portion: PortionRow | None,
        *,
        sign: int = 1,
        is_grace_worth_it: bool = False,
    ) -> None:
        lot = None if portion is None else self._lots.get(portion.lot)
        if portion is None or lot is None or not lot.unit_cost_micros or lot.currency is None:
            return
        # A grace lot says what its credits cost, but they are counted where they expired.
        if is_grace_worth_it or not lot.fact.startswith("grace:"):
            micros = sign * portion.amount * lot.unit_cost_micros
            self.worth[operation, kind, lot.currency] += micros


def _of(line: Line) -> PortionRow | None:
    return None if line.lot_id is None else PortionRow(line.lot_id, line.amount)
