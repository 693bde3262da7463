"""What organisations may cost the treasury in a day, and what they have."""

from datetime import date

from attrs import frozen

from adapters.postgres import queries
from adapters.postgres.transaction import Transaction
from application.ports.storage.budgets import NativeBudgets
from domain.identifiers import NetworkId, OperationId
from domain.treasury import Budget

BUDGETS = queries.load("budgets.sql")


@frozen
class PostgresNativeBudgets(NativeBudgets):
    _transaction: Transaction

    def used(self, network: NetworkId, day: date) -> Budget:
        row = self._transaction.row(BUDGETS["used"], {"network": network, "day": day})
        return Budget() if row is None else Budget(int(row["reserved"]), int(row["spent"]))

    def reserve(self, operation: OperationId, network: NetworkId, day: date, amount: int) -> None:
        row = {"operation": operation, "network": network, "day": day, "amount": amount}
        self._transaction.later([(BUDGETS["reserve"], row), (BUDGETS["insert_reservation"], row)])

    def settle(self, operation: OperationId, spent: int | None) -> None:
        self._transaction.write(BUDGETS["settle"], {"operation": operation, "spent": spent})
