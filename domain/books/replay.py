"""The journal of one organisation, walked from its first line to its last.

Memory: the organisation's lots and its open holds, whatever the length of the journal.

A line's two accounts say what it is; its hold and its lot say whose.  Each is asked for three
things: may it be there at all, does it fit what has gone before, and does it fit the row that it
is about.  What remains at the end is held against wallet, lots and holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from attrs import define, field

from domain.books.findings import Findings
from domain.books.holds import HoldBook
from domain.books.lots import LotBook
from domain.books.rows import HoldTotals, Line, LotRow, WalletRow

#: How far two processes' readings of one clock may be apart before balances of an instant mean
#: nothing; milliseconds is what they are.
SKEW = timedelta(seconds=5)


@define
class Replay:
    """Feed it every line in order, then say `finish`."""

    findings: Findings
    _lots: LotBook = field(init=False)
    _holds: HoldBook = field(init=False)
    _rules: Mapping[tuple[str, str], Callable[[Line], None]] = field(init=False)
    #: Credits less debits, by account.
    _balances: Counter[str] = field(factory=Counter, init=False)
    _last: int = field(default=0, init=False)
    _newest: datetime | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._lots = lots = LotBook(self.findings)
        self._holds = holds = HoldBook(self.findings, lots)
        self._rules = {
            ("issued", "available"): lots.grant,
            ("available", "expired"): lots.expire,
            ("available", "issued"): lots.claw_back,
            ("expired", "issued"): lots.claw_back,
            ("debt", "issued"): lots.claw_back,
            ("available", "debt"): lots.pay_debt,
            ("expired", "debt"): lots.pay_debt,
            ("available", "adjust"): lots.draw,
            ("available", "transit"): lots.draw,
            ("transit", "available"): lots.put_back,
            ("available", "held"): holds.hold,
            ("held", "spent"): holds.capture,
            ("held", "available"): holds.give_back,
            ("held", "expired"): holds.lapse,
            ("spent", "available"): holds.correct,
        }

    def know(self, lots: Iterable[LotRow]) -> None:
        """The rows of all lots, before the first line."""
        self._lots.know(lots)

    def feed(self, line: Line) -> None:
        self._in_its_place(line)
        if self._balances["debt"] < 0 and line.credit == "held":
            owed = -self._balances["debt"]
            self.findings.add("I1", f"line {line.sequence}", "no hold while in debt", owed)
        self._balances[line.debit] -= line.amount
        self._balances[line.credit] += line.amount
        if line.amount <= 0:
            self.findings.add("I4", f"line {line.sequence}", "a positive amount", line.amount)
        rule = self._rules.get((_kind(line.debit), _kind(line.credit)))
        if rule is None:
            moved = f"{line.debit} to {line.credit}"
            self.findings.add("I4", f"line {line.sequence}", "a movement that a rule makes", moved)
        else:
            rule(line)
        self._not_overdrawn(line)

    def finish(self, wallet: WalletRow | None, holds: HoldTotals) -> None:
        if wallet is None:
            self.findings.add("I5", "wallet", "a row", "none")
            return
        compare, balances = self.findings.compare, self._balances
        for name, value in (
            ("available", wallet.available),
            ("held", wallet.held),
            ("debt", wallet.debt),
        ):
            if value < 0:
                self.findings.add("I1", f"wallet {name}", "0 or more", value)
        by_journal = "by the journal"
        compare("I2", f"wallet available, {by_journal}", balances["available"], wallet.available)
        compare("I2", "wallet available, by its lots", self._lots.remaining, wallet.available)
        compare("I2", f"wallet debt, {by_journal}", -balances["debt"], wallet.debt)
        compare("I3", f"wallet held, {by_journal}", balances["held"], wallet.held)
        compare("I3", "wallet held, by its open holds", holds.open_amount, wallet.held)
        compare("I5", "version of the wallet, by its last line", self._last, wallet.version)
        self._lots.finish()
        self._holds.finish(holds)

    @property
    def balances(self) -> Mapping[str, int]:
        """Credits less debits of every account that occurs."""
        return dict(self._balances)

    def _in_its_place(self, line: Line) -> None:
        if line.sequence != self._last + 1:
            self.findings.add("I5", "the journal", f"line {self._last + 1}", line.sequence)
        if self._newest is not None and line.at < self._newest - SKEW:
            earliest = f"no instant before {self._newest}"
            self.findings.add("I14", f"line {line.sequence}", earliest, line.at)
        self._last = line.sequence
        self._newest = line.at if self._newest is None else max(self._newest, line.at)

    def _not_overdrawn(self, line: Line) -> None:
        """At no line, hence at no instant (I1, I14)."""
        for account, sign in (("available", 1), ("held", 1), ("debt", -1)):
            balance = sign * self._balances[account]
            if balance < 0 and account in {line.debit, line.credit}:
                where = f"line {line.sequence}"
                self.findings.add("I1", where, f"{account} of 0 or more", balance)


def _kind(account: str) -> str:
    """``issued``, of whatever was issued."""
    return account.partition(":")[0]
