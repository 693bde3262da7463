from collections.abc import Collection, Mapping

from attrs import define, field

from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.abuse import Spendings, Throttles
from application.ports.storage.work import Lock
from domain.abuse import Spending, Throttle
from domain.errors import MisuseError
from domain.identifiers import OrganisationId


@define(eq=False)
class AbuseTables:
    throttles: Table[tuple[OrganisationId, str], Throttle] = field(
        factory=lambda: Table("throttles")
    )
    spendings: Table[tuple[OrganisationId, str], Spending] = field(
        factory=lambda: Table("spendings")
    )


@define(eq=False)
class MemoryThrottles(Throttles):
    _transaction: Transaction
    _tables: AbuseTables

    def lock(self, subject: str) -> Throttle:
        place = (self._transaction.require_organisation(), subject)
        found = self._transaction.lock(Lock.THROTTLE, self._tables.throttles, place)
        return found or Throttle()

    def put(self, subject: str, throttle: Throttle) -> None:
        place = (self._transaction.require_organisation(), subject)
        if not self._transaction.holds(self._tables.throttles, place):
            raise MisuseError(f"the throttle of {subject} is not locked")
        self._transaction.put(self._tables.throttles, place, throttle)


@define(eq=False)
class MemoryTurnThrottles(MemoryThrottles):
    """Of a turn: the counters were locked before its wallets."""

    def lock(self, subject: str) -> Throttle:
        place = (self._transaction.require_organisation(), subject)
        if not self._transaction.holds(self._tables.throttles, place):
            raise MisuseError(f"the throttle of {subject} was not named at the turn's start")
        return self._transaction.get(self._tables.throttles, place) or Throttle()


@define(eq=False)
class MemorySpendings(Spendings):
    _transaction: Transaction
    _tables: AbuseTables

    def get(self, subjects: Collection[str]) -> Mapping[str, Spending]:
        mine = self._transaction.require_organisation()
        return {
            subject: self._transaction.get(self._tables.spendings, (mine, subject)) or Spending()
            for subject in subjects
        }

    def put(self, spendings: Mapping[str, Spending]) -> None:
        mine = self._transaction.require_organisation()
        for subject, spending in sorted(spendings.items()):
            self._transaction.put(self._tables.spendings, (mine, subject), spending)
