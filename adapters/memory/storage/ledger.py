from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from attrs import define, evolve, field

from adapters.memory.storage.transaction import Table, Transaction, page_of
from application.ports.storage.ledger import Ledger
from application.ports.storage.paging import Page
from application.ports.storage.work import Lock
from domain.errors import MisuseError
from domain.identifiers import HoldId, LotId, OrganisationId
from domain.ledger import (
    Closed,
    Event,
    Granted,
    Held,
    Hold,
    HoldState,
    JournalEntry,
    Lot,
    Wallet,
    fold,
    postings,
)


@define(eq=False)
class LedgerTables:
    #: Balances and version only; lots and holds have rows of their own.
    wallets: Table[OrganisationId, Wallet] = field(factory=lambda: Table("wallets"))
    lots: Table[tuple[OrganisationId, LotId], Lot] = field(factory=lambda: Table("lots"))
    #: A unique index: an economic fact grants once.
    facts: Table[tuple[OrganisationId, str], LotId] = field(factory=lambda: Table("lot_facts"))
    holds: Table[tuple[OrganisationId, HoldId], Hold] = field(factory=lambda: Table("holds"))
    journal: Table[tuple[OrganisationId, int], JournalEntry] = field(
        factory=lambda: Table("journal")
    )


@define(eq=False)
class MemoryLedger(Ledger):
    _transaction: Transaction
    _tables: LedgerTables

    def lock(self, *holds: HoldId) -> Wallet:
        organisation = self._transaction.require_organisation()
        head = self._transaction.lock(Lock.WALLET, self._tables.wallets, organisation)
        if head is None:
            raise MisuseError(f"there is no organisation {organisation}")
        named = tuple(hold for hold in map(self.hold, dict.fromkeys(holds)) if hold)
        took = {portion.lot for hold in named for portion in hold.portions}
        return evolve(head, lots=self._lots(organisation, took), holds=named)

    def is_granted(self, fact: str) -> bool:
        organisation = self._transaction.require_organisation()
        return self._transaction.get(self._tables.facts, (organisation, fact)) is not None

    def record(
        self,
        wallet: Wallet,
        events: Sequence[Event],
        at: datetime,
        actor: str,
        subject: UUID | None = None,
    ) -> tuple[JournalEntry, ...]:
        organisation = self._transaction.require_organisation(wallet.organisation)
        head = self._transaction.get(self._tables.wallets, organisation)
        if head is None or not self._transaction.holds(self._tables.wallets, organisation):
            raise MisuseError(f"the wallet of {organisation} is not locked")
        if (head.version, head.available, head.held) != (
            wallet.version,
            wallet.available,
            wallet.held,
        ):
            raise MisuseError(f"decided about version {wallet.version}, it is {head.version}")
        after = wallet
        entries: list[JournalEntry] = []
        for event in events:
            self._refuse_a_repetition(organisation, event)
            for posting in postings(event):
                entry = JournalEntry(
                    sequence=head.version + len(entries) + 1,
                    at=at,
                    posting=posting,
                    actor=actor,
                    subject=subject,
                )
                entries.append(entry)
                self._transaction.insert(
                    self._tables.journal, (organisation, entry.sequence), entry
                )
            after = fold(after, event)
            # At once, so that the next event meets what this one has made.
            for hold in after.holds:
                self._transaction.put(self._tables.holds, (organisation, hold.id), hold)
        for lot in after.lots:
            self._transaction.put(self._tables.lots, (organisation, lot.id), lot)
        self._transaction.update(
            self._tables.wallets, organisation, evolve(after, lots=(), holds=())
        )
        return tuple(entries)

    def balance(self) -> Wallet:
        organisation = self._transaction.require_organisation()
        with self._transaction.one_instant():
            head = self._transaction.get(self._tables.wallets, organisation)
            if head is None:
                raise MisuseError(f"there is no organisation {organisation}")
            return evolve(head, lots=self._lots(organisation, set()))

    def hold(self, id: HoldId) -> Hold | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.holds, (organisation, id))

    def open_holds(self) -> int:
        return sum(
            organisation == self._transaction.organisation and hold.state is HoldState.HELD
            for (organisation, _), hold in self._transaction.items(self._tables.holds)
        )

    def journal(self, *, before: int | None, limit: int) -> Page[JournalEntry]:
        mine = [
            entry
            for (organisation, sequence), entry in self._transaction.items(self._tables.journal)
            if organisation == self._transaction.organisation
            and (before is None or sequence < before)
        ]
        newest_first = sorted(mine, key=lambda entry: entry.sequence, reverse=True)
        return Page(*page_of(newest_first, limit))

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
            case Granted(lot=lot):
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
