"""What the journal has made of each hold so far.  Only the open ones are kept, and corrections."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from uuid import UUID

from attrs import define, field

from domain.books.findings import Findings
from domain.books.lots import LotBook
from domain.books.portions import first, last_first, told, total
from domain.books.rows import HoldRow, HoldTotals, Line, PortionRow


@define(eq=False)
class OpenHold:
    row: HoldRow
    held: int
    captured: int = 0
    returned: int = 0
    #: Went to `expired`, or lives on as lots of its own.
    lost: int = 0
    #: Of what was over, all but days of grace lives another day.
    is_graced: bool = False
    #: In which reading its lots are over; None: no line has told.
    ended: bool | None = None

    @property
    def left(self) -> int:
        return self.held - self.captured - self.returned - self.lost


@define(eq=False)
class Correction:
    row: HoldRow
    amount: int = 0
    #: What went back to the lots it came from; the rest lives on in lots of their own.
    by_lot: Counter[UUID] = field(factory=Counter)


@define
class HoldBook:
    findings: Findings
    lots: LotBook
    _open: dict[UUID, OpenHold] = field(factory=dict)
    _corrections: dict[UUID, Correction] = field(factory=dict)
    _count: int = 0

    def finish(self, totals: HoldTotals) -> None:
        compare = self.findings.compare
        compare("I3", "open holds, by the journal", len(self._open), totals.open_count)
        compare("I6", "holds, by the journal", self._count, totals.count)
        for hold in self._open.values():
            if hold.row.state != "held":
                self._wrong("I6", hold.row, f"held: no line closes {hold.left}", hold.row.state)
        for correction in self._corrections.values():
            self._unwound(correction)
        corrected = sum(each.amount for each in self._corrections.values())
        compare("I6", "corrections, by the journal", corrected, totals.corrected)

    # Lines that are about a hold.

    def hold(self, line: Line) -> None:
        row = self._row(line)
        if row is None:
            return
        if row.id in self._open:
            self._wrong("I6", row, "held once", f"held again by line {line.sequence}")
            return
        self._count += 1
        self._open[row.id] = OpenHold(row=row, held=line.amount)
        self.findings.compare("I6", f"hold {row.id} amount", line.amount, row.amount)
        expected = self.lots.burnt(line.amount, line.at)
        if row.portions not in (expected, self.lots.burnt(line.amount, line.at, ended=True)):
            self._wrong("I10", row, told(expected), told(row.portions))
        for portion in row.portions:
            lot = self.lots.get(portion.lot)
            if lot is None:
                self._wrong("I12", row, "lots of its organisation", portion.lot)
            else:
                self.lots.take(line, lot, portion.amount)

    def capture(self, line: Line) -> None:
        hold = self._closing(line)
        if hold is None:
            return
        if hold.captured or hold.returned or hold.lost:
            self._wrong("I6", hold.row, "captured once, and first", f"line {line.sequence}")
        hold.captured += line.amount
        if hold.captured > hold.held:
            self._wrong("I7", hold.row, f"at most {hold.held} captured", hold.captured)
        lease = hold.row.lease_until
        if lease is not None and line.at >= lease:
            self._wrong("I7", hold.row, f"captured before {lease}", line.at)
        self._close_if_done(line, hold)

    def give_back(self, line: Line) -> None:
        hold = self._closing(line)
        if hold is None:
            return
        if line.lot_id is not None:
            self.lots.grace(line)
            hold.lost += line.amount
            hold.is_graced = True
        else:
            hold.ended = total(self._alive(hold, line.at, ended=False)) != line.amount
            for portion in self._alive(hold, line.at, ended=hold.ended):
                lot = self.lots.get(portion.lot)
                if lot is not None:
                    self.lots.add(line, lot, portion.amount)
            hold.returned += line.amount
        self._close_if_done(line, hold)

    def lapse(self, line: Line) -> None:
        hold = self._closing(line)
        if hold is None:
            return
        if hold.ended is None:
            hold.ended = True
        alive = self._alive(hold, line.at, ended=hold.ended)
        for portion in _unspent(hold):
            lot = self.lots.get(portion.lot)
            if lot is None or portion in alive or (hold.is_graced and not lot.row.is_grace):
                continue
            lot.lapsed += portion.amount
        hold.lost += line.amount
        self._close_if_done(line, hold)

    def correct(self, line: Line) -> None:
        row = self._row(line)
        if row is None:
            return
        correction = self._corrections.setdefault(row.id, Correction(row))
        correction.amount += line.amount
        if correction.amount > row.captured:
            self._wrong("I7", row, f"at most {row.captured} corrected", correction.amount)
        if line.action == "credits.graced":
            self.lots.grace(line)
            return
        lot = self.lots.of(line)
        if lot is not None:
            correction.by_lot[lot.row.id] += line.amount
            self.lots.add(line, lot, line.amount)

    def _row(self, line: Line) -> HoldRow | None:
        if line.hold is None:
            where = f"line {line.sequence}"
            self.findings.add("I12", where, "a hold of its organisation", line.hold_id)
        return line.hold

    def _closing(self, line: Line) -> OpenHold | None:
        row = self._row(line)
        if row is None:
            return None
        if row.id not in self._open:
            self._wrong("I6", row, "closed once, after it was held", f"line {line.sequence}")
        return self._open.get(row.id)

    def _close_if_done(self, line: Line, hold: OpenHold) -> None:
        """What a hold that is over says of itself, against the lines that ended it."""
        if hold.left > 0:
            return
        row = hold.row
        del self._open[row.id]
        compare = self.findings.compare
        if hold.left < 0:
            self._wrong("I6", row, f"{hold.held} in all", hold.held - hold.left)
        alive = self._alive(hold, line.at, ended=hold.ended is not False)
        compare("I6", f"hold {row.id} given back", total(alive), hold.returned)
        compare("I7", f"hold {row.id} captured", hold.captured, row.captured)
        compare("I6", f"hold {row.id} closed at", line.at, row.closed_at)
        endings = ("captured",) if hold.captured else ("captured", "released", "expired")
        if row.state not in endings:
            self._wrong("I6", row, " or ".join(endings), row.state)
        if row.state == "expired" and (row.lease_until is None or line.at < row.lease_until):
            self._wrong("I6", row, f"alive until {row.lease_until}", f"expired at {line.at}")

    def _alive(self, hold: OpenHold, at: datetime, *, ended: bool) -> list[PortionRow]:
        """What is to go back to its lots when *hold* ends then."""
        return [
            portion
            for portion in _unspent(hold)
            if (lot := self.lots.get(portion.lot)) is not None and not lot.is_over(at, ended=ended)
        ]

    def _unwound(self, correction: Correction) -> None:
        """A correction walks back over what the capture took, whatever burns first today."""
        row = correction.row
        self.findings.compare("I6", f"hold {row.id} corrected", correction.amount, row.corrected)
        captured = first(row.portions, row.captured)
        due: Counter[UUID] = Counter()
        for portion in last_first(captured, max(row.captured - correction.amount, 0)):
            due[portion.lot] += portion.amount
        for lot, amount in correction.by_lot.items():
            if amount > due[lot]:
                self._wrong("I10", row, f"at most {due[lot]} back to lot {lot}", amount)

    def _wrong(self, invariant: str, row: HoldRow, expected: object, found: object) -> None:
        self.findings.add(invariant, f"hold {row.id}", expected, found)


def _unspent(hold: OpenHold) -> list[PortionRow]:
    """What the capture left of its portions, the last taken first."""
    return last_first(hold.row.portions, hold.captured)
