from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from attrs import define, evolve, field

from adapters.memory.storage.transaction import Table, Transaction, page_of
from application.ports.storage.foreseen import Foreseen
from application.ports.storage.ledger import Deed, Ledger, entered
from application.ports.storage.paging import Page
from application.ports.storage.work import Lock
from domain.errors import MisuseError
from domain.identifiers import HoldId, LotId, OrganisationId
from domain.ledger import (
    Closed,
    Event,
    Graced,
    Granted,
    Held,
    Hold,
    HoldState,
    JournalEntry,
    Lot,
    Posting,
    Reinstated,
    Wallet,
    fold,
)
from domain.statement import Flow


@define(eq=False)
class LedgerTables:
    #: Balances and version only; lots and holds have rows of their own.
    wallets: Table[OrganisationId, Wallet] = field(factory=lambda: Table("wallets"))
    lots: Table[tuple[OrganisationId, LotId], Lot] = field(factory=lambda: Table("lots"))
    #: A unique index: an economic fact grants once.
    facts: Table[tuple[OrganisationId, str], LotId] = field(factory=lambda: Table("lot_facts"))
    holds: Table[tuple[OrganisationId, HoldId], Hold] = field(factory=lambda: Table("holds"))
    #: An index: the open ones that have a lease.
    leased: Table[tuple[OrganisationId, HoldId], HoldId] = field(
        factory=lambda: Table("holds_leased")
    )
    journal: Table[tuple[OrganisationId, int], JournalEntry] = field(
        factory=lambda: Table("journal")
    )


