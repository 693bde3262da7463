from collections.abc import Callable, Sequence
from datetime import datetime

from attrs import define, evolve, field

from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.fees import FeeLines, Rates
from domain.errors import MisuseError
from domain.fees import FeeLine
from domain.identifiers import NetworkId, OrganisationId
from domain.money import Rate


@define(eq=False)
class FeeTables:
    rates: Table[tuple[NetworkId, str, datetime], Rate] = field(factory=lambda: Table("rates"))
    lines: Table[tuple[OrganisationId, str], FeeLine] = field(factory=lambda: Table("fee_lines"))


@define(eq=False)
class MemoryRates(Rates):
    _transaction: Transaction
    _tables: FeeTables

    def add(self, network: NetworkId, rate: Rate) -> bool:
        key = (network, rate.currency, rate.at)
        return self._transaction.insert(self._tables.rates, key, rate)

    def newest(self, network: NetworkId, currency: str, now: datetime) -> Rate | None:
        known = [
            rate
            for (of, _, at), rate in self._transaction.items(self._tables.rates)
            if (of, rate.currency) == (network, currency) and at <= now
        ]
        return max(known, key=lambda rate: rate.at, default=None)


@define(eq=False)
class MemoryFeeLines(FeeLines):
    _transaction: Transaction
    _tables: FeeTables

    def add(self, line: FeeLine) -> bool:
        mine = self._transaction.require_organisation()
        return self._transaction.insert(self._tables.lines, (mine, line.fact), line)

    def get(self, fact: str) -> FeeLine | None:
        mine = self._transaction.organisation
        return None if mine is None else self._transaction.get(self._tables.lines, (mine, fact))

    def unpriced(self) -> Sequence[FeeLine]:
        return self._those(lambda line: line.amount_minor is None)

    def price(self, line: FeeLine) -> None:
        mine = self._transaction.require_organisation()
        self._transaction.hold(self._tables.lines, (mine, line.fact))
        known = self.get(line.fact)
        if known is not None and known.amount_minor is None:
            priced = evolve(known, amount_minor=line.amount_minor, costs=line.costs)
            self._transaction.update(self._tables.lines, (mine, line.fact), priced)

    def unbilled(self) -> Sequence[FeeLine]:
        return self._those(lambda line: bool(line.amount_minor) and line.invoice_item is None)

    def mark_billed(self, fact: str, invoice_item: str, at: datetime) -> bool:
        del at
        mine = self._transaction.require_organisation()
        self._transaction.hold(self._tables.lines, (mine, fact))
        known = self.get(fact)
        if known is None or known.amount_minor is None:
            raise MisuseError(f"{fact} has no amount to be charged")
        if known.invoice_item is not None:
            return False
        billed = evolve(known, invoice_item=invoice_item)
        self._transaction.update(self._tables.lines, (mine, fact), billed)
        return True

    def between(self, since: datetime, until: datetime) -> Sequence[FeeLine]:
        return self._those(lambda line: since <= line.at < until)

    def owing(self, after: OrganisationId, at_most: int) -> Sequence[OrganisationId]:
        found = {
            owner
            for (owner, _), line in self._transaction.items(self._tables.lines)
            if owner > after and line.invoice_item is None and line.amount_minor != 0
        }
        return sorted(found)[:at_most]

    def _those(self, wanted: Callable[[FeeLine], bool]) -> list[FeeLine]:
        mine = [
            line
            for (owner, _), line in self._transaction.items(self._tables.lines)
            if owner == self._transaction.organisation and wanted(line)
        ]
        return sorted(mine, key=lambda line: (line.at, line.fact))
