"""What organisations may cost the treasury in a day, and what they have."""

from datetime import date
from typing import Protocol

from domain.identifiers import NetworkId, OperationId
from domain.treasury import Budget


class NativeBudgets(Protocol):
    """Of the scope's organisation, by network and day; in base units.

    They change under the lock of its wallet, so that what was read is still so.
    """

    def used(self, network: NetworkId, day: date) -> Budget:
        """What is reserved of it now, and what was spent."""
        ...

    def reserve(self, operation: OperationId, network: NetworkId, day: date, amount: int) -> None:
        """Set *amount* aside for an operation that is stored.

        Raises: MisuseError: it has something set aside.
        """
        ...

    def settle(self, operation: OperationId, spent: int | None) -> None:
        """It is over, and took *spent* in all its attempts; None: no more than was set aside.

        What was counted before, for an earlier try, is not counted again.  An operation that has
        nothing set aside is left alone: settling twice is settling once.
        """
        ...
