"""A ledger that is obviously right, because it only adds and subtracts.

A lot is a few integers, a hold a list of (lot, amount).  What the ledger's decider does by events
this does by hand, in the order of the rules in spec/credits.md.
"""

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from attrs import define, field

from domain.identifiers import HoldId
from domain.ledger import HoldCredits
from tests.contract.tenants import NOW

DAY = timedelta(days=1)
HELD, CAPTURED, RELEASED, EXPIRED = "held", "captured", "released", "expired"


@define(eq=False)
class ALot:
    #: Its id as a number: what breaks ties.
    place: int
    source: str
    priority: int
    effective: datetime
    expires: datetime | None
    amount: int
    remaining: int
    fact: str
    ended: datetime | None = None
    #: Whose credits it goes on with, and whether for a day of grace.
    root: "ALot | None" = None
    is_grace: bool = False
    lapsed: int = 0
    taken_back: int = 0

    @property
    def turn(self) -> tuple[int, bool, datetime, int]:
        return (self.priority, self.expires is None, self.expires or self.effective, self.place)


@define(eq=False)
class AHold:
    command: HoldCredits
    taken: list[tuple[ALot, int]]
    lease: datetime | None
    state: str = HELD
    captured: int = 0
    corrected: int = 0


@define(eq=False)
class Model:
    now: datetime = NOW
    lots: list[ALot] = field(factory=list)
    holds: dict[HoldId, AHold] = field(factory=dict)
    gifts: dict[UUID, list[tuple[ALot, int]]] = field(factory=dict)
    accounts: Counter[str] = field(factory=Counter)
    #: What came in during this command, in order: it pays what is owed.
    _came: list[tuple[ALot, int]] = field(factory=list)
    #: And what was over: nobody owes what nobody used.
    _over: list[tuple[ALot, int]] = field(factory=list)

    @property
    def available(self) -> int:
        return sum(lot.remaining for lot in self.lots)

    @property
    def held(self) -> int:
        return sum(
            amount
            for hold in self.holds.values()
            if hold.state == HELD
            for _, amount in hold.taken
        )

    @property
    def debt(self) -> int:
        return -self.accounts["debt"]

    def lot(self, fact: str) -> ALot:
        return next(lot for lot in self.lots if lot.fact == fact)

    def is_over(self, lot: ALot) -> bool:
        return any(end is not None and end <= self.now for end in (lot.expires, lot.ended))

    def move(self, debit: str, credit: str, amount: int) -> None:
        self.accounts[debit] -= amount
        self.accounts[credit] += amount

    # Commands.  Each is what happens when nothing speaks against it.

    def time_ends(self) -> None:
        """Leases first, then lots."""
        for _, hold in sorted(self.holds.items(), key=lambda item: item[0].int):
            if hold.state == HELD and hold.lease is not None and hold.lease <= self.now:
                self.close(hold, EXPIRED)
        # What has lapsed pays what is owed, in the order in which it would have been used.
        for lot in sorted(self.lots, key=lambda lot: lot.turn):
            if self.is_over(lot):
                self.lapse(lot, lot.remaining)
        self.pay()

    def grant(self, lot: ALot) -> None:
        self.lots.append(lot)
        self.move(f"issued:{lot.source}", "available", lot.amount)
        self._came.append((lot, lot.amount))

    def hold(self, command: HoldCredits) -> None:
        taken = self.take(self.lots, command.amount, "held")
        self.holds[command.id] = AHold(command, taken, command.lease_until)

    def take(self, lots: list[ALot], amount: int, to: str) -> list[tuple[ALot, int]]:
        """I10: lower priority number first, then what expires first, then the older one."""
        taken = []
        for lot in sorted(lots, key=lambda lot: lot.turn):
            part = min(lot.remaining, amount)
            if part:
                lot.remaining -= part
                amount -= part
                self.move("available", to, part)
                taken.append((lot, part))
        return taken

    def close(
        self, hold: AHold, state: str, captured: int = 0, graces: list[int] | None = None
    ) -> None:
        """I6, I10: *captured* from the front; the rest back, the last taken first.

        *graces*: ids of the lots in which what has expired lives on; None: it does not.
        """
        hold.state, hold.captured = state, captured
        self.move("held", "spent", captured)
        kept, back = captured, []
        for lot, amount in hold.taken:
            used = min(amount, kept)
            kept -= used
            back.append((lot, amount - used))
        self.give_back(back[::-1], "held", graces)

    def give_back(
        self, portions: list[tuple[ALot, int]], origin: str, graces: list[int] | None
    ) -> None:
        there = [(lot, amount) for lot, amount in portions if amount]
        for lot, amount in there:
            if not self.is_over(lot):
                lot.remaining += amount
                self.move(origin, "available", amount)
                self._came.append((lot, amount))
        for lot, amount in there:
            if self.is_over(lot) and graces is not None and not self.has_had_its_day(lot, origin):
                self.move(origin, "available", amount)
                grace = self.like(lot, graces.pop(0), amount, self.now + DAY)
                grace.is_grace = True
                self._came.append((grace, amount))
        for lot, amount in there:
            if self.is_over(lot) and (graces is None or self.has_had_its_day(lot, origin)):
                lot.lapsed += amount
                self.move(origin, "expired", amount)
                self._over.append((lot, amount))

    def has_had_its_day(self, lot: ALot, origin: str) -> bool:
        """A failure gives one day; an operator's correction gives another."""
        return lot.is_grace and origin == "held"

    def like(self, lot: ALot, place: int, amount: int, until: datetime | None) -> ALot:
        made = ALot(place, lot.source, lot.priority, self.now, until, amount, amount, "")
        made.root = lot.root or lot
        self.lots.append(made)
        return made

    def correct(self, hold: AHold, amount: int, graces: list[int]) -> None:
        """What was captured last and not given back yet goes back."""
        skip, wanted, back = hold.corrected, amount, []
        spent, kept = [], hold.captured
        for lot, part in hold.taken:
            spent.append((lot, min(part, kept)))
            kept -= min(part, kept)
        for lot, part in reversed(spent):
            skipped = min(part, skip)
            skip -= skipped
            given = min(part - skipped, wanted)
            wanted -= given
            back.append((lot, given))
        hold.corrected += amount
        self.give_back(back, "spent", graces)

    def claw_back(self, lot: ALot, total: int) -> None:
        """What remains of it and of what goes on with it; what has lapsed; the rest is owed."""
        missing = total - lot.taken_back
        lot.taken_back = total
        issued = f"issued:{lot.source}"
        others = [each for each in self.lots if each.root is lot]
        family = (lot, *sorted(others, key=lambda each: each.place))
        for each in family:
            part = min(missing, each.remaining)
            each.remaining -= part
            missing -= part
            self.move("available", issued, part)
        for each in family:
            part = min(missing, each.lapsed)
            each.lapsed -= part
            missing -= part
            self.move("expired", issued, part)
        self.move("debt", issued, missing)

    def reinstate(self, lot: ALot, total: int, place: int) -> ALot:
        amount, lot.taken_back = lot.taken_back - total, total
        ends = [end for end in (lot.expires, lot.ended) if end is not None]
        until = max(min(ends), self.now + DAY) if ends else None
        made = self.like(lot, place, amount, until)
        self.move(f"issued:{lot.source}", "available", amount)
        self._came.append((made, amount))
        return made

    def gift_back(self, gift: UUID) -> None:
        portions = self.gifts.pop(gift)
        for lot, amount in portions:
            lot.remaining += amount
            self.move("transit", "available", amount)
            if self.is_over(lot):
                self.lapse(lot, amount)
            else:
                self._came.append((lot, amount))

    def end(self, lot: ALot) -> None:
        lot.ended = self.now
        self.lapse(lot, lot.remaining)
        self.pay()

    def lapse(self, lot: ALot, amount: int) -> None:
        lot.remaining -= amount
        lot.lapsed += amount
        self.move("available", "expired", amount)
        self._over.append((lot, amount))

    def pay(self) -> None:
        """What came in pays what was owed before it came."""
        came: dict[int, int] = {}
        for lot, amount in self._came:
            came[lot.place] = came.get(lot.place, 0) + amount
        lots = {lot.place: lot for lot, _ in self._came}
        for place, amount in came.items():
            part = min(amount, self.debt)
            if part > 0:
                lots[place].remaining -= part
                self.move("available", "debt", part)
        for lot, amount in self._over:
            part = min(amount, self.debt)
            if part > 0:
                lot.lapsed -= part
                self.move("expired", "debt", part)
        self._came.clear()
        self._over.clear()
