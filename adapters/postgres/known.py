"""What a process knows of organisations since their last turn (ADR 26).

An entry is taken out while a turn is decided about it, and comes back when that has committed: it
has one owner at a time, and what went wrong is forgotten.  Whether it is still so is for the
database to say, when the turn is written (`keep_turn`, migration 0067).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime
from threading import Lock

from attrs import define, field, frozen

from adapters.postgres.rows import Row
from adapters.postgres.together import Account
from application.ports.storage.together import Wanted
from domain.abuse import Spending, Throttle
from domain.identifiers import OrganisationId
from domain.ledger import (
    Captured,
    Closed,
    Expired,
    Held,
    Hold,
    Lot,
    Renewed,
    Returned,
    Wallet,
    Watched,
)

#: How many open holds of one organisation are kept; older ones are loaded when they are asked for.
MOST_HOLDS = 1_024
#: How many members' counters of one organisation are kept.
MOST_ASKERS = 256
#: Entries that were not so this many times running are not trusted for `REST`.
STRIKES = 2
#: Seconds.
REST = 1.0

#: After anything else, what was loaded beside the wallet is not all there is to know.
_USUAL = frozenset({Held, Captured, Closed, Renewed, Returned, Expired, Watched})


@define
class Entry:
    """One organisation as its last turn left it."""

    facts: Row
    #: Its lots and holds are those that the turn was about: what counts is beside it.
    wallet: Wallet
    #: Those with something left.
    lots: tuple[Lot, ...]
    head: int
    wallet_mark: str
    head_mark: str
    #: No lease ends before; None: there is none.
    horizon: datetime | None
    throttles: dict[str, Throttle]
    spendings: dict[str, Spending]
    plans: Mapping[str, int]
    #: When the last turn was.
    at: datetime
    #: Open ones, oldest first, by the number of their id.
    holds: dict[int, Hold] = field(factory=dict)
    #: Emptied ones that the holds took from.
    emptied: dict[int, Lot] = field(factory=dict)

    def account(self, wanted: Wanted, now: datetime) -> Account | None:
        """What a turn may be decided about at *now*; None: that is not known."""
        if now < self.at or (self.horizon is not None and self.horizon <= now):
            return None
        if not self.throttles.keys() >= wanted.askers:
            return None
        holds = []
        for id in wanted.holds:
            hold = self.holds.get(id.int)
            if hold is not None:
                holds.append(hold)
            elif id not in wanted.new:
                return None
        lots = self.lots
        if self.emptied:
            named = {portion.lot.int for hold in holds for portion in hold.portions}
            lots = (*lots, *(lot for id, lot in self.emptied.items() if id in named))
        wallet = self.wallet
        return Account(
            wanted=wanted,
            facts=self.facts,
            wallet=Wallet(
                organisation=wallet.organisation,
                available=wallet.available,
                held=wallet.held,
                debt=wallet.debt,
                version=wallet.version,
                watch=wallet.watch,
                lots=lots,
                holds=tuple(holds),
            ),
            head=self.head,
            now=now,
            throttles=self.throttles,
            spendings=self.spendings,
            wallet_mark=self.wallet_mark,
            head_mark=self.head_mark,
            horizon=self.horizon,
            plans=self.plans,
            remembered={},
        )


@frozen
class Known:
    """The entries of those who had a turn lately."""

    most: int = 4_096
    _entries: OrderedDict[OrganisationId, Entry] = field(factory=OrderedDict)
    #: How often running they were not so, and until when they rest.
    _strikes: dict[OrganisationId, tuple[int, float]] = field(factory=dict)
    _lock: Lock = field(factory=Lock)

    def take(self, organisations: Iterable[OrganisationId]) -> dict[OrganisationId, Entry]:
        taken: dict[OrganisationId, Entry] = {}
        with self._lock:
            for id in organisations:
                entry = self._entries.pop(id, None)
                if entry is not None:
                    taken[id] = entry
        return taken

    def put(self, entries: Mapping[OrganisationId, Entry | None]) -> None:
        now = time.monotonic()
        with self._lock:
            for id, entry in entries.items():
                # What is put last stands last: nobody is here twice.
                self._entries.pop(id, None)
                if entry is not None and not (self._strikes and self._rests(id, now)):
                    self._entries[id] = entry
            while len(self._entries) > self.most:
                self._entries.popitem(last=False)

    def were_so(self, organisations: Iterable[OrganisationId]) -> None:
        with self._lock:
            if self._strikes:
                for id in organisations:
                    self._strikes.pop(id, None)

    def were_not(self, organisations: Iterable[OrganisationId]) -> None:
        """Somebody else serves them too: twice running, and they are left alone for a while."""
        until = time.monotonic() + REST
        with self._lock:
            if len(self._strikes) > self.most:
                self._strikes.clear()
            for id in organisations:
                count, _ = self._strikes.get(id, (0, 0.0))
                self._strikes[id] = (count + 1, until)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def _rests(self, id: OrganisationId, now: float) -> bool:
        count, until = self._strikes.get(id, (0, 0.0))
        return count >= STRIKES and now < until


def remembered(account: Account, before: Entry | None) -> Entry | None:
    """What is to be known after a turn, whose last word is written; None: nothing.

    *before*: what was known when it began, where that was so.
    """
    facts = account.facts
    if facts["has_payments"] or facts["has_licence"] or facts["has_people"]:
        return None
    if account.has_kept_answers:
        return None
    if not _USUAL.issuperset(map(type, account.history)):
        return None
    wallet = account.wallet
    holds = before.holds if before is not None else {}
    horizon = account.horizon
    for hold in wallet.holds:
        holds.pop(hold.id.int, None)
        if hold.is_open:
            holds[hold.id.int] = hold
            until = hold.lease_until
            if until is not None and (horizon is None or until < horizon):
                horizon = until
    while len(holds) > MOST_HOLDS:
        del holds[next(iter(holds))]
    emptied = before.emptied if before is not None else {}
    for lot in wallet.lots:
        if lot.remaining:
            emptied.pop(lot.id.int, None)
        else:
            emptied[lot.id.int] = lot
    if emptied:
        named = {portion.lot.int for hold in holds.values() for portion in hold.portions}
        emptied = {id: lot for id, lot in emptied.items() if id in named}
    throttles, spendings = account.throttles, account.spendings
    if (
        before is not None
        and before.throttles is not throttles
        and len(before.throttles) < MOST_ASKERS
    ):
        throttles = {**before.throttles, **throttles}
        spendings = {**before.spendings, **spendings}
    return Entry(
        facts=facts,
        wallet=wallet,
        lots=tuple([lot for lot in wallet.lots if lot.remaining]),
        head=account.head,
        wallet_mark=account.wallet_mark,
        head_mark=account.head_mark,
        horizon=horizon,
        throttles=throttles,
        spendings=spendings,
        plans=account.plans,
        at=account.now,
        holds=holds,
        emptied=emptied,
    )
