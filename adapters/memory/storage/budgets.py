from datetime import date

from attrs import define, evolve, field, frozen

from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.budgets import NativeBudgets
from domain.errors import MisuseError
from domain.identifiers import NetworkId, OperationId, OrganisationId
from domain.treasury import Budget


@frozen
class _Reservation:
    network: NetworkId
    day: date
    amount: int
    spent: int | None = None


@define(eq=False)
class BudgetTables:
    budgets: Table[tuple[OrganisationId, NetworkId, date], Budget] = field(
        factory=lambda: Table("native_budgets")
    )
    reservations: Table[tuple[OrganisationId, OperationId], tuple[_Reservation, ...]] = field(
        factory=lambda: Table("native_reservations")
    )


@define(eq=False)
class MemoryNativeBudgets(NativeBudgets):
    _transaction: Transaction
    _tables: BudgetTables

    def used(self, network: NetworkId, day: date) -> Budget:
        organisation = self._transaction.organisation
        if organisation is None:
            return Budget()
        key = (organisation, network, day)
        return self._transaction.get(self._tables.budgets, key) or Budget()

    def reserve(self, operation: OperationId, network: NetworkId, day: date, amount: int) -> None:
        organisation = self._transaction.require_organisation()
        known = self._transaction.get(self._tables.reservations, (organisation, operation)) or ()
        if any(each.spent is None for each in known):
            raise MisuseError(f"{operation} has something set aside")
        self._change(network, day, reserved=amount)
        fresh = _Reservation(network, day, amount)
        key = (organisation, operation)
        self._transaction.put(self._tables.reservations, key, (*known, fresh))

    def settle(self, operation: OperationId, spent: int | None) -> None:
        organisation = self._transaction.require_organisation()
        key = (organisation, operation)
        known = self._transaction.get(self._tables.reservations, key) or ()
        if not known or known[-1].spent is not None:
            return
        *before, open_one = known
        if spent is None:
            took = open_one.amount
        else:
            took = max(0, spent - sum(each.spent or 0 for each in before))
        self._change(open_one.network, open_one.day, reserved=-open_one.amount, spent=took)
        settled = evolve(open_one, spent=took)
        self._transaction.put(self._tables.reservations, key, (*before, settled))

    def _change(self, network: NetworkId, day: date, *, reserved: int, spent: int = 0) -> None:
        key = (self._transaction.require_organisation(), network, day)
        self._transaction.hold(self._tables.budgets, key)
        known = self.used(network, day)
        changed = Budget(reserved=known.reserved + reserved, spent=known.spent + spent)
        self._transaction.put(self._tables.budgets, key, changed)
