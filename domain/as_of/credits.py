"""Credits by account and by lot, from the events of the journal's lines."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import define, evolve, field

from domain.as_of.state import Credits, LotBalance

Details = Mapping[str, Any]


@define
class CreditBook:
    _balances: Counter[str] = field(factory=Counter)
    _lots: dict[str, LotBalance] = field(factory=dict)
    #: The first event that does not say which lots it is about.
    silent_since: int | None = None

    def feed(self, sequence: int, details: Details) -> None:
        """One event that has a line of the journal."""
        amount = details["amount"]
        debit, credit = details["debit"], details["credit"]
        self._balances[debit] -= amount
        self._balances[credit] += amount
        if self.silent_since is None and not self._follow(details, _kind(debit), _kind(credit)):
            self.silent_since = sequence

    @property
    def credits(self) -> Credits:
        balances = self._balances
        return Credits(
            available=balances["available"],
            held=balances["held"],
            debt=-balances["debt"],
            spent=balances["spent"],
            lots=tuple(self._lots.values()) if self.silent_since is None else None,
        )

    def _follow(self, details: Details, debit: str, credit: str) -> bool:
        """Move the credits of each lot; False where the event does not say which."""
        if credit == "spent":
            return True  # It left its lot when it was held.
        if credit == "issued":
            return self._take_back(details, debit)
        if "opens" in details:
            return self._open(details)
        if debit == "issued":
            return False
        moved = _moved(details)
        if moved is None or not moved.keys() <= self._lots.keys():
            return False
        for lot, amount in moved.items():
            # What comes from a lot or goes to it is what remains of it; expired is a place in it.
            self._add(lot, debit, -amount)
            self._add(lot, credit, amount)
        return True

    def _open(self, details: Details) -> bool:
        opened, id = details["opens"], details["grant"]
        if "of" in details:
            if details["of"] not in self._lots:
                return False
            self._claw(details["of"], -details["amount"])
        self._lots[id] = LotBalance(
            id=id,
            source=opened["source"],
            fact=opened["fact"],
            amount=details["amount"],
            remaining=details["amount"],
            lapsed=0,
            clawed_back=0,
            effective_at=datetime.fromisoformat(opened["effective_at"]),
            expires_at=instant(opened["expires_at"]),
        )
        return True

    def _take_back(self, details: Details, debit: str) -> bool:
        lot, paid_for = details.get("grant"), details.get("of")
        if lot not in self._lots or paid_for not in self._lots:
            return False
        self._add(lot, debit, -details["amount"])
        self._claw(paid_for, details["amount"])
        return True

    def _add(self, lot: str, account: str, amount: int) -> None:
        """What an account gains or loses of *lot*; other accounts are outside of any lot."""
        it = self._lots[lot]
        if account == "available":
            self._lots[lot] = evolve(it, remaining=it.remaining + amount)
        elif account == "expired":
            self._lots[lot] = evolve(it, lapsed=it.lapsed + amount)

    def _claw(self, lot: str, amount: int) -> None:
        it = self._lots[lot]
        self._lots[lot] = evolve(it, clawed_back=it.clawed_back + amount)


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _moved(details: Details) -> Mapping[str, int] | None:
    """Credits by lot; None: the event does not say."""
    if "grants" in details:
        grants: Mapping[str, int] = details["grants"]
        return grants
    if "grant" in details:
        return {details["grant"]: details["amount"]}
    return None


def _kind(account: str) -> str:
    """``issued``, of whatever was issued."""
    return account.partition(":")[0]