@define(eq=False)
class MemoryLedger(Ledger):
    _transaction: Transaction
    _tables: LedgerTables

    def stand_in_line(self, foreseen: Foreseen | None = None) -> None:  # noqa: ARG002 - all is here
        self._locked()

    def lock(
        self,
        *holds: HoldId,
        facts: Collection[str] = (),
        lots: Collection[LotId] = (),
        now: datetime | None = None,
    ) -> Wallet:
        organisation, head = self._locked()
        asked = {id for fact in facts if (id := self._lot_of(organisation, fact))}
        asked |= self._family_of(organisation, asked)
        return self._loaded(head, {*lots, *asked}, holds, now)

    def granted(self, facts: Collection[str]) -> dict[str, int]:
        organisation = self._transaction.require_organisation()
        lots = self._transaction.items(self._tables.lots)
        return {
            lot.fact: lot.amount
            for (owner, _), lot in lots
            if owner == organisation and lot.fact in facts
        }

    def is_granted(self, fact: str) -> bool:
        organisation = self._transaction.require_organisation()
        return self._lot_of(organisation, fact) is not None

    def record(
        self,
        wallet: Wallet,
        events: Sequence[Event],
        at: datetime,
        actor: str,
        subject: UUID | None = None,
    ) -> tuple[JournalEntry, ...]:
        deed = Deed(events=tuple(events), actor=actor, subject=subject)
        (entries,) = self.record_all(wallet, [deed], at)
        return entries

    def record_all(
        self,
        wallet: Wallet,
        deeds: Sequence[Deed],
        at: datetime,
        *,
        after: Wallet | None = None,
    ) -> tuple[tuple[JournalEntry, ...], ...]:
        organisation = self._transaction.require_organisation(wallet.organisation)
        head = self._transaction.get(self._tables.wallets, organisation)
        if head is None or not self._transaction.holds(self._tables.wallets, organisation):
            raise MisuseError(f"the wallet of {organisation} is not locked")
        if evolve(head, lots=(), holds=()) != evolve(wallet, lots=(), holds=()):
            raise MisuseError(f"decided about version {wallet.version}, it is {head.version}")
        entries = entered(head.version, deeds, at)
        for entry in (entry for lines in entries for entry in lines):
            self._transaction.insert(self._tables.journal, (organisation, entry.sequence), entry)
        after = wallet
        for event in (event for deed in deeds for event in deed.events):
            self._refuse_a_repetition(organisation, event)
            after = fold(after, event)
            # At once, so that the next event meets what this one has made.
            for hold in after.holds:
                self._transaction.put(self._tables.holds, (organisation, hold.id), hold)
                self._index(organisation, hold)
            for lot in after.lots:
                self._transaction.put(self._tables.lots, (organisation, lot.id), lot)
        self._transaction.update(
            self._tables.wallets, organisation, evolve(after, lots=(), holds=())
        )
        return entries

    def balance(self, now: datetime | None = None) -> Wallet:
        organisation = self._transaction.require_organisation()
        with self._transaction.one_instant():
            head = self._transaction.get(self._tables.wallets, organisation)
            if head is None:
                raise MisuseError(f"there is no organisation {organisation}")
            return self._loaded(head, set(), (), now)

    def hold(self, id: HoldId) -> Hold | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.holds, (organisation, id))

    def held(self) -> Sequence[Hold]:
        mine = [
            hold
            for (organisation, _), hold in self._transaction.items(self._tables.holds)
            if organisation == self._transaction.organisation and hold.is_open
        ]
        return sorted(mine, key=lambda hold: hold.id.int)

    def open_holds(self) -> int:
        return sum(
            organisation == self._transaction.organisation and hold.state is HoldState.HELD
            for (organisation, _), hold in self._transaction.items(self._tables.holds)
        )

    def lines_by_day(self) -> dict[date, int]:
        return dict(
            Counter(
                entry.at.astimezone(UTC).date()
                for (organisation, _), entry in self._transaction.items(self._tables.journal)
                if organisation == self._transaction.organisation
            )
        )

    def flows(self, since: datetime, until: datetime) -> list[Flow]:
        found: Counter[tuple[Posting, str | None, bool]] = Counter()
        with self._transaction.one_instant():
            for (organisation, _), entry in self._transaction.items(self._tables.journal):
                if organisation == self._transaction.organisation and entry.at < until:
                    posting = entry.posting
                    hold = None if posting.hold is None else self.hold(posting.hold)
                    kind = evolve(posting, amount=1, hold=None, lot=None)
                    within = entry.at >= since
                    operation = None if hold is None else hold.operation
                    found[kind, operation, within] += posting.amount
        return [
            Flow(
                debit=kind.debit,
                credit=kind.credit,
                action=kind.action,
                operation=operation,
                credits=amount,
                is_within=is_within,
            )
            for (kind, operation, is_within), amount in found.items()
        ]

    def journal(self, *, before: int | None, limit: int) -> Page[JournalEntry]:
        mine = [
            entry
            for (organisation, sequence), entry in self._transaction.items(self._tables.journal)
            if organisation == self._transaction.organisation
            and (before is None or sequence < before)
        ]
        newest_first = sorted(mine, key=lambda entry: entry.sequence, reverse=True)
        return Page(*page_of(newest_first, limit))

    def _locked(self) -> tuple[OrganisationId, Wallet]:
        organisation = self._transaction.require_organisation()
        head = self._transaction.lock(Lock.WALLET, self._tables.wallets, organisation)
        if head is None:
            raise MisuseError(f"there is no organisation {organisation}")
        return organisation, head

    def _loaded(
        self, head: Wallet, lots: set[LotId], holds: Collection[HoldId], now: datetime | None
    ) -> Wallet:
        leased = [
            id
            for owner, id in dict(self._transaction.items(self._tables.leased))
            if owner == head.organisation and now is not None
        ]
        found = [
            hold
            for hold in map(self.hold, {*holds, *leased})
            if hold is not None and (hold.id in holds or (now is not None and hold.is_due(now)))
        ]
        took = {portion.lot for hold in found for portion in hold.portions}
        found.sort(key=lambda hold: hold.id.int)
        return evolve(head, lots=self._lots(head.organisation, lots | took), holds=tuple(found))

    def _family_of(self, organisation: OrganisationId, roots: set[LotId]) -> set[LotId]:
        return {
            id
            for (owner, id), lot in (self._transaction.items(self._tables.lots) if roots else ())
            if owner == organisation and lot.root in roots
        }

    def _index(self, organisation: OrganisationId, hold: Hold) -> None:
        place = (organisation, hold.id)
        if hold.is_open and hold.lease_until is not None:
            self._transaction.put(self._tables.leased, place, hold.id)
        elif self._transaction.get(self._tables.leased, place) is not None:
            self._transaction.delete(self._tables.leased, place)

    def _lot_of(self, organisation: OrganisationId, fact: str) -> LotId | None:
        return self._transaction.get(self._tables.facts, (organisation, fact))

    def _lots(self, organisation: OrganisationId, also: set[LotId]) -> tuple[Lot, ...]:
        mine = [
            lot
            for (owner, id), lot in self._transaction.items(self._tables.lots)
            if owner == organisation and (lot.remaining > 0 or id in also)
        ]
        return tuple(sorted(mine, key=lambda lot: lot.id.int))

    def _refuse_a_repetition(self, organisation: OrganisationId, event: Event) -> None:
        """What the database's constraints refuse: an id, a fact or an ending used before."""
        match event:
            case Granted(lot=lot) | Graced(lot=lot) | Reinstated(lot=lot):
                is_new = self._transaction.insert(
                    self._tables.facts, (organisation, lot.fact), lot.id
                ) and self._transaction.insert(self._tables.lots, (organisation, lot.id), lot)
            case Held(hold=hold):
                for portion in hold.portions:
                    place = (organisation, portion.lot)
                    if self._transaction.get(self._tables.lots, place) is None:
                        raise MisuseError(f"there is no lot {portion.lot}")
                is_new = self._transaction.insert(
                    self._tables.holds, (organisation, hold.id), hold
                )
            case Closed(hold=id):
                known = self.hold(id)
                is_new = known is not None and known.state is HoldState.HELD
            case _:
                is_new = True
        if not is_new:
            raise MisuseError(f"{type(event).__name__} happens once: {event}")


@define(eq=False)
class MemoryTurnLedger(MemoryLedger):
    """The ledger of a turn: its wallet is locked, and loaded for what was wanted of it."""

    wanted: frozenset[HoldId]
    now: datetime

    def lock(
        self,
        *holds: HoldId,
        facts: Collection[str] = (),
        lots: Collection[LotId] = (),
        now: datetime | None = None,
    ) -> Wallet:
        if not self.wanted.issuperset(holds) or facts or lots or now not in {None, self.now}:
            raise MisuseError("a turn's wallet is loaded for the holds named at its start")
        organisation = self._transaction.require_organisation()
        head = self._transaction.get(self._tables.wallets, organisation)
        if head is None:
            raise MisuseError(f"there is no organisation {organisation}")
        return self._loaded(head, set(), tuple(self.wanted), self.now)
