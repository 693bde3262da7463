"""What the journal has made of each lot so far."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from attrs import define, field

from domain.books.findings import Findings
from domain.books.rows import Line, LotRow, PortionRow

#: How long what expired in our hands lives on (facts/ledger.md, 11).
GRACE = timedelta(hours=24)


@define(eq=False)
class LotState:
    row: LotRow
    is_granted: bool = False
    remaining: int = 0
    lapsed: int = 0
    clawed_back: int = 0
    #: A line has told its end.
    is_lapsed: bool = False

    def is_over(self, at: datetime, *, ended: bool = False) -> bool:
        """What is ended early is so from one line on, and not every end has a line.

        Within the instant of it, *ended* is the reading in which that is past.
        """
        return self.row.is_over(at, ended=ended or self.is_lapsed)


@define
class LotBook:
    """The lots of an organisation, as their lines come in."""

    findings: Findings
    _lots: dict[UUID, LotState] = field(factory=dict)
    _by_fact: dict[str, LotState] = field(factory=dict)
    #: Those with anything left.
    _live: dict[UUID, LotState] = field(factory=dict)

    def know(self, rows: Iterable[LotRow]) -> None:
        for row in rows:
            lot = self._lots[row.id] = LotState(row)
            known = self._by_fact.setdefault(row.fact, lot)
            if known is not lot:
                self._wrong("I9", lot, f"the only lot for {row.fact}", f"also {known.row.id}")

    def finish(self) -> None:
        """Hold each against its row."""
        for lot in self._lots.values():
            row = lot.row
            if not lot.is_granted:
                self._wrong("I9", lot, "a line that grants it", "none")
            if not 0 <= row.remaining <= row.amount:
                self._wrong("I2", lot, f"0 to {row.amount} remaining", row.remaining)
            for name, expected, found in (
                ("remaining", lot.remaining, row.remaining),
                ("lapsed", lot.lapsed, row.lapsed),
                ("clawed_back", lot.clawed_back, row.clawed_back),
            ):
                self.findings.compare("I2", f"lot {row.id} {name}", expected, found)

    @property
    def remaining(self) -> int:
        """By the rows."""
        return sum(lot.row.remaining for lot in self._lots.values())

    # Lines that are about a lot.

    def grant(self, line: Line) -> None:
        lot = self.of(line)
        if lot is None:
            return
        self._fill(line, lot)
        self._issued_by(line, line.debit, lot)
        original = self._reinstated(lot)
        if original is not None:
            original.clawed_back -= line.amount

    def grace(self, line: Line) -> None:
        """What expired in our hands is a lot of its own for a day."""
        lot = self.of(line)
        if lot is None:
            return
        self._fill(line, lot)
        if lot.row.expires_at is None or lot.row.expires_at > line.at + GRACE:
            self._wrong("I2", lot, "a day to live", lot.row.expires_at)

    def expire(self, line: Line) -> None:
        lot = self.of(line)
        if lot is None:
            return
        self.take(line, lot, line.amount)
        lot.lapsed += line.amount
        lot.is_lapsed = True
        if not lot.is_over(line.at):
            until = f"usable until {lot.row.expires_at}"
            self._wrong("I2", lot, until, f"expired by line {line.sequence} at {line.at}")

    def claw_back(self, line: Line) -> None:
        """What remained goes first, then what had lapsed; only the rest is owed."""
        lot = self.of(line)
        if lot is None:
            return
        self._issued_by(line, line.credit, lot)
        match line.debit:
            case "available":
                self.take(line, lot, line.amount)
            case "expired":
                lot.lapsed -= line.amount
                if lot.lapsed < 0:
                    self._wrong("I2", lot, f"enough lapsed for line {line.sequence}", lot.lapsed)
            case _:
                if lot.remaining or lot.lapsed:
                    there = f"{lot.remaining} remaining, {lot.lapsed} lapsed"
                    self._wrong("I1", lot, f"nothing left when line {line.sequence} owes", there)
        self._root(lot).clawed_back += line.amount

    def pay_debt(self, line: Line) -> None:
        """What came in, or what is over: nobody owes what nobody used."""
        lot = self.of(line)
        if lot is None:
            return
        if line.debit == "available":
            self.take(line, lot, line.amount)
            return
        lot.lapsed -= line.amount
        if lot.lapsed < 0:
            self._wrong("I2", lot, f"enough lapsed for line {line.sequence}", lot.lapsed)

    def draw(self, line: Line) -> None:
        """An adjustment or a gift: from whatever comes first in burn order."""
        lot = self.of(line)
        if lot is None:
            return
        is_gift = line.credit == "transit"
        firsts = [
            next(
                (each for each in usable if not is_gift or each.row.source == "pack"),
                None,
            )
            for usable in (self._usable(line.at), self._usable(line.at, ended=True))
        ]
        if lot not in firsts:
            expected = f"lot {firsts[0].row.id} drawn first" if firsts[0] else "nothing drawn"
            self.findings.add("I10", f"line {line.sequence}", expected, f"lot {lot.row.id}")
        self.take(line, lot, line.amount)

    def put_back(self, line: Line) -> None:
        lot = self.of(line)
        if lot is not None:
            self.add(line, lot, line.amount)

    # What holds need.

    def get(self, id: UUID) -> LotState | None:
        return self._lots.get(id)

    def of(self, line: Line) -> LotState | None:
        lot = None if line.lot_id is None else self._lots.get(line.lot_id)
        if lot is None:
            where = f"line {line.sequence}"
            self.findings.add("I12", where, "a lot of its organisation", line.lot_id)
        return lot

    def take(self, line: Line, lot: LotState, amount: int) -> None:
        lot.remaining -= amount
        self._note(lot)
        if lot.remaining < 0:
            self._wrong("I1", lot, f"enough for line {line.sequence}", lot.remaining)

    def add(self, line: Line, lot: LotState, amount: int) -> None:
        lot.remaining += amount
        self._note(lot)
        if lot.remaining > lot.row.amount:
            most = f"at most {lot.row.amount} after line {line.sequence}"
            self._wrong("I2", lot, most, lot.remaining)

    def burnt(self, amount: int, at: datetime, *, ended: bool = False) -> tuple[PortionRow, ...]:
        """What the rule takes then: lowest priority number, earliest expiry, greatest age."""
        portions = []
        for lot in self._usable(at, ended=ended):
            part = min(lot.remaining, amount)
            if part <= 0:
                break
            portions.append(PortionRow(lot.row.id, part))
            amount -= part
        return tuple(portions)

    def _usable(self, at: datetime, *, ended: bool = False) -> list[LotState]:
        return sorted(
            (
                lot
                for lot in self._live.values()
                if lot.row.effective_at <= at and not lot.is_over(at, ended=ended)
            ),
            key=lambda lot: _burn_order(lot.row),
        )

    def _fill(self, line: Line, lot: LotState) -> None:
        """A lot begins with all that it has, once."""
        if lot.is_granted:
            self._wrong("I9", lot, "granted by one line", f"also by line {line.sequence}")
        lot.is_granted = True
        self.findings.compare("I2", f"lot {lot.row.id} amount", line.amount, lot.row.amount)
        self.add(line, lot, line.amount)

    def _note(self, lot: LotState) -> None:
        if lot.remaining > 0:
            self._live[lot.row.id] = lot
        else:
            self._live.pop(lot.row.id, None)

    def _issued_by(self, line: Line, account: str, lot: LotState) -> None:
        source = f"issued:{lot.row.source}"
        self.findings.compare("I2", f"line {line.sequence} source", source, account)

    def _reinstated(self, lot: LotState) -> LotState | None:
        """The lot whose taken-back credits *lot* gives again: ``reinstated:<fact>:<number>``."""
        head, _, rest = lot.row.fact.partition(":")
        fact, _, _ = rest.rpartition(":")
        return self._by_fact.get(fact) if head == "reinstated" else None

    def _root(self, lot: LotState) -> LotState:
        """The lot whose credits *lot* goes on with: what is taken back is counted there."""
        root = None if lot.row.root_id is None else self._lots.get(lot.row.root_id)
        return root or self._reinstated(lot) or lot

    def _wrong(self, invariant: str, lot: LotState, expected: object, found: object) -> None:
        self.findings.add(invariant, f"lot {lot.row.id}", expected, found)


def _burn_order(row: LotRow) -> tuple[int, bool, datetime, int]:
    return (row.priority, row.expires_at is None, row.expires_at or row.effective_at, row.id.int)
